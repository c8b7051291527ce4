"""A repo with pipelines to run by the command line, for the tests of the runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELKIT = [sys.executable, "-c", "from modelkit.cli import main; main()"]
_TOOL = Path(__file__).parents[2] / "prototype_template"


@dataclass(frozen=True)
class Result:
    """What a command said, and the record of the run that it made."""

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
    """A folder that is a repo, with models in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "datasets").mkdir(parents=True, exist_ok=True)

    def model(self, name: str, files: dict[str, str]) -> Path:
        """Write a model folder; the names are relative to it."""
        for file, text in files.items():
            path = self.root / "models" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        return self.root / "models" / name

    def runs(self) -> list[Path]:
        """All run folders, oldest first."""
        return sorted(path.parent for path in self.root.glob(".runs/*/2*/run.json"))

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a command: those of the tests, with modelkit on the path and no CI."""
        plain = {
            name: value for name, value in os.environ.items() if name not in ("CI", "MLFLOW_TRACKING_URI")
        }
        return {**plain, "PYTHONPATH": str(_TOOL), **more}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a modelkit command, and do not wait for it."""
        return subprocess.Popen(
            [*MODELKIT, *arguments],
            cwd=self.root,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **variables: str) -> Result:
        """`modelkit run …` to its end."""
        before = set(self.runs())
        process = self.start("run", *arguments, **variables)
        out, err = process.communicate(timeout=300)
        made = [folder for folder in self.runs() if folder not in before]
        return Result(process.returncode, out, err, made[-1] if made else None)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(word: str) -> list[int]:
    """The processes on Linux whose command line holds ``word``, but for zombies."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if word.encode() in line and state != "Z" and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found
