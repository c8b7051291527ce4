"""The folder of a run below .runs/, its run.json, and which runs are kept.

.runs/<pipeline>/<date>-<time>-<4 hex digits>/
    run.json                what ran, from what, with which result
    logs/<step>.txt         both outputs of each step
    outputs/<name>          the outputs of the pipeline
    steps/<step>/outputs/   the outputs of a step that are not outputs of the pipeline
    steps/<step>/work/      the working folder, kept when the step failed
    code/                   the code as it was frozen when the run started
"""

import contextlib
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json, remove, write_json
from mlroad.core.locks import try_lock
from mlroad.core.problems import UserError
from mlroad.core.repo import find_root

RUNS = ".runs"
RECORD = "run.json"
_LOCK = ".lock"


def pipeline_name(file: Path) -> str:
    """The name of a pipeline in .runs: ``iris`` for ``models/iris/pipeline.yml``, otherwise its path."""
    root = root_of(file)
    try:
        parts = list(file.resolve().relative_to(root).with_suffix("").parts)
    except ValueError:
        parts = [file.stem]
    if len(parts) == 3 and parts[0] == "models" and parts[2] == "pipeline":
        return parts[1]
    return ".".join(parts)


def root_of(file: Path) -> Path:
    """The repo of a pipeline file, or the file's own folder outside a repo."""
    folder = file.resolve().parent
    return find_root(folder) or folder


def shown_root(folder: Path) -> Path:
    """The repo of a model folder, as messages name its files: relative if it is the current one."""
    root = root_of(folder / "pipeline.yml")
    return Path() if root == Path.cwd() else root


def runs_of(file: Path) -> Path:
    """The folder with all runs of a pipeline."""
    return root_of(file) / RUNS / pipeline_name(file)


def all_runs(runs: Path) -> list[Path]:
    """The folders of the runs of one pipeline, oldest first."""
    if not runs.is_dir():
        return []
    return sorted(folder for folder in runs.iterdir() if not folder.name.startswith("."))


def last_run(file: Path) -> dict[str, Any] | None:
    """The record of the newest run of a pipeline, or None."""
    for folder in reversed(all_runs(runs_of(file))):
        if record := read_record(folder):
            return record
    return None


def read_record(folder: Path) -> dict[str, Any] | None:
    """The run.json of a run. A run whose process died is ``interrupted``."""
    record = read_json(folder / RECORD)
    if record.get("state") == "running":
        lock = try_lock(folder / _LOCK)
        if lock is not None:
            os.close(lock)
            record["state"] = "interrupted"
            for step in record.get("steps", {}).values():
                if step.get("state") == "running":
                    step["state"] = "interrupted"
    return record or None


class RunFolder:
    """The folder of a current run. Its lock shows others that the process is alive."""

    def __init__(self, runs: Path) -> None:
        """Create the folder. Raises UserError if that is not possible."""
        try:
            while True:
                # To the microsecond, so that the order of names is the order of runs (retention, "last run").
                self.id = f"{datetime.now():%Y%m%d-%H%M%S-%f}"
                self.path = runs / self.id
                try:
                    self.path.mkdir(parents=True)
                    break
                except FileExistsError:
                    continue
            for name in ("logs", "steps", "outputs", "code"):
                (self.path / name).mkdir()
            self._lock = try_lock(self.path / _LOCK)
        except OSError as error:
            what = f"The folder of the run cannot be created: {error.filename}: {error.strerror}."
            raise UserError(what, "Free some space, or check the permissions of .runs.") from None
        self._written = 0.0
        self._cost = 0.0
        self._asked = time.monotonic()

    def is_due(self) -> bool:
        """Whether to write run.json again: writing takes at most 5 % of the time."""
        started = time.monotonic()
        due = started - self._written > max(0.5, 20 * self._cost)
        if due:
            self._asked = started
        return due

    def write(self, record: Mapping[str, Any]) -> None:
        """Replace run.json. Raises OSError, mostly when the disk is full; the old file then stays."""
        write_json(self.path / RECORD, record)
        self._written = time.monotonic()
        self._cost = self._written - self._asked

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def prune(runs: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` runs, except current ones. Returns the names of the deleted runs."""
    deleted: list[str] = []
    for folder in all_runs(runs)[: -keep or None]:
        lock = try_lock(folder / _LOCK)
        if lock is None:
            continue
        os.close(lock)
        doomed = folder.with_name(f".deleted-{folder.name}")
        with contextlib.suppress(OSError):
            folder.rename(doomed)
            deleted.append(folder.name)
    if runs.is_dir():
        for folder in runs.glob(".deleted-*"):
            remove(folder)
    return deleted
