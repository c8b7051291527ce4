"""A cache of file hashes, so that files that have not changed are not read again.

One SQLite file, ``.mlroad/hashes.db`` in the repo, holds each file's size, times, inode and SHA-256. It is
only a cache: without it, or with ``--full``, every byte is read.

An edit within the same tick of the clock leaves a file's times unchanged. So a file that was changed less
than `SETTLED` before the cache was opened is not remembered (git's index treats "racy" files in the same
way). The time of the inode's last change (ctime) counts too where there is one: it moves even when an edit
sets the modification time back.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlroad.core.repo import CACHE, cache_folder

if TYPE_CHECKING:
    import sqlite3

SETTLED = 2_000_000_000
"""Nanoseconds. FAT keeps times to 2 s, the coarsest of the file systems in use."""
_VERSION = 1
_BATCH = 1000
"""Files per transaction: a transaction for each file would take longer than reading a small one."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes (
    file TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, inode TEXT, sha256 TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """The values that change when a file is modified. Times are in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: str


def state_of(found: os.stat_result) -> FileState:
    """The state of a file from its `stat`. On Windows ``changed`` is when the file was created."""
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, f"{found.st_dev}:{found.st_ino}")


class HashCache:
    """The cache of one repo. If its file is broken or locked, files are simply read again.

    Threads may share it if they take turns.
    """

    def __init__(self, root: Path, full: bool = False, settled: int = SETTLED) -> None:
        """``full`` ignores what is in the cache, and fills it again."""
        self._file = root / CACHE / "hashes.db"
        self._full = full
        self._settled = settled
        self._opened_at = time.time_ns()
        self._database: sqlite3.Connection | None = None
        self._broken = False
        self._fresh: dict[str, tuple[FileState, str]] = {}

    def known(self, states: Mapping[str, FileState]) -> dict[str, str]:
        """The SHA-256 of those files (absolute paths) that have not changed since they were read."""
        fresh = ((file, self._fresh[file]) for file in states if file in self._fresh)
        result = {file: sha256 for file, (state, sha256) in fresh if states[file] == state}
        if self._full:
            return result
        query = "SELECT size, modified, changed, inode, sha256 FROM hashes WHERE file = ?"
        with self._using() as database:
            for file, state in states.items() if database else ():
                row = database.execute(query, (file,)).fetchone() if database else None
                if row and FileState(*row[:4]) == state:
                    result[file] = row[4]
        return result

    def remember(self, digests: Mapping[str, str], states: Mapping[str, FileState]) -> None:
        """Keep these digests, except of files so new that their times would not show a later edit."""
        before = self._opened_at - self._settled
        for file, sha256 in digests.items():
            state = states[file]
            if state.modified < before and state.changed < before:
                self._fresh[file] = (state, sha256)
        if len(self._fresh) >= _BATCH:
            self._write()

    def close(self) -> None:
        """Write what is still pending, and close the file."""
        self._write()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _write(self) -> None:
        if not self._fresh:
            return
        rows = [
            (file, state.size, state.modified, state.changed, state.inode, sha256)
            for file, (state, sha256) in self._fresh.items()
        ]
        self._fresh.clear()
        with self._using() as database:
            if database:
                database.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)", rows)
                database.commit()

    def __enter__(self) -> HashCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection | None]:
        """The database for a few statements; None if it cannot be used. It swallows the database's errors."""
        import sqlite3

        database = None
        with contextlib.suppress(sqlite3.Error, OSError):
            database = self._connect()
        if database is None:
            self._give_up()
        try:
            yield database
        except (sqlite3.Error, OSError) as error:
            self._give_up(keep=isinstance(error, sqlite3.OperationalError))

    def _connect(self) -> sqlite3.Connection | None:
        import sqlite3

        if self._broken:
            return None
        if self._database is None:
            cache_folder(self._file.parent.parent)
            self._database = sqlite3.connect(self._file, timeout=10, check_same_thread=False)
            # A power cut may lose the last entries; then those files are read again.
            self._database.execute("PRAGMA synchronous = OFF")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                self._database.execute("DROP TABLE IF EXISTS hashes")
            self._database.execute(_SCHEMA)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        return self._database

    def _give_up(self, keep: bool = False) -> None:
        """Go on without it, and delete the file unless it is only locked: the next command replaces it."""
        if self._broken:
            return
        self._broken = True
        self._fresh.clear()
        self.close()
        if not keep:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
