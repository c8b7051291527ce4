"""Check data that a job delivers, before a version is created from it.

If the dataset has no schema, the data must have the columns and types of the previous version.

Codes: MD611 no rows, MD613 a column is missing, MD614 a column has a different type.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.data.declared_schema import DEFAULT
from mlroad.data.delivery_limits import Exceeded, check_counts, check_drift, check_repeated
from mlroad.data.diff import Diff, compare, file_key
from mlroad.data.limits import Limits
from mlroad.data.open_table import format_of, open_table
from mlroad.data.reading import Dialect, Reading, dialect_of
from mlroad.data.schema import Schema, load_schema
from mlroad.data.schema_check import check_table
from mlroad.data.sql import TableEngine
from mlroad.data.store import DATASETS, VerifiedVersion
from mlroad.data.table import Table
from mlroad.data.version import DatasetVersion
from mlroad.data.version_tables import open_version


@dataclass(frozen=True, slots=True)
class DeliveryCheck:
    """The result. ``diff`` is None if there is no previous version or the data is not a table."""

    problems: tuple[Problem, ...]
    rows: int | None
    diff: Diff | None
    schema: Path | None
    exceeded: tuple[Exceeded, ...] = ()
    """The limits that the data exceeds; empty if it has problems."""


def check_delivery(
    root: Path,
    name: str,
    data: Path,
    previous: VerifiedVersion | None,
    earlier: Sequence[DatasetVersion],
    max_loss: float | None = None,
) -> DeliveryCheck:
    """Check delivered data against the dataset's schema, its limits and the previous version.

    ``earlier`` are the versions of the same stage that rows are counted against, ``max_loss`` can
    be stricter than the schema. Raises UserError for unreadable data.
    """
    file = root / DATASETS / name / DEFAULT
    schema = load_schema(file) if file.is_file() else None
    if not data.is_dir() and format_of(data) is None:
        return DeliveryCheck((), None, None, None)
    limits = schema.limits if schema else Limits()
    if max_loss is not None:
        limits = replace(limits, loss=min(limits.loss, max_loss))
    with TableEngine() as engine:
        dialect = dialect_of(previous.version.tags) if previous else Dialect()
        reading = schema.reading(dialect) if schema else Reading(dialect=dialect)
        table = open_table(engine, data, f"the new {name}", reading)
        problems = list(_empty(table))
        if schema:
            problems += check_table(engine, table, schema)
        diff = _compare(engine, table, previous, schema, keyed=not problems)
        if diff and not schema:
            problems += _columns(diff)
        exceeded = [*check_counts(table, earlier, limits)] if not problems else []
        if diff and not problems:
            exceeded += check_drift(diff, limits)
            exceeded += check_repeated(engine, diff, limits)
    rows = None if table.format == "files" else table.rows
    return DeliveryCheck(tuple(problems), rows, diff, file if schema else None, tuple(exceeded))


def _empty(table: Table) -> Iterator[Problem]:
    if not table.rows:
        what = f"The data has no {'files' if table.format == 'files' else 'rows'}."
        yield Problem(Position(table.source), "MD611", what, "Check whether the job that made it failed.")


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
    unjudged = schema.unjudged if schema else {}
    return compare(engine, before, table, file_key(before, table, key), unjudged)


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
