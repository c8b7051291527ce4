"""Measure whether time grows faster than input: the CPU time for an input, and for one 8 times as large."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

FACTOR = 8
LIMIT = 24
"""Linear work takes 8 times as long for 8 times the input, and quadratic work 64 times."""


def growth(prepare: Callable[[int], Any], work: Callable[[Any], object], size: int) -> float:
    """How many times longer ``work`` takes for an input 8 times as large; the best of three attempts."""
    small, large = prepare(size), prepare(size * FACTOR)
    work(small)  # imports and caches do not count
    return min(_seconds(work, large) / max(_seconds(work, small), 1e-4) for _ in range(3))


def assert_linear(prepare: Callable[[int], Any], work: Callable[[Any], object], size: int) -> None:
    """Fail if ``work`` takes more than 24 times as long for an input 8 times as large."""
    times = growth(prepare, work, size)
    assert times < LIMIT, f"{times:.0f} times as long for {FACTOR} times the input"


def _seconds(work: Callable[[Any], object], given: Any) -> float:
    started = time.process_time()
    work(given)
    return time.process_time() - started
