"""What a model's process cannot do. Each planted model is stopped by name; harmless look-alikes pass."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from mlroad.models import model_process
from mlroad.models.model_process import ModelBroken, ModelProcess
from tests.unit.gate import toy
from tests.unit.gate.conftest import Factory

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot hide files without rights"),
]
FRAME = pd.DataFrame({"x1": [1.0, 2.0], "x2": [1.0, 5.0]})
SECRET = "MY_API_" + "TOKEN"
ENVIRONS = """import pathlib
        for file in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if WORD in file.read_text():
                    return line
            except OSError:
                pass
        raise ValueError("nothing found")"""
CONNECT = """import socket
        try:
            socket.create_connection(("192.0.2.1", 80), 1)
        except OSError:
            pass
        return line"""
BY_FORK = """if os.fork() == 0:
            os._exit(0)
        os.wait()
        return line"""
POOLS = """import multiprocessing, tempfile
        from concurrent.futures import ThreadPoolExecutor
        from joblib import Parallel, delayed
        with multiprocessing.get_context("fork").Pool(2) as pool:
            line = np.array(pool.map(float, line))
        line = np.array(list(ThreadPoolExecutor(2).map(float, line)))
        line = np.array(Parallel(2)(delayed(float)(one) for one in line))
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 1000)
        with open(os.path.expanduser("~/cache.txt"), "w") as file:
            file.write("x")
        return line"""


def asked(body: str, stock: Path, timeout: float = 60) -> str:
    """What is wrong with a model whose predict has this body; empty for a harmless one."""
    try:
        with ModelProcess(toy.saved(body, stock), timeout=timeout) as model:
            assert model.predict(FRAME).shape == (2,)
            assert not model.unconfined
            model.finish()
    except ModelBroken as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.fork(); return line", "forks its process, and both processes return from predict"),
        ("os.fork() or time.sleep(0.5); return line", "forks its process, and both processes return"),
        (CONNECT, "uses the network (192.0.2.1)"),
        ("import socket; socket.gethostbyname('example.com'); return line", "network (example.com)"),
        ("bytearray(1 << 45); return line", "MemoryError"),
        ("os.truncate(__file__, 0); return line", "changes its own file toy_model.py"),
        ("os.write(3, b'x\\n'); return line", "pipe that carries its answers"),
        ("os.write(3, b'{\"number\": 1}\\n'); return line", "its code "),
        ("os.write(3, b'\\xff[]\\n' * 3); return line", "pipe that carries its answers"),
        ("os.listdir(os.path.expanduser('~root')); return line", "PermissionError"),
        (f"os.listdir({str(Path(__file__).parent)!r}); return line", "PermissionError"),
        (
            "open(f'/proc/{os.getppid()}/environ'); open(f'/proc/{os.getppid()}/mem'); return line",
            "Permission",
        ),
        ("os.kill(os.getppid(), 9); return line", "PermissionError"),
        ("import socket; socket.socket(1).connect('/run/docker.sock'); return line", "PermissionError"),
        ("open('/etc/shadow'); return line", "PermissionError"),
        ("input(); return line", "EOFError"),
        ("time.sleep(99); return line", "no answer within 2 seconds"),
    ],
)
def test_what_is_stopped(stock: Path, body: str, words: str) -> None:
    assert words in asked(body, stock, timeout=2 if "sleep" in body else 60)


@pytest.mark.parametrize("body", [POOLS, BY_FORK, "print('x' * 10_000_000); return line"])
def test_what_is_harmless(stock: Path, body: str) -> None:
    assert asked(body, stock) == ""


def test_no_process_shows_a_token(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the gate's own process, and not the one that started it: its /proc/PID/environ is closed."""
    word = "a planted " + "word"
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env={**os.environ, SECRET: word}, stdin=-1
    ) as shell:
        while not (shown := Path(f"/proc/{shell.pid}/environ").read_text(encoding="utf-8")):
            time.sleep(0.01)  # it is empty until the program has replaced its parent's
        assert word in shown
        monkeypatch.setenv(SECRET, word)
        found = asked(ENVIRONS.replace("WORD", repr(word)), stock)
        shell.kill()
    assert "nothing found" in found


def test_nothing_that_a_model_starts_is_left(stock: Path) -> None:
    sleep = "[sys.executable, '-c', 'import time; time.sleep(1234)']"
    body = f"import subprocess; subprocess.Popen({sleep}, start_new_session=True); return line"
    assert asked(body, stock) == ""
    for _ in range(100):
        lines = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
        if not any(b"time.sleep(1234)" in line for line in lines):
            return
        time.sleep(0.05)
    pytest.fail("a process is left")


def test_a_system_that_hides_nothing_says_so(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_process, "FORKS", False)
    script = stock / "open.py"
    script.write_text(
        "import sys, mlroad.models.confine as c\nc.sys = type(sys)('sys')\nc.sys.platform = 'darwin'\n"
        "c.sys.addaudithook = sys.addaudithook\n"
        "exec(open(c.__file__.replace('confine', 'model_worker')).read())\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(model_process, "WORKER", script)
    with ModelProcess(toy.saved("return line", stock)) as model:
        model.load()
        assert model.unconfined == ("files", "network")


@pytest.mark.parametrize("about", ["METADATA", "other"])
def test_libraries_that_are_links(
    stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: str
) -> None:
    """uv's `link-mode = "symlink"`: the files lie in uv's cache. A link to anything else opens nothing."""
    cache, libraries = tmp_path / "cache" / "archive", tmp_path / "site-packages"
    for name in ("far.py", f"far-1.dist-info/{about}"):
        for folder in (cache, libraries):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text("BACK = 2\n", encoding="utf-8")
        (libraries / name).symlink_to(cache / name)
    (cache.parent / "beside.py").touch()
    monkeypatch.setattr(model_process, "FORKS", False)
    script = stock / "linked.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(libraries)!r})\nimport mlroad.models.confine as c\n"
        "exec(open(c.__file__.replace('confine', 'model_worker')).read())\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(model_process, "WORKER", script)
    wrong = asked("import far; return line", stock)
    assert wrong == "" if about == "METADATA" else "PermissionError" in wrong
    assert "PermissionError" in asked(f"open({str(cache.parent / 'beside.py')!r}); return line", stock)


def test_the_gate_is_red(first: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "word")
    first.plant("os.fork(); return line")
    first.red("predictions", "broken", "forks its process")
