"""One line of a forest plot: a figure with its interval, zero, and the side where it would be too bad.

All positions are percentages of the width, so that it fits a phone and a screen without distortion.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_MIDDLE = 17
_HEIGHT = 34


@dataclass(frozen=True, slots=True)
class Strip:
    """What is drawn: ``point`` with ``ends``, on an axis from ``low`` to ``high``."""

    point: float | None
    ends: tuple[float, float] | None
    low: float
    high: float
    zero: float | None = None
    edge: float | None = None
    """Where too bad begins."""
    bad_is_left: bool = True
    failed: bool = False


def draw_strip(strip: Strip, told: str) -> str:
    """The SVG; ``told`` says the same in words, for those who do not see it."""
    parts = []
    if strip.edge is not None:
        edge = _place(strip, strip.edge)
        start, width = (0.0, edge) if strip.bad_is_left else (edge, 100 - edge)
        parts.append(
            f'<rect class="zone" x="{start:.2f}%" y="0" width="{width:.2f}%" height="{_HEIGHT}"/>'
            f'<line class="edge" x1="{edge:.2f}%" x2="{edge:.2f}%" y1="0" y2="{_HEIGHT}"/>'
        )
    if strip.zero is not None:
        x = _place(strip, strip.zero)
        parts.append(f'<line class="zero" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="{_HEIGHT}"/>')
    if strip.ends:
        left, right = (_place(strip, end) for end in strip.ends)
        parts.append(f'<line class="span" x1="{left:.2f}%" x2="{right:.2f}%" y1="{_MIDDLE}" y2="{_MIDDLE}"/>')
    if strip.point is not None:
        x = _place(strip, strip.point)
        parts.append(f'<circle class="point" cx="{x:.2f}%" cy="{_MIDDLE}" r="5.5"/>')
    bad = " bad" if strip.failed else ""
    return (
        f'<svg class="strip{bad}" role="img" aria-label="{escape(told)}"><title>{escape(told)}</title>'
        f"{''.join(parts)}</svg>"
    )


def difference_strip(
    difference: float | None,
    ends: tuple[float, float] | None,
    allowed: float | None,
    reach: float,
    *,
    lower_is_better: bool,
    failed: bool,
) -> Strip:
    """The difference to the champion, turned so that right is better; ``reach`` is half of the axis."""
    sign = -1.0 if lower_is_better else 1.0
    turned = None if ends is None else (min(sign * e for e in ends), max(sign * e for e in ends))
    return Strip(
        None if difference is None else sign * difference,
        turned,
        -reach,
        reach,
        zero=0.0,
        edge=None if allowed is None else -allowed,
        failed=failed,
    )


def limit_strip(
    value: float | None,
    ends: tuple[float, float] | None,
    limit: float | None,
    axis: tuple[float, float],
    *,
    lower_is_better: bool,
    failed: bool,
) -> Strip:
    """The figure itself against its limit, for a candidate without a champion to compare with."""
    return Strip(value, ends, *axis, edge=limit, bad_is_left=not lower_is_better, failed=failed)


def axis_of(*values: float | None) -> tuple[float, float]:
    """An axis that shows all of the values, with some air."""
    shown = [value for value in values if value is not None]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    air = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    return low - air, high + air


def _place(strip: Strip, value: float) -> float:
    share = (value - strip.low) / ((strip.high - strip.low) or 1.0)
    return 100 * min(1.0, max(0.0, share))
