"""The charts for a task: the model's answers on the holdout against the truth.

ROC: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).
Calibration: ten bins of equal width, as in DeGroot and Fienberg, "The comparison and evaluation of
forecasters", The Statistician 32 (1983).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlroad.report.charts import Axis, Chart, axis_around, dots, guide, line, steps, thinned
from mlroad.report.formatting import figure, metric_name
from mlroad.report.report_data import Answers

_BINS = 24
_CURVE = 200
"""Points of a curve."""
_UNIT = Axis(0.0, 1.0)
_TENTHS = 10
_MOST_TARGETS = 12
"""Of more targets than this, the others are not drawn."""


def task_plots(verdict: Mapping[str, Any], answers: Sequence[Answers]) -> list[Chart]:
    """The charts for a task; none if the answers cannot be drawn. ``answers``: one for each target."""
    task, units = verdict["task"], verdict["by_unit"]
    if task in ("ranking", "text"):
        return [_units(units)] if isinstance(units, Mapping) else []
    if not answers or not answers[0].truth:
        return []
    if task == "binary":
        return [] if set(answers[0].truth) - {0.0, 1.0} else _classification(answers[0])
    if task not in ("regression", "forecast"):
        return []
    if len(answers) == 1:
        return _regression(answers[0], str(verdict["target"] or "the target"))
    names = [str(each["target"]) for each in verdict["by_target"] or []]
    both = list(zip(names, answers, strict=False))[:_MOST_TARGETS]
    return [_scatter(its, name, f"{name}: predicted and true values") for name, its in both if its.truth]


def _units(found: Mapping[str, Any]) -> Chart:
    """How a figure is distributed over the queries or texts."""
    edges, counts = found["edges"], found["counts"]
    name, units = metric_name(str(found["metric"])), str(found["units"])
    y = axis_around(*counts.values(), at_zero=True)
    low, all_ = sum(counts["candidate"][: len(edges) // 4]), sum(counts["candidate"])
    below = f"below {figure(edges[len(edges) // 4])} for the candidate"
    return Chart(
        f"{name} of the {units}",
        f"{low:,} of {all_:,} {units} are {below}: an average can hide them."
        if low
        else f"None of the {all_:,} {units} is {below}.",
        f"Histogram of {name} over the {units} in {len(edges) - 1} bins.",
        _UNIT, y, name, units,
        [steps(_UNIT, y, edges, counts[key], key) for key in ("champion", "candidate") if key in counts],
    )  # fmt: skip


def _series(answers: Answers) -> dict[str, Sequence[float]]:
    """The champion first: the candidate is drawn over it."""
    both = {"champion": answers.champion, "candidate": answers.candidate}
    return {name: values for name, values in both.items() if values}


def _regression(answers: Answers, target: str) -> list[Chart]:
    truth, series = answers.truth, _series(answers)
    rows, note, predicted = len(truth), thinned(len(truth)), axis_around(*series.values())
    residuals = {name: [t - p for t, p in zip(truth, values, strict=True)] for name, values in series.items()}
    highest = max((abs(r) for values in residuals.values() for r in values), default=1.0)
    errors = axis_around([-highest, highest])
    return [
        _scatter(answers, target, "Predicted and true values"),
        Chart(
            "Residuals by prediction",
            f"A good model leaves no pattern: points lie evenly above and below zero.{note}",
            f"Scatter plot of residuals (true minus predicted {target}) against predictions, {rows} rows.",
            predicted, errors, f"predicted {target}", "true − predicted",
            [guide(predicted, errors, (predicted.low, 0.0), (predicted.high, 0.0))]
            + [dots(predicted, errors, values, residuals[name], name) for name, values in series.items()],
        ),
        _residual_histogram(residuals, errors, target),
    ]  # fmt: skip


def _scatter(answers: Answers, target: str, title: str) -> Chart:
    truth, series = answers.truth, _series(answers)
    both, rows = axis_around(truth, *series.values()), len(truth)
    spread = figure(sum(abs(t - p) for t, p in zip(truth, answers.candidate, strict=True)) / rows)
    return Chart(
        title,
        f"Points on the dashed line are exact predictions.{thinned(rows)}",
        f"Scatter plot of predicted against true {target}, {rows} rows; the mean distance from"
        f" the line of exact predictions is {spread} for the candidate.",
        both, both, f"true {target}", f"predicted {target}",
        [guide(both, both, (both.low, both.low), (both.high, both.high))]
        + [dots(both, both, truth, values, name) for name, values in series.items()],
    )  # fmt: skip


def _residual_histogram(residuals: dict[str, list[float]], errors: Axis, target: str) -> Chart:
    edges = [errors.low + (errors.high - errors.low) * i / _BINS for i in range(_BINS + 1)]
    counts = {name: _histogram(values, errors) for name, values in residuals.items()}
    y = axis_around(*counts.values(), at_zero=True)
    mean = figure(sum(residuals["candidate"]) / len(residuals["candidate"]))
    return Chart(
        "Size of the errors (residuals)",
        f"The candidate's mean is {mean}; an unbiased model has 0.",
        f"Histogram of residuals (true minus predicted {target}) in {_BINS} bins; the candidate's mean"
        f" is {mean}.",
        errors, y, "true − predicted", "rows",
        [guide(errors, y, (0.0, y.low), (0.0, y.high))]
        + [steps(errors, y, edges, counts[name], name) for name in counts],
    )  # fmt: skip


def _histogram(values: Sequence[float], over: Axis) -> list[float]:
    counts = [0.0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(over.at(value) * _BINS))] += 1
    return counts


def _classification(answers: Answers) -> list[Chart]:
    charts = []
    if 0 < sum(answers.truth) < len(answers.truth):
        charts.append(_roc(answers))
    are_probabilities = all(0.0 <= p <= 1.0 for values in _series(answers).values() for p in values)
    if are_probabilities and set(answers.candidate) - {0.0, 1.0}:
        charts += [_calibration(answers), _probabilities(answers)]
    return charts


def _roc(answers: Answers) -> Chart:
    curves = {name: roc_points(answers.truth, scores) for name, scores in _series(answers).items()}
    area = {name: figure(_area(points)) for name, points in curves.items()}
    champion = f", {area['champion']} for the champion" if "champion" in area else ""
    return Chart(
        "ROC curve",
        f"Area under the curve: {area['candidate']} for the candidate{champion}; guessing gives 0.5.",
        f"Curve of true positive rate against false positive rate. Area under the curve:"
        f" {area['candidate']} for the candidate{champion}.",
        _UNIT, _UNIT, "false positive rate", "true positive rate",
        [guide(_UNIT, _UNIT, (0, 0), (1, 1))]
        + [line(_UNIT, _UNIT, _thin(points), name) for name, points in curves.items()],
    )  # fmt: skip


def roc_points(truth: Sequence[float], scores: Sequence[float]) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) for every threshold. Rows with one score move together."""
    positives = sum(truth)
    negatives = len(truth) - positives
    points, true, false = [(0.0, 0.0)], 0.0, 0.0
    order = sorted(range(len(truth)), key=lambda row: -scores[row])
    for place, row in enumerate(order):
        true, false = true + truth[row], false + 1 - truth[row]
        if place + 1 == len(order) or scores[order[place + 1]] != scores[row]:
            points.append((false / negatives, true / positives))
    return points


def _area(points: Sequence[tuple[float, float]]) -> float:
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, len(points) // _CURVE)
    return [*points[:-1:step], points[-1]]


def _calibration(answers: Answers) -> Chart:
    curves = {name: calibration_points(answers.truth, values) for name, values in _series(answers).items()}
    marks = [guide(_UNIT, _UNIT, (0, 0), (1, 1))]
    for name, points in curves.items():
        marks.append(line(_UNIT, _UNIT, points, name))
        marks.append(dots(_UNIT, _UNIT, [p for p, _ in points], [t for _, t in points], name))
    pairs = ", ".join(f"predicted {figure(p)}, observed {figure(t)}" for p, t in curves["candidate"])
    return Chart(
        "Calibration",
        "On the dashed line, predicted probabilities match the observed shares. Rows of the candidate"
        f" from 0 to 0.1, from 0.1 to 0.2, and so on: {rows_in_tenths(answers.candidate)}.",
        f"Share of positives against the predicted probability, in tenths. The candidate: {pairs}.",
        _UNIT, _UNIT, "predicted probability", "share of positives",
        marks,
    )  # fmt: skip


def rows_in_tenths(predicted: Sequence[float]) -> str:
    """How many rows each tenth has, from 0 to 1: a share of few rows says little."""
    counts = [0] * _TENTHS
    for value in predicted:
        counts[min(_TENTHS - 1, int(value * _TENTHS))] += 1
    return ", ".join(f"{number:,}" for number in counts)


def calibration_points(truth: Sequence[float], predicted: Sequence[float]) -> list[tuple[float, float]]:
    """(mean prediction, share of positives) for each tenth that has rows."""
    bins: dict[int, list[int]] = {}
    for row, value in enumerate(predicted):
        bins.setdefault(min(_TENTHS - 1, int(value * _TENTHS)), []).append(row)
    return [
        (sum(predicted[r] for r in rows) / len(rows), sum(truth[r] for r in rows) / len(rows))
        for _, rows in sorted(bins.items())
    ]


def _probabilities(answers: Answers) -> Chart:
    edges = [i / _BINS for i in range(_BINS + 1)]
    counts = {name: _histogram(values, _UNIT) for name, values in _series(answers).items()}
    y = axis_around(*counts.values(), at_zero=True)
    return Chart(
        "Predicted probabilities",
        "A model that separates the classes has most rows at both ends.",
        f"Histogram of the predicted probabilities in {_BINS} bins.",
        _UNIT, y, "predicted probability", "rows",
        [steps(_UNIT, y, edges, counts[name], name) for name in counts],
    )  # fmt: skip
