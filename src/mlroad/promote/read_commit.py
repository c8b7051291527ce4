"""Read files of a commit of a prototype, and refuse those that a factory must not take.

Whatever is in a prototype was written by people outside of the factory: a path may leave its folder, a link
may lead anywhere, and a file may be of any size.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.core.files import DEVICES
from mlroad.core.git import TreeEntry, read_blobs, tree_entries
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import size as size_text
from mlroad.promote.workbench import Blob, Workbench

_REGULAR = ("100644", "100755")
_KINDS = {"120000": "a symbolic link", "160000": "a git submodule"}
# What Windows does not allow in a name, and git's own folder in every spelling.
_BAD_NAME = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$|^\.git$|^git~\d+$', re.IGNORECASE)
_MOST_FILES = 20_000
_LFS = b"version https://git-lfs.github.com/spec/"
"""How the pointer begins that Git LFS keeps in git in place of a file."""


def entries(bench: Workbench, commit: str, *folders: str) -> list[TreeEntry]:
    """The files of a commit in ``folders`` (default: all)."""
    return tree_entries(bench.run("ls-tree", "-r", "-z", "--long", "--full-tree", commit, "--", *folders))


def refused(found: Sequence[TreeEntry], max_file_mb: float) -> Iterator[Problem]:
    """The files that a factory does not take, and why."""
    lower: dict[str, str] = {}
    for entry in found:
        at = Position(Path(entry.path))
        other = lower.setdefault(entry.path.lower(), entry.path)
        if entry.mode not in _REGULAR:
            what = f"This is {_KINDS.get(entry.mode, f'of the mode {entry.mode}')}."
            yield Problem(at, "MR830", what, "A factory takes plain files only: put the file in its place.")
        elif any(_is_bad(part) for part in entry.path.split("/")):
            fix = "Rename it in the prototype: use letters, digits, . - and _."
            yield Problem(at, "MR830", "This name is not safe on every system.", fix)
        elif other != entry.path:
            what = f"{other} has the same name on Windows and macOS."
            yield Problem(at, "MR830", what, "Rename one of them in the prototype.")
        elif entry.size > max_file_mb * 1_000_000:
            what = f"The file is {size_text(entry.size)}, but the limit is {max_file_mb:g} MB."
            fix = "Keep data out of git (`mlroad dataset add`). max-file-mb in pyproject.toml sets the limit."
            yield Problem(at, "MR830", what, fix)


def _is_bad(part: str) -> bool:
    """Whether a part of a path is not a name on every system."""
    return part == ".." or bool(_BAD_NAME.search(part)) or part.partition(".")[0].strip().lower() in DEVICES


def read(bench: Workbench, found: Sequence[TreeEntry], max_file_mb: float) -> dict[str, Blob]:
    """The content of files. Raises UserError with every file that a factory does not take."""
    if problems := list(refused(found, max_file_mb)):
        raise UserError(problems)
    if len(found) > _MOST_FILES:
        raise UserError(f"The model has {len(found):,} files.", f"A factory takes up to {_MOST_FILES:,}.")
    contents = contents_of(bench, found)
    if problems := [of_lfs(path) for path, blob in contents.items() if is_pointer(blob.data)]:
        raise UserError(problems)
    return contents


def is_pointer(content: bytes) -> bool:
    """Whether the content is not a file's own, but what Git LFS has in its place."""
    return content.startswith(_LFS)


def of_lfs(path: str) -> Problem:
    """A file of which git has only the pointer, so a factory would get nothing else."""
    fix = "Put the file itself into git, or keep data out of it (`mlroad dataset add`)."
    return Problem(Position(Path(path)), "MR830", "git has only the pointer of Git LFS to this file.", fix)


def contents_of(bench: Workbench, found: Sequence[TreeEntry]) -> dict[str, Blob]:
    """The content of files by their paths, whether a factory takes them or not."""
    contents = read_blobs(bench.git, (entry.name for entry in found))
    return {entry.path: Blob(entry.mode, content) for entry, content in zip(found, contents, strict=True)}
