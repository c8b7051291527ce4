"""Forecasts: values at moments in time, of one series or several, for one horizon or several.

MASE divides each error by the mean error of the seasonal naive forecast, which repeats the value of
``season`` steps before (Hyndman & Koehler 2006, International Journal of Forecasting 22:679-688). It is that
of the row's own series in the holdout: the training data may be of another stage, and the scale is then the
same for every model. SMAPE is 2|error| / (|truth| + |prediction|), from 0 to 2.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Unmeasurable, by_row, ratio_or_zero
from mlroad.gate.tasks.regressions import ERRORS, read_answers, value_of
from mlroad.gate.tasks.regressions import read_truth as read_values
from mlroad.gate.tasks.task import Predictions, Reader, Truth, codes_of, column_of


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The values, with the number of each row's moment and the scale of its series."""
    values = read_values(frame, gates).values
    times = column_of(frame, gates.columns["time"], gates.at("time"), gates.holdout)
    if times.dtype == object:
        what = f"The column {gates.columns['time']} is neither dates nor numbers."
        raise UserError(
            Problem(gates.at("time"), "MR704", what, "Write dates as 2026-01-31, or use numbers.")
        )
    moment = np.unique(times.to_numpy(), return_inverse=True)[1]
    if "series" in gates.columns:
        column = column_of(frame, gates.columns["series"], gates.at("series"), gates.holdout)
        series = codes_of(column)
    else:
        series = np.zeros(len(frame), dtype=np.intp)
    scale = _scales(values, series, moment, gates.season)
    return Truth(values, groups={"time": moment, "scale": scale}, quantiles=gates.quantiles)


def _scales(values: Floats, series: NDArray[np.intp], moment: NDArray[Any], season: int) -> Floats:
    """The mean error of the seasonal naive forecast of each row's series, [n]; NaN if it is unknown or 0."""
    scale = np.full(len(values), np.nan)
    order = np.lexsort((moment, series))
    for rows in np.split(order, np.flatnonzero(np.diff(series[order])) + 1):
        # One value for each moment: with several horizons, a moment has several rows.
        first = np.append(True, np.diff(moment[rows]) != 0)
        its = values[rows][first]
        if len(its) > season and (naive := np.abs(its[season:] - its[:-season]).mean()) > 0:
            scale[rows] = naive
    return scale


def _mase(truth: Truth, predicted: Predictions, _: int) -> Measure:
    scale = truth.groups["scale"]
    if np.isnan(scale).any():
        raise Unmeasurable(
            "a series of the holdout is too short for its season, or repeats itself exactly, so that its "
            "naive forecast has no error to compare with"
        )
    return by_row(np.abs(value_of(truth, predicted) - truth.values) / scale)


def _smape(truth: Truth, predicted: Predictions, _: int) -> Measure:
    value = value_of(truth, predicted)
    return by_row(ratio_or_zero(2 * np.abs(value - truth.values), np.abs(value) + np.abs(truth.values)))


FORECAST = Reader(read_truth, read_answers, {**ERRORS, "mase": _mase, "smape": _smape})
