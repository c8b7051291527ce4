"""Debugging a step: `run --debug`, `inputs`, and the script that an editor starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlroad.steps.editor import write_launch
from tests.support import REPO
from tests.unit.run.project import MLROAD, Project

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
PIPELINE = f"""type: pipeline
inputs: {{raw: {{type: uri_file, path: ./raw.txt}}}}
jobs:
  prep: {{type: command, {ENVIRONMENT}, command: "cat ${{{{inputs.raw}}}} > ${{{{outputs.rows}}}}",
    inputs: {{raw: "${{{{parent.inputs.raw}}}}"}}, outputs: {{rows: {{type: uri_file}}}}}}
  train:
    component: ./train.yml
    inputs: {{rows: "${{{{parent.jobs.prep.outputs.rows}}}}", alpha: 0.5}}
"""
COMPONENT = f"""type: command
name: train
{ENVIRONMENT}
inputs: {{rows: {{type: uri_file}}, alpha: {{type: number}}, count: {{type: integer, default: 3}}}}
outputs: {{model: {{type: uri_folder}}}}
code: ./steps
command: >-
  python train.py "${{{{inputs.rows}}}}" ${{{{inputs.alpha}}}} ${{{{inputs.count}}}} "${{{{outputs.model}}}}"
"""
SCRIPT = """import sys
from pathlib import Path

rows, alpha, count, model = sys.argv[1:]
breakpoint()
(Path(model) / "m").write_text(Path(rows).read_text() + alpha + count)
print(__file__)
"""


@pytest.fixture
def model(project: Project) -> Project:
    files = {"pipeline.yml": PIPELINE, "train.yml": COMPONENT, "steps/train.py": SCRIPT, "raw.txt": "raw "}
    project.model("m", files)
    return project


def call(project: Project, command: list[str], said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=project.root,
        env=project.environment(),
        input=said,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_a_step_in_the_terminal_and_in_an_editor(model: Project) -> None:
    """It stops at breakpoint(), with the real inputs. No run can reuse what it made."""
    done = call(model, [*MLROAD, "run", "models/m", "--step", "train", "--debug"], "p alpha\nc\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(Pdb) '0.5'" in done.stdout
    out = model.root / ".runs/m/.debug/train/outputs/model/m"
    assert out.read_text() == "raw 0.53"
    (run,) = model.runs()
    assert {*json.loads((run / "run.json").read_text())["steps"]} == {"prep"}

    none = call(model, [*MLROAD, "inputs", "models/m", "train"], "")
    assert none.returncode == 2
    assert "Run it: mlroad run models/m --step train" in none.stderr

    model.model("m", {"steps/train.py": SCRIPT.replace("breakpoint()", "")})
    assert model.run("models/m").states == {"prep": "reused", "train": "completed"}
    printed = call(model, [*MLROAD, "inputs", "models/m", "train", "--json"], "")
    found = json.loads(printed.stdout)
    assert {name: found[name] for name in ("alpha", "count")} == {"alpha": 0.5, "count": 3}
    assert Path(found["rows"]).read_text() == "raw "

    model.model("m", {"steps/train.py": SCRIPT})
    out.unlink()
    script = model.root / "models/m/steps/train.py"
    editor = [sys.executable, "-m", "mlroad.run.debug_in_editor", str(script)]
    done = call(model, editor, "p alpha\nc\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(Pdb) '0.5'" in done.stdout
    assert done.stdout.endswith(f"{script}\n")  # the file that is open in the editor, not a copy
    assert out.read_text() == "raw 0.53"
    assert not (script.parent / "outputs").exists()

    failing = call(model, [*MLROAD, "run", "models/m", "--step", "train", "--debug"], "q\n")
    assert failing.returncode == 1


@pytest.mark.parametrize("steps", [(), ("--step", "prep", "--step", "train"), ("--step", "other")])
def test_which_step(model: Project, steps: tuple[str, ...]) -> None:
    done = call(model, [*MLROAD, "run", "models/m", "--debug", *steps], "")
    assert done.returncode == 2
    assert not model.runs()


def test_a_script_that_is_no_step(model: Project) -> None:
    other = model.root / "models/m/steps/other.py"
    other.write_text("")
    outside = model.root / "x.py"
    for script, message in ((other, "runs other.py. Its steps: prep, train."), (outside, "not in a model")):
        done = call(model, [sys.executable, "-m", "mlroad.run.debug_in_editor", str(script)], "")
        assert done.returncode == 2
        assert message in done.stderr


def test_the_launch_file_is_written_once(tmp_path: Path) -> None:
    file = write_launch(tmp_path)
    assert file == tmp_path / ".vscode/launch.json"
    (configuration,) = json.loads(file.read_text())["configurations"]
    assert (configuration["module"], configuration["args"]) == ("mlroad.run.debug_in_editor", ["${file}"])
    shipped = REPO / "prototype_template" / ".vscode" / "launch.json"
    assert file.read_text(encoding="utf-8") == shipped.read_text(encoding="utf-8")
    file.write_text("// mine")
    assert write_launch(tmp_path) is None
    assert file.read_text() == "// mine"
