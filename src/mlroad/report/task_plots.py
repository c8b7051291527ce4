"""The plots that suit the task: what the model said about the holdout against what was true.

ROC: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).
Calibration: ten bins of equal width, as in DeGroot and Fienberg, "The comparison and evaluation of
forecasters", The Statistician 32 (1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mlroad.report.charts import Axis, Chart, axis, dots, draw_chart, guide, line, steps, thinned
from mlroad.report.report_data import Answers
from mlroad.report.report_text import figure

_BINS = 24
_CURVE = 200
"""Points of a curve."""
_UNIT = Axis(0.0, 1.0)
_TENTHS = 10


def task_plots(task: object, target: object, answers: Answers) -> list[str]:
    """The figures for a task; none without answers that can be drawn."""
    if not answers.truth:
        return []
    if task == "classification":
        if set(answers.truth) - {0.0, 1.0}:
            return []
        return _classification(answers)
    return _regression(answers, str(target or "the target"))


def _series(answers: Answers) -> list[tuple[str, Sequence[float]]]:
    """The champion first: the candidate is drawn over it."""
    both = [("champion", answers.champion), ("candidate", answers.candidate)]
    return [(name, values) for name, values in both if values]


def _regression(answers: Answers, target: str) -> list[str]:
    truth, said = answers.truth, [values for _, values in _series(answers)]
    both = axis(truth, *said)
    rest = {name: [t - p for t, p in zip(truth, ps, strict=True)] for name, ps in _series(answers)}
    high = max((abs(r) for rs in rest.values() for r in rs), default=1.0)
    errors = axis([-high, high])
    spread = figure(sum(abs(r) for r in rest["candidate"]) / len(truth))
    note = thinned(len(truth))
    return [
        draw_chart(
            Chart(
                "Predicted and true",
                f"On the broken line a prediction is exact.{note}",
                f"Scatter plot of predicted against true {target}, {len(truth)} rows; the mean distance from"
                f" the line of exact predictions is {spread} for the candidate.",
                both, both, f"true {target}", f"predicted {target}",
                guide(both, both, (both.low, both.low), (both.high, both.high))
                + "".join(dots(both, both, truth, values, name) for name, values in _series(answers)),
            )
        ),
        draw_chart(
            Chart(
                "Residuals by prediction",
                f"A good model leaves no shape: as many above as below zero, everywhere.{note}",
                f"Scatter plot of residuals (true minus predicted {target}) against predictions,"
                f" {len(truth)} rows.",
                axis(*said), errors, f"predicted {target}", "true − predicted",
                guide(axis(*said), errors, (axis(*said).low, 0.0), (axis(*said).high, 0.0))
                + "".join(
                    dots(axis(*said), errors, values, rest[name], name) for name, values in _series(answers)
                ),
            )
        ),
        _residual_histogram(rest, errors, target),
    ]  # fmt: skip


def _residual_histogram(rest: dict[str, list[float]], errors: Axis, target: str) -> str:
    edges = [errors.low + (errors.high - errors.low) * i / _BINS for i in range(_BINS + 1)]
    counts = {name: _histogram(values, errors) for name, values in rest.items()}
    y = axis(*counts.values(), at_zero=True)
    middle = figure(sum(rest["candidate"]) / len(rest["candidate"]))
    return draw_chart(
        Chart(
            "How large the residuals are",
            f"The candidate's mean is {middle}: a model without bias has 0.",
            f"Histogram of residuals (true minus predicted {target}) in {_BINS} bins; the candidate's mean"
            f" is {middle}.",
            errors, y, "true − predicted", "rows",
            guide(errors, y, (0.0, y.low), (0.0, y.high))
            + "".join(steps(errors, y, edges, counts[name], name) for name in counts),
        )
    )  # fmt: skip


def _histogram(values: Sequence[float], over: Axis) -> list[float]:
    counts = [0.0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int(over.at(value) * _BINS))] += 1
    return counts


def _classification(answers: Answers) -> list[str]:
    shown = []
    if 0 < sum(answers.truth) < len(answers.truth):
        shown.append(_roc(answers))
    probabilities = all(0.0 <= p <= 1.0 for _, values in _series(answers) for p in values)
    if probabilities and set(answers.candidate) - {0.0, 1.0}:
        shown += [_calibration(answers), _probabilities(answers)]
    return shown


def _roc(answers: Answers) -> str:
    curves = {name: roc_points(answers.truth, scores) for name, scores in _series(answers)}
    area = {name: figure(_area(points)) for name, points in curves.items()}
    against = f", {area['champion']} under the champion's" if "champion" in area else ""
    return draw_chart(
        Chart(
            "ROC curve",
            f"The area is {area['candidate']} under the candidate's curve{against}; chance has 0.5.",
            f"Curve of true positive rate against false positive rate. The area is {area['candidate']} under"
            f" the candidate's curve{against}.",
            _UNIT, _UNIT, "false positive rate", "true positive rate",
            guide(_UNIT, _UNIT, (0, 0), (1, 1))
            + "".join(line(_UNIT, _UNIT, _thin(points), name) for name, points in curves.items()),
        )
    )  # fmt: skip


def roc_points(truth: Sequence[float], scores: Sequence[float]) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) for every threshold; rows of one score move together."""
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


def _calibration(answers: Answers) -> str:
    curves = {name: calibration_points(answers.truth, said) for name, said in _series(answers)}
    marks = "".join(
        line(_UNIT, _UNIT, points, name)
        + dots(_UNIT, _UNIT, [p for p, _ in points], [t for _, t in points], name)
        for name, points in curves.items()
    )
    told = ", ".join(f"said {figure(p)}, came true {figure(t)}" for p, t in curves["candidate"])
    return draw_chart(
        Chart(
            "Calibration",
            "On the broken line a probability means what it says.",
            f"Share of positives against the predicted probability, in tenths. The candidate: {told}.",
            _UNIT, _UNIT, "predicted probability", "share of positives",
            guide(_UNIT, _UNIT, (0, 0), (1, 1)) + marks,
        )
    )  # fmt: skip


def calibration_points(truth: Sequence[float], said: Sequence[float]) -> list[tuple[float, float]]:
    """(mean prediction, share of positives) for each tenth that has rows."""
    bins: dict[int, list[int]] = {}
    for row, value in enumerate(said):
        bins.setdefault(min(_TENTHS - 1, int(value * _TENTHS)), []).append(row)
    return [
        (sum(said[r] for r in rows) / len(rows), sum(truth[r] for r in rows) / len(rows))
        for _, rows in sorted(bins.items())
    ]


def _probabilities(answers: Answers) -> str:
    edges = [i / _BINS for i in range(_BINS + 1)]
    counts = {name: _histogram(said, _UNIT) for name, said in _series(answers)}
    y = axis(*counts.values(), at_zero=True)
    return draw_chart(
        Chart(
            "Predicted probabilities",
            "A model that tells classes apart has its rows at both ends.",
            f"Histogram of the predicted probabilities in {_BINS} bins.",
            _UNIT, y, "predicted probability", "rows",
            "".join(steps(_UNIT, y, edges, counts[name], name) for name in counts),
        )
    )  # fmt: skip
