"""`mlroad check` for people and programs: its arguments, formats and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlroad.cli.main import mlroad
from tests.benchmarks.make_models import make_models
from tests.unit.pipeline.mutations import BASE

TOOL = Path(__file__).parents[3] / "src"


def _run(folder: Path, *arguments: str, module: str = "mlroad") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(TOOL), "PYTHONUTF8": "1", "COLUMNS": "200"}
    code = "from mlroad.__main__ import main; import sys; sys.argv[0] = 'mlroad'; main()"
    start = ["-m", "mlroad"] if module == "mlroad" else ["-c", code]
    return subprocess.run(
        [sys.executable, *start, "check", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo with two valid models."""
    make_models(tmp_path / "repo", 2)
    return tmp_path / "repo"


def _break(repo: Path, model: str = "model_001") -> Path:
    pipeline = repo / "models" / model / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("alpha: 10.0", "alhpa: 10.0"), encoding="utf-8")
    return pipeline


@pytest.mark.parametrize("module", ["mlroad", "cli"])
def test_nothing_wrong(repo: Path, module: str) -> None:
    done = _run(repo, module=module)
    told = "checked 2 pipelines, 8 steps: nothing wrong\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")


@pytest.mark.parametrize("module", ["mlroad", "cli"])
def test_text(repo: Path, module: str) -> None:
    _break(repo)
    done = _run(repo, module=module)
    place = Path("models/model_001/pipeline.yml")
    assert done.stdout.splitlines() == [
        f"{place}:33:7: MR201: The component model_001_train has no input alhpa. Did you mean alpha?",
        "Found 1 error.",
    ]
    assert done.returncode == 1


def test_the_same_from_anywhere(repo: Path) -> None:
    _break(repo)
    inside = _run(repo / "models" / "model_001")
    assert inside.returncode == 1
    assert "MR201" in inside.stdout
    by_path = _run(repo.parent, str(repo))
    assert by_path.returncode == 1
    assert str(Path("repo/models/model_001/pipeline.yml:33:7")) in by_path.stdout


def test_only_what_is_named(repo: Path) -> None:
    _break(repo)
    assert _run(repo, "models/model_000").returncode == 0
    assert _run(repo, "models/model_000", "models/model_001/pipeline.yml").returncode == 1
    assert _run(repo, "models/model_001/components/train.yml").returncode == 0
    assert _run(repo, "models/model_001/steps/train.py").returncode == 0


def test_scripts_and_components_too(repo: Path) -> None:
    script = repo / "models" / "model_000" / "steps" / "train.py"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("alpha: float = 10.0", "alpha: float = 1.0"), encoding="utf-8")
    prep = repo / "models" / "model_001" / "steps" / "prep.py"
    prep.write_text(prep.read_text(encoding="utf-8") + '\nopen("../data/x.csv")\n', encoding="utf-8")
    found = json.loads(_run(repo, "--format", "json").stdout)
    assert {problem["code"] for problem in found} == {"MR312", "MR401"}
    assert {problem["file"] for problem in found} == {
        "models/model_000/components/train.yml",
        "models/model_001/steps/prep.py",
    }


def test_json(repo: Path) -> None:
    _break(repo)
    done = _run(repo, "--format=json")
    assert json.loads(done.stdout) == [
        {
            "file": "models/model_001/pipeline.yml",
            "line": 33,
            "column": 7,
            "code": "MR201",
            "severity": "error",
            "what": "The component model_001_train has no input alhpa.",
            "fix": "Did you mean alpha?",
        }
    ]
    assert json.loads(_run(repo, "models/model_000", "--format", "json").stdout) == []


def test_github(repo: Path) -> None:
    _break(repo)
    assert _run(repo, "--format", "github").stdout.splitlines() == [
        "::error file=models/model_001/pipeline.yml,line=33,col=7,title=MR201::"
        "The component model_001_train has no input alhpa. Did you mean alpha?"
    ]


def test_sarif(repo: Path) -> None:
    _break(repo)
    log = json.loads(_run(repo, "--format", "sarif").stdout)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["MR201"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("MR201", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "models/model_001/pipeline.yml"
    assert place["region"] == {"startLine": 33, "startColumn": 7}


def test_a_warning_leaves_the_exit_code(repo: Path) -> None:
    pipeline = repo / "models" / "model_000" / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("  prep:\n", "  prep:\n    depends_on: nothing\n"), encoding="utf-8")
    done = _run(repo)
    assert done.returncode == 0
    assert "MR110: warning: " in done.stdout
    assert done.stdout.endswith("Found 1 warning.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--format", "xml"], "'xml' is not one of 'text', 'json'"), (["--frmat", "json"], "--frmat")],
)
def test_bad_usage(repo: Path, arguments: list[str], said: str) -> None:
    done = _run(repo, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("inside", "path", "shown"),
    [
        ("models/model_000", "steps", "steps/prep.py"), ("models/model_000/steps", ".", "prep.py"),
        ("models/model_000/steps", "..", "prep.py"), ("", "models", "models/model_000/steps/prep.py"),
        ("models", ".", "model_000/steps/prep.py"), ("datasets", "../models/model_000", "prep.py"),
    ],
)  # fmt: skip
def test_scripts_are_checked_from_everywhere_and_told_once(
    repo: Path, inside: str, path: str, shown: str
) -> None:
    assert _run(repo / inside, path).returncode == 0
    script = repo / "models/model_000/steps/prep.py"
    script.write_text(f"{script.read_text(encoding='utf-8')}\ndef (\n", encoding="utf-8")
    done = _run(repo / inside, path)
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert str(Path(shown)) in first
    assert last == "Found 1 error."


def test_a_folder_with_nothing_to_check(repo: Path) -> None:
    (repo / "notebooks").mkdir(exist_ok=True)
    done = _run(repo, "notebooks")
    assert done.returncode == 2
    assert "MR130: notebooks has no model and no YAML file" in done.stdout


@pytest.mark.parametrize("paths", [(), ("models",), ("models/model_000",)])
def test_a_model_without_its_pipeline(repo: Path, paths: tuple[str, ...]) -> None:
    """`mlroad run` reads pipeline.yml and nothing else. A warning: the steps may be committed before it."""
    (repo / "models/model_000/pipeline.yml").rename(repo / "models/model_000/pipeline.yaml")
    done = _run(repo, *paths)
    assert done.returncode == 0
    assert f"MR130: warning: {Path('models/model_000/pipeline.yml')} does not exist" in done.stdout


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize(
    ("odd", "code", "exit_code"),
    [
        ("nowhere.yml", "MR101", 2),
        ("notes.toml", "MR130", 2),
        ("conda.yml", "MR130", 2),
        ("schedule.yml", "MR130", 1),
        ("deployment.yml", "MR130", 1),
    ],
)
def test_an_unsuitable_path_hides_nothing(
    base: Path, monkeypatch: pytest.MonkeyPatch, odd: str, code: str, exit_code: int, form: str
) -> None:
    """It is one problem among others, in the format that was asked for; a schedule is a warning."""
    (base / "notes.toml").write_text("", encoding="utf-8")
    (base / "conda.yml").write_text("dependencies: [python=3.12]\n", encoding="utf-8")
    (base / "schedule.yml").write_text("name: nightly\ntrigger: {type: cron}\n", encoding="utf-8")
    (base / "deployment.yml").write_text("type: pipeline\nendpoint_name: scores\n", encoding="utf-8")
    _break_base(base)
    monkeypatch.chdir(base)
    for paths in ((odd, "pipeline.yml"), ("pipeline.yml", odd)):
        done = CliRunner().invoke(mlroad, ["check", *paths, "--format", form])
        assert done.exit_code == exit_code
        assert {code, "MR201"} <= set(re.findall(r"MR\d{3}", done.stdout))
    alone = CliRunner().invoke(mlroad, ["check", odd])
    assert alone.exit_code == (2 if exit_code == 2 else 0)
    assert code in alone.stdout


def _break_base(base: Path) -> None:
    pipeline = base / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("      seed: 7", "      sede: 7"), encoding="utf-8")


def test_outside_a_repo(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "alone")
    done = _run(tmp_path / "alone", "pipeline.yml")
    assert (done.returncode, done.stdout) == (0, "checked 1 pipeline, 4 steps: nothing wrong\n")


def test_a_dataset_and_a_folder_of_them(repo: Path) -> None:
    assert _run(repo, "datasets/diabetes/1.yml").returncode == 0
    asset = repo / "datasets" / "diabetes" / "1.yml"
    asset.write_text(
        asset.read_text(encoding="utf-8").replace('version: "1"', 'version: "2"'), encoding="utf-8"
    )
    assert "MR237" in _run(repo, "datasets").stdout


@pytest.mark.parametrize(
    ("quote", "text", "sign"),
    [
        ('"', "in $USD", "$U"), ('"', 'a "b"', '"'), ('"', "`id`", "`"), ('"', "C:\\", "\\"),
        ('"', "5 $, a;b & c's (d) *", ""), ('"', "C:\\data", ""),
        ("'", "c's", "'"), ("'", 'in $USD `id` "b" a;b', ""),
        ("", "a;b", ";"), ("", "a|b", "|"), ("", "c's", "'"), ("", "C:\\data", "\\"), ("", "*.csv", "*"),
        ("", "# no", "#"), ("", "~", "~"), ("", "in $USD", "$U"),
        ("", "a-b_c.d/e:f,g=h@1%+", ""), ("", "two words", ""), ("", "a#b~c", ""), ("", "Grüße", ""),
    ],
)  # fmt: skip
def test_texts_in_which_bash_reads_something_else(tmp_path: Path, quote: str, text: str, sign: str) -> None:
    """As bash itself would: a harmless text arrives as it is, words apart."""
    command = f"echo {quote}${{{{inputs.x}}}}{quote}"
    component = {
        "type": "command", "name": "say", "inputs": {"x": {"type": "string", "default": text}},
        "command": command, "environment": "azureml:e:1",
    }  # fmt: skip
    (tmp_path / "say.yml").write_text(json.dumps(component), encoding="utf-8")
    found = CliRunner().invoke(mlroad, ["check", str(tmp_path / "say.yml"), "--format", "json"])
    told = [problem["what"] for problem in json.loads(found.stdout) if problem["code"] == "MR234"]
    assert len(told) == bool(sign)
    assert all(f" has {sign!r}, which bash interprets" in what for what in told)
    if not sign:
        shown = subprocess.run(
            ["bash", "-c", command.replace("${{inputs.x}}", text)],
            cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert shown.stdout == f"{text}\n"


def test_a_component_that_cannot_be_registered(tmp_path: Path) -> None:
    """A component's name matters only for registering it, not for a pipeline that refers to its file."""
    shutil.copytree(BASE, tmp_path / "base")
    train = tmp_path / "base" / "components" / "train.yml"
    train.write_text(train.read_text(encoding="utf-8").replace("base_train", "Base-Train"), encoding="utf-8")
    assert "MR119" in _run(tmp_path, "base/components/train.yml").stdout
    assert _run(tmp_path, "base").returncode == 0
