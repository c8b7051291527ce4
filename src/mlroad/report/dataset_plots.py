"""The geometry of a column's plot: two versions drawn over each other. charts.html.jinja draws it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from mlroad.core.text import percent
from mlroad.data.column_plots import Bars, Bins
from mlroad.data.profile import axis_text
from mlroad.data.table import Column

_WIDTH, _HEIGHT, _TOP = 320, 96, 92
_LEAST = 1.0
"""The height of the smallest bar."""
_LONGEST = 28
"""Characters of a bar's label."""


class Histogram(NamedTuple):
    """Bars for the version before, and the outline of the version after, in a frame of 320 by 96."""

    description: str
    before: Sequence[tuple[str, str, str, str]]
    """x, y, width and height of each bar."""
    after: str
    bins: Sequence[tuple[str, str, str]]
    """x, width and text of each bin."""
    low: str
    high: str
    outside: str
    """How many values are outside of the axis."""


class Bar(NamedTuple):
    """One category, with the width of its two bars."""

    label: str
    is_value: bool
    before: str
    after: str
    text: str


def histogram(plot: Bins, column: Column, name: str) -> Histogram:
    """The plot of a column with an axis."""
    totals = [
        max(1, sum(counts) + below + above)
        for counts, below, above in zip((plot.before, plot.after), plot.below, plot.above, strict=True)
    ]
    before, after = (
        [count / total for count in counts]
        for counts, total in zip((plot.before, plot.after), totals, strict=True)
    )
    highest = max((*before, *after), default=0) or 1
    step = _WIDTH / max(1, len(before))
    heights = [max(_LEAST, share / highest * _TOP) for share in before]
    boxes = [
        (f"{i * step:.1f}", f"{_HEIGHT - height:.1f}", f"{max(1.0, step - 1):.1f}", f"{height:.1f}")
        for i, (share, height) in enumerate(zip(before, heights, strict=True))
        if share
    ]
    ranges = [" to ".join(axis_text(edge, column) for edge in pair) for pair in pairwise(plot.edges)]
    bins = [
        (f"{i * step:.1f}", f"{step:.1f}", f"{range_}: {percent(old)} before, {percent(new)} after")
        for i, (range_, old, new) in enumerate(zip(ranges, before, after, strict=True))
    ]
    outline = _outline([share / highest * _TOP for share in after], step) if any(after) else ""
    outside = [
        f"{percent(count / total)} {word}"
        for word, pair in (("lower", plot.below), ("higher", plot.above))
        for count, total in [(max(pair), totals[pair.index(max(pair))])]
        if count
    ]
    low, high = (axis_text(end, column) for end in plot.ends)
    description = f"{name}: shares of values in {len(before)} bins"
    return Histogram(description, boxes, outline, bins, low, high, ", ".join(outside))


def _outline(heights: Sequence[float], step: float) -> str:
    """The path of a histogram, closed at the bottom."""
    points = [f"M0,{_HEIGHT}"]
    for i, height in enumerate(heights):
        y = _HEIGHT - height
        points.append(f"L{i * step:.1f},{y:.1f}L{(i + 1) * step:.1f},{y:.1f}")
    return f"{''.join(points)}L{_WIDTH},{_HEIGHT}Z"


def bars(plot: Bars) -> list[Bar]:
    """The plot of a column with categories."""
    labels = [(_label(value), bool(value.strip())) for value, _, _ in plot.values]
    counts = [(old, new) for _, old, new in plot.values]
    if plot.other_values:
        labels.append((f"{plot.other_values} more value{'s' * (plot.other_values != 1)}", False))
        counts.append(plot.others)
    totals = [sum(side) for side in zip(*counts, strict=True)]
    present = [side for side, total in enumerate(totals) if total]
    shares = [[count / (total or 1) for count, total in zip(pair, totals, strict=True)] for pair in counts]
    highest = max((max(pair) for pair in shares), default=0) or 1
    return [
        Bar(
            *label,
            f"{100 * before / highest:.1f}%",
            f"{100 * after / highest:.1f}%",
            " → ".join(percent((before, after)[side]) for side in present),
        )
        for label, (before, after) in zip(labels, shares, strict=True)
    ]


def _label(value: str) -> str:
    if not value.strip():
        return "blank"
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
