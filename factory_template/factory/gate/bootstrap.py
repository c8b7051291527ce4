"""The paired bootstrap: how sure a figure, and a difference between two models, is on this holdout.

Percentile intervals (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 13). Pairing:
one resample of rows is used for both models and all metrics, so that what makes a row hard for both cancels
out of the difference.

Resamples are drawn as counts of each row. Up to `EXACT_ROWS` rows the counts are multinomial, which is
drawing n rows with replacement. Above, each row's count is an independent Poisson(1) variable, which gives
the same interval in the limit of many rows and needs no random access (Chamandy, Muralidharan, Najmi & Naidu
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

from factory.gate.metrics import Area, Floats, Sums, Unmeasurable, prepared
from factory.gate.schema import Bootstrap

EXACT_ROWS = 5_000
_AT_ONCE = 2_000_000
"""Counts held at once by each thread, one byte each."""
_TILE = 4_096
"""Rows whose counts are numbers with 8 bytes at once: they stay in the processor's cache."""
_UNDEFINED = 0.01
"""The share of resamples in which a metric may be undefined (one class only) and still have an interval."""
_LEVELS = np.array(
    [round(65_536 * sum(math.exp(-1) / math.factorial(k) for k in range(count + 1))) for count in range(8)],
    dtype=np.uint16,
)

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Of one metric: for the candidate, and for the difference candidate - champion if there is one."""

    candidate: Interval
    difference: Interval | None


def method(rows: int) -> str:
    """What the verdict says of how its intervals were found."""
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

    ``stream`` gives other resamples of the same seed, for slices. What has no interval says why instead.
    """
    models = [candidate] if champion is None else [candidate, champion]
    if champion is not None and np.array_equal(candidate, champion):
        models = [candidate]  # not one digit of rounding between two equal models
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

    The same for any number of threads: each chunk of resamples has a random stream of its own.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    sums = [part for part in parts if isinstance(part, Sums)]
    columns = np.column_stack([part.columns for part in sums]) if sums else np.empty((rows, 0))
    chunk = max(1, min(settings.resamples, _AT_ONCE // max(rows, 1)))

    def work(task: tuple[int, int]) -> list[Floats]:
        number, count = task
        bits = np.random.SFC64(np.random.SeedSequence([settings.seed, stream, number]))
        counts = _multinomial(bits, count, rows) if rows <= EXACT_ROWS else _poisson(bits, count, rows)
        totals = counts.sum(axis=1, dtype=np.int64).astype(np.float64)
        summed = _product(counts, columns)
        found: list[Floats] = []
        start = 0
        for part in parts:
            if isinstance(part, Area):
                found.append(part.of(counts))
            else:
                width = part.columns.shape[1]
                found.append(part.finish(summed[:, start : start + width], totals))
                start += width
        return found

    # Threads over chunks; the library for matrices would start its own in each of them.
    with threadpool_limits(1), ThreadPoolExecutor(_cores()) as threads:
        done = list(threads.map(work, _tasks(settings.resamples, chunk)))
    return [np.concatenate([some[index] for some in done]) for index in range(len(parts))]


def _tasks(resamples: int, chunk: int) -> Iterator[tuple[int, int]]:
    for number, start in enumerate(range(0, resamples, chunk)):
        yield number, min(chunk, resamples - start)


def _multinomial(bits: np.random.SFC64, count: int, rows: int) -> NDArray[np.uint8]:
    drawn = np.random.Generator(bits).integers(0, rows, (count, rows))
    drawn += rows * np.arange(count)[:, None]
    # A row that is drawn more than 255 times of at most 5,000 draws has a probability below 1e-300, but for
    # a handful of rows, where it cannot be: 255 draws need 256 rows.
    return np.bincount(drawn.ravel(), minlength=count * rows).astype(np.uint8).reshape(count, rows)


def _poisson(bits: np.random.SFC64, count: int, rows: int) -> NDArray[np.uint8]:
    raw = bits.random_raw(-(-count * rows // 4)).view(np.uint16)[: count * rows]
    counts = np.zeros(count * rows, dtype=np.uint8)
    step = 1 << 16
    for start in range(0, len(raw), step):
        some, target = raw[start : start + step], counts[start : start + step]
        for level in _LEVELS:
            target += some >= level
    return counts.reshape(count, rows)


def _product(counts: NDArray[np.uint8], columns: Floats) -> Floats:
    """``counts @ columns``, in tiles."""
    total = np.zeros((len(counts), columns.shape[1]))
    if columns.shape[1]:
        for start in range(0, columns.shape[0], _TILE):
            end = start + _TILE
            total += counts[:, start:end].astype(np.float64) @ columns[start:end]
    return total


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
