"""Two versions of a column drawn over each other, as SVG or HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mlroad.data.diff_findings import percent
from mlroad.data.drift import Bars, Bins
from mlroad.data.profile import axis_text
from mlroad.data.table import Column

_WIDTH, _HEIGHT, _FLOOR = 320, 96, 1.0
_LONGEST = 28


def draw(plot: Bins | Bars | None, column: Column, name: str) -> str:
    """The plot of a column; nothing for a kind of column that has none."""
    if isinstance(plot, Bins):
        return _bins(plot, column, name)
    return _bars(plot) if isinstance(plot, Bars) else ""


def _bins(plot: Bins, column: Column, name: str) -> str:
    totals = [
        max(1, sum(counts) + below + above)
        for counts, below, above in (
            (plot.before, plot.below[0], plot.above[0]),
            (plot.after, plot.below[1], plot.above[1]),
        )
    ]
    before = [count / totals[0] for count in plot.before]
    after = [count / totals[1] for count in plot.after]
    top = max((*before, *after), default=0) or 1
    step = _WIDTH / max(1, len(before))
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" preserveAspectRatio="none">']
    parts.append(f"<title>{escape(name)}: shares of values in {len(before)} bins</title>")
    for i, share in enumerate(before):
        if share:
            height = max(_FLOOR, share / top * (_HEIGHT - 4))
            parts.append(
                f'<rect class="before" x="{i * step:.1f}" y="{_HEIGHT - height:.1f}"'
                f' width="{max(1.0, step - 1):.1f}" height="{height:.1f}"/>'
            )
    if any(after):
        path = _steps([share / top * (_HEIGHT - 4) for share in after], step)
        parts.append(f'<path class="after" d="{path}"/>')
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        ends = f"{axis_text(plot.edges[i], column)} to {axis_text(plot.edges[i + 1], column)}"
        parts.append(
            f'<rect class="hover" x="{i * step:.1f}" y="0" width="{step:.1f}" height="{_HEIGHT}">'
            f"<title>{escape(ends)}: {percent(old)} before, {percent(new)} after</title></rect>"
        )
    parts.append("</svg>")
    low, high = (axis_text(end, column) for end in plot.ends)
    outside = [
        f"{percent(count / total)} {word}"
        for word, pair in (("lower", plot.below), ("higher", plot.above))
        for count, total in [(max(pair), totals[pair.index(max(pair))])]
        if count
    ]
    beyond = f"<span>{', '.join(outside)}</span>" if outside else ""
    parts.append(f'<div class="axis"><span>{escape(low)}</span>{beyond}<span>{escape(high)}</span></div>')
    return "".join(parts)


def _steps(heights: Sequence[float], step: float) -> str:
    """The outline of a histogram, closed at the floor."""
    points = [f"M0,{_HEIGHT}"]
    for i, height in enumerate(heights):
        y = _HEIGHT - height
        points.append(f"L{i * step:.1f},{y:.1f}L{(i + 1) * step:.1f},{y:.1f}")
    return f"{''.join(points)}L{_WIDTH},{_HEIGHT}Z"


def _bars(plot: Bars) -> str:
    rows = [(value, b, a) for value, b, a in plot.values]
    n = sum(b for _, b, _ in rows) + plot.others[0]
    m = sum(a for _, _, a in rows) + plot.others[1]
    sides = [side for side, total in enumerate((n, m)) if total]
    n, m = n or 1, m or 1
    shares = [(_short(value), b / n, a / m) for value, b, a in rows]
    if plot.other_values:
        word = f"{plot.other_values} more value{'s' * (plot.other_values != 1)}"
        shares.append((f"<i>{word}</i>", plot.others[0] / n, plot.others[1] / m))
    top = max((share for _, old, new in shares for share in (old, new)), default=0) or 1
    bars = "".join(_bar(label, (old, new), top, sides) for label, old, new in shares)
    return f'<div class="bars">{bars}</div>'


def _bar(label: str, shares: tuple[float, float], top: float, sides: Sequence[int]) -> str:
    tracks = "".join(
        f'<b class="{side}" style="width:{100 * share / top:.1f}%"></b>'
        for side, share in zip(("before", "after"), shares, strict=True)
    )
    figures = " → ".join(percent(shares[side]) for side in sides)
    return f'<div class="bar"><span>{label}</span><div>{tracks}</div><em>{figures}</em></div>'


def _short(value: str) -> str:
    text = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    return escape(text) if text.strip() else "<i>blank</i>"
