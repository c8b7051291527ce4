"""A repo with pipelines to run from the command line, for the tests of the runner."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MLROAD = [sys.executable, "-c", "from mlroad.__main__ import main; main()"]
_TOOL = Path(__file__).parents[3] / "src"


@dataclass(frozen=True)
class Result:
    """The output of a command, and the record of its run."""

    exit: int
    out: str
    err: str
    folder: Path | None

    @property
    def record(self) -> dict[str, Any]:
        assert self.folder, f"no run was made\n{self.out}\n{self.err}"
        loaded: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        return loaded

    @property
    def states(self) -> dict[str, str]:
        return {name: step["state"] for name, step in self.record["steps"].items()}

    def log(self, step: str) -> str:
        assert self.folder
        return (self.folder / "logs" / f"{step}.txt").read_text(encoding="utf-8")

    def output(self, name: str) -> Path:
        assert self.folder
        return self.folder / "outputs" / name


class Project:
    """A repo with models."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "datasets").mkdir(parents=True, exist_ok=True)

    def model(self, name: str, files: dict[str, str]) -> Path:
        """Write a model folder; the file names are relative to it."""
        for file, text in files.items():
            path = self.root / "models" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        return self.root / "models" / name

    def runs(self) -> list[Path]:
        """All run folders, oldest first."""
        return sorted(path.parent for path in self.root.glob(".runs/*/2*/run.json"))

    def environment(self, **more: str) -> dict[str, str]:
        """The tests' environment variables, with mlroad on the path and without CI."""
        plain = {
            name: value for name, value in os.environ.items() if name not in ("CI", "MLFLOW_TRACKING_URI")
        }
        return {**plain, "PYTHONPATH": str(_TOOL), **more}

    def log_of(self, step: str) -> str:
        """The log of a step in the newest run so far."""
        logs = sorted(self.root.glob(f".runs/*/2*/logs/{step}.txt"))
        return logs[-1].read_text(encoding="utf-8") if logs else ""

    def processes(self) -> dict[int, str]:
        """The processes on Linux whose working folder is in this repo, except zombies: id to command line.

        These are the runner, its watchdog and the steps, and no processes of other tests.
        """
        return {pid: line for pid, (line, cwd) in _processes().items() if cwd.is_relative_to(self.root)}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a mlroad command without waiting for it."""
        return subprocess.Popen(
            [*MLROAD, *arguments],
            cwd=self.root,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run `mlroad run …` and wait for its end."""
        before = set(self.runs())
        process = self.start("run", *arguments, **variables)
        out, err = process.communicate(timeout=300)
        made = [folder for folder in self.runs() if folder not in before]
        return Result(process.returncode, out, err, made[-1] if made else None)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until ``condition`` holds. The timeout allows for a machine that is many times slower."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def wait_for_the_end_of(processes: Callable[[], dict[int, str]], seconds: float = 60) -> None:
    """Wait until all of them have ended. A failure shows the command lines of those that still run."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not processes(), seconds)
    assert processes() == {}


def held_by(file: Path) -> str:
    """Bash code that waits until ``file`` exists, so that the test decides how long a step runs."""
    return f"until test -e '{file}'; do sleep 0.05; done"


def alive(mark: str) -> dict[int, str]:
    """The processes on Linux whose command line contains ``mark``, except zombies: id to command line.

    The whole machine is searched, so each test needs its own mark.
    """
    return {pid: line for pid, (line, _) in _processes().items() if mark in line}


def new_mark() -> str:
    """A unique number for the command line of a process; it also works as the argument of `sleep`."""
    return str(uuid.uuid4().int % 10**12 + 10**12)


def _processes() -> dict[int, tuple[str, Path]]:
    """Process id to command line and working folder."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found[int(folder.name)] = line, (folder / "cwd").readlink()
    return found
