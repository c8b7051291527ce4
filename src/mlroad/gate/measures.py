"""What a metric is to the gate: something that gives its value from weights of rows, or from row numbers.

A resample of a bootstrap is a count for each row. So a metric comes in one of three forms, fastest first:

- `Sums`: a function of weighted sums over rows. Many resamples are then one product of matrices.
- `Weighted`: a function of the weights themselves, such as an area under a curve.
- `OfRows`: a function of the numbers of the rows that were drawn, called once for each resample. It is slow.

`whole` is a metric on all rows, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Weights = NDArray[np.uint8] | NDArray[np.int64]
MOST = 8
"""The largest weight in 8 bits."""


class Unmeasurable(Exception):
    """A figure cannot be measured; the reason as a clause."""


@dataclass(frozen=True, slots=True)
class Sums:
    """A metric that is a function of weighted sums: ``columns`` [n, k], ``finish`` of [resamples, k]."""

    columns: Floats
    finish: Callable[[Floats, Floats], Floats]
    """The metric of each resample from the sums and the total weights; NaN where it is undefined."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """A metric of weights.

    ``of`` gets the weights [n + 1, resamples], the last row of zeros; they have 8 bits if none is above
    `MOST`. It gives the metric of each resample, NaN where it is undefined.
    """

    of: Callable[[Weights], Floats]


@dataclass(frozen=True, slots=True)
class OfRows:
    """A metric of a sample: ``of`` gets the numbers of its rows, some of them several times."""

    of: Callable[[Rows], float]


Measure = Sums | Weighted | OfRows


def whole(measure: Measure, rows: int) -> float:
    """The metric on all rows, each once."""
    if isinstance(measure, OfRows):
        return float(measure.of(np.arange(rows)))
    if isinstance(measure, Weighted):
        once = np.ones((rows + 1, 1), dtype=np.uint8)
        once[-1] = 0
        return float(measure.of(once)[0])
    return float(measure.finish(measure.columns.sum(axis=0, keepdims=True), np.array([float(rows)]))[0])


def by_row(values: Any) -> Sums:
    """The mean of one value for each row."""
    return Sums(columns([values]), mean)


def columns(parts: Sequence[Any]) -> Floats:
    """Sums' columns from arrays [n]."""
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def mean(sums: Floats, total: Floats) -> Floats:
    """The first sum over the total weight."""
    return ratio(sums[:, 0], total)


def ratio(above: Floats, below: Floats) -> Floats:
    """A quotient, NaN or infinite where ``below`` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)


def ratio_or_zero(above: Floats, below: Floats) -> Floats:
    """As `ratio`, 0 where ``below`` is 0: scikit-learn's ``zero_division=0``."""
    return np.where(below == 0, 0.0, ratio(above, np.where(below == 0, 1.0, below)))
