"""`mlroad new --from`: a notebook becomes a model that runs, or the command says what is missing."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from mlroad.cli.main import mlroad
from mlroad.core.problems import UserError
from tests.support import REPO

SAMPLE = REPO / "prototype_template" / "notebooks" / "{% if sample %}eda.ipynb{% endif %}"
TRAIN = "from sklearn.linear_model import Ridge\nmodel = Ridge().fit(X, y)"


def notebook(path: Path, *cells: tuple[str, str]) -> Path:
    """Write a notebook: pairs of a tag (or nothing) and a cell's code."""
    content = {
        "cells": [
            {"cell_type": "code", "metadata": {"tags": [tag] if tag else []}, "source": code, "outputs": []}
            for tag, code in cells
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repo with one table, which is no dataset."""
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n', encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    rows = "".join(f"{x},{2 * x + 1}\n" for x in range(40))
    (tmp_path / "notebooks" / "rows.csv").write_text("x,y\n" + rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(path: Path, answers: str = "") -> Result:
    result = CliRunner().invoke(mlroad, ["new", "m", "--from", str(path)], input=answers)
    if isinstance(result.exception, UserError):
        return result
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def script(repo: Path, step: str) -> str:
    text = (repo / "models" / "m" / "steps" / f"{step}.py").read_text(encoding="utf-8")
    ast.parse(text)
    return text


def run_step(repo: Path, monkeypatch: pytest.MonkeyPatch, step: str, **values: object) -> None:
    """Call a step's function, as `mlroad run` would with these values."""
    monkeypatch.syspath_prepend(repo / "models" / "m" / "steps")
    namespace: dict[str, object] = {"__name__": step, "__file__": str(repo / "models/m/steps" / f"{step}.py")}
    exec(compile(script(repo, step), step, "exec"), namespace)
    function = namespace[step]
    assert callable(function)
    function(**values)
    for name in [it for it in sys.modules if it in ("handover", "definitions", "step_io", "helpers")]:
        del sys.modules[name]


LOAD = ("", "import pandas as pd\ndf = pd.read_csv('rows.csv')\ndf.head()")
SPLIT = ("prep", "X = df[['x']]\ny = df['y']\nX_test, y_test = X[:10], y[:10]")
EVALUATE = (
    "evaluate",
    "from sklearn.metrics import r2_score\nprint('r2', r2_score(y_test, model.predict(X_test)))",
)


@pytest.mark.slow
def test_the_steps_run_and_measure(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(repo / 'mlflow.db').as_posix()}")
    helpers = "def clean(table):\n    return table[table['x'] >= LOWEST]"
    (repo / "notebooks" / "helpers.py").write_text("def twice(x):\n    return x * 2\n", encoding="utf-8")
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        ("", "import numpy as np\nimport pandas as pd\nfrom helpers import twice\nSIZE = 10\nLOWEST = 0"),
        ("", helpers),
        ("", "%matplotlib inline\nraw = pd.read_csv('rows.csv')  # the rows\nraw.describe()"),
        ("", "unused = raw.groupby('x').sum()\nunused.plot()"),
        ("prep", "df = clean(raw)\n# keep a few\ntest = df[:SIZE]; rest = df[SIZE:]\n"
         "rest['z'] = twice(rest['x'])"),
        ("train", "from sklearn.linear_model import Ridge\nalpha = -0.0\nmodel = Ridge(alpha=alpha)\n"
         "model.fit(rest[['x']], rest['y'])\ntext = '''two\nlines'''\nprint(text, SIZE)"),
        ("evaluate", EVALUATE[1].replace("y_test", "test['y']").replace("X_test", "test[['x']]")),
    )  # fmt: skip
    result = new(path)
    assert result.exit_code == 0, result.output
    assert "nothing wrong" in result.output
    prepared, model, metrics = repo / "prepared", repo / "model", repo / "metrics.json"
    prepared.mkdir()
    rows = repo / "notebooks" / "rows.csv"
    run_step(repo, monkeypatch, "prep", rows_file=rows, prepared=prepared, SIZE=12)
    run_step(repo, monkeypatch, "train", prepared=prepared, model_path=model, SIZE=12)
    run_step(repo, monkeypatch, "evaluate", prepared=prepared, model_path=model, metrics=metrics)
    mlflow.end_run()
    mlflow.set_tracking_uri(None)
    assert json.loads(metrics.read_text(encoding="utf-8")) == {"r2": pytest.approx(1.0)}
    assert "two\nlines" in script(repo, "train")
    assert "# the rows" in script(repo, "prep")
    assert "unused" not in script(repo, "prep")
    assert "SIZE: int = 10" in script(repo, "prep")
    assert "SIZE: ${{parent.inputs.SIZE}}" in (repo / "models/m/pipeline.yml").read_text(encoding="utf-8")
    assert "LOWEST = 0" in (repo / "models/m/steps/definitions.py").read_text(encoding="utf-8")


def test_the_list_for_people(repo: Path) -> None:
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        ("", "!pip install lightgbm"),
        LOAD,
        ("prep", "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
         "X = scaler.fit_transform(df[['x']])\ny = df['y']\nX_test, y_test = X[:9], y[:9]"),
        ("train", TRAIN),
        EVALUATE,
    )  # fmt: skip
    result = new(path)
    assert result.exit_code == 0, result.output
    todo = (repo / "models" / "m" / "TODO.md").read_text(encoding="utf-8")
    for words in (
        "Run `uv add lightgbm`", "`scaler` is fitted in prep and not part of the saved model",
        "Make it a dataset", "Is `model` the model?", "Lines of cell 2 came along", "pickle",
    ):  # fmt: skip
        assert words in todo, todo
        assert words in result.output
    assert todo.count("- [ ] ") == result.output.count("\n  - ")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([LOAD, SPLIT, ("train", "model = Ridge().fit(X, z)")], "uses `z`, but no cell before makes it"),
        (
            [LOAD, ("prep", "X = df[['x']]\nlate = model.coef_"), ("train", "y = df['y']\n" + TRAIN)],
            "prep uses `model`, but only train, which comes later, makes it",
        ),
        ([("", "import pandas as pd"), ("prep", "X = y = pd.read_csv('gone.csv')"), ("train", TRAIN)],
         "There is no `gone.csv` (cell 2) here"),
        ([LOAD, SPLIT, ("train", TRAIN + "\nimport mlflow\nmlflow.x.log_model(model)")], "MR405"),
        ([LOAD, SPLIT, ("", "def f():\n    return magic_number"), ("train", TRAIN + "\nf()")],
         "definitions uses `magic_number`"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_running_is_said(repo: Path, cells: list[tuple[str, str]], words: str) -> None:
    result = new(notebook(repo / "notebooks" / "eda.ipynb", *cells))
    assert result.exit_code == 1, result.output
    assert words in result.output
    assert "It does not run yet" in result.output


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([LOAD, ("", TRAIN)], "No cell has the tag train"),
        ([LOAD, ("prep", "X = 1")], "No cell has the tag train"),
        ([("train", "x = (1\n")], "Cell 1, line 1 is not valid Python"),
        ([("train", "await x")], ""),
    ],
)
def test_what_cannot_become_a_model_leaves_nothing(
    repo: Path, cells: list[tuple[str, str]], words: str
) -> None:
    result = new(notebook(repo / "notebooks" / "eda.ipynb", *cells))
    assert isinstance(result.exception, UserError) or words == ""
    assert words in str(result.exception)
    assert words == "" or not (repo / "models").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{}]}', '{"cells": [1]}', "\x00"])
def test_what_is_not_a_notebook(repo: Path, text: str) -> None:
    (repo / "x.ipynb").write_text(text, encoding="utf-8")
    assert "is not a notebook of format 4" in str(new(repo / "x.ipynb").exception)
    assert "cannot be read: No such file" in str(new(repo / "y.ipynb").exception)


def test_two_tags_on_one_cell(repo: Path) -> None:
    path = notebook(repo / "eda.ipynb", ("train", TRAIN))
    path.write_text(path.read_text(encoding="utf-8").replace('["train"]', '["train", "prep"]'))
    assert "Cell 1 has the tags train and prep" in str(new(path).exception)


def test_it_asks_on_a_terminal(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = notebook(repo / "notebooks" / "eda.ipynb", LOAD, ("", SPLIT[1]), ("", TRAIN), ("", EVALUATE[1]))
    monkeypatch.setattr("mlroad.cli.new._on_a_terminal", lambda: True)
    result = new(path, "none\nprep\ntrain\nevaluate\n")
    assert result.exit_code == 0, result.output
    assert "Cell 2:\n    X = df[['x']]" in result.output
    assert "r2 = r2_score(y_test" in script(repo, "evaluate")


def test_names_of_the_notebook_never_collide(repo: Path) -> None:
    """Parameters, functions and helpers of a step get other names than the notebook's own."""
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        LOAD,
        ("", "def train(table):\n    return table"),
        ("prep", "prepared = train(df)\nX, y = prepared[['x']], prepared['y']\nexample = [3]\n"
         "metrics = values = X"),
        ("train", TRAIN + "\ntrained = example"),
        ("evaluate", "from sklearn.metrics import r2_score\nr2 = r2_score(y, model.predict(metrics))\n"
         "print(trained, values)"),
    )  # fmt: skip
    result = new(path)
    assert result.exit_code == 0, result.output
    for step in ("prep", "train", "evaluate"):
        tree = ast.parse(script(repo, step))
        function = next(it for it in tree.body if isinstance(it, ast.FunctionDef))
        own = {it.arg for it in function.args.args}
        bound = {
            it.id for it in ast.walk(function) if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Store)
        }
        assert not own & bound
        imported = {alias.name for it in tree.body if isinstance(it, ast.ImportFrom) for alias in it.names}
        assert function.name not in imported


def test_star_imports_become_imports_of_names(repo: Path) -> None:
    (repo / "notebooks" / "helpers.py").write_text(
        "def twice(x):\n    return x\n\n_own = 1\n", encoding="utf-8"
    )
    stars = "from sklearn.linear_model import *\nfrom sklearn.metrics import *\nfrom helpers import *\n"
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        LOAD,
        ("", stars + "from sklearn.svm import *"),
        ("prep", SPLIT[1] + "\nX = twice(X)\nauc = 3 if len(X) else 4"),
        ("train", "model = LinearRegression().fit(X, y)"),
        ("evaluate", "print(r2_score(y_test, model.predict(X_test)), auc)"),
    )

    result = new(path)

    assert result.exit_code == 0, result.output
    assert "no cell before makes it" not in result.output
    assert "Is `model` the model?" in result.output
    assert "from helpers import twice\n" in script(repo, "prep")
    assert "from sklearn.linear_model import LinearRegression\n" in script(repo, "train")
    # `auc` is the notebook's own name here, although sklearn.metrics has one, too.
    assert "from sklearn.metrics import r2_score\n" in script(repo, "evaluate")
    assert "import *" not in script(repo, "evaluate")
    assert "svm" not in script(repo, "evaluate")


@pytest.mark.parametrize("module", ["numpy", "gone", "helpers"])
def test_a_star_import_that_cannot_be_read_is_asked_about(repo: Path, module: str) -> None:
    (repo / "notebooks" / "helpers.py").write_text("from math import *\n", encoding="utf-8")
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        LOAD,
        ("", f"from {module} import *"),
        SPLIT,
        ("train", TRAIN + "\nprint(sqrt(2))"),
    )

    result = new(path)

    assert f"No cell makes `sqrt`. Does `from {module} import *`?" in result.output
    assert "no cell before makes it" not in result.output
    assert f"from {module} import *\n" in script(repo, "train")
    assert (repo / "models" / "m" / "steps" / "helpers.py").is_file() == (module == "helpers")


def test_names_that_differ_only_in_case(repo: Path) -> None:
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        LOAD,
        ("", "SEED = 1\nN = 2\nn = 3\nPREPARED = 4\nROWS_FILE = 5"),
        ("prep", SPLIT[1] + "\nX, y = X[N * n:], y[PREPARED + ROWS_FILE + SEED:]"),
        ("train", TRAIN + "\nprint(PREPARED, N)"),
    )

    result = new(path)

    assert result.exit_code == 0, result.output
    head = re.search(r"(?s)def prep\((.*?)\) ->", script(repo, "prep"))
    assert head is not None
    names = re.findall(r"(\w+):", head[1])
    assert names == ["rows_file", "prepared_path", "SEED", "PREPARED"]


def test_settings_that_yaml_would_not_read_as_text(repo: Path) -> None:
    path = notebook(
        repo / "notebooks" / "eda.ipynb",
        LOAD,
        ("", "off = -3\nN = 4"),
        ("prep", SPLIT[1] + "\nX, y = X[:off], y[:off]\nprint(N)"),
        ("train", TRAIN + "\nprint(off, N)"),
    )

    result = new(path)

    assert result.exit_code == 0, result.output
    assert "nothing wrong" in result.output
    pipeline = yaml.safe_load((repo / "models" / "m" / "pipeline.yml").read_text(encoding="utf-8"))
    assert (pipeline["inputs"]["off"], pipeline["inputs"]["N"]) == (-3, 4)
    assert pipeline["jobs"]["train"]["inputs"]["off"] == "${{parent.inputs.off}}"


def test_the_samples_notebook_becomes_a_model(repo: Path) -> None:
    """The tutorial's own command: its data is a dataset version, and nothing keeps it from running."""
    (repo / "notebooks" / "eda.ipynb").write_bytes(SAMPLE.read_bytes())
    data = REPO / "prototype_template" / "datasets" / "{% if sample %}diabetes{% endif %}"
    for name in ("1.yml", "1/diabetes.csv"):
        (repo / "datasets" / "diabetes" / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / "datasets" / "diabetes" / name).write_bytes((data / name).read_bytes())
    result = new(repo / "notebooks" / "eda.ipynb")
    assert result.exit_code == 0, result.output
    assert "path: azureml:diabetes:1" in (repo / "models/m/pipeline.yml").read_text(encoding="utf-8")
    assert "here = Path.cwd()" not in script(repo, "prep")


def test_the_tutorial_shows_what_the_command_prints(repo: Path) -> None:
    test_the_samples_notebook_becomes_a_model(repo)
    page = (REPO / "docs" / "tutorial" / "from-notebook.md").read_text(encoding="utf-8")
    todo = (repo / "models" / "m" / "TODO.md").read_text(encoding="utf-8")
    for decision in todo.split("- [ ] ")[1:]:
        assert f"  - {decision.strip()}\n" in page
    shown = page.split("```python\n")[1].split("```")[0]
    assert shown in script(repo, "train")
