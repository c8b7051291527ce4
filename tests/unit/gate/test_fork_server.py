"""Model processes, forked (Linux) or spawned (elsewhere): the same predictions, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from mlroad.models import model_process
from mlroad.models.fork_server import Forked
from mlroad.models.model_process import ModelBroken, ModelProcess
from tests.support import REPO
from tests.unit.gate import toy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked"),
]
FRAME = pd.DataFrame({"x1": [1.0, 2.0], "x2": [1.0, 5.0]})
PARENT = "import psutil; return [float(psutil.Process().parents()[STEPS].pid) for _ in line]"
"""The server of a forked worker is the parent of its supervisor."""
SERVER = PARENT.replace("STEPS", "1")


@pytest.fixture(params=["forked", "spawned"])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(model_process, "FORKS", request.param == "forked")
    return str(request.param)


def test_two_models_have_one_parent_only_if_forked(stock: Path, start: str) -> None:
    path = toy.saved(PARENT.replace("STEPS", "1" if start == "forked" else "0"), stock)
    with ModelProcess(path) as one, ModelProcess(path) as other:
        parents = {float(model.predict(FRAME)[0]) for model in (one, other)}
    assert (float(os.getpid()) in parents) == (start == "spawned")
    assert len(parents) == 1


@pytest.mark.usefixtures("start")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os._exit(7)", "ended with code 7"),
        ("sys.exit(4)", "ended with code 4"),
        ("os.kill(os.getpid(), 9)", "ended with code -9"),
        ("print('gone', file=sys.stderr); os._exit(1)", "ended with code 1: gone"),
    ],
)
def test_how_a_model_ended_is_reported(stock: Path, body: str, message: str) -> None:
    path = toy.saved(body, stock)
    with ModelProcess(path) as model, pytest.raises(ModelBroken, match=message):
        model.predict(FRAME)


@pytest.mark.usefixtures("start")
def test_a_model_gets_the_current_environment(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It includes variables that were set after another model ran."""
    body = "return [float(os.environ['OMP_SCHEDULE']) for _ in line]"
    for value in ("3", "4"):
        monkeypatch.setenv("OMP_SCHEDULE", value)
        with ModelProcess(toy.saved(body, stock)) as model:
            assert list(model.predict(FRAME)) == [float(value)] * 2


def test_a_killed_server_is_started_again(stock: Path) -> None:
    path = toy.saved(SERVER, stock)
    with ModelProcess(path) as model:
        server = int(model.predict(FRAME)[0])
        os.kill(server, signal.SIGKILL)
        forked = model._process
        assert isinstance(forked, Forked)
        # Each question has its own answer then: there is no process -9.
        assert forked.wait() == -signal.SIGKILL
        assert forked.pid() == 0
    with ModelProcess(path) as model:
        assert int(model.predict(FRAME)[0]) != server


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_nothing_is_left_when_the_gate_ends(stock: Path, end: str) -> None:
    """The gate returns, exits without cleanup, or is killed."""
    script = f"""
import os
from pathlib import Path
import pandas as pd
from mlroad.models.model_process import ModelProcess
frame = pd.DataFrame({{"x1": [1.0], "x2": [1.0]}})
with ModelProcess(Path({str(toy.saved("return [float(os.getpid()) for _ in line]", stock))!r})) as model:
    one = model.predict(frame)[0]
with ModelProcess(Path({str(toy.saved(SERVER, stock))!r})) as model:
    print(int(one), int(model.predict(frame)[0]), flush=True)
    {end or "pass"}
"""
    paths = [str(REPO / name) for name in ("src",)]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    numbers = done.stdout.split()
    assert len(numbers) == 2, done.stderr
    for _ in range(600):
        left = [pid for pid in numbers if Path("/proc", pid).exists() and not _is_zombie(pid)]
        if not left:
            break
        time.sleep(0.05)
    assert not left


def _is_zombie(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
