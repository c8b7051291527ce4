"""Columns that only grow, such as days and row numbers: a new version continues where the last one ended.

Its new values lie above the old ones by nature, so only the range that both versions have is compared. A
continuation has new values above the highest old one, at about the same pace (rows per unit), and below it
the rows that were there before, possibly without the oldest ones.
"""

from dataclasses import dataclass

import numpy as np

from mlroad.data.shift_tests import Numbers

_FEWEST = 0.01
"""Two random halves of a table have different highest values; a continuation has more than this above."""
_PACE = 5.0
_SAME_ROWS, _KEPT = 1.02, 1.25
_DISTINCT = 10
_DENSE = 10


@dataclass(frozen=True, slots=True)
class Axis:
    """A column's values in row order, the least step between them, and how many rows each stands for."""

    values: Numbers
    step: float
    weight: float = 1.0
    is_unique: bool = False

    @property
    def span(self) -> float:
        return float(self.values.max() - self.values.min()) + self.step

    @property
    def direction(self) -> int:
        """1 or -1 if the values only rise or only fall, otherwise 0. Few values are no evidence."""
        moves = np.diff(self.values)
        if np.count_nonzero(moves) < _DISTINCT:
            return 0
        return 1 if (moves >= 0).all() else -1 if (moves <= 0).all() else 0

    @property
    def is_dense(self) -> bool:
        """Whether these are row numbers: each occurs once, with few gaps."""
        return self.is_unique and self.span <= _DENSE * len(self.values) * self.weight * max(self.step, 1.0)


@dataclass(frozen=True, slots=True)
class Continuation:
    """The values in the range that both versions have, and those above it, which only one version has."""

    before: Numbers
    after: Numbers
    new: Numbers
    is_shorter: bool = False
    """Whether the version after ends before the other one; then ``new`` are the values that it lacks."""


def continuation(before: Axis, after: Axis, *, grows: bool = False) -> Continuation | None:
    """How ``after`` continues ``before``, or ends earlier; None if neither.

    ``grows``: the column is known to continue.
    """
    longer = _continued(before, after, grows)
    shorter = None if longer else _continued(after, before, grows)
    # It must begin where the other one begins: earlier values are not the end of anything.
    if shorter and len(shorter.before) == len(after.values):
        return Continuation(shorter.after, shorter.before, shorter.new, is_shorter=True)
    return longer


def _continued(before: Axis, after: Axis, grows: bool) -> Continuation | None:
    if not len(before.values) or not len(after.values):
        return None
    highest = before.values.max()
    new, kept = after.values[after.values > highest], after.values[after.values <= highest]
    if len(new) <= max(2, _FEWEST * len(after.values)) or not _has_same_pace(before, after, new):
        return None
    ordered = grows or (before.direction and before.direction == after.direction)
    ordered = ordered or (before.is_dense and after.is_dense)
    if not len(kept):
        return Continuation(kept, kept, new) if ordered else None
    old = before.values[before.values >= kept.min()]
    if not ordered and len(old) < len(before.values):
        # Only an append leaves all old rows: otherwise, this may be a measurement that moved up.
        return None
    ratio = len(kept) * after.weight / (len(old) * before.weight)
    limit = _KEPT if ordered else _SAME_ROWS
    return Continuation(old, kept, new) if 1 / limit <= ratio <= limit else None


def _has_same_pace(before: Axis, after: Axis, new: Numbers) -> bool:
    old_pace = len(before.values) * before.weight / before.span if before.span else 0.0
    length = float(new.max() - before.values.max())
    return bool(old_pace) and 1 / _PACE <= len(new) * after.weight / length / old_pace <= _PACE
