"""Digests of file contents, and a cache of them that a file's size and time of change keep honest."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

_RACY_NS = 2_000_000_000
"""A file changed less than this long ago may change again within a tick of its clock: it is not cached."""


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's content, in hex. Raises OSError, which names the file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        error.filename = error.filename or str(path)  # an error of reading names none
        raise


def combined(parts: dict[str, str]) -> str:
    """One SHA-256 for a folder: over its sorted relative names, each with the digest of its content."""
    total = hashlib.sha256()
    for name in sorted(parts):
        total.update(f"{name}\0{parts[name]}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below ``folder`` with its relative name. Links to files count, those to folders do not."""
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif entry.is_file():
                    yield prefix + entry.name, entry


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder with all that is in it. Raises OSError for what cannot be read."""
    if not path.is_dir():
        return sha256_of_file(path)
    return combined({name: sha256_of_file(Path(entry.path)) for name, entry in files_below(path)})


class DigestCache:
    """Digests of data, remembered between runs. Of two runs that write it at once, one wins."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._old: dict[str, list[int | str]] = {}
        self._seen: dict[str, list[int | str]] = {}
        try:
            loaded = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            loaded = {}
        if isinstance(loaded, dict):
            self._old = loaded

    def digest(self, path: Path) -> str:
        """As ``digest_of``, but a file that has not changed since is not read again. Raises OSError."""
        if not path.is_dir():
            return self._of_file(str(path), path.stat())
        return combined({name: self._of_file(entry.path, entry.stat()) for name, entry in files_below(path)})

    def save(self) -> None:
        """Keep the digests of this run for the next."""
        if self._seen == self._old:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self._seen), encoding="utf-8")
        temporary.replace(self._file)

    def _of_file(self, path: str, state: os.stat_result) -> str:
        known = self._seen.get(path) or self._old.get(path)
        now = [state.st_size, state.st_mtime_ns, state.st_ino]
        if known and known[:3] == now:
            self._seen[path] = known
            return str(known[3])
        digest = sha256_of_file(Path(path))
        if time.time_ns() - state.st_mtime_ns > _RACY_NS:
            self._seen[path] = [*now, digest]
        return digest
