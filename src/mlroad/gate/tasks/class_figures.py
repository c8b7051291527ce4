"""Figures of each class or label, and the confusion matrix, for the verdict and the report."""

from typing import Any

import numpy as np

from mlroad.gate.tasks.many_classes import OF_COUNTS, one_hot
from mlroad.gate.tasks.task import Predictions, Truth


def class_figures(truth: Truth, mine: Predictions, other: Predictions | None) -> dict[str, Any] | None:
    """For each class: its rows, and precision, recall and F1 of both models. None if there are no classes.

    ``confusion`` [true class][predicted class] counts the candidate's rows; labels have none.
    """
    count = len(truth.classes)
    if not count:
        return None
    there = _columns(truth.values, count)
    models = {"candidate": mine} | ({"champion": other} if other is not None else {})
    found = {key: _figures(there, _columns(model.labels, count)) for key, model in models.items()}
    rows = there.sum(axis=0)
    return {
        "classes": [
            {"class": name, "rows": int(rows[place])} | {key: its[place] for key, its in found.items()}
            for place, name in enumerate(truth.classes)
        ],
        "confusion": (there.T @ _columns(mine.labels, count)).astype(int).tolist()
        if truth.values.ndim == 1
        else None,
    }


def _columns(values: Any, count: int) -> Any:
    return one_hot(values, count) if values.ndim == 1 else values.astype(np.float64)


def _figures(there: Any, said: Any) -> list[dict[str, float]]:
    hits, predicted, rows = (there * said).sum(axis=0), said.sum(axis=0), there.sum(axis=0)
    values = {name: OF_COUNTS[name](hits, predicted, rows) for name in ("precision", "recall", "f1")}
    return [
        {name: float(its[place]) for name, its in values.items()} | {"predicted": int(predicted[place])}
        for place in range(len(rows))
    ]
