"""Reuse of a deterministic step's outputs when nothing that it depends on has changed.

A step's fingerprint holds all of that; its digest is the key. The key's entry names the newest run that has
the outputs, with size and time of change of every file, so that a file changed or deleted since is noticed.
Reused outputs are hard links into the new run's folder (copies, where links are impossible): every run folder
stands alone, and any of them may be deleted. Entries are replaced as a whole and written last, so neither a
crash nor a second run at the same time can leave a wrong one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlroad.core.digests import files_below
from mlroad.core.files import write_json
from mlroad.core.locks import locked

_VERSION = 2
States = dict[str, list[int]]
"""Relative name (empty for a file itself) to size in bytes and time of change in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that decides a step's result, in plain JSON."""

    step: str
    """Steps that do the same keep their own results: what is reused must not depend on who is first."""
    command: str
    """With literal values filled in, and paths left as names."""
    code: Mapping[str, str]
    """File to digest."""
    values: Mapping[str, str]
    """Literal input to text."""
    inputs: Mapping[str, str]
    """Data input to the name of its file or folder and the digest of its content."""
    environment: str
    """Digest of what is installed."""
    variables: Mapping[str, str]
    outputs: Mapping[str, str]
    """Output to type."""

    @property
    def key(self) -> str:
        """The digest of all of it."""
        text = json.dumps([_VERSION, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """One output of an earlier run: its place in that run's folder, its digest and the state of its files."""

    place: str
    digest: str
    files: States


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key leads to. ``outputs`` holds those that the step really wrote, ``tracked`` its MLflow run."""

    run: str
    seconds: float
    outputs: Mapping[str, Kept]
    tracked: str | None


class ReuseStore:
    """The entries of one pipeline, in the folder .reuse beside its runs."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._folder = runs / ".reuse"
        for name in ("entries", "last", "environments"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)

    def find(self, fingerprint: Fingerprint) -> Entry | None:
        """The entry of a fingerprint, if there is one that can be read."""
        loaded = _read(self._folder / "entries" / f"{fingerprint.key}.json")
        try:
            outputs = {name: Kept(**kept) for name, kept in loaded["outputs"].items()}
            return Entry(loaded["run"], loaded["seconds"], outputs, loaded["tracked"])
        except (KeyError, TypeError, AttributeError):
            return None

    def trouble(self, entry: Entry) -> str | None:
        """Why the outputs of an entry cannot be used any more, or None."""
        for name, kept in entry.outputs.items():
            try:
                now = states(self._runs / entry.run / kept.place)
            except OSError:
                return f"its earlier output {name} is gone"
            if now != kept.files:
                changed = sorted(
                    file for file in now.keys() | kept.files if now.get(file) != kept.files.get(file)
                )
                return f"its earlier output {name} was changed since{_some(changed)}"
        return None

    def give(self, entry: Entry, places: Mapping[str, Path]) -> None:
        """Put the outputs of an entry at ``places``, which must not exist yet. Raises OSError."""
        for name, kept in entry.outputs.items():
            _link(self._runs / entry.run / kept.place, places[name])

    def keep(self, step: str, fingerprint: Fingerprint, entry: Entry) -> None:
        """Enter the outputs of a step that has just succeeded or been reused. Raises OSError.

        Of two runs at the same time the newer one stays entered, whichever is done first: retention deletes
        the older one, and what it leaves would be forgotten with it.
        """
        file = self._folder / "entries" / f"{fingerprint.key}.json"
        with locked(self._folder / ".lock"):
            known = self.find(fingerprint)
            if known is None or known.run <= entry.run or self.trouble(known):
                write_json(file, asdict(entry))
        write_json(self._folder / "last" / f"{step}.json", asdict(fingerprint))

    def keep_environment(self, digest: str, contents: Mapping[str, str]) -> None:
        """Remember what an environment's digest stands for, to explain a later change. Raises OSError."""
        file = self._folder / "environments" / f"{digest}.json"
        if not file.exists():
            write_json(file, contents)

    def why_not(self, step: str, now: Fingerprint) -> str:
        """Why there is no entry for a fingerprint: what has changed since the step last succeeded."""
        try:
            before = Fingerprint(**_read(self._folder / "last" / f"{step}.json"))
        except TypeError:
            return "it has not succeeded before"
        return "; ".join(self._differences(before, now)) or "its entry is gone"

    def forget(self) -> None:
        """Drop the entries whose run has been deleted."""
        for file in (self._folder / "entries").glob("*.json"):
            if not (self._runs / str(_read(file).get("run"))).is_dir():
                file.unlink(missing_ok=True)

    def _differences(self, before: Fingerprint, now: Fingerprint) -> Iterator[str]:
        if before.code != now.code:
            yield f"code changed{_some(_changed(before.code, now.code))}"
        for name in _changed(before.values, now.values):
            yield f"{name} {before.values.get(name, 'unset')} → {now.values.get(name, 'unset')}"
        for name in _changed(before.inputs, now.inputs):
            yield f"input {name} changed"
        if before.environment != now.environment:
            old = _read(self._folder / "environments" / f"{before.environment}.json")
            new = _read(self._folder / "environments" / f"{now.environment}.json")
            moves = [
                f"{name} {old.get(name, 'absent')} → {new.get(name, 'absent')}" for name in _changed(old, new)
            ]
            yield f"environment changed{_some(moves)}"
        for name in _changed(before.variables, now.variables):
            yield f"environment variable {name} changed"
        if before.outputs != now.outputs:
            yield f"outputs changed{_some(_changed(before.outputs, now.outputs))}"
        if before.command != now.command and before.values == now.values:
            yield "command changed"


def states(path: Path) -> States:
    """Size and time of change of a file, or of every file of a folder. Raises OSError."""
    if not path.is_dir():
        return {"": _state(path.stat())}
    return {name: _state(entry.stat()) for name, entry in files_below(path)}


def _state(found: os.stat_result) -> list[int]:
    return [found.st_size, found.st_mtime_ns]


def _link(source: Path, target: Path) -> None:
    """Link a file or all files of a folder, empty folders included."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        _link_file(source, target)
        return
    for folder, _, names in os.walk(source):
        place = target / os.path.relpath(folder, source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            _link_file(Path(folder, name), place / name)


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _some(names: list[str]) -> str:
    names = [name for name in names if name]
    if not names:
        return ""
    return ": " + ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read(file: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
