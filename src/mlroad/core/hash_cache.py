"""What is known of files that have not changed since they were last read, so that nothing is read twice.

One SQLite file, ``.mlroad/seen.db`` in the repo, holds for each file its size, times and inode, and the
SHA-256 of its content. It is only a cache: without it, or with ``--full``, every byte is read.

An edit within the same tick of the clock leaves a file's times as they were. So a file whose last change was
less than `SETTLED` before it was read is not remembered (git's index treats "racy" files in the same way).
The time of the inode's last change (ctime) counts too where there is one: it moves even when an edit sets
the modification time back.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

OWN = ".mlroad"
"""The folder of a repo for what mlroad can make anew at any time. It tells git to ignore all of it."""
SETTLED = 2_000_000_000
"""Nanoseconds. FAT keeps times to 2 s, the coarsest of the file systems in use."""
_VERSION = 1
_BATCH = 1000
"""Files to remember at once: a commit for each would take longer than reading small ones."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    file TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, inode TEXT, sha256 TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file was touched. Times are nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: str


def state_of(found: os.stat_result) -> FileState:
    """The state of a file from its `stat`. On Windows ``changed`` is when the file was made."""
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, f"{found.st_dev}:{found.st_ino}")


def own_folder(root: Path) -> Path:
    """`OWN`, made if need be."""
    folder = root / OWN
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8", newline="\n")
    return folder


@contextlib.contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as the repo, so that what is made in it can be moved into place."""
    with tempfile.TemporaryDirectory(
        prefix="work-", dir=own_folder(root), ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


class Seen:
    """The cache of one repo. Every fault of its file means no more than that data is read again."""

    def __init__(self, root: Path, full: bool = False, settled: int = SETTLED) -> None:
        """``full`` believes nothing that was remembered, and remembers anew."""
        self._file = root / OWN / "seen.db"
        self._full = full
        self._settled = settled
        self._opened_at = time.time_ns()
        self._database: sqlite3.Connection | None = None
        self._broken = False
        self._fresh: dict[str, tuple[FileState, str]] = {}

    def known(self, states: Mapping[str, FileState]) -> dict[str, str]:
        """The SHA-256 of those files (absolute paths) that are as they were when they were read."""
        fresh = ((file, self._fresh[file]) for file in states if file in self._fresh)
        result = {file: sha256 for file, (state, sha256) in fresh if states[file] == state}
        if self._full:
            return result
        query = "SELECT size, modified, changed, inode, sha256 FROM seen WHERE file = ?"
        with self._using() as database:
            for file, state in states.items() if database else ():
                row = database.execute(query, (file,)).fetchone() if database else None
                if row and FileState(*row[:4]) == state:
                    result[file] = row[4]
        return result

    def remember(self, digests: Mapping[str, str], states: Mapping[str, FileState]) -> None:
        """Keep what was read, but for files too fresh to tell a later edit by their times."""
        before = self._opened_at - self._settled
        for file, sha256 in digests.items():
            state = states[file]
            if state.modified < before and state.changed < before:
                self._fresh[file] = (state, sha256)
        if len(self._fresh) >= _BATCH:
            self._write()

    def close(self) -> None:
        """Write what is still to be written, and leave the file."""
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
                database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)", rows)
                database.commit()

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection | None]:
        """The database for a few statements; None if it cannot be used. Its errors end in the block."""
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
            own_folder(self._file.parent.parent)
            self._database = sqlite3.connect(self._file, timeout=10)
            # Losing the last entries in a power cut costs nothing but reading again.
            self._database.execute("PRAGMA synchronous = OFF")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                self._database.execute("DROP TABLE IF EXISTS seen")
            self._database.execute(_SCHEMA)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        return self._database

    def _give_up(self, keep: bool = False) -> None:
        """Do without, and throw the file away unless it is only locked: the next command makes a new one."""
        if self._broken:
            return
        self._broken = True
        self._fresh.clear()
        self.close()
        if not keep:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
