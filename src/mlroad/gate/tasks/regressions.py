"""Regression: a number for each row, or its quantiles.

With ``quantiles: [0.1, 0.5, 0.9]`` a model answers [n, 3], and its median counts as the value. Of several
targets, [n, targets], a figure is the mean of those of the targets: scikit-learn's "uniform_average".
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Sums, Unmeasurable, by_row, columns, itself, of_ratio
from mlroad.gate.tasks.task import Predictions, Reader, Truth, finite, numbers_of, one_each
from mlroad.models.model_process import ModelBroken

_EPS = float(np.finfo(np.float64).eps)


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The target as numbers."""
    at = gates.at("target")
    values = [numbers_of(frame, name, at, gates.holdout) for name in gates.targets]
    return Truth(np.column_stack(values) if len(values) > 1 else values[0], quantiles=gates.quantiles)


def read_answers(values: NDArray[Any], truth: Truth) -> Predictions:
    """One number for each row, or one for each quantile."""
    found = finite(values)
    if truth.values.ndim > 1:
        if found.shape != truth.values.shape:
            wanted = list(truth.values.shape)
            raise ModelBroken(
                f"its answers have the shape {list(found.shape)}, not {wanted}: one for each target"
            )
        return Predictions(found, "value")
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


def of_target(truth: Truth, predicted: Predictions, place: int) -> tuple[Truth, Predictions]:
    """Truth and predictions of one of several targets."""
    return (
        replace(truth, values=truth.values[:, place]),
        replace(predicted, values=predicted.values[:, place]),
    )


def _of_errors(measure: Callable[[Floats, Floats], Sums]) -> Callable[[Truth, Predictions, int], Measure]:
    """A metric of the true values and the errors."""

    def of(truth: Truth, predicted: Predictions, _: int) -> Measure:
        values, errors = truth.values, value_of(truth, predicted) - truth.values
        if values.ndim == 1:
            return measure(values, errors)
        return _mean_of([measure(*both) for both in zip(values.T, errors.T, strict=True)])

    return of


def _mean_of(parts: Sequence[Sums]) -> Sums:
    """The mean of some metrics of the same rows."""
    heavy = any(part.heavy for part in parts)
    firsts = np.array([part.columns[:, 0] for part in parts])
    if all(part.link is itself for part in parts):  # all of them are means over the rows
        return of_ratio(firsts.mean(axis=0), np.ones(firsts.shape[1]), heavy=heavy)
    ends = np.cumsum([1, *(part.columns.shape[1] for part in parts)])

    def finish(sums: Floats, total: Floats) -> Floats:
        slices = [sums[:, start:end] for start, end in pairwise(ends)]
        found = [part.finish(its, total) for part, its in zip(parts, slices, strict=True)]
        return np.asarray(np.mean(found, axis=0))

    # The first column is only for `few_decide`: the share of each row in the figure.
    shares = (firsts / np.maximum(firsts.sum(axis=1, keepdims=True), _EPS)).mean(axis=0)
    return Sums(np.column_stack([shares, *(part.columns for part in parts)]), finish, heavy=heavy)


def pinball(truth: Truth, predicted: Predictions, _: int) -> Sums:
    """The mean over quantiles of scikit-learn's mean_pinball_loss; of a single value, that of the median."""
    levels = truth.quantiles or (0.5,)
    error = truth.values.reshape(len(truth), -1) - predicted.values.reshape(len(truth), -1)
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
