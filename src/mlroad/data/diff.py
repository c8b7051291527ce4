"""The differences between two versions of a table: columns, their statistics, and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlroad.data.column_plots import Bars, Bins, plots
from mlroad.data.profile import Profile, axis, profile
from mlroad.data.row_diff import RowDiff, compare_rows
from mlroad.data.shift import NOT_COMPARED, SIGNIFICANT, Shift
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table
from mlroad.data.text_types import OddValues, odd_values

Status = Literal["same", "added", "removed", "type changed"]


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column in both versions; a profile is None if that version lacks the column."""

    name: str
    status: Status
    before: Profile | None
    after: Profile | None
    plot: Bins | Bars | None = None
    shift: Shift = NOT_COMPARED
    missing_moved: bool = False
    """Whether the share of missing values differs more than chance explains."""
    odd: OddValues | None = None
    """Why the column is text now, if it had another type before."""
    still_whole: bool = False
    """Whether the type went from integer to number although all values are still whole."""


@dataclass(frozen=True, slots=True)
class Diff:
    """The comparison of two versions. ``rows`` is None if they have no column in common."""

    before: Table
    after: Table
    columns: tuple[ColumnDiff, ...]
    rows: RowDiff | None
    is_sample: bool
    """Whether quantiles and plots come from a sample of the rows."""
    columns_reordered: bool
    """Whether the common columns are in a different order."""

    def with_status(self, *wanted: Status) -> list[ColumnDiff]:
        """The columns with these statuses, in order."""
        return [column for column in self.columns if column.status in wanted]

    @property
    def is_same(self) -> bool:
        """Whether both have the same rows and the same columns, in any order."""
        rows = self.rows
        unmoved = rows is not None and not (rows.added or rows.removed or rows.changed)
        return unmoved and len(self.with_status("same")) == len(self.columns)


def compare(
    engine: TableEngine,
    before: Table,
    after: Table,
    key: Sequence[str] = (),
    declared: Mapping[str, str] | None = None,
) -> Diff:
    """Compare two versions of a table. ``declared`` are columns whose shift is not judged, with the reason.

    Raises UserError for a key that a version lacks, or that names several rows.
    """
    rows = compare_rows(engine, before, after, key)
    old, new = profile(engine, before), profile(engine, after)
    names = list(dict.fromkeys(column.name for column in (*before.columns, *after.columns)))
    pairs = [(old.columns.get(name), new.columns.get(name)) for name in names]
    odd = _odd(engine, after, pairs)
    drawn = plots(engine, old, new, [pair if _is_drawn(*pair) else (None, None) for pair in pairs])
    # A key identifies rows; new key values are not a shift.
    judged = [name for name in names if _is_judged(before, after, name) and not (rows and name in rows.key)]
    # Imported here, because scipy takes a second to load, and most commands on datasets compare nothing.
    from mlroad.data.drift import missing_by_chance, shifts

    moved = shifts(engine, old, new, judged, declared or {})
    both = [name for name, pair in zip(names, pairs, strict=True) if all(pair)]
    chances = missing_by_chance([(old.columns[name], new.columns[name]) for name in both])
    by_chance = dict(zip(both, chances, strict=True))
    columns = [
        ColumnDiff(
            name,
            _status(*pair),
            *pair,
            plot,
            moved.get(name, NOT_COMPARED),
            by_chance.get(name, 1.0) <= SIGNIFICANT,
            odd.get(name),
            _whole(engine, after, *pair),
        )
        for name, pair, plot in zip(names, pairs, drawn, strict=True)
    ]
    common = [
        [c.name for c in table.columns if before.column(c.name) and after.column(c.name)]
        for table in (before, after)
    ]
    return Diff(before, after, tuple(columns), rows, old.is_sample or new.is_sample, common[0] != common[1])


def file_key(before: Table, after: Table, key: Sequence[str]) -> tuple[str, ...]:
    """The key to compare by: the given one, or the path if both are folders of files."""
    if not key and before.format == after.format == "files":
        return ("path",)
    return tuple(key)


def _is_drawn(before: Profile | None, after: Profile | None) -> bool:
    return before is None or after is None or _share_axis(before.column, after.column)


def _is_judged(before: Table, after: Table, name: str) -> bool:
    old, new = before.column(name), after.column(name)
    return old is not None and new is not None and _share_axis(old, new)


def _share_axis(before: Column, after: Column) -> bool:
    """Whether two columns can share an axis."""
    return before.kind == after.kind or (before.is_numeric and after.is_numeric)


def _status(before: Profile | None, after: Profile | None) -> Status:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if before.rows == before.missing or after.rows == after.missing:
        # A column without values has no type of its own.
        return "same"
    return "same" if before.column.kind == after.column.kind else "type changed"


def _odd(
    engine: TableEngine, table: Table, pairs: Sequence[tuple[Profile | None, Profile | None]]
) -> Mapping[str, OddValues]:
    """Why columns are text now that had another type."""
    columns = [
        after.column.name
        for before, after in pairs
        if before and after and after.column.kind == "string" and before.column.kind != "string"
    ]
    return odd_values(engine, table.texts, table.rows, columns, table.decimal) if table.texts else {}


def _whole(engine: TableEngine, table: Table, before: Profile | None, after: Profile | None) -> bool:
    if not before or not after or (before.column.kind, after.column.kind) != ("integer", "number"):
        return False
    value = axis(after.column)
    return engine.row(f"SELECT bool_and({value} = trunc({value})) FROM {table.view}")[0] is True


def changed_share(diff: Diff) -> Mapping[str, float]:
    """For each column, the share of values that changed, among rows with the same key."""
    rows = diff.rows
    if not rows or not rows.changed_in or not rows.looked_at:
        return {}
    of_all = rows.changed / rows.looked_at / max(1, rows.same + rows.changed)
    return {name: count * of_all for name, count in rows.changed_in.items()}
