"""The files that the guards check, and their text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import run_git
from mlroad.core.problems import UserError

_SNIFF = 8_192


@dataclass(slots=True)
class GuardedFile:
    """A file to check. ``name`` is its path from the root, with slashes; ``shown`` is for messages."""

    path: Path
    name: str
    shown: Path
    _data: bytes | None = None

    def data(self) -> bytes:
        """The content, read once."""
        if self._data is None:
            try:
                self._data = self.path.read_bytes()
            except OSError as error:
                raise UserError(
                    f"{self.shown} cannot be read: {error.strerror}.", "Check the file."
                ) from error
        return self._data

    def forget(self) -> None:
        """Free the memory of the content."""
        self._data = None

    def text(self) -> str | None:
        """The content as text in any encoding, or None for a binary file."""
        data = self.data()
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16", errors="replace")  # written by > in PowerShell
        head = data[:_SNIFF]
        if b"\0" in head:
            if head[1::2].count(0) > 0.7 * len(head[1::2]):
                return data.decode("utf-16-le", errors="replace")
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("latin-1")


def all_files(root: Path, under: Sequence[str] = ()) -> list[GuardedFile]:
    """All tracked files and untracked files that are not ignored, without links and submodules."""
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = sorted(set(run_git(root, *listed, "--", *under, check=True).names))
    return [source for name in names if (source := _source(root / name, name))]


def named_files(root: Path, arguments: Sequence[str]) -> list[GuardedFile]:
    """The given files and the files in the given folders. Raises UserError if one does not exist."""
    sources: list[GuardedFile] = []
    for argument in arguments:
        path = Path(os.path.abspath(argument))  # noqa: PTH100 - resolve() would follow a link
        if path.is_dir():
            sources.extend(all_files(root, [os.path.relpath(path, root)]))
            continue
        if not path.exists() and not path.is_symlink():
            raise UserError(f"{argument} does not exist.", "Check the path.")
        try:
            name = path.relative_to(root).as_posix()
        except ValueError:
            name = path.as_posix()
        if source := _source(path, name):
            sources.append(source)
    return sources


def _source(path: Path, name: str) -> GuardedFile | None:
    if path.is_symlink() or not path.is_file():
        return None
    return GuardedFile(path, name, _shown(path))


def _shown(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
