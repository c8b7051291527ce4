"""How much a column's values shifted between two versions. This module loads no library, `drift` does."""

from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["stable", "shifted", "strongly shifted"]
LEVELS: tuple[Level, ...] = get_args(Level)
SHIFTED, STRONGLY = 0.1, 0.25
SIGNIFICANT = 0.01
"""The largest adjusted p-value of a shift: the share of unchanged tables that report a shift in any column.

Columns of a table depend on each other, so a false alarm often comes with others: the share of columns can be
as high as that of tables, and 0.01 for tables is what keeps it below 1 % of columns.
"""


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


def level_of(size: float) -> Level:
    """The level of a change of this size, if chance does not explain it."""
    return "stable" if size < SHIFTED else "shifted" if size < STRONGLY else "strongly shifted"
