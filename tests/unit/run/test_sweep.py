"""`mlroad sweep`: its points, its runs, and what the runs share."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlroad.cli.sweep import best_first, sweep_table
from mlroad.core.problems import UserError
from mlroad.pipeline.checker import check_pipeline
from mlroad.report.sweep_page import sweep_html
from mlroad.run.sweep import SweepRun
from mlroad.run.sweep_points import sweep_points
from mlroad.steps.new_model import new_model
from tests.support import REPO
from tests.unit.pipeline.azure import azure_errors
from tests.unit.run.project import Project, alive, wait_for

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
PIPELINE = f"""type: pipeline
inputs: {{raw: {{type: uri_file, path: ./raw.txt}}, learner: ridge}}
jobs:
  prep: {{type: command, {ENVIRONMENT}, command: "echo x >> $COUNT; cat ${{{{inputs.raw}}}} > ${{{{outputs.rows}}}}",
    inputs: {{raw: "${{{{parent.inputs.raw}}}}"}}, outputs: {{rows: {{type: uri_file}}}}}}
  train:
    type: command
    {ENVIRONMENT}
    command: COMMAND
    inputs: {{rows: "${{{{parent.jobs.prep.outputs.rows}}}}", alpha: 1.0, learner: "${{{{parent.inputs.learner}}}}"}}
"""  # noqa: E501


def _model(project: Project, command: str) -> None:
    text = PIPELINE.replace("COMMAND", command)
    project.model("m", {"pipeline.yml": text, "raw.txt": "raw"})


def _sweep(project: Project, *arguments: str) -> tuple[int, str, str]:
    process = project.start("sweep", "models/m", *arguments, COUNT=str(project.root / "count"))
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_grid(project: Project) -> None:
    """Every combination runs, the shared step once, and each run is an ordinary one."""
    _model(project, "test ${{inputs.alpha}} != 3 && echo ${{inputs.learner}}")
    alpha = "jobs.train.inputs.alpha"
    code, out, err = _sweep(project, "--set", f"{alpha}=1,2,3", "--set", "inputs.learner=ridge,forest")
    assert (code, err) == (1, "")
    assert "once for all runs: prep" in out
    assert (project.root / "count").read_text() == "x\n"
    records = [json.loads((folder / "run.json").read_text()) for folder in project.runs()]
    assert len(records) == 6
    assert sorted(record["steps"]["prep"]["state"] for record in records) == ["completed", *["reused"] * 5]
    assert "alpha=3, learner=forest: failed after" in out
    assert "train: exit code 1; log: " in out
    table = [line.split() for line in out.split("\n\n")[-2].splitlines()]
    assert table[0] == ["alpha", "learner", "state", "run"]
    assert [row[:3] for row in table[1:]] == [
        [alpha, learner, "failed" if alpha == "3" else "completed"]
        for alpha in "123"
        for learner in ("ridge", "forest")
    ]
    (page,) = project.root.glob(".runs/m/.sweeps/*.html")
    assert f"plots: {page.relative_to(project.root).as_posix()}" in out
    assert "forest" in page.read_text(encoding="utf-8")

    drawn = ("--set", f"{alpha}=uniform(5,6)", "--random", "2", "--metric", "loss")
    code, out, err = _sweep(project, *drawn, "--json")
    assert "No run logged the metric loss." in err
    found = json.loads(out)
    assert (code, len(found)) == (0, 2)
    assert all(5 < float(run["values"]["alpha"]) < 6 and run["state"] == "completed" for run in found)
    assert (project.root / "count").read_text() == "x\n"


def test_the_best_first() -> None:
    """Runs without the metric, or with NaN, come last."""
    logged = {"1": {"loss": 4.0}, "2": {"loss": 0.25, "r2": 0.5}, "3": {}, "4": {"loss": float("nan")}}
    runs = [SweepRun((), {"alpha": name}, name, "completed", 1.0, found) for name, found in logged.items()]
    table = [line.split() for line in sweep_table(best_first(runs, "loss", maximize=False)).splitlines()]
    assert table[0] == ["alpha", "state", "loss", "r2", "run"]
    assert [row[2] for row in table[1:]] == ["0.25", "4", "-", "nan"]
    assert [run.run for run in best_first(runs, "loss", maximize=True)][:2] == ["1", "2"]
    assert best_first(runs, "lose", maximize=False) == runs


@pytest.mark.slow
def test_data_from_the_web(project: Project, tmp_path: Path) -> None:
    """The first run also prints that it downloads something."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "far.txt").write_text("far\n", encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/far.txt"
        text = PIPELINE.replace("COMMAND", "echo").replace("path: ./raw.txt", f'path: "{url}"')
        project.model("m", {"pipeline.yml": text})
        code, out, err = _sweep(project, "--set", "jobs.train.inputs.alpha=1,2")
        server.shutdown()
    assert (code, err) == (0, ""), out


@pytest.mark.slow
def test_a_shared_step_that_fails_ends_the_sweep(project: Project) -> None:
    _model(project, "echo")
    (project.root / "models/m/raw.txt").chmod(0)
    text = (project.root / "models/m/pipeline.yml").read_text().replace("cat ", "exit 3; cat ")
    project.model("m", {"pipeline.yml": text})
    (project.root / "models/m/raw.txt").chmod(0o644)
    code, out, _ = _sweep(project, "--set", "jobs.train.inputs.alpha=1,2,3")
    assert code == 1
    assert len(project.runs()) == 1
    assert out.count("not started") == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(project: Project, number: signal.Signals) -> None:
    mark = f"600.{os.getpid()}{number:d}"
    _model(project, f"sleep {mark}")
    process = project.start("sweep", "models/m", "--set", "jobs.train.inputs.alpha=1,2", COUNT=os.devnull)
    wait_for(lambda: alive(f"sleep {mark}"))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    wait_for(lambda: not alive(mark))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "jobs.train.inputs.alpha=1"], "Nothing varies in this sweep."),
        (["--set", "jobs.train.inputs.alpha"], "has no values"),
        (["--set", "jobs.train.inputs.alpha=1,x"], "'x' is not a valid number"),
        (["--set", "jobs.train.inputs.alhpa=1,2"], "Did you mean alpha?"),
        (["--set", "jobs.train.inputs.alpha=uniform(0,1)"], "Say how many: --random 20."),
        (["--set", "jobs.train.inputs.alpha=uniform(1,0)", "--random", "3"], "the first end must be"),
        (["--set", "jobs.train.inputs.alpha=loguniform(0,1)", "--random", "3"], "and above 0"),
        (["--set", "jobs.train.inputs.alpha=uniform(a,1)", "--random", "3"], "ends of a range are numbers"),
        (["--set", "a=" + ",".join(map(str, range(40))), "--set", "b=" + ",".join(map(str, range(40)))],
         "These are 1,600 combinations."),
    ],
)  # fmt: skip
def test_mistakes(project: Project, arguments: list[str], message: str) -> None:
    text = "\n".join(line for line in PIPELINE.splitlines() if "COMMAND" not in line)
    component = (
        f"type: command\n{ENVIRONMENT}\ncommand: echo\n"
        "inputs: {rows: {type: uri_file}, alpha: {type: number}, learner: {type: string}}\n"
    )
    text = text.replace(f"    type: command\n    {ENVIRONMENT}\n", "    component: ./train.yml\n")
    project.model("m", {"pipeline.yml": text, "train.yml": component, "raw.txt": "raw"})
    code, out, err = _sweep(project, *arguments)
    assert (code, message in err) == (2, True), out + err
    assert not project.runs()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 30), st.integers())
def test_points(sizes: list[int], count: int, seed: int) -> None:
    """The grid has each combination once; points at random are different ones of it, in the same order."""
    options = [f"p{i}={','.join(map(str, range(size)))}" for i, size in enumerate(sizes)]
    if max(sizes) == 1:
        with pytest.raises(UserError):
            sweep_points(options, None, 0)
        return
    grid = sweep_points(options, None, 0)
    total = 1
    for size in sizes:
        total *= size
    assert len(set(grid)) == len(grid) == total
    some = sweep_points(options, count, seed)
    assert len(some) == min(count, total)
    assert [point for point in grid if point in set(some)] == some
    assert some == sweep_points(options, count, seed)


def test_the_page_is_text(tmp_path: Path) -> None:
    """Values and names cannot become markup, and charts leave out what is not a number."""
    rows = [
        {
            "values": {"a": "0.001", "w": "<b>"},
            "metrics": {"m": 1.5, "same": 7.0},
            "state": "completed",
            "run": "1",
        },
        {
            "values": {"a": "10", "w": "x"},
            "metrics": {"m": float("nan"), "same": 7.0},
            "state": "completed",
            "run": "2",
        },
        {"values": {"a": "1", "w": "x"}, "metrics": {"m": 2.0, "same": 7.0}, "state": "failed", "run": None},
    ]
    page = sweep_html("m", rows, "now")  # type: ignore[arg-type]
    assert "<b>" not in page.split("<body>")[1].replace("<b style", "")
    assert "log₁₀ of a" in page
    assert page.count("<figure") == 2  # no chart of what is the same in every run


@pytest.mark.slow
def test_the_page_about_azure_ml(tmp_path: Path) -> None:
    """The pipeline in docs/how-to/sweep.md is one that azure-ai-ml accepts, and our check too."""
    text = (REPO / "docs/how-to/sweep.md").read_text(encoding="utf-8")
    model = new_model(tmp_path, "m")
    (model / "sweep.yml").write_text(text.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    for name in ("prep", "train"):  # the page leaves out the inputs of our own baseline
        component = model / "components" / f"{name}.yml"
        declared = component.read_text(encoding="utf-8")
        given = declared.replace("target:\n    type: string", "target:\n    type: string\n    default: x")
        component.write_text(given, encoding="utf-8")
    assert [problem for problem in check_pipeline(model / "sweep.yml") if problem.severity == "error"] == []
    assert azure_errors(model / "sweep.yml") == []
