"""Parquet: the types are in the file, so nothing is detected.

Codes: MD301 empty, MD304 column names, MD305 unreadable.
"""

from collections.abc import Sequence
from pathlib import Path

from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.csv_files import check_names
from mlroad.data.sql import TableEngine, reason

SUFFIXES = (".parquet", ".pq")


def read_parquet(engine: TableEngine, files: Sequence[Path], file_column: str = "") -> str:
    """A query for the rows of files with the same columns. Raises UserError for an unreadable file.

    ``file_column`` is the name of a column for the file of each row.
    """
    columns = [_columns(engine, file) for file in files]
    for file, found in zip(files[1:], columns[1:], strict=True):
        if sorted(found) != sorted(columns[0]):
            what = f"Its columns differ from those of {files[0].name}."
            raise UserError(
                Problem(Position(file), "MD304", what, "All files of a table need the same columns.")
            )
    options = f"union_by_name={str(len(files) > 1).lower()}, hive_partitioning=false"
    options += f", filename={sql.text(file_column)}" if file_column else ""
    return f"FROM read_parquet({sql.files(files)}, {options})"


def _columns(engine: TableEngine, file: Path) -> list[str]:
    if not file.stat().st_size:
        raise UserError(Problem(Position(file), "MD301", "The file is empty.", "Write it again."))
    try:
        rows = engine.rows(f"SELECT name, num_children FROM parquet_schema({sql.files([file])})")
    except engine.errors as error:
        what = f"The file cannot be read as Parquet: {reason(error)}."
        raise UserError(Problem(Position(file), "MD305", what, "Write the file again.")) from None
    columns: list[str] = []
    # The schema is a tree in depth-first order; the children of its root are the columns.
    inside = 0
    for column, children in rows[1:]:
        if inside:
            inside -= 1
        else:
            columns.append(column)
        inside += children or 0
    check_names(columns, Position(file))
    return columns
