"""Rows that two datasets share: training rows must not be in the holdout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlroad.core.problems import UserError
from mlroad.core.text import percent
from mlroad.data.row_diff import RowGroups, check_columns
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table


@dataclass(frozen=True, slots=True)
class Overlap:
    """The rows that two tables share: rows with the same key, or with the same values."""

    first: Table
    second: Table
    columns: tuple[str, ...]
    is_key: bool
    shared: tuple[int, int]
    """Rows of the first that are in the second, and the reverse."""
    repeated: tuple[int, int]
    """Rows that occur more than once within the first, and within the second."""
    examples: tuple[Mapping[str, str], ...]

    @property
    def count(self) -> int:
        """Shared rows, counted in the table that has more of them."""
        return max(self.shared)


def find_overlap(
    engine: TableEngine, first: Table, second: Table, key: Sequence[str] = (), ignore: Sequence[str] = ()
) -> Overlap:
    """Find shared rows: by ``key``, or by the values of all common columns except those in ``ignore``.

    Folders of files are compared by content. Rows without a key value are never shared. Raises UserError for
    unknown columns.
    """
    for table in (first, second):
        check_columns(table, key, "--key")
    for column in ignore:
        if not first.column(column) and not second.column(column):
            check_columns(first, [column], "--ignore")
    columns = tuple(key) or _identity(first, second, ignore)
    if not columns:
        raise UserError(
            f"{first.label} and {second.label} have no column in common.",
            "Name two versions that share columns.",
        )
    return _count(engine, first, second, columns, is_key=bool(key))


def overlap_text(overlap: Overlap) -> str:
    """The result in words."""
    first, second = overlap.first, overlap.second
    word = "files" if first.format == second.format == "files" else "rows"
    what = (
        f"{', '.join(overlap.columns)} equal" if overlap.is_key else f"{len(overlap.columns)} columns equal"
    )
    if not overlap.count:
        counts = f"{first.rows:,} and {second.rows:,} {word}"
        return f"{first.label} and {second.label} share no {word} ({what}; {counts})."
    lines = [f"{first.label} and {second.label} share {word} ({what}):"]
    for table, other, shared in ((first, second, overlap.shared[0]), (second, first, overlap.shared[1])):
        lines.append(
            f"  {shared:,} of {table.rows:,} {word} of {table.label} ({percent(shared / table.rows)})"
            f" are in {other.label} too"
        )
    for table, repeated in zip((first, second), overlap.repeated, strict=True):
        if repeated and not overlap.is_key:
            lines.append(f"  {repeated:,} {word} of {table.label} occur in it more than once")
    lines.append("Examples:")
    for row in overlap.examples:
        values = list(row.items())[:8]
        more = ", …" if len(row) > 8 else ""
        lines.append(f"  {', '.join(f'{name} = {value}' for name, value in values)}{more}")
    return "\n".join(lines)


def _identity(first: Table, second: Table, ignore: Sequence[str]) -> tuple[str, ...]:
    if first.format == second.format == "files" and not ignore:
        return ("sha256",)
    return tuple(c.name for c in first.columns if second.column(c.name) and c.name not in ignore)


def _count(
    engine: TableEngine, first: Table, second: Table, columns: tuple[str, ...], *, is_key: bool
) -> Overlap:
    groups = RowGroups(engine, first, second, columns if is_key else (), () if is_key else columns)
    there = "".join(f" AND {key} IS NOT NULL" for key in groups.keys) if is_key else ""
    groups.find("0", f"n > 1{there}")
    counts = engine.row(
        "SELECT coalesce(sum(n0) FILTER (n1 > 0), 0)::BIGINT, coalesce(sum(n1) FILTER (n0 > 0), 0)::BIGINT,"
        " coalesce(sum(n0) FILTER (n0 > 1), 0)::BIGINT, coalesce(sum(n1) FILTER (n1 > 1), 0)::BIGINT"
        f" FROM {groups.found}"
    )
    wanted = [column.name for column in first.columns] if first.format == "files" else list(columns)
    rows = groups.examples(0, "n0 > 0 AND n1 > 0") if counts[0] else ()
    examples = tuple({column: row[column] for column in wanted} for row in rows)
    return Overlap(first, second, columns, is_key, (counts[0], counts[1]), (counts[2], counts[3]), examples)
