"""What the plot of a column shows: counts in bins or of categories, in one or two versions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlroad.data.profile import Profile, TableProfile, axis, has_axis
from mlroad.data.sql import TableEngine

_BARS = 24
_FEW = 12
"""Integers with at most this many values get one bar per value."""


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


def plots(
    engine: TableEngine,
    before: TableProfile,
    after: TableProfile,
    pairs: Sequence[tuple[Profile | None, Profile | None]],
) -> list[Bins | Bars | None]:
    """The plot of each pair of profiles; one of a pair is None if only one version has the column."""
    edges = [_edges(*pair) for pair in pairs]
    counted = [
        _count(
            engine, profiled.drawn, [(pair[side], found) for pair, found in zip(pairs, edges, strict=True)]
        )
        for side, profiled in enumerate((before, after))
    ]
    return [
        _plot(old, new, found, counts_before, counts_after)
        for (old, new), found, counts_before, counts_after in zip(pairs, edges, *counted, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Edges:
    drawn: tuple[float, ...]
    ends: tuple[float, float]


def _edges(before: Profile | None, after: Profile | None) -> _Edges | None:
    profiles = [found for found in (before, after) if found is not None]
    if not all(has_axis(found.column) and found.quantiles for found in profiles):
        return None
    if len({found.column.is_time for found in profiles}) > 1 or _one_by_one(profiles):
        return None
    low, high = _range(profiles)
    if not math.isfinite(high - low):
        return None
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
    return _Edges(drawn, (low, high))


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
        f"histogram({axis(found.column)}, [{', '.join(map(repr, edges.drawn))}]::DOUBLE[])"
        for found, edges in wanted
        if found and edges
    ]
    if not parts:
        return [{} for _ in wanted]
    rows = iter(engine.row(f"SELECT {', '.join(parts)} FROM {drawn}"))
    return [(next(rows) or {}) if found and edges else {} for found, edges in wanted]


def _plot(
    before: Profile | None,
    after: Profile | None,
    edges: _Edges | None,
    counts_before: dict[float, int],
    counts_after: dict[float, int],
) -> Bins | Bars | None:
    if edges:
        drawn = [_rebin(counts, edges.drawn) for counts in (counts_before, counts_after)]
        return Bins(
            edges.drawn,
            tuple(drawn[0][1:-1]),
            tuple(drawn[1][1:-1]),
            (drawn[0][0], drawn[1][0]),
            (drawn[0][-1], drawn[1][-1]),
            edges.ends,
        )
    profiles = [found for found in (before, after) if found is not None]
    if not all(found.categories for found in profiles):
        return None
    return _bars(before, after, in_order=_one_by_one(profiles))


def _rebin(counts: dict[float, int], edges: Sequence[float]) -> list[int]:
    """Counts at fine edges added up between coarse ones (a subset of the fine): below, bins, above."""
    bins = [0] * (len(edges) + 1)
    position = 0
    for edge, count in sorted(counts.items()):
        while position < len(edges) and edge > edges[position]:
            position += 1
        bins[position] += count
    return bins


def _bars(before: Profile | None, after: Profile | None, in_order: bool) -> Bars:
    old = dict(before.categories) if before else {}
    new = dict(after.categories) if after else {}
    rows = {value: (old.get(value, 0), new.get(value, 0)) for value in (*old, *new)}
    n, m = max(1, sum(old.values())), max(1, sum(new.values()))
    ranked = sorted(rows, key=lambda value: (-(rows[value][0] / n + rows[value][1] / m), value))
    shown, hidden = ranked[:_FEW], [rows[value] for value in ranked[_FEW:]]
    if in_order:
        # Together, the two versions may have more values than either one.
        shown, hidden = sorted(ranked, key=int), []
    others = (sum(b for b, _ in hidden), sum(a for _, a in hidden))
    return Bars(tuple((value, *rows[value]) for value in shown), others, len(hidden))
