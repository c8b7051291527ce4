"""Check data that a job delivers, before a version is created from it.

If the dataset has no schema, the data must have the columns and types of the previous version.

Codes: MD611 no rows, MD612 too few rows, MD613 a column is missing, MD614 a column has a different type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.data.declared_schema import DEFAULT
from mlroad.data.diff import Diff, compare, file_key
from mlroad.data.open_table import format_of, open_table
from mlroad.data.schema import Schema, load_schema
from mlroad.data.schema_check import check_table
from mlroad.data.sql import TableEngine
from mlroad.data.store import DATASETS, VerifiedVersion
from mlroad.data.table import Table
from mlroad.data.version_tables import open_version


@dataclass(frozen=True, slots=True)
class DeliveryCheck:
    """The result. ``diff`` is None if there is no previous version or the data is not a table."""

    problems: tuple[Problem, ...]
    rows: int | None
    diff: Diff | None
    schema: Path | None


def check_delivery(
    root: Path, name: str, data: Path, previous: VerifiedVersion | None, *, max_loss: float
) -> DeliveryCheck:
    """Check delivered data against the dataset's schema and the previous version.

    ``max_loss`` is the largest acceptable loss of rows, as a share. Raises UserError for unreadable data.
    """
    file = root / DATASETS / name / DEFAULT
    schema = load_schema(file) if file.is_file() else None
    if not data.is_dir() and format_of(data) is None:
        return DeliveryCheck((), None, None, None)
    with TableEngine() as engine:
        table = open_table(engine, data, f"the new {name}", schema.kinds if schema else None)
        problems = list(_rows(table, previous, max_loss))
        if schema:
            problems += check_table(engine, table, schema)
        diff = _compare(engine, table, previous, schema, keyed=not problems)
        if diff and not schema:
            problems += _columns(diff)
    rows = None if table.format == "files" else table.rows
    return DeliveryCheck(tuple(problems), rows, diff, file if schema else None)


def _rows(table: Table, previous: VerifiedVersion | None, max_loss: float) -> Iterator[Problem]:
    at, word = Position(table.source), "files" if table.format == "files" else "rows"
    if not table.rows:
        yield Problem(at, "MD611", f"The data has no {word}.", "Check whether the job that made it failed.")
        return
    before = previous.version.rows if previous else None
    if previous and word == "files":
        before = len(previous.content.files)
    if previous and before and table.rows < before * (1 - max_loss):
        what = f"The data has {table.rows:,} {word}, but {previous.version.id} has {before:,}."
        fix = f"If that is expected, allow it: --max-loss {_max_loss(before, table.rows)}."
        yield Problem(at, "MD612", what, fix)


def _max_loss(before: int, after: int) -> str:
    """The smallest --max-loss, in hundredths, that accepts the data."""
    hundredths = -(-100 * (before - after) // before)
    return f"{hundredths / 100:.2f}"


def _compare(
    engine: TableEngine, table: Table, previous: VerifiedVersion | None, schema: Schema | None, keyed: bool
) -> Diff | None:
    """The difference to the previous version, by key unless the checks before found a problem with it."""
    if previous is None:
        return None
    if not previous.path.is_dir() and format_of(previous.path) is None:
        return None
    before = open_version(engine, previous)
    key = schema.key if schema and keyed else ()
    if any(before.column(column) is None for column in key):
        key = ()
    return compare(engine, before, table, file_key(before, table, key))


def _columns(diff: Diff) -> Iterator[Problem]:
    at = Position(diff.after.source)
    hint = "If the change is intended, give the dataset a schema: `mlroad dataset schema infer`."
    for column in diff.columns:
        if column.status == "removed":
            what = f"The column {column.name!r} of {diff.before.label} is missing."
            yield Problem(at, "MD613", what, hint)
        elif column.status == "type changed" and column.before and column.after:
            kinds = f"{column.after.column.kind}, but {column.before.column.kind} in {diff.before.label}"
            yield Problem(at, "MD614", f"The column {column.name!r} is {kinds}.", hint)
