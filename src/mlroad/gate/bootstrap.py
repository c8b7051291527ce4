"""The paired bootstrap: the uncertainty of a figure, and of a difference between two models, on this holdout.

Percentile intervals (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 13). Paired
means that both models and all metrics use the same resamples of rows. So what makes a row hard for both
models cancels out of the difference.

Resamples are drawn as counts of each row. Up to `EXACT_ROWS` rows the counts are multinomial: n rows are
drawn with replacement. Above, each row's count is an independent Poisson(1) variable, which gives the same
interval in the limit of many rows and needs no random access (Chamandy, Muralidharan, Najmi & Naidu
2012, Estimating Uncertainty for Massive Data Streams, Google; Hanley & MacGibbon 2006, Computer Methods and
Programs in Biomedicine 83:57-62). The Poisson variable is rounded to probabilities of 1/65,536, which moves
its mean by less than 2e-5 and its variance by less than 1e-4.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.measures import MOST, Floats, Measure, OfRows, Rows, Sums, Unmeasurable, Weighted, Weights

EXACT_ROWS = 5_000
_AT_ONCE = 1_600_000
"""Counts that each thread holds at once, one byte each above `EXACT_ROWS`. It affects the draws."""
_TILE = 131_072
"""Counts drawn at once: they and their random bits fit into the processor's cache."""
_UNDEFINED = 0.01
"""The share of resamples in which a metric may be undefined (one class only) and still have an interval."""
_LEVELS = (
    np.cumsum([65_536 * math.exp(-1) / math.factorial(k) for k in range(MOST)]).round().astype(np.uint16)
)
"""A count is the number of levels that a random 16-bit number reaches."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of one metric: of the candidate, and of the difference candidate - champion."""

    candidate: Interval
    difference: Interval | None


def method(rows: int) -> str:
    """The method, as the verdict names it."""
    if rows <= EXACT_ROWS:
        return "paired percentile bootstrap, multinomial counts (Efron & Tibshirani 1993)"
    return "paired percentile bootstrap, Poisson(1) counts (Chamandy et al. 2012)"


def intervals(
    measures: Mapping[str, Sequence[Measure]],
    rows: int,
    settings: Bootstrap,
    stream: int = 0,
    units: Rows | None = None,
) -> dict[str, Intervals | Unmeasurable]:
    """Intervals of all metrics from the same resamples.

    ``measures`` has each metric of the candidate and, if there is one, of the champion. ``units`` [rows] are
    numbers from 0: rows with one number are drawn together. ``stream`` selects other resamples of the same
    seed, for slices. For a metric without an interval, the reason takes its place.
    """
    parts = [part for pair in measures.values() for part in pair]
    values = iter(_resampled(parts, rows, settings, stream, units))
    found: dict[str, Intervals | Unmeasurable] = {}
    for name, pair in measures.items():
        its = [next(values) for _ in pair]
        try:
            own = _interval(its[0], settings.confidence)
            difference = _interval(its[0] - its[1], settings.confidence) if len(its) > 1 else None
        except Unmeasurable as error:
            found[name] = error
        else:
            found[name] = Intervals(own, difference)
    return found


def _interval(values: Floats, confidence: float) -> Interval:
    undefined = np.isnan(values)
    if undefined.mean() > _UNDEFINED:
        raise Unmeasurable(
            f"it is not defined in {undefined.mean():.1%} of the resamples: too few rows of one class"
        )
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[~undefined], [tail, 1 - tail])
    if not math.isfinite(low) or not math.isfinite(high):
        raise Unmeasurable("its interval is infinite")
    return float(low), float(high)


def _resampled(
    parts: Sequence[Measure], rows: int, settings: Bootstrap, stream: int, units: Rows | None = None
) -> list[Floats]:
    """The value of each part in every resample: one array [resamples] for each part.

    The number of threads makes no difference: each chunk of resamples has its own random stream. Counts are
    [unit, resample], so that each operation handles all resamples of a chunk at once.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    columns, places = _distinct(parts, rows, units)
    count_of_units = columns.shape[1]
    members = _members(units, rows) if any(isinstance(part, OfRows) for part in parts) else []

    def work(task: tuple[int, int]) -> list[Floats]:
        number, count = task
        bits = np.random.SFC64(np.random.SeedSequence([settings.seed, stream, number]))
        draw = _multinomial if count_of_units <= EXACT_ROWS else _poisson
        weights = draw(bits, count_of_units, count)
        of_rows = weights
        if units is not None and any(isinstance(part, Weighted) for part in parts):
            of_rows = weights[np.append(units, count_of_units)]
        sums = _product(columns, weights)
        found = []
        for part, place in zip(parts, places, strict=True):
            if isinstance(part, Sums):
                found.append(part.finish(sums[place].T, sums[0]))
            elif isinstance(part, Weighted):
                found.append(part.of(of_rows))
            else:
                found.append(np.array([part.of(_drawn(members, one)) for one in weights[:-1].T]))
        return found

    # A multiple of 16, because the processor handles so many bytes of a row at once.
    chunk = min(settings.resamples, max(16, _AT_ONCE // rows // 16 * 16))
    # One thread for each chunk. Without the limit, the matrix library would start threads in each of them.
    with threadpool_limits(1), ThreadPoolExecutor(_cores()) as threads:
        done = list(threads.map(work, _tasks(settings.resamples, chunk)))
    return [np.concatenate([some[index] for some in done]) for index in range(len(parts))]


def _members(units: Rows | None, rows: int) -> list[Rows]:
    """The rows of each unit."""
    if units is None:
        return list(np.arange(rows)[:, None])
    order = np.argsort(units, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(units[order])) + 1)


def _drawn(members: Sequence[Rows], counts: Weights) -> Rows:
    return np.concatenate([np.tile(its, count) for its, count in zip(members, counts, strict=True) if count])


def _distinct(parts: Sequence[Measure], rows: int, units: Rows | None) -> tuple[Floats, list[list[int]]]:
    """The columns of all parts as sums by unit [k, units], without duplicates, and the places of each part's.

    The first consists of the units' sizes: its sums are the total weights.
    """

    def by_unit(column: Floats) -> bytes:
        return (column if units is None else np.bincount(units, column)).astype(np.float64).tobytes()

    found = {by_unit(np.ones(rows)): 0}
    places = [
        [found.setdefault(by_unit(column), len(found)) for column in part.columns.T]
        if isinstance(part, Sums)
        else []
        for part in parts
    ]
    return np.array([np.frombuffer(column) for column in found]), places


def _tasks(resamples: int, chunk: int) -> Iterator[tuple[int, int]]:
    for number, start in enumerate(range(0, resamples, chunk)):
        yield number, min(chunk, resamples - start)


def _multinomial(bits: np.random.SFC64, rows: int, count: int) -> NDArray[np.int64]:
    """How often each row is drawn in each resample: [rows + 1, count]. The last row is zeros, for `Area`."""
    drawn = np.random.Generator(bits).integers(0, rows, (count, rows))
    drawn += (rows + 1) * np.arange(count)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=count * (rows + 1))
    return counts.reshape(count, rows + 1).T.copy()


def _poisson(bits: np.random.SFC64, rows: int, count: int) -> NDArray[np.uint8]:
    """As `_multinomial`. No count is above `MOST`."""
    weights = np.zeros((rows + 1, count), dtype=np.uint8)
    drawn = weights[:-1].reshape(-1)
    reached = np.empty(_TILE, dtype=np.uint8)
    for start in range(0, len(drawn), _TILE):
        some = drawn[start : start + _TILE]
        more = reached[: len(some)]
        raw = bits.random_raw(-(-len(some) // 4)).view(np.uint16)[: len(some)]
        for level in _LEVELS:
            np.greater_equal(raw, level, out=more.view(np.bool_))  # a bool is a byte of 0 or 1
            some += more
    return weights


def _product(columns: Floats, weights: Weights) -> Floats:
    """``columns @ weights`` [k, resamples], in tiles."""
    total = np.zeros((len(columns), weights.shape[1]))
    some = max(1, _TILE // 2 // weights.shape[1])
    for start in range(0, columns.shape[1], some):
        end = min(start + some, columns.shape[1])
        total += columns[:, start:end] @ weights[start:end].astype(np.float64)
    return total


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
