"""Gates that hardly any model fails: those that gates.yml alone tells, and those that a guess passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Position, Problem
from mlroad.gate.checks import number, short
from mlroad.gate.gates_file import Gates, Threshold
from mlroad.gate.measures import Unmeasurable
from mlroad.gate.metrics import measure, read_answers
from mlroad.gate.tasks.task import Truth
from mlroad.models.metric_names import Metric, Task, first_of

_LEAST_ROWS, _LEAST_CONFIDENCE, _LEAST_RESAMPLES = 10, 0.9, 1000
_MOST_BUDGETS = {"p95_ms": 60_000.0, "max_ratio": 10.0, "max_mb": 100_000.0}
_TEXTS = 2_000
"""Of more texts, these suffice to measure a guess."""


def toothless(gates: Gates) -> Iterator[Problem]:
    """What gates.yml alone tells."""
    for at, what, fix in _toothless(gates):
        yield Problem(at, "MR720", what, fix, severity="warning")


def _toothless(gates: Gates) -> Iterator[tuple[Position, str, str]]:
    top = Position(gates.file)
    for its in gates.slices:
        if its.min_rows < _LEAST_ROWS:
            what = (
                f"min_rows of {its.metric} by {its.column} is {its.min_rows}: such a figure is mostly chance."
            )
            yield its.at, what, f"Write {_LEAST_ROWS} or more, or freeze a larger holdout."
    named = [(f"metrics.{name}", name, threshold, top) for name, threshold in gates.metrics.items()]
    named += [(f"the slice by {its.column}", its.metric, its.threshold, its.at) for its in gates.slices]
    for where, name, threshold, at in named:
        for what, fix in _of_threshold(name, gates.metric(name), threshold, gates):
            yield at, f"{what.format(where)}", fix
    if all(threshold.limit is None for threshold in gates.metrics.values()):
        what = "No metric has a limit: the first version passes, and each later one may be a little worse."
        yield top, what, "Write a limit for the metric that decides."
    settings = gates.bootstrap
    if settings.confidence < _LEAST_CONFIDENCE:
        what = f"bootstrap.confidence is {settings.confidence:g}: chance is often taken for an improvement."
        yield top, what, "Write 0.95."
    if settings.resamples < _LEAST_RESAMPLES:
        what = f"bootstrap.resamples is {settings.resamples}: the ends of intervals are mostly chance."
        yield top, what, f"Write {_LEAST_RESAMPLES} or more."
    budgets = {"p95_ms": gates.p95_ms, "max_ratio": gates.max_ratio, "max_mb": gates.max_mb}
    for key, most in _MOST_BUDGETS.items():
        if (value := budgets[key]) is not None and value >= most:
            yield top, f"{key} is {value:g}: hardly any model reaches it.", "Write what its users can bear."
    if gates.onnx_difference is not None and gates.onnx_difference >= 1 and gates.classes_are_told:
        what = f"onnx.max_difference {gates.onnx_difference:g} cannot fail: probabilities are from 0 to 1."
        yield top, what, "Write 0.01 or less."


def _of_threshold(name: str, metric: Metric, threshold: Threshold, gates: Gates) -> Iterator[tuple[str, str]]:
    """``{}`` is where it is in gates.yml."""
    limit, allowed = threshold.limit, threshold.max_regression
    worst = metric.low if metric.sign > 0 else metric.high
    best = metric.high if metric.sign > 0 else metric.low
    useless = worst if (known := _useless(name, gates)) is None else known
    if limit is not None and math.isfinite(useless) and metric.sign * (limit - useless) <= 0:
        what = f"The limit {limit:g} of {name} in {{}} cannot fail: useless models reach it."
        yield what, "Write a limit that a useless model does not reach."
    if allowed is None or not math.isfinite(best):
        return
    reach = abs(best - useless) if math.isfinite(useless) else math.inf
    if allowed >= reach:
        what = f"max_regression {allowed:g} of {name} in {{}} cannot fail"
        yield f"{what}: a useless model is not that much worse than the best.", "Write a smaller one."
    elif limit is not None and allowed >= abs(best - limit):
        what = f"max_regression {allowed:g} of {name} in {{}} cannot fail before the limit {limit:g} does."
        yield what, "Write a smaller one."


def _useless(name: str, gates: Gates) -> float | None:
    """The figure of a model that knows nothing, on any data; None if that depends on the data."""
    if name in gates.own_metrics:
        return None
    stem, first = first_of(name)
    classes = 2 if gates.task == "binary" else len(gates.classes)
    if stem.startswith("roc_auc"):
        return 0.5
    if stem in ("r2", "explained_variance", "matthews_corrcoef", "cohen_kappa"):
        return 0.0
    if stem == "mape":  # of answering 0
        return 1.0
    if stem == "hamming_loss":
        return 0.5
    if not classes:
        return None
    of_classes = {
        "balanced_accuracy": 1 / classes,
        "log_loss": math.log(classes),
        "brier": 0.25 if gates.task == "binary" else 1 - 1 / classes,
        "top_k_accuracy": min(1.0, first / classes),
    }
    return of_classes.get(stem)


def guess(task: Task, truth: Truth, levels: tuple[float, ...] = ()) -> NDArray[Any]:
    """The best answers that use no feature: the same for each row."""
    values, rows = truth.values, len(truth)
    if task in ("regression", "forecast"):
        if levels:
            return np.tile(np.quantile(values, levels), (rows, 1))
        return np.repeat(np.median(values, axis=0)[None], rows, axis=0)
    if task == "ranking":
        return np.zeros(rows)
    if task == "text":
        return np.full(rows, pd.Series(values).mode()[0], dtype=object)
    if task == "multilabel":
        return np.tile(values.mean(axis=0), (rows, 1))
    shares = np.bincount(values.astype(np.intp), minlength=len(truth.classes)) / rows
    return np.tile(shares, (rows, 1))


def passed_by_a_guess(gates: Gates, truth: Truth, champions: Mapping[str, float | None]) -> Iterator[str]:
    """The thresholds that a guess without features keeps. ``champions``: the champion's figures."""
    if gates.task == "text":
        truth = truth.where(slice(_TEXTS))
    answers = guess(gates.task, truth, gates.quantiles)
    predicted = read_answers(answers, truth, gates, labels_suffice=True)
    shown = "" if gates.task == "ranking" else f" {short(predicted.shown[0])}"
    named = [(name, name, threshold) for name, threshold in gates.metrics.items()]
    named += [(its.metric, f"{its.metric} by {its.column}", its.threshold) for its in gates.slices]
    for name, where, threshold in named:
        if name in gates.own_metrics:
            continue
        try:
            figure = measure(name, gates.task, truth, predicted)
        except Unmeasurable:
            continue
        sign, champion = gates.metric(name).sign, champions.get(name)
        said = f"the same answer{shown} for every row has {number(figure)}"
        if threshold.limit is not None and sign * (figure - threshold.limit) >= 0:
            yield f"The limit {number(threshold.limit)} of {where} keeps no useless model out: {said}."
        allowed = threshold.max_regression
        if allowed is not None and champion is not None and sign * (champion - figure) <= allowed:
            what = f"max_regression {number(allowed)} of {where} keeps no useless model out"
            yield f"{what}: {said}, the champion {number(champion)}."
