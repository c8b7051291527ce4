"""The geometry of charts: scales, ticks, and where everything goes. charts.html.jinja draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SIZE = 1000
"""The side of the square that marks are drawn in."""
_TICKS = 5
_DOTS = 1500
"""Points of a chart. More are thinned out evenly."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The place of a value as a share of the axis. Values outside are moved to its end."""
        return min(1.0, max(0.0, (value - self.low) / ((self.high - self.low) or 1.0)))

    def percent(self, value: float) -> str:
        """The place of a value, from the low end."""
        return f"{100 * self.at(value):.2f}%"

    def rest(self, value: float) -> str:
        """The place of a value, from the high end."""
        return f"{100 * (1 - self.at(value)):.2f}%"

    @property
    def ticks(self) -> list[float]:
        """Round values within the axis."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A path of a chart. Its kind is its CSS class, which names the shape and the model."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its frame. ``description`` is for readers who cannot see it."""

    title: str
    text: str
    description: str
    x: Axis
    y: Axis
    x_name: str
    y_name: str
    marks: Sequence[Mark]


def axis_around(*series: Sequence[float], at_zero: bool = False) -> Axis:
    """An axis around all values, with round ends."""
    low = min((min(values) for values in series if values), default=0.0)
    high = max((max(values) for values in series if values), default=1.0)
    if at_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    step = _round_step((high - low) / _TICKS)
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step)


def dots(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], series: str) -> Mark:
    """A point for each pair. Lines of no length with round ends stay round however the chart is stretched."""
    step = _thinning(len(xs))
    pairs = zip(xs[::step], ys[::step], strict=True)
    return Mark(
        f"dots {series}", "".join(f"M{_SIZE * x.at(a):.0f} {_SIZE * (1 - y.at(b)):.0f}h0" for a, b in pairs)
    )


def line(x: Axis, y: Axis, points: Sequence[tuple[float, float]], series: str, *, kind: str = "line") -> Mark:
    """Connected points."""
    path = "L".join(f"{_SIZE * x.at(a):.1f} {_SIZE * (1 - y.at(b)):.1f}" for a, b in points)
    return Mark(f"{kind} {series}", f"M{path}")


def guide(x: Axis, y: Axis, start: tuple[float, float], end: tuple[float, float]) -> Mark:
    """A dashed line: where a perfect model would be."""
    return Mark("guide", line(x, y, (start, end), "").path)


def steps(x: Axis, y: Axis, edges: Sequence[float], heights: Sequence[float], series: str) -> Mark:
    """A histogram as one outline."""
    points = [(edges[0], 0.0)]
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        points += [(left, height), (right, height)]
    return line(x, y, [*points, (edges[-1], 0.0)], series, kind="area")


def thinned(count: int) -> str:
    """A remark for charts that do not show every point."""
    step = _thinning(count)
    return f" One row in {step} is drawn." if step > 1 else ""


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """One line of a forest plot: a value with its interval."""

    description: str
    axis: Axis
    point: float | None
    ends: tuple[float, float] | None
    edge: float | None
    """Where the zone begins that is not acceptable."""
    bad_is_left: bool
    has_zero: bool
    failed: bool


def _thinning(count: int) -> int:
    return max(1, math.ceil(count / _DOTS))


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, and at least ``least``."""
    if not least > 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((power * k for k in (1, 2, 5, 10) if power * k >= least * (1 - 1e-9)), power * 10)
