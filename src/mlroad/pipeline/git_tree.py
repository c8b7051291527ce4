"""Reads a change from git: the changed files, and the datasets that models and datasets name."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlroad.core.git import how_to_fetch, read_blobs, run_git, tree_entries
from mlroad.core.problems import UserError

_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_REFERENCE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*):([1-9][0-9]*)\b")


class Tree:
    """The files of one commit."""

    def __init__(self, root: Path, commit: str) -> None:
        """Raises UserError if git knows no such commit."""
        self.root = root
        self.commit = resolve(root, commit)
        listed = run_git(root, "ls-tree", "-r", "-z", self.commit, "--", "models/", "datasets/", check=True)
        self.blobs = {entry.path: entry.name for entry in tree_entries(listed) if entry.kind == "blob"}

    def texts(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Each path with its content, all read by one git process."""
        wanted = list(paths)
        contents = read_blobs(self.root, (self.blobs[path] for path in wanted))
        for path, content in zip(wanted, contents, strict=True):
            yield path, content.decode(errors="replace")


def references(text: str) -> set[str]:
    """Everything in a YAML file that looks like ``name:version``, except in comments."""
    return {f"{name}:{number}" for name, number in _REFERENCE.findall(_COMMENT.sub("", text))}


def resolve(root: Path, name: str) -> str:
    """The commit of that name. Raises UserError if this clone has none."""
    found = run_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not found.ok:
        if not run_git(root, "rev-parse", "--git-dir").ok:
            raise UserError(f"{root.resolve()} is not in a git repo.", "Run this in a clone of the repo.")
        raise UserError(f"git does not know the commit {name} here.", how_to_fetch(root))
    return found.text


def changed_files(root: Path, base: str, head: str) -> list[str]:
    """What changed in ``head`` since it branched off from ``base``; a moved file is listed with both names.

    Raises UserError if this clone does not contain their common ancestor.
    """
    parted = run_git(root, "merge-base", resolve(root, base), head)
    if not parted.ok:
        raise UserError(
            f"The history here does not contain the common ancestor of {head[:12]} and {base}.",
            how_to_fetch(root),
        )
    return run_git(root, "diff", "-z", "--name-only", "--no-renames", parted.text, head, check=True).names
