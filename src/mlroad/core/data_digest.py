"""The digest of a dataset's content: SHA-256, the same on every machine, in whatever order files come.

A file's digest is the SHA-256 of its bytes, so `sha256sum data.csv` shows it too. A folder's is the SHA-256
of its listing: one line ``<sha256 of the file>  <its path in the folder>`` for each file, in the format of
`sha256sum`, sorted by path (its UTF-8 bytes), each ended by ``\\n``. Paths have ``/`` and are in Unicode's
NFC, because macOS may hand out another form. Empty folders, time stamps and rights do not count, nor does
what desktops strew about (``.DS_Store``, ``Thumbs.db``, ``desktop.ini``).

The listing of a folder is kept beside its version (``datasets/<name>/<version>.sha256``): it says which file
changed, its own SHA-256 is the digest, and `sha256sum -c` reads it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.hash_cache import FileState, Seen, state_of
from mlroad.core.problems import UserError

STRAY = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_CHUNK = 1 << 20
_PARALLEL_FROM = 1 << 16
"""Bytes to read from which on threads pay."""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file of a dataset. ``path`` is relative to the dataset's folder; a single file's is its name."""

    path: str
    sha256: str
    size: int
    where: str
    """Its absolute path on this machine."""


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """What a file or a folder holds. ``digest`` is ``sha256:<hex>``; ``files_read`` had to be read."""

    digest: str
    size: int
    files: tuple[FileDigest, ...]
    files_read: int
    bytes_read: int


def digest_content(path: Path, seen: Seen | None = None) -> ContentDigest:
    """The digest of a file or folder. ``seen`` knows files that have not changed since they were last read.

    Raises UserError for what has no digest: a path that does not exist, an empty folder, a link that leads
    out of the folder or to a folder, a file that cannot be read or changes while it is read.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Check the path.")
    is_folder = path.is_dir()
    found = dict(_walk(path)) if is_folder else {path.name: _absolute(path)}
    if not found:
        raise UserError(f"{path} holds no files.", "A dataset needs at least one file.")
    states = {file: _state(file) for file in found.values()}
    known = seen.known(states) if seen else {}
    missing = [file for file in states if file not in known]
    fresh = _hash_all(missing, states)
    if seen:
        seen.remember(fresh, states)
    digests = {**known, **fresh}
    files = tuple(
        FileDigest(name, digests[found[name]], states[found[name]].size, found[name])
        for name in sorted(found, key=_order)
    )
    digest = hashlib.sha256(listing(files).encode()).hexdigest() if is_folder else files[0].sha256
    return ContentDigest(
        digest=f"sha256:{digest}",
        size=sum(file.size for file in files),
        files=files,
        files_read=len(missing),
        bytes_read=sum(states[file].size for file in missing),
    )


def listing_digest(file: Path) -> str:
    """The digest of a listing as it stands in a file, whatever line ends git gave it."""
    text = file.read_bytes().replace(b"\r\n", b"\n")
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def listing(files: Iterable[FileDigest]) -> str:
    """The listing of a folder, in the format of `sha256sum`."""
    lines = []
    for file in files:
        escaped = file.path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "" if escaped == file.path else "\\"
        lines.append(f"{mark}{file.sha256}  {escaped}\n")
    return "".join(lines)


def read_listing(file: Path) -> dict[str, str]:
    """The SHA-256 of each path of a listing. Raises UserError if the file is none."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: it cannot be read ({error}).", "Restore it from git.") from None
    result: dict[str, str] = {}
    if lines.pop():
        raise UserError(f"{file}: its last line is cut off.", "Restore the file from git.")
    for number, line in enumerate(lines, start=1):
        digest, separator, name = line.removeprefix("\\").partition("  ")
        if not separator or len(digest) != 64:
            raise UserError(f"{file}:{number}: this is no line of a listing.", "Restore the file from git.")
        if line.startswith("\\"):
            name = _unescape(name)
        result[name] = digest
    return result


def changes(before: Mapping[str, str], files: Iterable[FileDigest]) -> list[tuple[str, str]]:
    """What happened to a folder's files since ``before``: pairs of path and changed, added or missing."""
    after = {file.path: file.sha256 for file in files}
    found = [
        (name, "missing" if name not in after else "changed" if name in before else "added")
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    ]
    return sorted(found, key=lambda change: _order(change[0]))


def _order(name: str) -> bytes:
    return name.encode()


def _unescape(name: str) -> str:
    parts = name.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())


def _walk(folder: Path) -> Iterable[tuple[str, str]]:
    """The files of a folder: their portable relative path, and where they are (absolute)."""
    inside = folder.resolve()
    names: set[str] = set()
    pending = [(_absolute(folder), "")]
    while pending:
        here, prefix = pending.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            raise _unreadable(here, error) from None
        for entry in entries:
            if entry.name in STRAY:
                continue
            name = prefix + _portable(entry)
            if entry.is_symlink():
                _check_link(Path(entry.path), inside)
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, f"{name}/"))
                continue
            if name in names:
                raise UserError(
                    f"{entry.path}: another file's name differs only in how an accent is coded.",
                    "Rename one of them.",
                )
            names.add(name)
            yield name, entry.path


def _portable(entry: os.DirEntry[str]) -> str:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        raise UserError(f"{entry.path!r}: the name is not in UTF-8.", "Rename the file.") from None
    return unicodedata.normalize("NFC", entry.name)


def _check_link(file: Path, inside: Path) -> None:
    try:
        target = file.resolve(strict=True)
    except (OSError, RuntimeError):
        raise UserError(
            f"{file} is a link that leads nowhere.", "Remove it, or put the file in its place."
        ) from None
    if not target.is_relative_to(inside):
        raise UserError(
            f"{file} is a link to {target}, outside of the dataset.", "Put the file itself in its place."
        )
    if target.is_dir():
        raise UserError(f"{file} is a link to a folder.", "Put the folder itself in its place.")


def _state(file: str) -> FileState:
    try:
        found = Path(file).stat()
    except OSError as error:
        raise _unreadable(file, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{file} is neither a file nor a folder.", "Remove it from the dataset.")
    return state_of(found)


def _hash_all(files: Sequence[str], states: Mapping[str, FileState]) -> dict[str, str]:
    """Threads, because hashing and reading leave Python's lock."""
    if len(files) < 2 or sum(states[file].size for file in files) < _PARALLEL_FROM:
        return {file: _hash(file, states[file]) for file in files}
    with ThreadPoolExecutor(min(16, (os.cpu_count() or 1) + 1)) as pool:
        return dict(zip(files, pool.map(_hash, files, map(states.__getitem__, files)), strict=True))


def _hash(file: str, before: FileState) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(min(_CHUNK, before.size + 1))
    view = memoryview(buffer)
    try:
        with Path(file).open("rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                digest.update(view[:count])
            after = state_of(os.fstat(stream.fileno()))
    except OSError as error:
        raise _unreadable(file, error) from None
    if after != before:
        raise UserError(
            f"{file} changed while it was read.", "Wait until nothing writes to it, and try again."
        )
    return digest.hexdigest()


def _unreadable(path: str, error: OSError) -> UserError:
    reason = "you have no right to" if error.errno == errno.EACCES else str(error.strerror or error)
    return UserError(f"{path} cannot be read: {reason}.", "Check the path and its rights.")
