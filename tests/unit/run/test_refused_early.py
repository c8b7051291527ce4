"""`mlroad run` refuses what `mlroad check` reports, scripts included, before the first step starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.steps.sync import sync
from tests.unit.cli.command import Command

_STEP = """from pathlib import Path

import helper
from step_io import InputFile, OutputFile, run


def {name}(given: InputFile, made: OutputFile, alpha: float = 1.0) -> None:
    made.write_text("x")


if __name__ == "__main__":
    run({name})
"""
_PIPELINE = """type: pipeline
inputs:
  raw: {type: uri_file, path: ./raw.txt}
settings: {default_compute: azureml:serverless}
jobs:
  prep:
    component: ./components/prep.yml
    inputs: {given: "${{parent.inputs.raw}}"}
  train:
    component: ./components/train.yml
    inputs: {given: "${{parent.jobs.prep.outputs.made}}", alpha: 2.0}
"""


@pytest.fixture
def mlroad(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A repo with one model of two steps that use the contract, and two pipelines outside the model."""
    model = tmp_path / "models" / "m"
    files = {
        "raw.txt": "raw\n",
        "pipeline.yml": _PIPELINE,
        "environment/conda.yml": "dependencies: [python=3.11]\n",
        "steps/helper.py": "",
        **{f"steps/{name}.py": _STEP.format(name=name) for name in ("prep", "train")},
        "../../nightly.yml": _PIPELINE.replace("./", "./models/m/"),
        "../../plain.yml": "type: pipeline\njobs:\n  a:\n    type: command\n    compute: azureml:serverless\n"
        "    environment: azureml:e:1\n    code: ./src\n    command: python a.py\n",
        "../../src/a.py": "import b\n",
        "../../src/b.py": "",
        "../../src/unused.py": "if",
    }
    for name, text in files.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text(text, encoding="utf-8")
    (tmp_path / "datasets").mkdir()
    sync([model])
    return Command(tmp_path, capfd, monkeypatch)


def _edit(repo: Path, name: str, old: str, new: str) -> None:
    file = repo / name
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


_STEPS = "models/m/steps"


@pytest.mark.parametrize("pipeline", ["models/m", "nightly.yml"])
@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [
        (f"{_STEPS}/train.py", "made.write_text(", "made.write_text((", f"{_STEPS}/train.py:8:20: MR301"),
        (f"{_STEPS}/helper.py", "", "if", f"{_STEPS}/helper.py:1:3: MR301"),
        (f"{_STEPS}/train.py", "alpha: float", "beta: float", "models/m/components/train.yml:8: MR312"),
        (f"{_STEPS}/train.py", "alpha: float", "alpha: complex", f"{_STEPS}/train.py:7:54: MR306"),
        (f"{_STEPS}/train.py", "import helper", "import mlroad", f"{_STEPS}/train.py:3:1: MR403"),
        (f"{_STEPS}/train.py", "import helper", "import helper, gone_x", f"{_STEPS}/train.py:3:1: MR408"),
        (f"{_STEPS}/step_io.py", "import", "import os, ", f"{_STEPS}/step_io.py: MR315"),
        ("models/m/components/train.yml", "alpha:", "alhpa:", "components/train.yml"),
    ],
)
def test_what_check_reports(
    mlroad: Command, pipeline: str, file: str, old: str, new: str, place: str
) -> None:
    _edit(mlroad.repo, file, old, new)
    said = mlroad("run", pipeline)
    assert (said.code, place in said.err) == (2, True), said.text
    assert not (mlroad.repo / ".runs").exists()
    assert mlroad("check", "models/m").code == 1


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_syntax_error_in_code_that_is_not_in_steps(mlroad: Command, command: str) -> None:
    """Of the scripts in another code folder, those that the step runs must be valid Python."""
    _edit(mlroad.repo, "src/b.py", "", "def f(:\n")
    said = mlroad(command, "plain.yml")
    assert said.code == (2 if command == "run" else 1)
    assert "src/b.py:1:7: MR301" in said.text
    assert "unused" not in said.text


@pytest.mark.parametrize("pipeline", ["models/m", "nightly.yml", "plain.yml"])
def test_nothing_is_refused_without_a_mistake(mlroad: Command, pipeline: str) -> None:
    """A component that was written by hand, and a comment in a script, are no mistakes."""
    _edit(mlroad.repo, f"{_STEPS}/prep.py", "import helper", "import helper  # a comment")
    component = mlroad.repo / "models/m/components/train.yml"
    component.write_text(component.read_text(encoding="utf-8").split("\n", 1)[1], encoding="utf-8")
    assert mlroad("run", pipeline, "--dry-run").code == 0


def test_a_package_that_only_azure_ml_lacks_does_not_stop_a_run(mlroad: Command) -> None:
    """MR407: the package is installed here, and missing in environment/conda.yml."""
    step = mlroad.repo / "models/m/steps/train.py"
    step.write_text(f"import yaml\n{step.read_text(encoding='utf-8')}", encoding="utf-8")
    checked = mlroad("check", "models/m")
    assert (checked.code, "MR407" in checked.text) == (1, True), checked
    assert mlroad("run", "models/m", "--dry-run").code == 0
    isolated = mlroad("run", "models/m", "--dry-run", "--isolated")
    assert (isolated.code, "MR407" in isolated.text) == (2, True)
