"""Regression: a number for each row, or its quantiles.

With ``quantiles: [0.1, 0.5, 0.9]`` a model answers [n, 3], and its median counts as the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Sums, Unmeasurable, by_row, columns, of_ratio
from mlroad.gate.tasks.task import Predictions, Reader, Truth, finite, numbers_of, one_each
from mlroad.models.model_process import ModelBroken

_EPS = float(np.finfo(np.float64).eps)


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The target as numbers."""
    values = numbers_of(frame, gates.target, gates.at("target"), gates.holdout)
    return Truth(values, quantiles=gates.quantiles)


def read_answers(values: NDArray[Any], truth: Truth) -> Predictions:
    """One number for each row, or one for each quantile."""
    found = finite(values)
    if not truth.quantiles:
        return Predictions(one_each(found), "value")
    if found.shape != (len(truth), len(truth.quantiles)):
        wanted = [len(truth), len(truth.quantiles)]
        raise ModelBroken(
            f"its answers have the shape {list(found.shape)}, not {wanted}: one for each quantile"
        )
    if (np.diff(found, axis=1) < 0).any():
        rows = int((np.diff(found, axis=1) < 0).any(axis=1).sum())
        raise ModelBroken(f"its quantiles cross in {rows} of {len(truth)} rows: a lower one is larger")
    return Predictions(found, "quantiles")


def value_of(truth: Truth, predicted: Predictions) -> Floats:
    """The predicted value of each row: of quantiles, the median."""
    if predicted.kind == "quantiles":
        return np.asarray(predicted.values[:, truth.quantiles.index(0.5)])
    return np.asarray(predicted.values)


def _of_errors(measure: Callable[[Floats, Floats], Measure]) -> Callable[[Truth, Predictions, int], Measure]:
    """A metric of the true values and the errors."""
    return lambda truth, predicted, _: measure(truth.values, value_of(truth, predicted) - truth.values)


def pinball(truth: Truth, predicted: Predictions, _: int) -> Sums:
    """The mean over quantiles of scikit-learn's mean_pinball_loss; of a single value, that of the median."""
    levels = truth.quantiles or (0.5,)
    error = truth.values[:, None] - predicted.values.reshape(len(truth), -1)
    return by_row((error * (np.array(levels) - (error < 0))).mean(axis=1))


def _root_of_mean(_: Floats, error: Floats) -> Sums:
    return of_ratio(error**2, np.ones(len(error)), np.sqrt, heavy=True)


def _by_truth(truth: Floats, error: Floats) -> Sums:
    shares = np.abs(error) / np.maximum(np.abs(truth), _EPS)
    return of_ratio(shares, np.ones(len(truth)), heavy=True)


def _r2(truth: Floats, error: Floats) -> Sums:
    _needs_spread(truth)
    centred = truth - truth.mean()  # squares of large numbers would lose their last digits
    return Sums(
        columns([error**2, centred, centred**2]),
        lambda s, total: _explained(s[:, 0], s[:, 1:], total),
        heavy=True,
    )


def _explained_variance(truth: Floats, error: Floats) -> Sums:
    _needs_spread(truth)
    centred, rest = truth - truth.mean(), error - error.mean()
    return Sums(
        columns([rest**2, rest, centred, centred**2]),
        lambda s, total: _explained(s[:, 0] - s[:, 1] ** 2 / total, s[:, 2:], total),
        heavy=True,
    )


def _needs_spread(truth: Floats) -> None:
    if len(truth) < 2 or np.ptp(truth) == 0:
        raise Unmeasurable("the target is the same in all rows")


def _explained(squares: Floats, sums: Floats, total: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sums[:, 1] - sums[:, 0] ** 2 / total
        # Resamples that consist of one repeated row have no spread, except for rounding.
        return np.where(spread <= 1e-12 * sums[:, 1], np.nan, 1 - squares / spread)


ERRORS = {
    "mae": _of_errors(lambda _, error: by_row(np.abs(error))),
    "rmse": _of_errors(_root_of_mean),
    "mape": _of_errors(_by_truth),
    "pinball": pinball,
}
REGRESSION = Reader(
    read_truth,
    read_answers,
    {**ERRORS, "r2": _of_errors(_r2), "explained_variance": _of_errors(_explained_variance)},
)
