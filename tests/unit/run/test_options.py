"""The options of `mlroad run`, what it refuses, and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests import http_server
from tests.unit.run.project import Project

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
PIPELINE = """type: pipeline
inputs:
  raw: {type: uri_file, path: ./raw.txt}
  depth: 4
outputs:
  shown: {type: uri_file}
jobs:
  show:
    component: ./show.yml
    inputs:
      raw: ${{parent.inputs.raw}}
      depth: ${{parent.inputs.depth}}
    outputs:
      out: ${{parent.outputs.shown}}
  inner:
    type: pipeline
    component: ./inner.yml
"""
SHOW = f"""type: command
name: show
{ENVIRONMENT}
inputs:
  raw: {{type: uri_file}}
  depth: {{type: integer, min: 1, max: 9}}
  kind: {{type: string, default: a, enum: [a, b]}}
  flag: {{type: boolean, default: false}}
outputs:
  out: {{type: uri_file}}
command: >-
  (cat "${{{{inputs.raw}}}}"; echo ${{{{inputs.depth}}}} ${{{{inputs.kind}}}} ${{{{inputs.flag}}}} $WORD)
  > "${{{{outputs.out}}}}"
"""
INNER = f"""type: pipeline
name: inner
jobs:
  say:
    type: command
    {ENVIRONMENT}
    component:
      type: command
      {ENVIRONMENT}
      inputs: {{word: {{type: string, default: quiet}}}}
      command: echo ${{{{inputs.word}}}}
"""


@pytest.fixture
def model(project: Project) -> Project:
    files = {"pipeline.yml": PIPELINE, "show.yml": SHOW, "inner.yml": INNER, "raw.txt": "raw\n"}
    project.model("m", files)
    (project.root / "small.txt").write_text("small\n")
    adding = project.start("dataset", "add", "small", "small.txt")
    assert adding.wait(120) == 0
    return project


def shown(project: Project, *arguments: str) -> str:
    result = project.run("models/m", *arguments)
    assert result.exit == 0, result.out + result.err
    return result.output("shown").read_text()


def test_values(model: Project) -> None:
    (model.root / "other.txt").write_text("other\n")
    assert shown(model) == "raw\n4 a False\n"
    assert shown(model, "--set", "jobs.show.inputs.depth=5") == "raw\n5 a False\n"
    assert shown(model, "--set", "inputs.depth=6", "--set", "jobs.show.inputs.flag=true") == "raw\n6 a True\n"
    assert shown(model, "--input", "depth=7", "--input", "raw=other.txt") == "other\n7 a False\n"
    assert shown(model, "--input", "raw=azureml:small:1") == "small\n4 a False\n"
    assert shown(model, "--set", "jobs.show.environment_variables.WORD=word") == "raw\n4 a False word\n"
    result = model.run("models/m", "--set", "jobs.inner.jobs.say.inputs.word=loud")
    assert result.log("inner.say") == "loud\n"
    assert result.record["steps"]["inner.say"]["inputs"] == {"word": {"value": "loud"}}
    assert "MR234" not in result.err
    result = model.run("models/m", "--set", "jobs.inner.jobs.say.inputs.word=$HOME")
    assert "MR234: warning: The value of word ($HOME) has '$H', which bash interprets" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "jobs.shwo.inputs.depth=5"], 'There is no step "shwo". Did you mean show?'),
        (["--set", "jobs.show.inputs.dept=5"], 'There is no input of show "dept". Did you mean depth?'),
        (
            ["--set", "jobs.show.inputs.depth=deep"],
            "'deep' is not a valid integer. Write a whole number.",
        ),
        (["--set", "jobs.show.inputs.depth=10"], "depth must be at most 9."),
        (["--set", "jobs.show.inputs.depth=0"], "depth must be at least 1."),
        (["--set", "jobs.show.inputs.kind=c"], "kind must be one of a, b."),
        (["--set", "jobs.show.inputs.depth"], "the = is missing."),
        (["--set", "jobs.show.limits.timeout=soon"], "'soon' is not a positive number of seconds."),
        (["--set", "outputs.depth=5"], "Did you mean inputs.depth?"),
        (["--set", "outputs.other=5"], "outputs.other cannot be set. These can be set: "),
        (["--set", "compute=gpu"], "compute cannot be set."),
        (["--set", "input.depth=5"], "input.depth cannot be set. Did you mean inputs.depth?"),
        (["--set", "depth=5"], "Did you mean inputs.depth?"),
        (["--set", "kind=b"], "kind cannot be set. Did you mean jobs.show.inputs.kind?"),
        (["--set", "show.kind=b"], "Did you mean jobs.show.inputs.kind?"),
        (["--set", "jobs.show.kind=b"], "Did you mean jobs.show.inputs.kind?"),
        (["--set", "show.inputs.depth=5"], "Did you mean jobs.show.inputs.depth?"),
        (["--set", "jobs.show.input.depth=5"], "Did you mean jobs.show.inputs.depth?"),
        (["--set", "setting.force_rerun=true"], "Did you mean settings.force_rerun?"),
        (["--set", "settings.rerun=true"], "Did you mean settings.force_rerun?"),
        (["--input", "zz=1"], "Choose one of: raw, depth."),
        (["--input", "rwa=x"], 'There is no input "rwa". Did you mean raw?'),
        (["--input", "raw=missing.txt"], "missing.txt does not exist."),
        (["--input", "raw=models"], "is a folder, but the input is a uri_file."),
        (["--input", "raw=azureml:small:2"], "was not found in datasets/. Did you mean azureml:small:1?"),
        (["--input", "raw=azureml:small"], "Did you mean azureml:small:1?"),
        (["--input", "raw=azureml:patients_of_2024:11"], "Choose one that exists. (Known: azureml:small:1.)"),
        (["--step", "shw"], 'There is no step "shw". Did you mean show?'),
    ],
)
def test_mistakes(model: Project, arguments: list[str], message: str) -> None:
    result = model.run("models/m", *arguments)
    assert result.exit == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert result.folder is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "models/my_model",
            'There is no pipeline "models/my_model". Choose one of: models/diabetes, models/m.',
        ),
        ("models/diabets", 'There is no pipeline "models/diabets". Did you mean models/diabetes?'),
        ("model/n", 'There is no pipeline "model/n". Choose one of: models/diabetes, models/m.'),
        ("diabetes", 'There is no pipeline "diabetes". Did you mean models/diabetes?'),
        ("models", "models has no pipeline.yml."),
        (
            "models/m/raw.txt",
            "models/m/raw.txt is not a YAML file. Name a model folder, or its pipeline.yml.",
        ),
    ],
)
def test_no_pipeline(model: Project, path: str, message: str) -> None:
    model.model("diabetes", {"pipeline.yml": "type: pipeline\n"})
    result = model.run(path)
    assert result.exit == 2
    assert message in result.err


def test_the_checker_runs_first(model: Project) -> None:
    text = PIPELINE.replace("parent.inputs.depth", "parent.inputs.dept")
    model.model("m", {"pipeline.yml": text})
    result = model.run("models/m")
    assert result.exit == 2
    assert "models/m/pipeline.yml:12:" in result.err
    assert "depth" in result.err
    assert result.folder is None


def test_dry_run(model: Project) -> None:
    result = model.run("models/m", "--dry-run", "--set", "inputs.depth=3")
    assert result.exit == 0
    assert result.folder is None
    assert not (model.root / ".runs").exists()
    assert "1. show\n" in result.out
    assert f'(cat "{model.root}/models/m/raw.txt"; echo 3 a False $WORD) > "<outputs/shown>"' in result.out
    assert "2. inner.say\n     echo quiet" in result.out


def test_only_the_wanted_steps(model: Project) -> None:
    assert model.run("models/m", "--step", "inner").states == {"inner.say": "completed"}


def test_a_path_with_a_space(tmp_path: Path) -> None:
    """Azure ML does not quote paths: its own never need it. Ours may, whatever quotes the command has."""
    project = Project(tmp_path / "it's my $repo")
    command = (
        "cat ${{inputs.raw}} \"${{inputs.raw}}\" '${{inputs.raw}}' > ${{outputs.out}}; cat ${{outputs.out}}"
    )
    text = f"""type: pipeline
inputs:
  raw: {{type: uri_file, path: ./raw.txt}}
jobs:
  a:
    type: command
    {ENVIRONMENT}
    command: |
      {command}
    inputs: {{raw: "${{{{parent.inputs.raw}}}}"}}
    outputs: {{out: {{type: uri_file}}}}
"""
    project.model("m", {"pipeline.yml": text, "raw.txt": "raw\n"})
    result = project.run("models/m")
    assert result.exit == 0, result.out
    assert result.log("a") == "raw\nraw\nraw\n"


def test_the_record(model: Project) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], cwd=model.root, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=model.root, capture_output=True, text=True, check=True
    )
    (model.root / ".gitignore").write_text(".runs/\n")
    # As in a hook of another repo, whose variables must not count.
    record = model.run("models/m", "--input", "raw=azureml:small:1", GIT_DIR=os.devnull).record
    assert record["git"] == {"commit": commit.stdout.strip(), "dirty": True}
    assert record["state"] == "completed"
    assert record["pipeline"] == "models/m/pipeline.yml"
    assert record["parameters"] == {"depth": "4"}
    assert record["inputs"]["raw"]["dataset"] == "small:1"
    assert record["inputs"]["raw"]["digest"].startswith("sha256:")
    assert record["outputs"]["shown"]["path"] == "outputs/shown"
    assert record["steps"]["show"]["exit_code"] == 0
    assert "show.txt" in record["steps"]["show"]["log"]
    assert record["mlflow"] is None
    assert record["python"] == ".".join(map(str, sys.version_info[:3]))


def test_data_from_the_web(model: Project, tmp_path: Path) -> None:
    """A uri_file from the web is fetched once. If that fails, the run is refused before it starts."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/far.txt").write_text("far\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with http_server.serving(handler) as address:
        url = f"{address}/far.txt"
        model.model("m", {"pipeline.yml": PIPELINE.replace("path: ./raw.txt", f'path: "{url}"')})
        assert shown(model) == "far\n4 a False\n"
    assert shown(model, "--no-reuse") == "far\n4 a False\n"
    model.model("m", {"pipeline.yml": PIPELINE.replace("path: ./raw.txt", f'path: "{url}?other"')})
    result = model.run("models/m")
    assert result.exit == 2
    assert "models/m/pipeline.yml:3:" in result.err
    assert "or pass --input raw=PATH." in result.err
    in_step = PIPELINE.replace("${{parent.inputs.raw}}", f'{{type: uri_file, path: "{url}?other"}}', 1)
    model.model("m", {"pipeline.yml": in_step})
    result = model.run("models/m")
    assert result.exit == 2
    assert "or pass --set jobs.show.inputs.raw=PATH." in result.err
    assert shown(model, "--set", "jobs.show.inputs.raw=models/m/raw.txt") == "raw\n4 a False\n"


def test_an_output_that_is_not_written_is_reported(project: Project) -> None:
    text = f"""type: pipeline
jobs:
  a: {{type: command, {ENVIRONMENT}, command: echo, outputs: {{out: {{type: uri_file}}}}}}
"""
    project.model("m", {"pipeline.yml": text})
    result = project.run("models/m")
    assert result.exit == 0
    assert "a: warning: it did not write its output out" in result.out


def test_quiet(model: Project) -> None:
    loud = model.run("models/m")
    assert "[inner.say] quiet" in loud.out
    assert "[inner.say]" not in model.run("models/m", "--no-reuse", "--quiet").out


def test_a_run_whose_process_died_is_called_interrupted(model: Project) -> None:
    from mlroad.core.run_folders import last_run

    result = model.run("models/m")
    assert result.folder
    record = {**result.record, "state": "running"}
    (result.folder / "run.json").write_text(json.dumps(record))
    last = last_run(model.root / "models/m/pipeline.yml")
    assert last
    assert last["state"] == "interrupted"
