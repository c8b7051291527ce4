"""The sample model: its data, its steps run as Azure ML runs them, its notebook, and its lint."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlroad.steps.script_rules import check_steps
from mlroad.steps.sync import check_sync
from tests.support import call

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repo(rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because steps that run leave their bytecode."""
    return Path(shutil.copytree(rendered(), tmp_path_factory.mktemp("sample") / "demo"))


@pytest.fixture(scope="module")
def model(repo: Path) -> Path:
    return repo / "models" / "diabetes"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def step(folder: Path, name: str, /, **options: object) -> str:
    """Run one step with its component's command; return its output."""
    arguments = [
        text for option, value in options.items() for text in (f"--{option.replace('_', '-')}", str(value))
    ]
    command = [sys.executable, f"{name}.py", *arguments]
    store = Path(str(next(iter(options.values())))).parent
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{(store / 'mlflow.db').as_posix()}"}
    result = subprocess.run(
        command,
        cwd=folder / "steps",
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


# --- the data ---


def test_the_data_are_those_of_scikit_learn(repo: Path) -> None:
    from sklearn.datasets import load_diabetes

    original = load_diabetes(scaled=False)

    found = [
        [float(value) for value in row.values()] for row in rows(repo / "datasets/diabetes/1/diabetes.csv")
    ]

    assert [row[:-1] for row in found] == original.data.tolist()
    assert [row[-1] for row in found] == original.target.tolist()


def test_the_asset_describes_its_file(repo: Path) -> None:
    from azure.ai.ml import load_data

    definition = repo / "datasets" / "diabetes" / "1.yml"
    data = repo / "datasets" / "diabetes" / "1" / "diabetes.csv"

    asset = load_data(definition)

    assert (asset.name, asset.version, asset.type) == ("diabetes", "1", "uri_file")
    assert asset.tags["digest"] == f"sha256:{hashlib.sha256(data.read_bytes()).hexdigest()}"
    assert int(asset.tags["size"]) == data.stat().st_size
    assert int(asset.tags["rows"]) == len(rows(data))
    assert (definition.parent / yaml.safe_load(definition.read_text(encoding="utf-8"))["path"]).samefile(data)


def test_the_model_card_names_every_column(repo: Path, model: Path) -> None:
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")

    for column in rows(repo / "datasets/diabetes/1/diabetes.csv")[0]:
        assert f"`{column}`" in card


# --- the model folder ---


def test_it_is_in_step_and_without_literal_paths(model: Path) -> None:
    assert check_sync(model) == []
    assert check_steps(model) == []


def test_azure_ml_accepts_the_pipeline(model: Path) -> None:
    from azure.ai.ml import load_component, load_job

    assert load_job(model / "pipeline.yml")._validate().passed
    for component in (model / "components").glob("*.yml"):
        assert load_component(component)._validate().passed


def test_its_environment_agrees_with_the_repo(repo: Path, model: Path) -> None:
    """Packages that both name have the same version ranges here and in Azure ML."""
    project = (repo / "pyproject.toml").read_text(encoding="utf-8")
    environment = yaml.safe_load((model / "environment" / "conda.yml").read_text(encoding="utf-8"))

    here = dict(re.findall(r'"([a-z-]+)(>=[^"]+)"', project))
    there = dict(
        re.findall(r"^([a-z-]+)(>=.+)$", "\n".join(environment["dependencies"][-1]["pip"]), re.MULTILINE)
    )

    shared = here.keys() & there.keys()
    assert shared == {"typer", "pandas", "scikit-learn", "mlflow-skinny"}
    assert {name: here[name] for name in shared} == {name: there[name] for name in shared}


def test_lint_as_its_repo_does(repo: Path) -> None:
    call([sys.executable, "-m", "ruff", "check", "models", "notebooks"], cwd=repo)
    call([sys.executable, "-m", "ruff", "format", "--check", "models", "notebooks"], cwd=repo)


# --- a run, step by step ---


@pytest.fixture(scope="module")
def run(repo: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the four steps one after the other; return the folder with their outputs."""
    out = tmp_path_factory.mktemp("run")
    raw = repo / "datasets" / "diabetes" / "1" / "diabetes.csv"
    step(model, "prep", prepared=out / "prepared", raw=raw)
    step(model, "train", model=out / "model", prepared=out / "prepared")
    step(model, "evaluate", metrics=out / "metrics.json", prepared=out / "prepared", model=out / "model")
    step(model, "predict", predictions=out / "predictions.csv", patients=raw, model=out / "model")
    return out


def test_the_split_is_whole_and_without_overlap(repo: Path, run: Path) -> None:
    train, test = rows(run / "prepared" / "train.csv"), rows(run / "prepared" / "test.csv")

    key = lambda row: tuple(map(float, row.values()))  # noqa: E731
    everything = sorted(map(key, rows(repo / "datasets/diabetes/1/diabetes.csv")))
    assert (len(train), len(test)) == (333, 109)
    assert sorted(map(key, train + test)) == everything


def test_the_test_rows_stay_the_same_in_another_order_and_with_more_rows(
    repo: Path, model: Path, run: Path, tmp_path: Path
) -> None:
    header, *lines = (repo / "datasets/diabetes/1/diabetes.csv").read_text(encoding="utf-8").splitlines()
    more = "50,1,25.5,90,180,100,50,4,4.5,90,150"
    (tmp_path / "raw.csv").write_text("\n".join([header, more, *reversed(lines)]), encoding="utf-8")

    step(model, "prep", prepared=tmp_path / "prepared", raw=tmp_path / "raw.csv")

    before = {tuple(row.values()) for row in rows(run / "prepared" / "test.csv")}
    after = {tuple(row.values()) for row in rows(tmp_path / "prepared" / "test.csv")}
    assert before <= after
    assert len(after - before) <= 1


def test_the_figures_are_those_of_the_model_card(model: Path, run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")

    assert metrics["test_rows"] == 109
    assert metrics["mae"] < 0.75 * metrics["baseline_mae"]
    figures = f"| **{metrics['mae']:.1f}** | **{metrics['rmse']:.1f}** | **{metrics['r2']:.2f}** |"
    assert figures in card
    assert f"is {metrics['mae_sex_1']:.1f} (sex 1) and {metrics['mae_sex_2']:.1f} (sex 2)" in card


def test_the_metrics_are_tracked(run: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{(run / 'mlflow.db').as_posix()}")
    [found] = client.search_runs(["0"])

    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert found.data.metrics["mae"] == pytest.approx(metrics["mae"], abs=1e-3)


def test_every_patient_gets_a_plausible_prediction(run: Path) -> None:
    predicted = [float(row["predicted_progression"]) for row in rows(run / "predictions.csv")]

    assert len(predicted) == 442
    assert all(0 < value < 400 for value in predicted)


def test_the_model_has_a_signature(run: Path) -> None:
    from mlflow.models import Model

    loaded: Any = Model.load(str(run / "model"))

    assert loaded.signature.inputs.input_names()[:3] == ["age", "sex", "bmi"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("age,sex", "years,sex", "lacks the columns ['age']"),
        ("59,2,32.1", "59,3,32.1", "line 2"),
        ("59,2,32.1", "59,2,-1", "line 2"),
    ],
)
def test_bad_rows_are_refused_by_line(
    repo: Path, model: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = (repo / "datasets/diabetes/1/diabetes.csv").read_text(encoding="utf-8")
    (tmp_path / "raw.csv").write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(AssertionError, match=re.escape(words)):
        step(model, "prep", prepared=tmp_path / "prepared", raw=tmp_path / "raw.csv")


# --- the notebook ---


def test_the_notebook_runs_from_top_to_bottom(repo: Path, tmp_path: Path) -> None:
    import nbclient
    import nbformat

    (tmp_path / "notebooks").mkdir()
    shutil.copytree(repo / "datasets", tmp_path / "datasets")
    notebook: Any = nbformat.read(repo / "notebooks" / "eda.ipynb", as_version=4)
    nbformat.validate(notebook)

    client = nbclient.NotebookClient(
        notebook, timeout=600, startup_timeout=300, resources={"metadata": {"path": tmp_path / "notebooks"}}
    )
    client.execute()

    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if "image/png" in str(output)
    ]
    assert len(pictures) == 3


def test_the_notebook_is_committed_without_outputs_in_many_lines(repo: Path) -> None:
    text = (repo / "notebooks" / "eda.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]

    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_without_the_sample_none_of_its_files_exist(rendered: Callable[..., Path]) -> None:
    repo = rendered(sample=False)

    files = call(["git", "ls-files"], cwd=repo).stdout.splitlines()
    left = [file for file in files if "diabetes" in file or "eda" in file or file.startswith("datasets/")]
    assert left == []
