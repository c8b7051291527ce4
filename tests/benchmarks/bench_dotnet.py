"""The .NET harness: 10,000 cases, a bare loop over session.Run, and the API beside a constant answer.

The models are a pipeline of scikit-learn with two numbers and one text (3 inputs, 14 nodes of ONNX), and the
factory's sample; a request is one row. The constant endpoint reads the same body into the same tensors.
Microseconds of CPU in one process, for the pipeline: 1.7 to read the body, 6.2 for the model (8.3 before its
memory was reserved once), 0.3 to write the answer.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlroad.models.finished_run import find_run
from mlroad.models.onnx_export import export_run
from tests.support import REPO, call, clone_template, commit_all, git, render
from tests.unit.models.conftest import PIPELINE, TRAIN, table
from tests.unit.run.project import Project

PORT = 5611
ROUNDS = 5
SECONDS = "3"


def main() -> None:
    """Print the figures, or why there are none."""
    if shutil.which("dotnet") is None:
        print("there is no .NET SDK on the PATH")
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        harness = work / "harness"
        shutil.copytree(
            REPO / "factory_template/harness/dotnet", harness, ignore=shutil.ignore_patterns("bin", "obj")
        )
        shutil.copytree(Path(__file__).parent / "dotnet", harness / "Figures")
        for project in ("Cli", "Api", "Figures"):
            quiet = ["-v", "q", "-nodeReuse:false", "-p:UseSharedCompilation=false"]
            _run(["dotnet", "build", "-c", "Release", *quiet, project], harness)
        small = _exported(work / "repo")
        _many_cases(harness, small, work)
        loop = _run([*_program(harness, "Figures/Figures"), "loop", str(small)], harness)
        print(f"one answer in one thread: {loop['harness'] / loop['bare']:.2f} x of a bare loop", flush=True)
        _api(harness, small, "rents")
        _api(harness, _sample(work / "factory"), "diabetes")


def _sample(root: Path) -> Path:
    """The model of a new factory."""
    render(clone_template(root.with_name("template")), root, template="factory", project_name="demo")
    call([sys.executable, "-m", "mlroad", "train", "diabetes"], root)
    os.chdir(root)
    model = Path("models/diabetes")
    return export_run(model, Path(), find_run(model, None))[0].resolve()


def _exported(root: Path) -> Path:
    project = Project(root)
    steps = {name: (REPO / "src/mlroad/steps" / name).read_text(encoding="utf-8") for name in ("step_io.py",)}
    files = {f"steps/{name}": text for name, text in steps.items()}
    conda = "dependencies: [python=3.11]\n"
    project.model(
        "rents", {"pipeline.yml": PIPELINE, "steps/train.py": TRAIN, "environment/conda.yml": conda, **files}
    )
    (root / "one.csv").write_text(table(2000), encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch", "main")
    for command in (["dataset", "add", "rents", "one.csv"], ["sync"]):
        assert project.start(*command).wait(60) == 0
    assert project.run("models/rents").folder
    (root / ".gitignore").write_text(".runs/\n", encoding="utf-8")
    commit_all(root, "Start")
    assert project.start("freeze", "models/rents", "--rows", "80").wait(120) == 0
    os.chdir(root)
    model = Path("models/rents")
    return export_run(model, Path(), find_run(model, None))[0].resolve()


def _many_cases(harness: Path, small: Path, work: Path) -> None:
    golden = [
        line
        for line in (small / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        if '"golden"' in line
    ]
    cases = [{**json.loads(golden[number % len(golden)]), "id": str(number)} for number in range(10_000)]
    many = shutil.copytree(small, work / "many")
    (many / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    command = [*_program(harness, "Cli/inference-harness"), "answer", "--out", str(work / "answers")]
    taken = [[_cpu([*command, str(folder)], harness) for folder in (many, small)] for _ in range(ROUNDS)]
    print(f"10,000 cases after start: {statistics.median(a - b for a, b in taken):.2f} s of CPU", flush=True)


def _api(harness: Path, small: Path, model: str) -> None:
    api = [
        *_program(harness, "Api/inference-api"),
        "--model",
        str(small),
        "--urls",
        f"http://127.0.0.1:{PORT}",
    ]
    constant = [*_program(harness, "Figures/Figures"), "constant", str(PORT + 1)]
    with _server(api, harness) as server, _server(constant, harness):
        rounds = [
            [_load(harness, small, PORT, model), _load(harness, small, PORT + 1, "constant")]
            for _ in range(ROUNDS)
        ][1:]
        peak = Path(f"/proc/{server.pid}/status")
        memory = (
            next((line for line in peak.read_text().splitlines() if "VmHWM" in line), "")
            if peak.exists()
            else ""
        )
    a_second, other = (statistics.median(pair[side]["a_second"] for pair in rounds) for side in (0, 1))
    print(
        f"the API, {model}: {a_second:.0f} requests a second, {a_second / other:.2f} x of a constant",
        flush=True,
    )
    print(f"the API, 99th percentile: {statistics.median(pair[0]['p99_ms'] for pair in rounds):.2f} ms")
    print(f"the API, memory: {int(memory.split()[1]) / 1000 if memory else float('nan'):.0f} MB")


def _load(harness: Path, small: Path, port: int, model: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/v2/models/{model}/infer"
    return _run([*_program(harness, "Figures/Figures"), "load", url, str(small), SECONDS], harness)


@contextmanager
def _server(command: list[str], harness: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, cwd=harness, stdout=subprocess.DEVNULL) as server:
        try:
            time.sleep(3)
            yield server
        finally:
            server.kill()


def _program(harness: Path, name: str) -> list[str]:
    project, _, program = name.partition("/")
    return ["dotnet", str(harness / project / "bin/Release/net10.0" / f"{program}.dll")]


def _cpu(command: list[str], harness: Path) -> float:
    before = os.times()
    _run(command, harness)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _run(command: list[str], cwd: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return dict(json.loads(done.stdout)) if done.stdout.startswith("{") else {}


if __name__ == "__main__":
    main()
