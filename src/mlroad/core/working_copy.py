"""A second work tree of a repo, in which an update is made. The repo changes only when that is complete.

So nothing is left half done, and files that git does not know are never overwritten: they are not in it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.files import write_bytes
from mlroad.core.git import run_git, top_folder
from mlroad.core.template import OWNED

_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")

_NO_LFS = ("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false")
"""The pointers of large files are enough, and their program may be missing."""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """Both tops: a repo may be a folder of a larger git repo."""

    _top: Path
    _copy_top: Path
    repo: Path
    """What is the repo in the copy."""

    def bring_back(self) -> list[str]:
        """Make all changes of the copy in the repo; returns a message for each that would lose a file."""
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored")
        status = run_git(self._copy_top, "status", *options, check=True).names
        names = sorted(entry[3:] for entry in status)
        gone = [name for name in names if not os.path.lexists(self._copy_top / name)]
        for name in gone:
            (self._top / name).unlink(missing_ok=True)
        listed = run_git(self._top, "ls-tree", "-r", "-z", "--full-tree", "HEAD").names
        # The content of a submodule is not in the copy.
        known = {entry.partition("\t")[2] for entry in listed if not entry.startswith("160000 ")}
        told = []
        for name in sorted(set(names) - set(gone)):
            if name not in known and (taken := self._taken(name)):
                told.append(
                    f"{taken}: This is yours, and git does not know it. The template has a file {name}, "
                    "which is left out. Rename yours, then run `mlroad doctor`."
                )
            else:
                self._bring(name)
        self._bring_conflicts()
        return told

    def _taken(self, name: str) -> str:
        """What is in the place of a file, or of one of its folders; empty if it is free."""
        for folder in list(Path(name).parents)[:-1]:
            place = self._top / folder
            if place.is_file() or place.is_symlink():
                return folder.as_posix()
        return name if os.path.lexists(self._top / name) else ""

    def _bring(self, name: str) -> None:
        new, file = self._copy_top / name, self._top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if new.is_symlink():
            file.unlink(missing_ok=True)
            file.symlink_to(new.readlink())
        else:
            write_bytes(file, new.read_bytes())
            shutil.copymode(new, file)

    def _bring_conflicts(self) -> None:
        """Put the versions of files with conflicts into the index, so that git lists them."""
        entries = run_git(self._copy_top, "ls-files", "--unmerged", "-z", check=True).names
        names = {entry.partition("\t")[2] for entry in entries}
        lines = [*(f"0 {'0' * 40}\t{name}" for name in sorted(names)), *entries]
        fed = "".join(f"{line}\0" for line in lines)
        run_git(self._top, "update-index", "-z", "--index-info", stdin=fed, check=True)


@contextmanager
def working_copy(repo: Path) -> Iterator[WorkingCopy]:
    """A copy of the repo's last commit, without the folders that belong to the team."""
    top = (top_folder(repo) or repo).resolve()
    with tempfile.TemporaryDirectory(prefix="mlroad-update-", ignore_cleanup_errors=True) as temporary:
        place = Path(temporary).resolve() / top.name
        inside = repo.resolve().relative_to(top)
        options = ("worktree", "add", "--no-checkout", "--detach", os.fspath(place), "HEAD")
        run_git(top, *_NO_HOOKS, *options, check=True)
        try:
            where = run_git(place, "rev-parse", "--git-path", "info/sparse-checkout", check=True).text
            left_out = [(inside / name).as_posix() for name in OWNED if name.endswith("/")]
            Path(where).parent.mkdir(exist_ok=True)
            Path(where).write_text("/*\n" + "".join(f"!/{name}/\n" for name in left_out), encoding="utf-8")
            checkout = ("-c", "core.sparseCheckout=true", "checkout", "--quiet", "--force")
            run_git(place, *_NO_HOOKS, *_NO_LFS, *checkout, check=True)
            yield WorkingCopy(top, place, place / inside)
        finally:
            run_git(top, "worktree", "remove", "--force", os.fspath(place))
