"""Whether data that a job delivers may become the next version: shape and content, before anything is made.

Without a schema, the version before it stands for one: its columns and their types must be there again.

Codes: MD611 no rows, MD612 too few rows, MD613 a column is gone, MD614 a column has another type.
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
    """What was found. ``diff`` is None without a version before it, or if the data is no table."""

    problems: tuple[Problem, ...]
    rows: int | None
    diff: Diff | None
    schema: Path | None


def check_delivery(
    root: Path, name: str, data: Path, previous: VerifiedVersion | None, *, max_loss: float
) -> DeliveryCheck:
    """Hold delivered data to the dataset's schema and to the version before it.

    ``max_loss`` is the share of rows that may be fewer. Raises UserError for data that cannot be read.
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
        yield Problem(at, "MD611", f"There are no {word} in it.", "See whether the job before it has failed.")
        return
    before = previous.version.rows if previous else None
    if previous and word == "files":
        before = len(previous.content.files)
    if previous and before and table.rows < before * (1 - max_loss):
        what = f"It has {table.rows:,} {word}, and {previous.version.id} has {before:,}."
        fix = f"If that is right, allow it: --max-loss {_allowing(before, table.rows)}."
        yield Problem(at, "MD612", what, fix)


def _allowing(before: int, after: int) -> str:
    """The least share in hundredths that allows the loss."""
    hundredths = -(-100 * (before - after) // before)
    return f"{hundredths / 100:.2f}"


def _compare(
    engine: TableEngine, table: Table, previous: VerifiedVersion | None, schema: Schema | None, keyed: bool
) -> Diff | None:
    """The difference to the version before. A key that is not unique was found already: no key then."""
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
    hint = "To change the columns on purpose, give the dataset a schema: `mlroad dataset schema infer`."
    for column in diff.columns:
        if column.status == "removed":
            what = f"The column {column.name!r} of {diff.before.label} is gone."
            yield Problem(at, "MD613", what, hint)
        elif column.status == "type changed" and column.before and column.after:
            kinds = f"{column.before.column.kind} in {diff.before.label}, and {column.after.column.kind} now"
            yield Problem(at, "MD614", f"The column {column.name!r} is {kinds}.", hint)
