"""`mlroad dataset lineage`: the origin of a version, and the versions and runs that used it.

The version files name the parents of each version; the run.json of each run below .runs/ names the versions
that it used, with their digests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Problem
from mlroad.core.run_folders import RUNS, read_record
from mlroad.core.text import count
from mlroad.data.store import all_version_files, find, local_path, verify_version
from mlroad.data.verify import edited_rows, wrong_parents
from mlroad.data.version import DatasetVersion, load_version

_SHOWN_RUNS = 5
_DEEPEST = 20
"""Generations in the trees. Mermaid and JSON show all."""


@dataclass(frozen=True, slots=True)
class UsingRun:
    """A pipeline run that read a version."""

    pipeline: str
    id: str
    state: str
    started: str
    commit: str
    mlflow: str
    digest: str

    def text(self, version: DatasetVersion) -> str:
        """One line of text."""
        other = ", with different data under this name" if self.digest not in ("", version.digest) else ""
        tracked = f", MLflow run {self.mlflow[:8]}" if self.mlflow else ""
        return f"run {self.pipeline} {self.id}: {self.state}{tracked}{other}"


class DatasetLineage:
    """The graph around a version: its ancestors, its descendants, and their runs."""

    def __init__(self, root: Path, reference: str) -> None:
        """Raises UserError if the version does not exist or a version file cannot be read."""
        self.root = root
        self.version = find(root, reference)
        self._versions = {version.id: version for version in map(load_version, all_version_files(root))}
        self._children: dict[str, list[str]] = {}
        for version in self._versions.values():
            for parent in version.parents:
                self._children.setdefault(_plain(parent), []).append(version.id)
        self._runs = _runs(root)
        ancestors = list(_reach(self.version.id, self._parents))
        descendants = list(_reach(self.version.id, lambda name: self._children.get(name, [])))
        self._shown = [self.version.id, *ancestors, *descendants]
        self.problems: list[Problem] = []
        names = [self.version.id, *ancestors]
        self._states = dict(self._verified(names))
        self._states |= dict.fromkeys(self._replaced(names), "CHANGED")

    def text(self) -> str:
        """Two trees: what the version was made from, and what used it."""
        lines = [self._title(self.version.id)]
        lines += ["├── made from", *_indented("│   ", self._past(self.version.id, set()))]
        lines += ["└── used by", *_indented("    ", self._future(self.version.id, set()))]
        return "\n".join(lines)

    def mermaid(self) -> str:
        """A Mermaid flow chart, which GitHub renders."""
        names = {name: f"v{number}" for number, name in enumerate(self._shown)}
        lines = ["flowchart LR"]
        lines += [f"    {names[name]}[({_quoted(self._label(name))})]" for name in self._shown]
        for name in self._shown:
            for parent in self._parents(name):
                if parent in names:
                    lines.append(f"    {names[parent]} -->|{_quoted(self._how(name))}| {names[name]}")
            for number, run in enumerate(self._runs.get(name, [])[-_SHOWN_RUNS:]):
                node = f"{names[name]}r{number}"
                lines.append(f"    {names[name]} --> {node}[{_quoted(f'{run.pipeline} {run.id}')}]")
        lines.append(f"    style {names[self.version.id]} stroke-width:3px")
        return "\n".join(lines)

    def json(self) -> str:
        """The whole graph as JSON."""
        versions = {
            name: {
                "digest": version.digest,
                "stage": version.stage,
                "parents": [_plain(parent) for parent in version.parents],
                "derivation": dict(version.derivation) if version.derivation is not None else None,
                "state": self._states.get(name),
                "runs": [
                    {"pipeline": run.pipeline, "id": run.id, "state": run.state, "started": run.started}
                    | {"commit": run.commit or None, "mlflow_run_id": run.mlflow or None}
                    | {"digest": run.digest or None}
                    for run in self._runs.get(name, [])
                ],
            }
            for name in self._shown
            if (version := self._versions.get(name))
        }
        return json.dumps({"version": self.version.id, "versions": versions}, indent=2, ensure_ascii=False)

    def _verified(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        with HashCache(self.root) as cache:
            for name in names:
                version = self._versions.get(name)
                if version is None:
                    yield name, "missing"
                elif version.digest and not local_path(self.root, version).exists():
                    yield name, "not here"
                else:
                    problems, _ = verify_version(self.root, version, cache)
                    if not problems:
                        problems += edited_rows(version, local_path(self.root, version))
                    self.problems += problems
                    yield name, "CHANGED" if problems else "verified"

    def _replaced(self, names: Sequence[str]) -> Iterator[str]:
        """Ancestors that are not what their children were made from, or whose children say so."""
        for name in names:
            version = self._versions.get(name)
            for problem in wrong_parents(self.root, version) if version else ():
                if problem not in self.problems:
                    self.problems.append(problem)
                yield from (other.id for other in self._versions.values() if other.file == problem.at.file)

    def _parents(self, name: str) -> list[str]:
        version = self._versions.get(name)
        return [_plain(parent) for parent in version.parents] if version else []

    def _label(self, name: str) -> str:
        version = self._versions.get(name)
        if version is None:
            return f"{name}, not in this repo"
        rows = f", {count(version.rows, 'row')}" if version.rows is not None else ""
        return f"{name} ({version.stage}{rows})"

    def _title(self, name: str) -> str:
        version = self._versions.get(name)
        digest = f" {(version.digest or '')[:19]}" if version else ""
        state = f" {self._states[name]}" if name in self._states else ""
        return f"{self._label(name)}{digest}{state}"

    def _how(self, name: str) -> str:
        """How a version was created, in one line."""
        version = self._versions[name]
        made = version.derivation or {}
        if "step" in made:
            values = "".join(f" {key}={value}" for key, value in made.get("parameters", {}).items())
            commit = f" at {made['commit'][:7]}" if made.get("commit") else ""
            return f"{made['step']}{commit}{'+changes' if made.get('dirty') else ''}{values}"
        if "split" in made:
            return f"split: {made['split'].get('side')}"
        return "added"

    def _past(self, name: str, shown: set[str], depth: int = 0) -> list[str]:
        """``shown`` are the versions whose origin is in the tree already: two may share an ancestor."""
        parents = self._parents(name)
        if not parents:
            return ["└── nothing: it was added from files"]
        if (note := _cut(name, shown, depth)) is not None:
            return note
        lines = [f"by {self._how(name)}"]
        for parent, mark, space in _branches(parents):
            lines.append(mark + self._title(parent))
            lines += _indented(space, self._past(parent, shown, depth + 1)) if self._parents(parent) else []
        return lines

    def _future(self, name: str, shown: set[str], depth: int = 0) -> list[str]:
        if (note := _cut(name, shown, depth)) is not None:
            return note
        version = self._versions[name]
        runs = self._runs.get(name, [])
        items: list[tuple[str, list[str]]] = [(run.text(version), []) for run in runs[-_SHOWN_RUNS:]]
        if len(runs) > _SHOWN_RUNS:
            items.append((f"and {count(len(runs) - _SHOWN_RUNS, 'earlier run')}", []))
        for child in self._children.get(name, []):
            goes_on = child in self._children or child in self._runs
            below = self._future(child, shown, depth + 1) if goes_on else []
            items.append((f"{self._label(child)} by {self._how(child)}", below))
        lines: list[str] = []
        for (title, below), mark, space in _branches(items):
            lines += [mark + title, *_indented(space, below)]
        return lines or ["└── nothing yet"]


def _cut(name: str, shown: set[str], depth: int) -> list[str] | None:
    """What replaces a part of a tree that is elsewhere in it, or too deep; None if it is to be shown."""
    if name in shown:
        return ["└── … as above"]
    if depth >= _DEEPEST:
        return [f"└── … and more: `mlroad dataset lineage {name}`"]
    shown.add(name)
    return None


def _plain(reference: str) -> str:
    return reference.removeprefix("azureml:")


def _reach(start: str, neighbours: Any) -> Iterator[str]:
    """Everything reachable from ``start``, once each, nearest first."""
    seen, waiting = {start}, [start]
    for name in waiting:
        for other in neighbours(name):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
                yield other


def _branches(items: Sequence[Any]) -> Iterator[tuple[Any, str, str]]:
    for number, item in enumerate(items, start=1):
        yield (item, "└── ", "    ") if number == len(items) else (item, "├── ", "│   ")


def _indented(space: str, lines: Sequence[str]) -> list[str]:
    return [space + line for line in lines]


def _quoted(text: str) -> str:
    return '"' + text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") + '"'


def _runs(root: Path) -> dict[str, list[UsingRun]]:
    """The runs that used each version, oldest first."""
    found: dict[str, list[UsingRun]] = {}
    for file in sorted((root / RUNS).glob("*/*/run.json"), key=lambda file: file.parent.name):
        record = read_record(file.parent)
        if record is None:
            continue
        for name, digest in _datasets_of(record).items():
            found.setdefault(name, []).append(
                UsingRun(
                    pipeline=str(record.get("pipeline", "")),
                    id=str(record.get("id", file.parent.name)),
                    state=str(record.get("state", "")),
                    started=str(record.get("started", "")),
                    commit=str((record.get("git") or {}).get("commit") or ""),
                    mlflow=str((record.get("mlflow") or {}).get("run_id") or ""),
                    digest=digest,
                )
            )
    return found


def _datasets_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The dataset versions that a run used, with their digests."""
    given = [*(record.get("inputs") or {}).values()]
    for step in (record.get("steps") or {}).values():
        given += (step.get("inputs") or {}).values()
    return {
        _plain(str(item["dataset"])): str(item.get("dataset_digest") or "")
        for item in given
        if isinstance(item, dict) and item.get("dataset")
    }
