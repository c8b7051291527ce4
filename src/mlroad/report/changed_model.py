"""What changed in the model since the champion: parameters of steps, data versions, dependencies, code."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.git import GitError, file_at, has_commit, run_git
from mlroad.gate.settings import flat
from mlroad.report.report_data import ReportData, fields

_SETTINGS = ("pipeline.yml", "data.yml")
_MOST = 40
"""Lines of each kind."""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One difference between the champion's commit and the candidate's."""

    kind: str
    """settings, dependencies or code."""
    what: str


def changed_model(data: ReportData) -> list[ModelChange]:
    """The changes between the two commits; none without a champion, or if git does not have a commit."""
    old = data.champion["commit"]
    new = fields(data.verdict["candidate"])["commit"]
    model = data.candidate.model
    with suppress(GitError):
        if old and new and old != new and all(has_commit(model.root, str(its)) for its in (old, new)):
            return list(_changes(model.root, f"models/{model.name}", str(old), str(new)))
    return []


def _changes(root: Path, folder: str, old: str, new: str) -> Iterator[ModelChange]:
    for name in _SETTINGS:
        before, now = (_settings(file_at(root, commit, f"{folder}/{name}")) for commit in (old, new))
        keys = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
        for key in keys[:_MOST]:
            values = " → ".join(_shown(side, key) for side in (before, now))
            yield ModelChange("settings", f"{name}: {key}: {values}")
    yield from _dependencies(root, folder, old, new)
    stat = run_git(root, "diff", "--stat=100", "--no-color", old, new, "--", folder)
    for line in stat.text.splitlines()[-_MOST:] if stat.ok else ():
        yield ModelChange("code", line.strip())


def _dependencies(root: Path, folder: str, old: str, new: str) -> Iterator[ModelChange]:
    """Lines that were added to or removed from the files of the environment."""
    diff = run_git(root, "diff", "--unified=0", "--no-color", old, new, "--", f"{folder}/environment")
    lines = [line for line in diff.text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    for line in lines[:_MOST] if diff.ok else ():
        if text := line[1:].strip():
            yield ModelChange("dependencies", f"{'added' if line[0] == '+' else 'removed'}: {text}")


def _settings(content: bytes | None) -> dict[str, Any]:
    return {
        key: value for key, value in flat((content or b"").decode("utf-8", "replace")) if value is not None
    }


def _shown(side: Mapping[str, Any], key: str) -> str:
    return str(side[key])[:80] if key in side else "(none)"
