"""What git knows of a change: which files it touches, and which datasets a model or a dataset names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlroad.core.problems import UserError

_DEEPER = "Fetch the whole history: `git fetch --unshallow`, or in a workflow `fetch-depth: 0`."
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_REFERENCE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*):([1-9][0-9]*)\b")


class Tree:
    """The files of one commit."""

    def __init__(self, root: Path, commit: str) -> None:
        """Raises UserError if git knows no such commit."""
        self.root = root
        self.commit = resolve(root, commit)
        listed = _git(root, "ls-tree", "-r", "-z", self.commit, "--", "models/", "datasets/")
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        self.blobs = {path: about.split()[2] for about, _, path in entries if about.split()[1] == "blob"}

    def texts(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Each path with its content, all read by one git."""
        wanted = list(paths)
        names = "".join(f"{self.blobs[path]}\n" for path in wanted).encode()
        rest = _run(self.root, "cat-file", "--batch", stdin=names).stdout
        start = 0
        for path in wanted:
            end = rest.index(b"\n", start)
            size = int(rest[start:end].split()[2])
            yield path, rest[end + 1 : end + 1 + size].decode(errors="replace")
            start = end + 1 + size + 1


def references(text: str) -> set[str]:
    """Everything in a YAML file, comments aside, that looks like ``name:version``."""
    return {f"{name}:{number}" for name, number in _REFERENCE.findall(_COMMENT.sub("", text))}


def resolve(root: Path, name: str) -> str:
    """The commit of that name. Raises UserError if this clone has none."""
    done = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode:
        if _run(root, "rev-parse", "--git-dir").returncode:
            raise UserError(f"{root.resolve()} is in no git repo.", "What changed is asked of git.")
        raise UserError(f"git here knows no commit {name}.", _DEEPER)
    return done.stdout.decode().strip()


def changed_files(root: Path, base: str, head: str) -> list[str]:
    """What differs between ``head`` and where it left ``base``; a file that moved is there by both names.

    Raises UserError if this clone does not reach back to where they parted.
    """
    parted = _run(root, "merge-base", resolve(root, base), head)
    if parted.returncode:
        raise UserError(f"The history here does not reach back to where {head[:12]} left {base}.", _DEEPER)
    start = parted.stdout.decode().strip()
    return [
        path
        for path in _git(root, "diff", "-z", "--name-only", "--no-renames", start, head).split("\0")
        if path
    ]


def _git(root: Path, *arguments: str) -> str:
    done = _run(root, *arguments)
    if done.returncode:
        raise UserError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def _run(root: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], cwd=root, input=stdin, capture_output=True, check=False)
    except OSError as error:
        raise UserError(
            "git could not be started.", f"Install it, and put it on the path ({error})."
        ) from None
