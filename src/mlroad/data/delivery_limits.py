"""Compare a delivery with earlier versions: whether it lost, gained, repeated or shifted more than it may.

Such data is readable and fits the schema, so a person decides: `--accept` takes it, once, and the version
records that. Later losses are then measured from there.

Codes: MD612 loss, MD615 growth, MD616 repeated rows, MD617 drift.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mlroad.core.digests import read_listing
from mlroad.core.problems import Position, Problem
from mlroad.core.text import percent
from mlroad.data import sql
from mlroad.data.comparable import comparable
from mlroad.data.diff import Diff
from mlroad.data.diff_findings import shift_text
from mlroad.data.limits import Limits
from mlroad.data.shift import LEVELS
from mlroad.data.sql import TableEngine
from mlroad.data.store import listing_file
from mlroad.data.table import Table
from mlroad.data.version import DatasetVersion

Kind = Literal["loss", "growth", "repeated", "drift"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ACCEPTED = "accepted"
"""The tag of a version with the limits that a person allowed it to exceed."""
_RECENT = 3
"""Losses are compared with this many recent versions, so that small losses do not add up unnoticed."""


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that a delivery exceeds."""

    kind: Kind
    problem: Problem
    share: float = 0.0
    """The share of rows that are lost, if that is the limit."""


def references(versions: Sequence[DatasetVersion]) -> list[DatasetVersion]:
    """The versions that a loss is compared with: the newest ones, and the first or last accepted one."""
    start = max(
        (i for i, version in enumerate(versions) if "loss" in version.tags.get(ACCEPTED, "").split(", ")),
        default=0,
    )
    known = list(versions[start:])
    return [*known[:1], *known[1:][-_RECENT:]]


def count_of(version: DatasetVersion) -> int | None:
    """The rows of a version, or its files if it is not a table; None if neither is known."""
    if version.rows is not None or version.type == "uri_file":
        return version.rows
    listing = listing_file(version)
    return len(read_listing(listing)) if listing.is_file() else None


def check_counts(table: Table, earlier: Sequence[DatasetVersion], limits: Limits) -> Iterator[Exceeded]:
    """Loss compared with all of the ``earlier`` versions, growth with the last one."""
    word = "files" if table.format == "files" else "rows"
    known = [(version, rows) for version in earlier if (rows := count_of(version))]
    if not known:
        return
    largest, most = max(known, key=lambda pair: pair[1])
    if table.rows < most * (1 - limits.loss):
        what = f"The data has {table.rows:,} {word}, but {largest.id} has {most:,}."
        hundredths = -(-100 * (most - table.rows) // most)
        allow = f"If that is expected, allow it: --max-loss {hundredths / 100:.2f}."
        fix = allow if hundredths < 100 else _advice("loss")
        # Rounded as the option is, so that the advice is accepted.
        lost = (most - table.rows) / most
        yield Exceeded("loss", Problem(Position(table.source), "MD612", what, fix), lost)
    last, before = known[-1]
    if table.rows > before * (1 + limits.growth):
        what = f"The data has {table.rows:,} {word}, {table.rows / before:.1f} times as many as {last.id}."
        yield Exceeded("growth", Problem(Position(table.source), "MD615", what, _advice("growth")))


def check_repeated(engine: TableEngine, diff: Diff, limits: Limits) -> Iterator[Exceeded]:
    """Whole rows that repeat another one, compared with as many rows of the version before."""
    before, after = diff.before, diff.after
    if not before.rows or not after.rows:
        return
    shares = [
        _repeated(engine, table, other, min(1.0, other.rows / table.rows))
        for table, other in ((before, after), (after, before))
    ]
    if shares[1] > shares[0] + limits.repeated:
        everything = _repeated(engine, after, before, 1.0)
        what = (
            f"{percent(everything)} of the rows repeat another row, compared with"
            f" {percent(_repeated(engine, before, after, 1.0))} in {before.label}."
        )
        yield Exceeded("repeated", Problem(Position(after.source), "MD616", what, _advice("repeated")))


def _repeated(engine: TableEngine, table: Table, other: Table, share: float) -> float:
    """The share of rows that repeat another row, in a sample of the table."""
    columns = [
        comparable(sql.name(column.name), column, there)
        for column in table.columns
        if (there := other.column(column.name))
    ]
    if not columns:
        return 0.0
    sample = f" USING SAMPLE {100 * share:.6f}% (bernoulli, 42)" if share < 1 else ""
    rows, distinct = engine.row(
        f"SELECT count(*), count(DISTINCT hash({', '.join(columns)})) FROM (FROM {table.view}{sample})"
    )
    return float(1 - distinct / rows) if rows else 0.0


def check_drift(diff: Diff, limits: Limits) -> Iterator[Exceeded]:
    """Columns that shifted more than they may."""
    for column in diff.columns:
        shift = column.shift
        if LEVELS.index(shift.level) > LEVELS.index(limits.drift):
            what = f"The column {column.name} is {shift.level}: {shift.words} ({shift_text(shift)})."
            fix = f"{_advice('drift')} If it does so every season, declare the column: `drift: seasonal`."
            yield Exceeded("drift", Problem(Position(diff.after.source), "MD617", what, fix))


def _advice(kind: Kind) -> str:
    return (
        f"If that is expected, accept it once: --accept {kind}. For all deliveries, set `limits:` with"
        f" max{kind.capitalize()} in the dataset's schema.yml."
    )
