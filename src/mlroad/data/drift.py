"""How much a column's values have shifted: the population stability index, and the bins it is computed from.

The index is the sum over bins of (a - e) * ln(a / e), where e is the bin's share before and a its share
after. A column is usually called stable below 0.1 and strongly shifted from 0.25 (Siddiqi, "Credit Risk
Scorecards", 2006). Small tables differ by chance, so a shift must also be significant by the chi-squared test
of homogeneity (Pearson, 1911) at the level 0.001; otherwise the column is called stable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlroad.data.profile import Profile, TableProfile, axis, has_axis
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column

Level = Literal["stable", "shifted", "strongly shifted"]
SHIFTED, STRONGLY = 0.1, 0.25
_BARS = 24
_FEW = 12
"""Integers with at most this many values get one bar per value."""
_GROUPS = 20
"""Categories that are separate groups in the index; the rest is one group."""
_FLOOR = 1e-4
"""The smallest share of a bin, because the logarithm of 0 is infinite."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Counts in bins with common edges. Bin i counts values above edge i and up to edge i + 1.

    ``below`` and ``above`` are (before, after) counts of values outside of all bins.
    """

    edges: tuple[float, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    below: tuple[int, int]
    above: tuple[int, int]
    ends: tuple[float, float]
    """The smallest and largest value that the bins cover; bins of integers may extend further."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts of categories: (value, before, after). The values that are not listed are one last bar."""

    values: tuple[tuple[str, int, int], ...]
    others: tuple[int, int]
    other_values: int


@dataclass(frozen=True, slots=True)
class Shape:
    """The plot of a column in one or two versions, and how much it shifted."""

    plot: Bins | Bars | None
    index: float | None = None
    level: Level = "stable"


def shapes(
    engine: TableEngine,
    before: TableProfile,
    after: TableProfile,
    pairs: Sequence[tuple[Profile | None, Profile | None]],
) -> list[Shape]:
    """The shape of each pair of profiles; one of a pair is None if only one version has the column."""
    edges = [_edges(*pair) for pair in pairs]
    counted = [
        _count(
            engine, profiled.drawn, [(pair[side], found) for pair, found in zip(pairs, edges, strict=True)]
        )
        for side, profiled in enumerate((before, after))
    ]
    return [
        _shape(old, new, found, counts_before, counts_after)
        for (old, new), found, counts_before, counts_after in zip(pairs, edges, *counted, strict=True)
    ]


def index(before: Sequence[int], after: Sequence[int]) -> tuple[float | None, Level]:
    """The population stability index of counts in the same bins, and its level."""
    n, m = sum(before), sum(after)
    used = [(b, a) for b, a in zip(before, after, strict=True) if b or a]
    if not n or not m or len(used) < 2:
        return (None if not n or not m else 0.0), "stable"
    value = surprise = 0.0
    for b, a in used:
        expected, actual = max(b / n, _FLOOR), max(a / m, _FLOOR)
        value += (actual - expected) * math.log(actual / expected)
        surprise += (a * math.sqrt(n / m) - b * math.sqrt(m / n)) ** 2 / (a + b)
    if value < SHIFTED or surprise <= _chi_squared(len(used) - 1):
        return value, "stable"
    return value, "strongly shifted" if value >= STRONGLY else "shifted"


def _chi_squared(degrees: int) -> float:
    """The 0.999 quantile (Wilson and Hilferty, 1931; within 1 % of the true value from 3 degrees)."""
    third = 2 / (9 * degrees)
    return float(degrees * (1 - third + 3.0902 * math.sqrt(third)) ** 3)


@dataclass(frozen=True, slots=True)
class _Edges:
    drawn: tuple[float, ...]
    tenths: tuple[float, ...]
    """The deciles of the version before: the bins of the index."""
    ends: tuple[float, float]

    @property
    def all(self) -> tuple[float, ...]:
        return tuple(sorted({*self.drawn, *self.tenths}))


def _edges(before: Profile | None, after: Profile | None) -> _Edges | None:
    profiles = [found for found in (before, after) if found is not None]
    if not all(has_axis(found.column) and found.quantiles for found in profiles):
        return None
    if len({found.column.is_time for found in profiles}) > 1 or _one_by_one(profiles):
        return None
    low, high = _range(profiles)
    if all(found.column.kind == "integer" for found in profiles):
        # Edges are between integers, so that each bar covers the same number of integers.
        step = max(1, math.ceil((high - low + 1) / _BARS))
        count = math.ceil((high - low + 1) / step)
        drawn = tuple(low - 0.5 + step * i for i in range(count + 1))
    elif high == low:
        drawn = (low - 0.5, low + 0.5)
    else:
        drawn = tuple(low + (high - low) * i / _BARS for i in range(_BARS + 1))
        # Bins exclude their left edge, but the smallest value must be in the first bin.
        drawn = (math.nextafter(low, -math.inf), *drawn[1:-1], high)
    return _Edges(drawn, tuple(sorted(set(profiles[0].quantiles[1:-1]))), (low, high))


def _one_by_one(profiles: Sequence[Profile]) -> bool:
    return all(found.column.kind == "integer" and 0 < len(found.categories) <= _FEW for found in profiles)


def _range(profiles: Sequence[Profile]) -> tuple[float, float]:
    """The range of all values, unless outliers are so far off that the rest would be a single bar."""
    low = min(found.quantiles[0] for found in profiles)
    high = max(found.quantiles[-1] for found in profiles)
    lowest = min(found.lowest for found in profiles if found.lowest is not None)
    highest = max(found.highest for found in profiles if found.highest is not None)
    middle = high - low
    return (lowest if low - lowest <= middle / 2 else low), (
        highest if highest - high <= middle / 2 else high
    )


def _count(
    engine: TableEngine, drawn: str, wanted: Sequence[tuple[Profile | None, _Edges | None]]
) -> list[dict[float, int]]:
    """The count at each upper edge, for each profile; values above the last edge are at infinity."""
    parts = [
        f"histogram({axis(found.column)}, [{', '.join(map(repr, edges.all))}]::DOUBLE[])"
        for found, edges in wanted
        if found and edges
    ]
    if not parts:
        return [{} for _ in wanted]
    rows = iter(engine.row(f"SELECT {', '.join(parts)} FROM {drawn}"))
    return [(next(rows) or {}) if found and edges else {} for found, edges in wanted]


def _shape(
    before: Profile | None,
    after: Profile | None,
    edges: _Edges | None,
    counts_before: dict[float, int],
    counts_after: dict[float, int],
) -> Shape:
    if edges:
        drawn = [_rebin(counts, edges.drawn) for counts in (counts_before, counts_after)]
        plot = Bins(
            edges.drawn,
            tuple(drawn[0][1:-1]),
            tuple(drawn[1][1:-1]),
            (drawn[0][0], drawn[1][0]),
            (drawn[0][-1], drawn[1][-1]),
            edges.ends,
        )
        if not (before and after):
            return Shape(plot)
        return Shape(plot, *index(_rebin(counts_before, edges.tenths), _rebin(counts_after, edges.tenths)))
    profiles = [found for found in (before, after) if found is not None]
    if not all(found.categories for found in profiles):
        return Shape(None)
    bars, groups = _bars(before, after, in_order=_one_by_one(profiles))
    if not (before and after):
        return Shape(bars)
    return Shape(bars, *index([b for b, _ in groups], [a for _, a in groups]))


def _rebin(counts: dict[float, int], edges: Sequence[float]) -> list[int]:
    """Counts at fine edges added up between coarse ones (a subset of the fine): below, bins, above."""
    bins = [0] * (len(edges) + 1)
    position = 0
    for edge, count in sorted(counts.items()):
        while position < len(edges) and edge > edges[position]:
            position += 1
        bins[position] += count
    return bins


def _bars(
    before: Profile | None, after: Profile | None, in_order: bool
) -> tuple[Bars, list[tuple[int, int]]]:
    """The bars to draw, and the groups for the index."""
    old = dict(before.categories) if before else {}
    new = dict(after.categories) if after else {}
    rows = {value: (old.get(value, 0), new.get(value, 0)) for value in (*old, *new)}
    n, m = max(1, sum(old.values())), max(1, sum(new.values()))
    ranked = sorted(rows, key=lambda value: (-(rows[value][0] / n + rows[value][1] / m), value))
    groups = [rows[value] for value in ranked[:_GROUPS]]
    rest = [rows[value] for value in ranked[_GROUPS:]]
    groups.append((sum(b for b, _ in rest), sum(a for _, a in rest)))
    shown, hidden = ranked[:_FEW], [rows[value] for value in ranked[_FEW:]]
    if in_order:
        # Together, the two versions may have more values than either one.
        shown, hidden = sorted(ranked, key=int), []
    others = (sum(b for b, _ in hidden), sum(a for _, a in hidden))
    return Bars(tuple((value, *rows[value]) for value in shown), others, len(hidden)), groups


def is_comparable(before: Column, after: Column) -> bool:
    """Whether two columns can share an axis."""
    if before.is_numeric and after.is_numeric:
        return True
    return before.kind == after.kind
