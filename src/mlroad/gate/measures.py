"""What a metric is to the gate: something that gives its value from weights of rows, or from row numbers.

A resample of a bootstrap is a count for each row. So a metric comes in one of three forms, fastest first:

- `Sums`: a function of weighted sums over rows. Many resamples are then one product of matrices.
- `Weighted`: a function of the weights themselves, such as an area under a curve.
- `OfSamples`: a function that is called with the rows of each resample. It is slow.

`whole` is a metric on all rows, once.
"""

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


def itself(values: Floats) -> Floats:
    """The same values."""
    return values


@dataclass(frozen=True, slots=True)
class Sums:
    """A metric that is a function of weighted sums: ``columns`` [n, k], ``finish`` of [resamples, k]."""

    columns: Floats
    finish: Callable[[Floats, Floats], Floats]
    """The metric of each resample from the sums and the total weights; NaN where it is undefined."""
    link: Callable[[Floats], Floats] | None = None
    """Set if the metric is an increasing function of a quotient of two sums: see `of_ratio`."""
    rare: int | None = None
    """The rows of the class that the metric is about, if it is about one."""
    heavy: bool = False
    """Whether single values can be so large that they decide the sum: squares, and errors by small values."""
    note: str = ""
    """Why its interval cannot be trusted, as a clause."""

    @property
    def is_share(self) -> bool:
        """Whether the quotient is a share of rows: each counts as 0 or 1 above, and as 0 or 1 below."""
        if self.link is None:
            return False
        above, below = self.columns.T
        return bool(np.isin(self.columns, (0.0, 1.0)).all() and (above <= below).all())


@dataclass(frozen=True, slots=True)
class Weighted:
    """A metric of weights.

    ``of`` gets the weights [n + 1, resamples], the last row of zeros; they have 8 bits if none is above
    `MOST`. It gives the metric of each resample, NaN where it is undefined.
    """

    of: Callable[[Weights], Floats]
    rare: int | None = None
    """The rows of the rarest class that it needs."""


@dataclass(frozen=True, slots=True)
class OfSamples:
    """A metric of samples.

    ``of`` gets the counts [units, resamples], and the unit of each row; None if units are rows. It gives the
    metric of each resample, whose rows are those of its units, for all models at once: [models, resamples].
    """

    of: Callable[[Weights, Rows | None], Floats]
    model: int = 0


Measure = Sums | Weighted | OfSamples


def whole(measure: Measure, rows: int) -> float:
    """The metric on all rows, each once."""
    if isinstance(measure, OfSamples):
        return float(measure.of(np.ones((rows, 1), dtype=np.uint8), None)[measure.model, 0])
    if isinstance(measure, Weighted):
        once = np.ones((rows + 1, 1), dtype=np.uint8)
        once[-1] = 0
        return float(measure.of(once)[0])
    return float(measure.finish(measure.columns.sum(axis=0, keepdims=True), np.array([float(rows)]))[0])


def by_row(values: Any) -> Sums:
    """The mean of one value for each row."""
    return of_ratio(values, np.ones(len(values)))


def of_ratio(
    above: Any,
    below: Any,
    link: Callable[[Floats], Floats] = itself,
    *,
    empty: float = np.nan,
    rare: int | None = None,
    heavy: bool = False,
) -> Sums:
    """``link`` of the quotient of two sums; ``empty`` where ``below`` is 0 in all rows."""

    def finish(sums: Floats, _: Floats) -> Floats:
        return np.where(sums[:, 1] == 0, empty, link(ratio(sums[:, 0], sums[:, 1])))

    return Sums(columns([above, below]), finish, link, rare, heavy)


def columns(parts: Sequence[Any]) -> Floats:
    """Sums' columns from arrays [n]."""
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def ratio(above: Floats, below: Floats) -> Floats:
    """A quotient, NaN or infinite where ``below`` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)


def ratio_or_zero(above: Floats, below: Floats) -> Floats:
    """As `ratio`, 0 where ``below`` is 0: scikit-learn's ``zero_division=0``."""
    return np.where(below == 0, 0.0, ratio(above, np.where(below == 0, 1.0, below)))
