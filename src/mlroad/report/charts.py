"""Plots of the answers on the holdout, as SVG in HTML that needs nothing else.

Ticks are HTML beside the SVG, so that their text keeps its size whatever the width of the plot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from mlroad.report.report_text import figure

_SIZE = 1000
_TICKS = 5
_DOTS = 1500
"""Points of a plot; more are thinned, evenly."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From where to where, with round ticks."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The place of a value, as a share of the axis; what lies outside is put on its end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self) -> list[float]:
        """Round values within the axis."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot with its frame. ``told`` says what it shows to those who do not see it."""

    title: str
    text: str
    told: str
    x: Axis
    y: Axis
    x_name: str
    y_name: str
    marks: str
    """SVG within a square of 1000 units."""
    y_ticks: bool = True


def axis(*series: Sequence[float], at_zero: bool = False) -> Axis:
    """An axis around all values; its ends are round."""
    low = min((min(values) for values in series if values), default=0.0)
    high = max((max(values) for values in series if values), default=1.0)
    if at_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    step = _round_step((high - low) / _TICKS)
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step)


def draw_chart(chart: Chart) -> str:
    """The plot as a figure with its heading."""
    lines = [
        f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in _percents(chart.y, down=True)
    ]
    lines += [f'<line class="grid" y1="0" y2="100%" x1="{x}" x2="{x}"/>' for x in _percents(chart.x)]
    ys = "".join(
        f'<span style="bottom:{100 * chart.y.at(tick):.2f}%">{figure(tick)}</span>'
        for tick in chart.y.ticks() * chart.y_ticks
    )
    xs = "".join(f'<span style="left:{100 * chart.x.at(t):.2f}%">{figure(t)}</span>' for t in chart.x.ticks())
    return (
        f'<figure class="card"><h3>{escape(chart.title)}</h3><p>{escape(chart.text)}</p>'
        f'<p class="axisname">{escape(chart.y_name)} ↑</p>'
        f'<div class="plot"><div class="ticks y" aria-hidden="true">{ys}</div>'
        f'<svg role="img" aria-label="{escape(chart.told)}"><title>{escape(chart.told)}</title>'
        f'{"".join(lines)}<svg width="100%" height="100%" viewBox="0 0 {_SIZE} {_SIZE}"'
        f' preserveAspectRatio="none" overflow="visible">{chart.marks}</svg></svg>'
        f'<div class="ticks x" aria-hidden="true">{xs}</div></div>'
        f'<p style="text-align:right">{escape(chart.x_name)} →</p></figure>'
    )


def dots(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], kind: str) -> str:
    """A point for each pair: pieces of no length with round ends stay round however the plot is stretched."""
    step = max(1, math.ceil(len(xs) / _DOTS))
    points = "".join(
        f"M{_SIZE * x.at(a):.0f} {_SIZE * (1 - y.at(b)):.0f}h0"
        for a, b in zip(xs[::step], ys[::step], strict=True)
    )
    return f'<path class="dots {kind}" d="{points}"/>' if points else ""


def line(x: Axis, y: Axis, points: Sequence[tuple[float, float]], kind: str, *, style: str = "line") -> str:
    """Points, joined."""
    path = "L".join(f"{_SIZE * x.at(a):.1f} {_SIZE * (1 - y.at(b)):.1f}" for a, b in points)
    return f'<path class="{style} {kind}" d="M{path}"/>' if path else ""


def guide(x: Axis, y: Axis, start: tuple[float, float], end: tuple[float, float]) -> str:
    """A broken line: where a perfect model would be."""
    (x1, y1), (x2, y2) = ((_SIZE * x.at(a), _SIZE * (1 - y.at(b))) for a, b in (start, end))
    return f'<line class="guide" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def steps(x: Axis, y: Axis, edges: Sequence[float], heights: Sequence[float], kind: str) -> str:
    """A histogram as one outline."""
    points = [(edges[0], 0.0)]
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        points += [(left, height), (right, height)]
    return line(x, y, [*points, (edges[-1], 0.0)], kind, style="area")


def thinned(count: int) -> str:
    """A remark where not every point is shown."""
    step = max(1, math.ceil(count / _DOTS))
    return f" Every {step}. row is drawn." if step > 1 else ""


def _percents(of: Axis, *, down: bool = False) -> Iterator[str]:
    for tick in of.ticks():
        share = of.at(tick)
        yield f"{100 * (1 - share if down else share):.2f}%"


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``least``."""
    if not least > 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - 1e-9)), power * 10)
