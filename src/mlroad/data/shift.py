"""How much a column's values shifted between two versions. This module loads no library, `drift` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["stable", "shifted", "strongly shifted"]
LEVELS: tuple[Level, ...] = get_args(Level)
SHIFTED, STRONGLY = 0.1, 0.25
_ALARMS = 0.01
"""The largest share of columns that chance alone may make look shifted."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The comparison of a column. ``size`` is the share of values that lie elsewhere; None: not compared."""

    level: Level = "stable"
    size: float | None = None
    p: float | None = None
    """The chance of such a difference where nothing changed, adjusted for the number of columns."""
    words: str = ""
    """What shifted, or why it is not judged."""


NOT_COMPARED = Shift()


def significance(columns: int) -> float:
    """The largest adjusted p-value of a shift, in a table with so many compared columns.

    It is the share of tables with a false alarm. With one false alarm in such a table, 1 % of columns are
    false alarms; more than one table in twenty is never accepted.
    """
    return min(0.05, _ALARMS * columns)


def level_of(size: float) -> Level:
    """The level of a change of this size, if chance does not explain it."""
    return "stable" if size < SHIFTED else "shifted" if size < STRONGLY else "strongly shifted"
