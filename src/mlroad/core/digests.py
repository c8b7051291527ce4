"""The digest of files and folders: SHA-256, the same on every machine, in whatever order files are listed.

A file's digest is the SHA-256 of its bytes, so `sha256sum data.csv` shows it too. A folder's is the SHA-256
of its listing: one line ``<sha256 of the file>  <its path in the folder>`` for each file, in the format of
`sha256sum`, sorted by path (its UTF-8 bytes), each ended by ``\\n``. Empty folders, timestamps and
permissions do not count.

`digest_of` takes a folder as it is. `digest_content` is for datasets, which must be the same on every
machine: it normalizes paths to Unicode's NFC (macOS may return another form), ignores the files that
desktops leave behind (``.DS_Store``, ``Thumbs.db``, ``desktop.ini``), and refuses links that lead outside.

The listing of a dataset folder is kept beside its version (``datasets/<name>/<version>.sha256``): it shows
which file changed, its own SHA-256 is the digest, and `sha256sum -c` reads it.
"""

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.hash_cache import FileState, HashCache, state_of
from mlroad.core.problems import UserError

STRAY = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_CHUNK = 1 << 20
_PARALLEL_FROM = 1 << 16
"""Threads pay off from this many bytes."""


class FileChanged(OSError):
    """A file changed while it was read."""


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
    """The content of a file or a folder. ``digest`` is ``sha256:<hex>``; ``files_read`` had to be read."""

    digest: str
    size: int
    files: tuple[FileDigest, ...]
    files_read: int
    bytes_read: int

    @property
    def by_path(self) -> dict[str, str]:
        """The SHA-256 of each path."""
        return {file.path: file.sha256 for file in self.files}


def digest_of(path: Path, cache: HashCache | None = None) -> str:
    """``sha256:<hex>`` of a file, or of a folder with everything in it. Raises OSError, which names the file.

    ``cache`` knows files that have not changed since they were last read.
    """
    if not path.is_dir():
        file = _absolute(path)
        return f"sha256:{_sha256_of([file], cache)[0][file]}"
    found = {name: _absolute(Path(entry.path)) for name, entry in files_below(path)}
    digests, _, _ = _sha256_of(found.values(), cache)
    return listing_digest({name: digests[file] for name, file in found.items()})


def digest_content(path: Path, cache: HashCache | None = None) -> ContentDigest:
    """The digest of a dataset's file or folder.

    Raises UserError for what has no digest: a path that does not exist, an empty folder, a link that leads
    out of the folder or to a folder, a file that cannot be read or changes while it is read.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Check the path.")
    is_folder = path.is_dir()
    if path.is_symlink() and not is_folder:
        _check_link(path, path.parent.resolve())
    found = dict(_portable_files(path)) if is_folder else {path.name: _absolute(path)}
    if not found:
        raise UserError(f"{path} holds no files.", "A dataset needs at least one file.")
    try:
        digests, states, missing = _sha256_of(found.values(), cache)
    except FileChanged as error:
        raise UserError(
            f"{error.filename} changed while it was read.", "Wait until nothing writes to it, and try again."
        ) from None
    except OSError as error:
        raise _unreadable(str(error.filename), error) from None
    files = tuple(
        FileDigest(name, digests[found[name]], states[found[name]].size, found[name])
        for name in sorted(found, key=_order)
    )
    return ContentDigest(
        digest=listing_digest({file.path: file.sha256 for file in files})
        if is_folder
        else f"sha256:{files[0].sha256}",
        size=sum(file.size for file in files),
        files=files,
        files_read=len(missing),
        bytes_read=sum(states[file].size for file in missing),
    )


def digest_of_bytes(content: bytes) -> str:
    """``sha256:…`` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's content, in hex. Raises OSError, which names the file."""
    return _hash(str(path), state_of(path.stat()))


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below ``folder`` with its relative name. Links to files count, links to folders do not."""
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif entry.is_file():
                    yield prefix + entry.name, entry


def listing(digests: Mapping[str, str]) -> str:
    """The listing of a folder, in the format of `sha256sum`, from each path's SHA-256."""
    lines = []
    for path in sorted(digests, key=_order):
        escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        mark = "" if escaped == path else "\\"
        lines.append(f"{mark}{digests[path]}  {escaped}\n")
    return "".join(lines)


def listing_digest(digests: Mapping[str, str]) -> str:
    """``sha256:<hex>`` of a folder, from the SHA-256 of each path in it."""
    text = listing(digests).encode("utf-8", "surrogateescape")
    return digest_of_bytes(text)


def listing_file_digest(file: Path) -> str:
    """The digest of a folder from its listing in a file, whatever line ends git gave it."""
    text = file.read_bytes().replace(b"\r\n", b"\n")
    return digest_of_bytes(text)


def read_listing(file: Path) -> dict[str, str]:
    """The SHA-256 of each path in a listing. Raises UserError if the file is not a listing."""
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
            raise UserError(
                f"{file}:{number}: this line is not `<sha256>  <path>`.", "Restore the file from git."
            )
        if line.startswith("\\"):
            name = _unescape(name)
        result[name] = digest
    return result


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str]]:
    """What happened to a folder's files: pairs of path and changed, added or missing."""
    found = [
        (name, "missing" if name not in after else "changed" if name in before else "added")
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    ]
    return sorted(found, key=lambda change: _order(change[0]))


def _order(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _unescape(name: str) -> str:
    parts = name.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())


def _portable_files(folder: Path) -> Iterator[tuple[str, str]]:
    """The files of a dataset's folder: their portable relative path, and where they are (absolute)."""
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
                    f"{entry.path}: another file has the same name with differently encoded accents.",
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
            f"{file} is a link that leads nowhere.", "Remove it, or put the file itself in its place."
        ) from None
    if not target.is_relative_to(inside):
        raise UserError(
            f"{file} is a link to {target}, outside of the dataset.", "Put the file itself in its place."
        )
    if target.is_dir():
        raise UserError(f"{file} is a link to a folder.", "Put the folder itself in its place.")


def _sha256_of(
    files: Iterable[str], cache: HashCache | None
) -> tuple[dict[str, str], dict[str, FileState], list[str]]:
    """The SHA-256 and the state of each file (absolute paths), and those that had to be read."""
    states = {file: _state(file) for file in files}
    known = cache.known(states) if cache else {}
    missing = [file for file in states if file not in known]
    fresh = _hash_all(missing, states)
    if cache:
        cache.remember(fresh, states)
    return {**known, **fresh}, states, missing


def _state(file: str) -> FileState:
    found = Path(file).stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is neither a file nor a folder", file)
    return state_of(found)


def _hash_all(files: Sequence[str], states: Mapping[str, FileState]) -> dict[str, str]:
    """In threads, because hashing and reading release Python's lock."""
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
        error.filename = error.filename or file  # a failed read does not name the file
        raise
    # The time of the inode's change does not count here: a new hard link to the file moves it too.
    if replace(after, changed=before.changed) != before:
        raise FileChanged(errno.EBUSY, "it changed while it was read", file)
    return digest.hexdigest()


def _unreadable(path: str, error: OSError) -> UserError:
    reason = "permission denied" if error.errno == errno.EACCES else str(error.strerror or error)
    return UserError(f"{path} cannot be read: {reason}.", "Check the path and its permissions.")
