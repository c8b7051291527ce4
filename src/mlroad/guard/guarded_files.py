"""The files that the guards check, and their text."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.repo import from_here

_SNIFF = 8_192
# Control characters that text does not contain.
_CONTROL = bytes({*range(32), 127} - set(b"\t\n\r\f\x1b"))
_PRINTABLE = re.compile(rb"[\x20-\x7e\t]{8,}")


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
        """The content as text in any encoding, with Unix line ends, or None for a binary file."""
        text = decoded(self.data())
        return None if text is None else unix_lines(text)

    def printable(self) -> str:
        """The readable strings of a binary file, one a line."""
        return b"\n".join(_PRINTABLE.findall(self.data())).decode("ascii")


def decoded(data: bytes) -> str | None:
    """Bytes as text: UTF-8, UTF-16 with or without a mark, Latin-1; None for binary content."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")  # written by > in PowerShell
    head = data[:_SNIFF]
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        half = len(head) / 2
        if max(even, odd) > 0.4 * half and min(even, odd) < 0.1 * half:
            return data.decode("utf-16-le" if odd > even else "utf-16-be", errors="replace")
        if len(head.translate(None, delete=_CONTROL)) < 0.95 * len(head):
            return None
        data = data.replace(b"\0", b"")  # a stray NUL, as from a broken disk, hides nothing
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def unix_lines(text: str) -> str:
    """Text with the line ends of Windows and of old Macs replaced."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


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
    return GuardedFile(path, name, from_here(path))
