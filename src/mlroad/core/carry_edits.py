"""Keep a team's edits of files that a new version of the template moved or removed.

Copier compares files by their names. When the template moves or removes a file, Copier deletes the old one
and the team's edits with it. This runs after Copier and compares the two versions, rendered again.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlroad.core.files import write_bytes
from mlroad.core.git import file_at, run_git
from mlroad.core.standards import Difference, Standards, delivered
from mlroad.core.template import ANSWERS, entries, recorded_at
from mlroad.core.text import quoted

_NO_TEXT = 128
"""From this exit code on, `git merge-file` has failed. Lower ones count the conflicts."""
_LABELS = ("before updating", "last update", "after updating")
"""As in Copier's own conflicts."""


@dataclass(slots=True)
class Carried:
    """What was done beyond Copier's own work."""

    told: list[str] = field(default_factory=list)
    """A message for each file."""
    conflicts: list[str] = field(default_factory=list)
    """The moved files that have conflict markers."""


def carry_edits(repo: Path, after: Standards) -> Carried:
    """Carry edits to moved files, and restore edited files that the template removed.

    HEAD is the repo before the update, and ``after`` the new version.
    """
    carried = Carried()
    answers = recorded_at(repo, "HEAD")
    if not answers or not _may_be_needed(repo, after):
        return carried
    with delivered(repo, answers) as before:
        carrier = _Carrier(repo, answers, before, after, carried)
        for edit in before.differences("HEAD"):
            carrier.carry(edit)
    return carried


def _may_be_needed(repo: Path, after: Standards) -> bool:
    """Whether the update deleted a file, has conflicts, changed a binary one, or has a file that HEAD lacks.

    Otherwise everything was merged line by line, and the version before need not be rendered.
    """
    for asked in (
        ("diff", "--name-only", "--relative", "--diff-filter=D", "HEAD"),
        ("ls-files", "--unmerged"),
    ):
        if run_git(repo, *asked, check=True).data:
            return True
    changed = run_git(repo, "diff", "--numstat", "HEAD", check=True).text
    if re.search(r"^-\t-\t", changed, re.MULTILINE):
        return True
    here = set(run_git(repo, "ls-tree", "-r", "-z", "--name-only", "HEAD", check=True).names)
    return not here.issuperset(after.files)


def _moved(before: Standards, after: Standards) -> Iterator[tuple[str, str]]:
    """The files that the template moved: old name and new name."""
    folders = (before.folder.as_posix(), after.folder.as_posix())
    listed = run_git(
        before.folder, "diff", "--no-index", "--find-renames", "--name-status", "-z", "--", *folders
    )
    fields = iter(listed.names)
    for state in fields:
        name = next(fields)
        if state.startswith("R"):
            old, new = (
                Path(it).relative_to(folder).as_posix()
                for it, folder in zip((name, next(fields)), folders, strict=True)
            )
            if old in before.files and new in after.files:
                yield old, new


class _Carrier:
    """Finishes what Copier left undone, one file at a time."""

    def __init__(
        self, repo: Path, answers: str, before: Standards, after: Standards, carried: Carried
    ) -> None:
        self._repo = repo
        self._answers = answers
        self._before = before
        self._after = after
        self._moved = dict(_moved(before, after))
        self._carried = carried

    def carry(self, edit: Difference) -> None:
        """Do what is needed for this edit of the team."""
        file = edit.file
        to = self._moved.get(file, "")
        stays = file in self._after.files
        if not stays and file in self._with_old_answers:
            return  # other answers removed it: `mlroad update` has said so before
        taken = bool(to) and file_at(self._repo, "HEAD", to) is not None
        if edit.state == "renamed":
            self._renamed(edit, to, stays)
        elif edit.state == "deleted" and to and not taken:
            (self._repo / to).unlink(missing_ok=True)
            self._tell(
                f"{to}: The template moved {file} here. You deleted that file, so this one is not added."
            )
        elif edit.state == "changed" and stays and edit.has_no_lines:
            self._keep_binary(file)
        elif edit.state == "changed" and to and not taken:
            self._merge(file, file, to)
        elif edit.state == "changed" and not stays:
            self._restore(file)
            other = f" and moved it to {to}, where you have a file of your own" if to else ""
            self._tell(
                f"{file}: The template removed this file{other}. You have edited it, so it is kept. "
                "Delete it if you do not need it."
            )

    @cached_property
    def _with_old_answers(self) -> list[str]:
        """The standard files of the new version with the answers before."""
        now = (self._repo / ANSWERS).read_text(encoding="utf-8")
        recorded = [entry for entry in entries(now) if entry.startswith("_")]
        answers = [entry for entry in entries(self._answers) if not entry.startswith("_")]
        with delivered(self._repo, "\n".join([*recorded, *answers])) as standards:
            return standards.files

    def _keep_binary(self, file: str) -> None:
        """Copier writes the template's version over a file that git cannot merge."""
        versions = [folder / file for folder in (self._before.folder, self._after.folder)]
        if _differ(*versions) and file_at(self._repo, "HEAD", file) not in {
            it.read_bytes() for it in versions
        }:
            self._restore(file)
            self._tell(
                f"{file}: You and the template changed this file, and git cannot merge it, so yours is kept. "
                f"The template's: `mlroad doctor --restore {quoted(file)}`."
            )

    def _renamed(self, edit: Difference, to: str, stays: bool) -> None:
        file, now = edit.file, edit.now
        if to == now:
            self._restore(now)  # Copier merged it without knowing what both come from
            self._merge(file, now, to)
        elif to:
            self._tell(f"{now}: You renamed {file}, and the template moved it to {to}. Keep one of them.")
        elif stays and _differ(self._before.folder / file, self._after.folder / file):
            self._tell(
                f"{now}: You renamed {file}, and the template changed it. Take over what you need: "
                f"`mlroad doctor --diff {quoted(file)}` shows how yours differs."
            )

    def _merge(self, old: str, own: str, to: str) -> None:
        """Merge the edits of ``own``, which was ``old`` in the template, into the file that it moved to."""
        with tempfile.TemporaryDirectory(prefix="mlroad-merge-") as temporary:
            mine = Path(temporary) / "mine"
            mine.write_bytes(file_at(self._repo, "HEAD", own) or b"")
            versions = (mine, self._before.folder / old, self._after.folder / to)
            labels = [part for label in _LABELS for part in ("-L", label)]
            merged = run_git(self._repo, "merge-file", "-p", *labels, *map(str, versions))
        if merged.code >= _NO_TEXT:
            self._restore(own)
            self._tell(
                f"{to}: The template moved {old} here. git cannot merge it, so yours is kept as {own}."
            )
            return
        write_bytes(self._repo / to, merged.data)
        if run_git(self._repo, "ls-tree", "HEAD", "--", own, check=True).text.startswith("100755"):
            (self._repo / to).chmod(0o755)
        if merged.code:
            self._carried.conflicts.append(to)
        self._tell(f"{to}: The template moved {old} here. Your edits were merged into it.")

    def _restore(self, name: str) -> None:
        run_git(self._repo, "checkout", "HEAD", "--", name, check=True)

    def _tell(self, message: str) -> None:
        self._carried.told.append(message)


def _differ(one: Path, other: Path) -> bool:
    return one.read_bytes() != other.read_bytes()
