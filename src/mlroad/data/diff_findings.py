"""The notable differences in a comparison, in words, most important first: for terminal and report.

Levels: 2 breaks code that reads the data, 1 may change a model, 0 is a note.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from mlroad.core.text import number, percent, some
from mlroad.data.diff import ColumnDiff, Diff
from mlroad.data.profile import CATEGORIES, Profile
from mlroad.data.shift import Shift

_MISSING = 0.01
"""Smaller changes in the share of missing values are not reported."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about a column, or about the whole table if ``column`` is empty."""

    level: int
    text: str
    column: str = ""


def findings(diff: Diff) -> list[Finding]:
    """All notable differences, the most important first, then in the order of columns."""
    found = [*_rows(diff)]
    for column in diff.columns:
        found += _column(column)
    return sorted(found, key=lambda finding: -finding.level)


def headline(diff: Diff) -> str:
    """The comparison in one sentence."""
    before, after = diff.before, diff.after
    if diff.is_same:
        order = ", with the columns in a different order" if diff.columns_reordered else ""
        return f"{after.label} has the same {after.rows:,} rows as {before.label}{order}."
    count = _count_sentence(before.rows, after.rows, "files" if after.format == "files" else "rows")
    counts = (
        (len(diff.with_status("added")), "new"),
        (len(diff.with_status("removed")), "removed"),
        (len(diff.with_status("type changed")), "changed in type"),
        (sum(column.shift.level != "stable" for column in diff.columns), "shifted"),
    )
    moved = [f"{count} {word}" for count, word in counts if count]
    columns = f"Columns: {', '.join(moved)}." if moved else "No column is new, removed or shifted."
    return f"{after.label} has {count} {before.label}. {columns}"


def _count_sentence(before: int, after: int, word: str) -> str:
    if before == after:
        return f"as many {word} ({after:,}) as"
    change = abs(after - before)
    share = f" ({percent(change / before)})" if before else ""
    return f"{change:,} {'more' if after > before else 'fewer'} {word}{share} than"


def _rows(diff: Diff) -> Iterator[Finding]:
    rows, before, after = diff.rows, diff.before.rows, diff.after.rows
    if rows is None:
        yield Finding(2, "The two versions have no column in common, so rows cannot be compared.")
        return
    if not after:
        yield Finding(2, f"{diff.after.label} has no rows.")
    elif before and after < 0.9 * before:
        yield Finding(1, f"The number of rows dropped from {before:,} to {after:,}.")
    if before and after and not rows.same and not rows.changed:
        by = f"by the key {', '.join(rows.key)}" if rows.key else "as a whole row"
        yield Finding(1, f"No row of {diff.before.label} was found again {by}: is this the right comparison?")
    if rows.changed:
        share = percent(rows.changed / (rows.same + rows.changed))
        where = sorted((rows.changed_in or {}).items(), key=lambda item: -item[1])[:_NAMED]
        named = ", ".join(f"{name} in {percent(count / rows.looked_at)} of them" for name, count in where)
        yield Finding(1, f"{rows.changed:,} rows ({share}) have the same key but different values: {named}.")
    if diff.columns_reordered:
        yield Finding(
            1, "The columns are in a different order, which affects code that reads them by position."
        )


def _column(column: ColumnDiff) -> Iterator[Finding]:
    before, after = column.before, column.after
    if before is None or after is None:
        if before is None and after is not None:
            yield Finding(1, f"is new ({after.column.kind}).", column.name)
        else:
            yield Finding(2, "was removed: code that reads it will fail.", column.name)
        return
    if column.still_whole:
        yield Finding(
            1,
            "changed from integer to number, but all values are still whole (pandas writes 7.0 for 7 if"
            " some values are missing).",
            column.name,
        )
    elif column.status == "type changed":
        because = ""
        if column.odd:
            examples = ", ".join(json.dumps(value, ensure_ascii=False) for value in column.odd.examples)
            because = f" {column.odd.count:,} values are not a {column.odd.kind}, such as {examples}."
        yield Finding(2, f"changed from {before.column.kind} to {after.column.kind}.{because}", column.name)
    yield from _missing(before, after, column.missing_moved)
    if after.infinite > before.infinite:
        yield Finding(
            1, f"holds {after.infinite:,} infinite values ({before.infinite:,} before).", column.name
        )
    yield from _categories(column, before, after)
    yield from _shift(column)


def _shift(column: ColumnDiff) -> Iterator[Finding]:
    shift = column.shift
    if shift.level != "stable" and shift.size is not None:
        level = 1 if shift.level == "shifted" else 2
        yield Finding(level, f"is {shift.level}: {shift.words} ({shift_text(shift)}).", column.name)
    elif shift.words.startswith("continues"):
        yield Finding(0, f"{shift.words}.", column.name)


def shift_text(shift: Shift) -> str:
    """The size of a shift, and the chance of it where nothing changed."""
    chance = p_text(shift.p or 0.0)
    return f"shift {shift.size:.2f}, p {chance if chance.startswith('<') else f'= {chance}'}"


def p_text(p: float) -> str:
    """A p-value: ``0.0123``, or ``< 0.0001``."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def _missing(before: Profile, after: Profile, is_moved: bool) -> Iterator[Finding]:
    old, new = before.share_missing, after.share_missing
    if not before.rows or not after.rows:
        return
    if (new > 0) != (old > 0) or abs(new - old) >= _MISSING:
        word = "is missing more often" if new > old else "is missing less often"
        if not old:
            word = "was never missing, but is now"
        elif not new:
            word = "is no longer missing"
        # In a small table, a few missing values more or fewer mean nothing.
        level = 0 if new <= old or not is_moved else 2 if new >= 0.5 > old else 1
        yield Finding(level, f"{word}: {percent(old)} before, {percent(new)} after.", after.column.name)


def _categories(column: ColumnDiff, before: Profile, after: Profile) -> Iterator[Finding]:
    if (
        column.status != "same"
        or before.column.kind != "string"
        or not (before.categories and after.categories)
    ):
        return
    if max(before.distinct, after.distinct) > CATEGORIES / 10:
        return
    old, new = dict(before.categories), dict(after.categories)
    for level, word, values in (
        (int(column.shift.level != "stable"), "has new values", [value for value in new if value not in old]),
        (0, "lost values", [value for value in old if value not in new]),
    ):
        if values:
            named = some([json.dumps(value, ensure_ascii=False) for value in values])
            yield Finding(level, f"{word}: {named}.", column.name)


def optional_number(value: float | None) -> str:
    """A number in a table; empty for None."""
    return "" if value is None else number(value)
