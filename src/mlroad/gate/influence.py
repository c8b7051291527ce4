"""How much each unit moves a figure, and the standard error of a quotient in each resample."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from mlroad.gate.measures import Floats, Measure, OfSamples, Rows, Sums, Weights

_STEP = 1e-6
_FEW, _MOST, _ENOUGH = 2, 0.12, 200
"""Two units may make 12 % of a mean of 200 or more. For normal errors, two squares of 200 make 7 %."""
_CELLS = 4_000_000
"""Weights of the jackknife at once."""


@dataclass(frozen=True, slots=True)
class Quotient(Sums):
    """The sums by unit from which a quotient and its standard error follow, for the studentized bootstrap.

    ``finish`` gives complex numbers: the logarithm of the quotient, and its standard error as the other part.
    """

    @property
    def on_logarithms(self) -> bool:
        """Whether the figure is positive, and none of its values negative."""
        return bool((self.columns[:, 0] >= 0).all() and self.columns[:, 0].sum() > 0)

    @property
    def value(self) -> tuple[float, float]:
        """The logarithm of the quotient on all units, and its standard error."""
        found = self.finish(self.columns.sum(axis=0, keepdims=True), np.ones(1))
        return float(found[0].real), float(found[0].imag)


def few_decide(measure: Measure, units: Rows | None) -> bool:
    """Whether two units make so much of a mean that its interval cannot be trusted: heavy tails."""
    if not isinstance(measure, Sums) or not measure.heavy:
        return False
    summed = np.sort(_by_unit(measure.columns[:, 0], units))
    return bool(summed[-_FEW:].sum() > _MOST * max(1.0, _ENOUGH / len(summed)) * summed.sum())


def quotient_of(measure: Measure, units: Rows | None) -> Quotient | None:
    """The sums for the studentized bootstrap of a metric; None if it is not of a quotient."""
    if not isinstance(measure, Sums) or measure.link is None:
        return None
    above, below = (_by_unit(column, units) for column in measure.columns.T)
    columns = np.column_stack([above, below, above**2, above * below, below**2])
    return Quotient(columns, _log_and_error, measure.link)


def _log_and_error(sums: Floats, _: Floats) -> Floats:
    above, below, squares, products, sizes = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = above / below
        spread = np.maximum(squares - 2 * quotient * products + quotient**2 * sizes, 0.0)
        return cast("Floats", np.log(quotient) + 1j * np.sqrt(spread) / above)


def influence_of(measure: Measure, rows: int, units: Rows | None) -> Floats | None:
    """How much each unit moves the figure, up to a factor, [units]; None if that takes too long to find."""
    if isinstance(measure, OfSamples):
        return None
    if isinstance(measure, Sums):
        columns = np.column_stack([measure.columns, np.ones(rows)])
        found = np.asarray(columns @ _gradient(measure, columns.sum(axis=0)))
        moved = _by_unit(found, units)
    else:
        moved = -_left_out(measure.of, rows, units)
    return np.asarray(moved - moved.mean(), dtype=np.float64)


def _gradient(measure: Sums, sums: Floats) -> Floats:
    """The derivative by each sum, by central differences."""
    steps = _STEP * max(1.0, float(sums[-1])) * np.eye(len(sums))
    up, down = (measure.finish(moved[:, :-1], moved[:, -1]) for moved in (sums + steps, sums - steps))
    slopes: Floats = (up - down) / (2 * steps.max())
    return np.nan_to_num(slopes)


def _left_out(of: Callable[[Weights], Floats], rows: int, units: Rows | None) -> Floats:
    """The figure without each unit: the jackknife."""
    numbers = np.arange(rows) if units is None else units
    count = int(numbers.max()) + 1
    some = max(1, _CELLS // (rows + 1))
    found = []
    for start in range(0, count, some):
        end = min(start + some, count)
        weights = np.ones((rows + 1, end - start), dtype=np.uint8)
        weights[:-1][numbers[:, None] == np.arange(start, end)] = 0
        weights[-1] = 0
        found.append(of(weights))
    return np.nan_to_num(np.concatenate(found))


def _by_unit(column: Floats, units: Rows | None) -> Floats:
    return column if units is None else np.bincount(units, column).astype(np.float64)
