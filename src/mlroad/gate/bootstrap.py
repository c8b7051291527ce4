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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.metrics import MOST, Area, Floats, Sums, Unmeasurable, Weights, prepared

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
    truth: Floats,
    candidate: Floats,
    champion: Floats | None,
    metrics: Sequence[str],
    settings: Bootstrap,
    stream: int = 0,
) -> dict[str, Intervals | Unmeasurable]:
    """Intervals of all ``metrics`` from the same resamples; the arrays are [n].

    ``stream`` selects other resamples of the same seed, for slices. For a metric without an
    interval, the reason takes its place.
    """
    models = [candidate] if champion is None else [candidate, champion]
    if champion is not None and np.array_equal(candidate, champion):
        models = [candidate]  # equal models must not differ by rounding
    parts = [[prepared(name, truth, predicted) for predicted in models] for name in metrics]
    values = _resampled([part for pair in parts for part in pair], len(truth), settings, stream)
    found: dict[str, Intervals | Unmeasurable] = {}
    for number, name in enumerate(metrics):
        mine = values[number * len(models)]
        try:
            own = _interval(mine, settings.confidence)
            difference: Interval | None = None
            if champion is not None:
                other = values[number * len(models) + 1] if len(models) == 2 else mine
                difference = _interval(mine - other, settings.confidence)
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


def _resampled(parts: Sequence[Sums | Area], rows: int, settings: Bootstrap, stream: int) -> list[Floats]:
    """The value of each part in every resample: one array [resamples] for each part.

    The number of threads makes no difference: each chunk of resamples has its own random stream. Counts are
    [row, resample], so that each operation handles all resamples of a chunk at once.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    columns, places = _distinct(parts, rows)

    def work(task: tuple[int, int]) -> list[Floats]:
        number, count = task
        bits = np.random.SFC64(np.random.SeedSequence([settings.seed, stream, number]))
        weights = (_multinomial if rows <= EXACT_ROWS else _poisson)(bits, rows, count)
        sums = _product(columns, weights)
        return [
            part.of(weights) if isinstance(part, Area) else part.finish(sums[place].T, sums[0])
            for part, place in zip(parts, places, strict=True)
        ]

    # A multiple of 16, because the processor handles so many bytes of a row at once.
    chunk = min(settings.resamples, max(16, _AT_ONCE // rows // 16 * 16))
    # One thread for each chunk. Without the limit, the matrix library would start threads in each of them.
    with threadpool_limits(1), ThreadPoolExecutor(_cores()) as threads:
        done = list(threads.map(work, _tasks(settings.resamples, chunk)))
    return [np.concatenate([some[index] for some in done]) for index in range(len(parts))]


def _distinct(parts: Sequence[Sums | Area], rows: int) -> tuple[Floats, list[list[int]]]:
    """The columns of all parts as rows [k, n] without duplicates, and the places of each part's columns.

    The first consists of ones: its sums are the total weights. It is left out if no part needs them.
    """
    sums = [part for part in parts if isinstance(part, Sums)]
    found = {np.ones(rows).tobytes(): 0} if sums else {}
    places = [
        [found.setdefault(column.tobytes(), len(found)) for column in part.columns.T]
        if isinstance(part, Sums)
        else []
        for part in parts
    ]
    return np.array([np.frombuffer(column) for column in found]).reshape(len(found), rows), places


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
