"""DuckDB, the engine for tables: in memory, with a memory limit, without network or extensions.

Column names, paths and values reach SQL only through `name`, `text` and `files`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from mlroad.core.problems import UserError
from mlroad.data import canonical

MEMORY = "2GB"
"""DuckDB spills to disk beyond this. The whole process needs about 1.5 times as much."""


def name(column: str) -> str:
    """The name of a column or view, quoted for SQL."""
    return '"' + column.replace('"', '""') + '"'


def text(value: object) -> str:
    """A string literal in SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def files(paths: Iterable[Path]) -> str:
    """A list of files in SQL. Characters that DuckDB would expand (* ? [) are taken literally."""
    marks = str.maketrans({mark: f"[{mark}]" for mark in "*?["})
    return f"[{', '.join(text(str(path.absolute()).translate(marks)) for path in paths)}]"


class TableEngine:
    """A connection with its own temporary folder; use it in a ``with`` block."""

    def __init__(self, memory: str = MEMORY) -> None:
        try:
            # Imported here, because it takes 0.1 s and most commands read no table.
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
        # So that times with a zone compare and print the same on every machine.
        self._connection.execute("SET TimeZone = 'UTC'")
        for macro in canonical.MACROS:
            self._connection.execute(macro)
        self._made = 0
        # The errors that data can cause; others would be bugs in ML Road.
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
            if "No space left on device" in str(error):
                raise UserError("There is no space left on the disk.", "Free some space.") from None
            # A file that is damaged in the middle.
            raise UserError(
                f"The data cannot be read: {reason(error)}.", "Restore it or create it again."
            ) from None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises UserError if the disk or memory is full."""
        try:
            return self._connection.execute(sql).fetchall()
        except self._duckdb.OutOfMemoryException as error:
            raise UserError(
                f"There is not enough memory or disk for this comparison: {reason(error)}",
                f"Free some space in {self.folder.parent}, or set TMPDIR to a larger disk.",
            ) from None

    def arrays(self, sql: str) -> dict[str, Any]:
        """The columns of a query as arrays of numpy, which mask missing values."""
        return self._connection.execute(sql).fetchnumpy()

    def row(self, sql: str) -> tuple[Any, ...]:
        """The only row of a query."""
        return self.rows(sql)[0]

    def run(self, sql: str) -> None:
        """Run a statement that returns no rows of interest."""
        self.rows(sql)

    def fresh(self, stem: str) -> str:
        """A name that is not used yet in this connection."""
        self._made += 1
        return f"{stem}_{self._made}"

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The errors that DuckDB raises for files it cannot read."""
        return (self._duckdb.Error,)


def reason(error: Exception) -> str:
    """The first line of DuckDB's message, without its category."""
    line = str(error).strip().splitlines()[0]
    _, separator, rest = line.partition("Error: ")
    return rest if separator else line
