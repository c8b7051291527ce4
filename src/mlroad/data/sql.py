"""DuckDB as the one engine for tables: in memory, bounded, without network or extensions.

Texts of users (column names, paths, values) reach SQL only through `name`, `text` and `glob`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from mlroad.core.problems import UserError

MEMORY = "2GB"
"""What DuckDB may hold before it writes to disk; the process needs about half as much again beside it."""


def name(column: str) -> str:
    """A column or view as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def text(value: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def files(paths: Iterable[Path]) -> str:
    """Paths as SQL writes a list of files, with the characters that DuckDB would expand taken literally."""
    marks = str.maketrans({mark: f"[{mark}]" for mark in "*?["})
    return f"[{', '.join(text(str(path.absolute()).translate(marks)) for path in paths)}]"


class TableEngine:
    """One connection with a temporary folder of its own; use it in a ``with`` block."""

    def __init__(self, memory: str = MEMORY) -> None:
        try:
            import duckdb
        except ImportError:
            raise UserError("The package duckdb is not installed.", "Run `uv sync` first.") from None
        self._duckdb = duckdb
        self._temporary = tempfile.TemporaryDirectory(prefix="mlroad-tables-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "memory_limit": memory,
                "temp_directory": str(self.folder / "spill"),
                "threads": len(os.sched_getaffinity(0))
                if hasattr(os, "sched_getaffinity")
                else os.cpu_count() or 1,
            }
        )
        # Times with a zone compare and print alike on every machine.
        self._connection.execute("SET TimeZone = 'UTC'")
        self._made = 0
        # What data can cause; the other errors would be mistakes of ours.
        self._data_errors = (
            duckdb.ConversionException,
            duckdb.InvalidInputException,
            duckdb.IOException,
            duckdb.OutOfRangeException,
            duckdb.SerializationException,
        )

    def __enter__(self) -> TableEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._temporary.cleanup()
        if isinstance(error, self._data_errors):
            # Damage that shows only in the middle of a file, or a disk that fills up.
            raise UserError(
                f"The data cannot be read: {reason(error)}.", "Restore it, or make it anew."
            ) from None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises UserError for what no code of ours can help: a full disk or memory."""
        try:
            return self._connection.execute(sql).fetchall()
        except self._duckdb.OutOfMemoryException as error:
            raise UserError(
                f"There is not enough memory or disk for this comparison: {_first_line(error)}",
                f"Free some space in {self.folder.parent}, or set TMPDIR to a larger disk.",
            ) from None

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a query."""
        return self.rows(sql)[0]

    def run(self, sql: str) -> None:
        """A statement whose rows nobody wants."""
        self.rows(sql)

    def fresh(self, stem: str) -> str:
        """A name that nothing in this connection has yet."""
        self._made += 1
        return f"{stem}_{self._made}"

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What DuckDB raises for files that it cannot read."""
        return (self._duckdb.Error,)


def reason(error: Exception) -> str:
    """The first line of what DuckDB says, without its category."""
    return _first_line(error)


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0]
    _, separator, rest = line.partition("Error: ")
    return rest if separator else line
