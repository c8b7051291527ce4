"""Compare a column of dev and prod by its data, if a version has no schema.

What a file happens to contain is not a rule: whole numbers and decimals fit together, and a file without rows
says nothing. Missing values and categories that dev does not have are errors, or warnings if chance explains
them.
"""

import re
from collections.abc import Iterator, Mapping

from mlroad.core.problems import Position, Problem, Severity
from mlroad.core.text import count, some
from mlroad.data.profile import Profile
from mlroad.data.schema import Field

_CATEGORIES = 20
"""A text column of dev with at most this many values has categories, if each has `_TIMES` rows on average."""
_TIMES = 5
_CHANCE = 0.01
_SEPARATED = re.compile(r"[-+]?\d{1,3}(?:[,' .\u202f]\d{3})+(?:[.,]\d+)?|[-+]?\d+(?:[.,]\d+)?")
_NUMERIC = ("integer", "number")


def compare_observed(
    before: Field,
    after: Field,
    old: Profile | None,
    new: Profile | None,
    ids: tuple[str, str],
    at: Position,
) -> Iterator[Problem]:
    """The differences between a column of dev and of prod. A profile is None for a version with a schema."""
    if any(seen is not None and seen.rows == seen.missing for seen in (old, new)):
        return
    yield from _kinds(before, after, old, new, ids, at)
    if new is None or (before.kind != after.kind and not {before.kind, after.kind} <= set(_NUMERIC)):
        return
    if new.missing and (before.required or (old is not None and not old.missing)):
        rows = count(new.missing, "row")
        what = f"The column {after.name} is missing in {rows} of {ids[1]}, but never in {ids[0]}."
        fix = f"A model trained on {ids[0]} never sees that: fill the values, or add such rows to {ids[0]}."
        yield Problem(at, "MD504", what, fix, _severity(old, new, new.missing))
    known = _categories(before, old)
    added = {value: rows for value, rows in new.categories if known and value not in known}
    if added:
        values = f"values that {ids[0]} does not have: {some(list(added))}"
        what = f"The column {after.name} of {ids[1]} has {values}."
        fix = f"A model trained on {ids[0]} has not seen them: add such rows to {ids[0]}."
        yield Problem(at, "MD504", what, fix, _severity(old, new, max(added.values())))


def _kinds(
    before: Field, after: Field, old: Profile | None, new: Profile | None, ids: tuple[str, str], at: Position
) -> Iterator[Problem]:
    kinds = {before.kind, after.kind}
    if len(kinds) == 1 or "any" in kinds or kinds <= set(_NUMERIC):
        return
    what = f"The column {after.name} is {after.kind} in {ids[1]}, but {before.kind} in {ids[0]}."
    fix = "Convert one of them in a new version."
    severity: Severity = "error"
    text = old if before.kind == "string" else new
    if "string" in kinds and kinds & set(_NUMERIC) and text is not None and _are_separated(text):
        severity = "warning"
        what += f" Its texts are numbers with separators, such as {text.categories[0][0]}."
        fix = "Write them without separators, so that programs read numbers."
    yield Problem(at, "MD503", what, fix, severity)


def _are_separated(seen: Profile) -> bool:
    """Whether every text is a number such as 2,013."""
    return bool(seen.categories) and all(_SEPARATED.fullmatch(value.strip()) for value, _ in seen.categories)


def _categories(field: Field, seen: Profile | None) -> Mapping[str, int] | None:
    """The categories of dev; None if the column has none."""
    if seen is None:
        listed = field.constraints.get("enum")
        return {str(value): 0 for value in listed} if isinstance(listed, tuple) else None
    if seen.column.kind not in ("string", "boolean") or not 0 < len(seen.categories) <= _CATEGORIES:
        return None
    return dict(seen.categories) if seen.rows - seen.missing >= _TIMES * len(seen.categories) else None


def _severity(old: Profile | None, new: Profile, rows: int) -> Severity:
    """An error, unless so few rows can all be in prod by chance. What dev's schema rules out is an error."""
    if old is None:
        return "error"
    return "warning" if (new.rows / (old.rows + new.rows)) ** rows > _CHANCE else "error"
