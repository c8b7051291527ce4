"""The commands new and sync from the user's side: exit codes, messages, no tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlroad
from tests.support import REPO

ENTRY = "import sys; sys.path.insert(0, {path!r}); from mlroad.__main__ import main; main()".format(
    path=str(REPO / "src")
)


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ENTRY, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "datasets").mkdir()
    return tmp_path


def test_a_day_with_a_model(repo: Path) -> None:
    made = call(repo, "new", "rents")
    assert made.returncode == 0, made.stderr
    assert "mlroad run models/rents" in made.stdout
    assert call(repo, "sync", "--check").returncode == 0

    train = repo / "models" / "rents" / "steps" / "train.py"
    train.write_text(train.read_text(encoding="utf-8").replace("alpha: float = 1.0", "alpha: float = 2.0"))
    checked = call(repo / "models", "sync", "--check")
    assert checked.returncode == 1
    assert "train.yml:" in checked.stdout
    assert "MR312" in checked.stdout

    synced = call(repo, "sync", "models/rents")
    assert synced.returncode == 0
    assert synced.stdout.splitlines() == [f"wrote {Path('models/rents/components/train.yml')}"]
    assert call(repo, "sync", "--check").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new", "Rents 2"], "try rents_2"),
        (["new", "class"], "reserved"),
        (["sync", "models/nowhere"], "not a model folder"),
        (["sync", "--chekc"], "--check"),
        (["new"], "Missing argument"),
    ],
)
def test_a_users_mistake_exits_with_2(repo: Path, arguments: list[str], words: str) -> None:
    result = call(repo, *arguments)

    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in repo.iterdir()] == ["datasets"]


def test_a_taken_name_exits_with_2(repo: Path) -> None:
    (repo / "models" / "rents").mkdir(parents=True)

    result = call(repo, "new", "rents")

    assert result.returncode == 2
    assert "already exists" in result.stderr


def test_unreadable_steps_are_all_named(repo: Path) -> None:
    steps = repo / "models" / "churn" / "steps"
    steps.mkdir(parents=True)
    (steps / "a.py").write_text("from step_io import run\ndef a(x): ...\nrun(a)\n", encoding="utf-8")
    (steps / "b.py").write_text("def b(:\n", encoding="utf-8")

    result = call(repo, "sync")

    assert result.returncode == 2
    assert "a.py:2:7: MR305" in result.stderr
    assert "b.py:1:7: MR301" in result.stderr
    assert not (steps / "step_io.py").exists()


def test_the_version(repo: Path) -> None:
    assert call(repo, "--version").stdout == f"mlroad {mlroad.__version__}\n"


def test_a_closed_pipe_is_not_an_error(repo: Path) -> None:
    steps = repo / "models" / "churn" / "steps"
    steps.mkdir(parents=True)
    for number in range(2000):
        (steps / f"step_{number}.py").write_text("from step_io import run\n", encoding="utf-8")
    command = [sys.executable, "-c", ENTRY, "sync", "--check"]
    with subprocess.Popen(
        command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1


def test_a_model_may_be_the_working_folder(repo: Path) -> None:
    call(repo, "new", "rents")

    result = call(repo / "models" / "rents", "sync", "--check", ".")

    assert (result.returncode, result.stdout) == (0, "")
    result = call(repo / "models" / "rents" / "steps", "sync", "--check", "..")
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that nobody reads is told otherwise there")
@pytest.mark.parametrize("command", [["check"], ["check", "--format", "json"], ["models"]])
def test_a_pipe_closed_before_the_start_is_not_a_crash(repo: Path, command: list[str]) -> None:
    """`mlroad … | head`: the fast path and the full command line end in the same way."""
    (repo / "models" / "m").mkdir(parents=True)
    (repo / "models" / "m" / "pipeline.yml").write_text("type: pipeline\njobs: nonsense\n")
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mlroad", *command],
            cwd=repo, stdout=write, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(REPO / "src")},
        )  # fmt: skip
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
