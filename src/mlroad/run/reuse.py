"""Reuse of the outputs of a deterministic step if nothing that it depends on has changed.

The fingerprint of a step contains everything that it depends on; the digest of the fingerprint is the key.
The entry of a key names the newest run that has the outputs, with the size and modification time of every
file, so a file that was changed or deleted is noticed. Reused outputs are hard links in the new run's folder
(copies, if the file system has no links), so any run folder can be deleted. Entries are written last and
replaced atomically, so neither a crash nor a second run at the same time can leave a wrong one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mlroad.core.digests import files_below
from mlroad.core.files import read_json, write_json
from mlroad.core.locks import locked
from mlroad.core.text import some

_VERSION = 2
States = dict[str, list[int]]
"""Relative name (empty for a file itself) to size in bytes and modification time in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that decides the result of a step, in plain JSON."""

    step: str
    """Steps that do the same have separate results, so that reuse does not depend on which ran first."""
    command: str
    """With literal values filled in, and names in place of paths."""
    code: Mapping[str, str]
    """File to digest."""
    values: Mapping[str, str]
    """Literal input to text."""
    inputs: Mapping[str, str]
    """Data input to the name of its file or folder and the digest of its content."""
    environment: str
    """Digest of the installed distributions."""
    variables: Mapping[str, str]
    outputs: Mapping[str, str]
    """Output to type."""

    @property
    def key(self) -> str:
        """The digest of all of it."""
        text = json.dumps([_VERSION, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class KeptOutput:
    """One output of an earlier run: its place in the run's folder, its digest and the state of its files."""

    place: str
    digest: str
    files: States


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a key. ``outputs``: the outputs that the step wrote; ``tracked``: its MLflow run."""

    run: str
    seconds: float
    outputs: Mapping[str, KeptOutput]
    tracked: str | None


class ReuseStore:
    """The entries of one pipeline, in the folder .reuse beside its runs."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._folder = runs / ".reuse"
        for name in ("entries", "last", "environments"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)

    def find(self, fingerprint: Fingerprint) -> Entry | None:
        """The entry of a fingerprint; None if there is none, or it cannot be read."""
        loaded = read_json(self._folder / "entries" / f"{fingerprint.key}.json")
        try:
            outputs = {name: KeptOutput(**kept) for name, kept in loaded["outputs"].items()}
            return Entry(loaded["run"], loaded["seconds"], outputs, loaded["tracked"])
        except (KeyError, TypeError, AttributeError):
            return None

    def problem(self, entry: Entry) -> str | None:
        """Why the outputs of an entry cannot be reused; None if they can."""
        for name, kept in entry.outputs.items():
            try:
                now = states(self._runs / entry.run / kept.place)
            except OSError:
                return f"its earlier output {name} is gone"
            if now != kept.files:
                changed = sorted(
                    file for file in now.keys() | kept.files if now.get(file) != kept.files.get(file)
                )
                return f"its earlier output {name} was changed since{_listed(changed)}"
        return None

    def link(self, entry: Entry, places: Mapping[str, Path]) -> None:
        """Link the outputs of an entry to ``places``, which must not exist yet. Raises OSError."""
        for name, kept in entry.outputs.items():
            _link(self._runs / entry.run / kept.place, places[name])

    def keep(self, step: str, fingerprint: Fingerprint, entry: Entry) -> None:
        """Keep the outputs of a step that has just completed or been reused. Raises OSError.

        Of two runs at the same time the newer one is kept, whichever ends first: retention deletes the older
        one first, and its entries with it.
        """
        file = self._folder / "entries" / f"{fingerprint.key}.json"
        with locked(self._folder / ".lock"):
            known = self.find(fingerprint)
            if known is None or known.run <= entry.run or self.problem(known):
                write_json(file, asdict(entry))
        write_json(self._folder / "last" / f"{step}.json", asdict(fingerprint))

    def keep_environment(self, digest: str, contents: Mapping[str, str]) -> None:
        """Keep the contents of an environment, to explain a later change. Raises OSError."""
        file = self._folder / "environments" / f"{digest}.json"
        if not file.exists():
            write_json(file, contents)

    def why_not(self, step: str, now: Fingerprint) -> str:
        """Why a fingerprint has no entry: what has changed since the step last completed."""
        try:
            before = Fingerprint(**read_json(self._folder / "last" / f"{step}.json"))
        except TypeError:
            return "it has not succeeded before"
        return "; ".join(self._differences(before, now)) or "its entry is gone"

    def _differences(self, before: Fingerprint, now: Fingerprint) -> Iterator[str]:
        if before.code != now.code:
            yield f"code changed{_listed(_changed(before.code, now.code))}"
        for name in _changed(before.values, now.values):
            yield f"{name} {before.values.get(name, 'unset')} → {now.values.get(name, 'unset')}"
        for name in _changed(before.inputs, now.inputs):
            yield f"input {name} changed"
        if before.environment != now.environment:
            old = read_json(self._folder / "environments" / f"{before.environment}.json")
            new = read_json(self._folder / "environments" / f"{now.environment}.json")
            moves = [
                f"{name} {old.get(name, 'absent')} → {new.get(name, 'absent')}" for name in _changed(old, new)
            ]
            yield f"environment changed{_listed(moves)}"
        for name in _changed(before.variables, now.variables):
            yield f"environment variable {name} changed"
        if before.outputs != now.outputs:
            yield f"outputs changed{_listed(_changed(before.outputs, now.outputs))}"
        if before.command != now.command and before.values == now.values:
            yield "command changed"


def names_a_change(reason: str) -> bool:
    """Whether a reason of `ReuseStore.why_not` says what the user changed."""
    return not reason.startswith("its ") and (" changed" in reason or " → " in reason)


def states(path: Path) -> States:
    """Size and modification time of a file, or of every file in a folder. Raises OSError."""
    if not path.is_dir():
        return {"": _state(path.stat())}
    return {name: _state(entry.stat()) for name, entry in files_below(path)}


def _state(found: os.stat_result) -> list[int]:
    return [found.st_size, found.st_mtime_ns]


def _link(source: Path, target: Path) -> None:
    """Link a file, or all files of a folder; empty folders are kept."""
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


def _listed(names: list[str]) -> str:
    named = [name for name in names if name]
    return f": {some(named)}" if named else ""
