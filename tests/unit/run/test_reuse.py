"""Which steps are reused, which are not and why. A wrong result is never reused."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.unit.run.project import Project, held_by, wait_for

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
CHAIN = f"""
type: pipeline
inputs:
  raw: {{type: uri_file, path: ./raw.txt}}
  word: a
outputs:
  result: {{type: uri_file}}
jobs:
  first:
    type: command
    {ENVIRONMENT}
    code: ./one
    command: cat ${{{{inputs.raw}}}} > ${{{{outputs.out}}}}/x; date +%N > ${{{{outputs.out}}}}/time
    inputs: {{raw: "${{{{parent.inputs.raw}}}}"}}
    outputs: {{out: {{type: uri_folder}}}}
  second:
    type: command
    {ENVIRONMENT}
    code: ./two
    command: |
      cat ${{{{inputs.from}}}}/x > ${{{{outputs.out}}}}
      python two.py ${{{{inputs.word}}}} >> ${{{{outputs.out}}}}
    inputs:
      from: ${{{{parent.jobs.first.outputs.out}}}}
      word: ${{{{parent.inputs.word}}}}
    outputs:
      out: {{type: uri_file, path: "${{{{parent.outputs.result}}}}"}}
"""


@pytest.fixture
def chain(project: Project) -> Project:
    project.model(
        "m",
        {
            "pipeline.yml": CHAIN,
            "raw.txt": "raw\n",
            "one/one.py": "",
            "two/two.py": "import sys\n\nprint(sys.argv[1])\n",
        },
    )
    return project


def test_nothing_changed(chain: Project) -> None:
    first = chain.run("models/m")
    assert first.states == {"first": "completed", "second": "completed"}
    again = chain.run("models/m")
    assert again.states == {"first": "reused", "second": "reused"}
    assert again.output("result").read_text() == "raw\na\n"
    assert f"first: reused from run {first.record['id']}" in again.out
    assert again.record["steps"]["second"]["outputs"] == first.record["steps"]["second"]["outputs"]
    third = chain.run("models/m")
    assert third.record["steps"]["first"]["reused_from"] == again.record["id"]


def test_code_change_reruns_the_step_and_what_follows(chain: Project) -> None:
    chain.run("models/m")
    (chain.root / "models/m/one/one.py").write_text("# changed\n")
    again = chain.run("models/m")
    assert again.states == {"first": "completed", "second": "completed"}
    assert "first: starts (code changed: one.py)" in again.out
    assert "second: starts (input from changed)" in again.out


def test_the_same_output_does_not_rerun_later_steps(chain: Project) -> None:
    """If a step runs again and writes the same output, the steps after it are reused."""
    model = chain.root / "models/m"
    (model / "pipeline.yml").write_text(CHAIN.replace("; date +%N > ${{outputs.out}}/time", ""))
    chain.run("models/m")
    (model / "one/one.py").write_text("# a comment\n")
    assert chain.run("models/m").states == {"first": "completed", "second": "reused"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("word: a", "word: b", "second: starts (word a → b)"),
        ("print(sys", "print  (sys", "second: starts (code changed: two.py)"),
        ("cat ${{inputs.from}}/x >", "cat  ${{inputs.from}}/x >", "second: starts (command changed)"),
        (
            "    code: ./two",
            "    environment_variables: {A: b}\n    code: ./two",
            "second: starts (environment variable A changed)",
        ),
    ],
)
def test_reason(chain: Project, old: str, new: str, why: str) -> None:
    chain.run("models/m")
    for name in ("pipeline.yml", "two/two.py"):
        path = chain.root / "models/m" / name
        path.write_text(path.read_text().replace(old, new))
    again = chain.run("models/m")
    assert again.states == {"first": "reused", "second": "completed"}
    assert why in again.out


def test_input_data_change(chain: Project) -> None:
    chain.run("models/m")
    raw = chain.root / "models/m/raw.txt"
    raw.write_text("RAW\n")  # the same length as before
    again = chain.run("models/m")
    assert again.states == {"first": "completed", "second": "completed"}
    assert "first: starts (input raw changed)" in again.out
    assert again.output("result").read_text() == "RAW\na\n"


def test_a_touched_input_is_the_same_input(chain: Project) -> None:
    chain.run("models/m")
    os.utime(chain.root / "models/m/raw.txt", (1, 1))
    assert chain.run("models/m").states == {"first": "reused", "second": "reused"}


def test_no_reuse(chain: Project) -> None:
    chain.run("models/m")
    again = chain.run("models/m", "--no-reuse")
    assert again.states == {"first": "completed", "second": "completed"}


def test_step_runs_again_and_reuses_what_it_needs(chain: Project) -> None:
    chain.run("models/m")
    again = chain.run("models/m", "--step", "second")
    assert again.states == {"first": "reused", "second": "completed"}
    alone = chain.run("models/m", "--step", "first")
    assert alone.states == {"first": "completed"}


@pytest.mark.parametrize("damage", ["change", "same size", "delete", "add"])
def test_a_damaged_output_is_never_reused(chain: Project, damage: str) -> None:
    first = chain.run("models/m")
    assert first.folder
    out = first.folder / "steps/first/outputs/out"
    if damage == "change":
        (out / "x").write_text("forged, and longer\n")
    elif damage == "same size":
        (out / "x").write_text("RAW\n")
    elif damage == "delete":
        (out / "x").unlink()
    else:
        (out / "more").write_text("")
    again = chain.run("models/m")
    assert again.states["first"] == "completed"
    assert "its earlier output out was changed since" in again.out
    assert again.output("result").read_text() == "raw\na\n"


def test_deleting_the_earlier_run_breaks_nothing(chain: Project) -> None:
    first = chain.run("models/m")
    second = chain.run("models/m")
    assert first.folder and second.folder
    shutil.rmtree(first.folder)
    assert second.output("result").read_text() == "raw\na\n"
    assert chain.run("models/m").states == {"first": "reused", "second": "reused"}
    for folder in chain.runs():
        shutil.rmtree(folder)
    last = chain.run("models/m")
    assert last.states == {"first": "completed", "second": "completed"}
    assert "is gone" in last.out


def test_keep_deletes_the_oldest_and_reuse_survives(chain: Project) -> None:
    for _ in range(4):
        chain.run("models/m")
    names = [folder.name for folder in chain.runs()]
    result = chain.run("models/m", "--keep", "2")
    assert [folder.name for folder in chain.runs()] == [names[-1], result.record["id"]]
    assert chain.run("models/m").states == {"first": "reused", "second": "reused"}


def test_keep_spares_a_run_that_is_going_on(project: Project) -> None:
    project.model("m", {"pipeline.yml": _one("sleep 600")})
    going_on = project.start("run", "models/m")
    wait_for(lambda: len(project.runs()) == 1)
    project.model("m", {"pipeline.yml": _one("echo")})
    for _ in range(3):
        assert project.run("models/m", "--keep", "1").exit == 0
    assert len(project.runs()) == 2
    going_on.terminate()
    going_on.communicate(timeout=60)
    project.run("models/m", "--keep", "1")
    assert len(project.runs()) == 1


def test_editing_code_during_the_run_changes_nothing(project: Project) -> None:
    """The code is copied at the start: later edits change neither the steps of this run nor their reuse."""
    edited = project.root / "edited"
    steps = {
        "pipeline.yml": f"""
type: pipeline
jobs:
  wait: {{type: command, {ENVIRONMENT}, command: "{held_by(edited)}", outputs: {{o: {{type: uri_folder}}}}}}
  late:
    type: command
    {ENVIRONMENT}
    code: ./src
    command: python x.py
    inputs: {{o: "${{{{parent.jobs.wait.outputs.o}}}}"}}
""",
        "src/x.py": "print('old')\n",
    }
    project.model("m", steps)
    process = project.start("run", "models/m")
    wait_for(lambda: project.runs() and (project.runs()[0] / "logs/wait.txt").exists())
    project.model("m", {"src/x.py": "print('new')\n"})
    edited.touch()
    assert process.wait(60) == 0
    assert (project.runs()[0] / "logs/late.txt").read_text() == "old\n"
    again = project.run("models/m")
    assert again.states == {"wait": "reused", "late": "completed"}
    assert again.log("late") == "new\n"


_STEP = f"""
  {{name}}: {{{{type: command, {ENVIRONMENT}, code: ./src, outputs: {{{{out: {{{{type: uri_file}}}}}}}},
    command: "python {{name}}.py $<inputs.raw>> $<outputs.out>>", inputs: {{{{raw: "$<{{source}}>>"}}}}}}}}"""
_ONE_FOLDER = "type: pipeline\ninputs: {raw: {type: uri_file, path: ./raw.txt}}\njobs:" + "".join(
    _STEP.format(name=name, source=f"parent.{source}").replace("<", "{{").replace(">>", "}}")
    for name, source in (
        ("prep", "inputs.raw"),
        ("train", "jobs.prep.outputs.out"),
        ("score", "jobs.train.outputs.out"),
    )
)
_COPY = "import shutil, sys\nshutil.copy(*sys.argv[1:])\n"


def test_only_the_steps_that_use_an_edited_file_run_again(project: Project) -> None:
    """A step's code is its script, what that imports, and data files, not the scripts of other steps."""
    files = {
        "pipeline.yml": _ONE_FOLDER,
        "raw.txt": "raw",
        "src/prep.py": "import both\n" + _COPY,
        "src/train.py": "import both, shapes\n" + _COPY,
        "src/score.py": "import pickle\n" + _COPY,
        "src/both.py": "",
        "src/shapes.py": "",
        "src/unused.py": "",
        "src/words.txt": "",
    }
    project.model("m", files)
    project.run("models/m")
    edits = [
        ("src/train.py", {"train"}),
        ("src/prep.py", {"prep"}),
        ("src/shapes.py", {"train", "score"}),  # a pickled object may be of one of its classes
        ("src/unused.py", set()),
        ("src/words.txt", {"prep", "train", "score"}),
    ]
    for file, expected in edits:
        project.model("m", {file: files[file] + "\n"})
        states = project.run("models/m").states
        assert {name for name, state in states.items() if state == "completed"} == expected, file
    project.model("m", {"src/prep.py": "import importlib\n" + _COPY})
    project.run("models/m")
    project.model("m", {"src/unused.py": "1"})
    again = project.run("models/m")
    assert again.states == {"prep": "completed", "train": "reused", "score": "completed"}
    assert "prep: starts (code changed: unused.py)" in again.out


def test_a_failed_step_is_not_reused(project: Project) -> None:
    project.model(
        "m",
        {
            "pipeline.yml": _one(
                "test -e ${{inputs.flag}}/go", inputs="inputs: {flag: {type: uri_folder, path: ./f}}"
            ),
            "f/x": "",
        },
    )
    assert project.run("models/m").exit == 1
    assert project.run("models/m").states == {"a": "failed"}
    project.model("m", {"f/go": ""})
    assert project.run("models/m").states == {"a": "completed"}


def test_a_changed_environment_is_named(chain: Project, tmp_path: Path) -> None:
    """Steps depend on the installed packages: a new version of one makes them run again, with that reason."""
    import json

    chain.run("models/m")
    for file in chain.root.glob(".runs/m/.reuse/environments/*.json"):
        contents = json.loads(file.read_text())
        old = {**contents, "pyyaml" if "pyyaml" in contents else "PyYAML": "0.0.1"}
        from mlroad.run.step_environment import PythonEnvironment

        digest = PythonEnvironment(tmp_path, tmp_path, old).digest
        (file.parent / f"{digest}.json").write_text(json.dumps(old))
        for last in chain.root.glob(".runs/m/.reuse/last/*.json"):
            last.write_text(json.dumps({**json.loads(last.read_text()), "environment": digest}))
    shutil.rmtree(chain.root / ".runs/m/.reuse/entries")
    again = chain.run("models/m")
    assert again.states == {"first": "completed", "second": "completed"}
    assert "environment changed: " in again.out
    assert "0.0.1 → " in again.out


def test_not_deterministic_runs_always(project: Project) -> None:
    component = f"{{type: command, {ENVIRONMENT}, is_deterministic: false, command: echo a}}"
    project.model("m", {"pipeline.yml": f"type: pipeline\njobs:\n  a: {{component: {component}}}\n"})
    project.run("models/m")
    again = project.run("models/m")
    assert again.states == {"a": "completed"}
    assert "a: starts (is_deterministic is false)" in again.out


def _one(command: str, inputs: str = "") -> str:
    lines = ["type: pipeline", "jobs:", "  a:", "    type: command", f"    {ENVIRONMENT}"]
    return "\n".join([*lines, f"    command: {command}", f"    {inputs}", ""])


if sys.platform == "win32":
    pytestmark = pytest.mark.skip(reason="the commands of these pipelines are for bash with Unix tools")
