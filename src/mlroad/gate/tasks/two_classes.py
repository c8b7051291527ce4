"""Two classes: the probability of class 1, the probabilities of both, or labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import (
    Floats,
    Measure,
    Sums,
    Unmeasurable,
    by_row,
    columns,
    itself,
    of_ratio,
    ratio,
    ratio_or_zero,
)
from mlroad.gate.tasks.curves import area, average_precision
from mlroad.gate.tasks.task import Predictions, Reader, Truth, class_numbers, column_of, finite, one_each
from mlroad.models.model_process import ModelBroken

Labels = NDArray[np.bool_]
_EPS = float(np.finfo(np.float64).eps)
_ROUNDED, _MOST = 0.0005, 0.01
"""A probability may be rounded to 3 decimals. The sum of a row may differ from 1 by so much at most."""


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """0 and 1: the target as it is, or the places of its values in ``classes``."""
    column = column_of(frame, gates.target, gates.at("target"), gates.holdout)
    if gates.classes:
        return Truth(class_numbers(column, gates.classes, gates.at("target"), gates.target), gates.classes)
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if not numeric or not np.isin(column.to_numpy(dtype=np.float64), (0.0, 1.0)).all():
        what = f"The target {gates.target} has other values than 0 and 1."
        fix = "Name its two values, the positive one last: `classes: [no, yes]`; or write task: multiclass."
        raise UserError(Problem(gates.at("target"), "MR704", what, fix))
    return Truth(column.to_numpy(dtype=np.float64).astype(np.intp), ("0", "1"))


def read_answers(values: NDArray[Any], truth: Truth) -> Predictions:
    """Probabilities of class 1, or labels. Raises ModelBroken for an ambiguous answer.

    [n, 2] are the probabilities of both classes. Numbers from 0 to 1 that are not all 0 or 1 are the
    probability of class 1. Names of classes are labels, whether texts or numbers; 0 and 1 are labels, too.
    """
    if values.dtype == object:
        return Predictions(text_labels(values, truth.classes), "label", truth.classes)
    found = finite(values)
    if found.shape == (len(truth), 2):
        return Predictions(np.ascontiguousarray(adding_up(found)[:, 1]), "probability", truth.classes)
    found = one_each(found)
    named = number_names(found)
    if set(named) <= set(truth.classes):  # `classes: [1, 2]`: the model answers with the classes themselves
        return Predictions(text_labels(named, truth.classes), "label", truth.classes)
    if np.isin(found, (0.0, 1.0)).all():
        return Predictions(found, "label", truth.classes)
    if found.min() < 0 or found.max() > 1:
        raise ModelBroken(
            f"its predictions go from {found.min():g} to {found.max():g}, which are not probabilities"
        )
    return Predictions(found, "probability", truth.classes)


def adding_up(values: Floats) -> Floats:
    """Probabilities [n, classes] that add up to 1 in each row. Raises ModelBroken."""
    inside = ((values >= 0) & (values <= 1)).all()
    allowed = min(_ROUNDED * values.shape[1], _MOST) + 1e-9
    if not inside or np.abs(values.sum(axis=1) - 1).max() > allowed:
        raise ModelBroken(
            f"its {values.shape[1]} numbers for each row are not probabilities that add up to 1"
        )
    return values


def number_names(values: Floats) -> NDArray[Any]:
    """Numbers as the names of classes: 1.0 is ``1``."""
    return np.array([f"{value + 0.0:.15g}" for value in values], dtype=object)


def text_labels(values: NDArray[Any], classes: tuple[str, ...]) -> Floats:
    """The class numbers of labels that are texts. Raises ModelBroken."""
    places = {name: place for place, name in enumerate(classes)}
    flat = [str(value) for value in one_each(values)]
    unknown = next((value for value in flat if value not in places), None)
    if unknown is not None:
        raise ModelBroken(
            f'it answers "{unknown[:60]}", which is not one of the classes {", ".join(classes)}'
        )
    return np.array([places[value] for value in flat], dtype=np.float64)


def _log_loss(truth: Truth, predicted: Predictions, _: int) -> Sums:
    p = np.clip(predicted.values, _EPS, 1 - _EPS)
    return by_row(-np.log(np.where(truth.values == 1, p, 1 - p)))


def _roc_auc(truth: Truth, predicted: Predictions, _: int) -> Measure:
    if len(np.unique(truth.values)) < 2:
        raise Unmeasurable("all rows are of one class")
    return area(truth.values, predicted.values)


def _average_precision(truth: Truth, predicted: Predictions, _: int) -> Measure:
    _needs_positives(truth)
    return average_precision(truth.values, predicted.values)


def _needs_positives(truth: Truth) -> None:
    if not truth.values.any():
        raise Unmeasurable("no row is of class 1")


def _counted(
    finish: Callable[[Floats, Floats, Floats, Floats], Floats], *, positives: bool = False
) -> Callable[[Truth, Predictions, int], Measure]:
    """A metric of the counts of true positives, predicted positives, positives, and all rows."""

    def measure(truth: Truth, predicted: Predictions, _: int) -> Sums:
        if positives:
            _needs_positives(truth)
        said, there = predicted.labels == 1, truth.values == 1
        parts = columns([said & there, said, there])
        rare = int(min(there.sum(), len(there) - there.sum())) if positives else None
        return Sums(parts, lambda s, total: finish(s[:, 0], s[:, 1], s[:, 2], total), rare=rare)

    return measure


def _share(
    link: Callable[[Floats], Floats],
    above: Callable[[Labels, Labels], Labels],
    below: Callable[[Labels, Labels], Labels],
    *,
    of: int | None = None,
) -> Callable[[Truth, Predictions, int], Measure]:
    """A function of the share of the rows ``below`` that are ``above``, both of what is said and there.

    ``of`` is the class that the metric is about.
    """

    def measure(truth: Truth, predicted: Predictions, _: int) -> Sums:
        if of == 1:
            _needs_positives(truth)
        said, there = predicted.labels == 1, truth.values == 1
        rare = None if of is None else int((truth.values == of).sum())
        empty = 0.0 if of is None else np.nan  # as scikit-learn with zero_division=0
        return of_ratio(above(said, there), below(said, there), link, empty=empty, rare=rare)

    return measure


def _f1_of_jaccard(values: Floats) -> Floats:
    # F1 grows with the Jaccard index, a share of rows. So an interval of one is an interval of the other.
    return 2 * values / (1 + values)


def _both(said: Labels, there: Labels) -> Labels:
    return said & there


def _either(said: Labels, there: Labels) -> Labels:
    return said | there


def _there(_: Labels, there: Labels) -> Labels:
    return there


def _balanced_accuracy(hits: Floats, said: Floats, there: Floats, total: Floats) -> Floats:
    return (ratio(hits, there) + ratio(total - there - said + hits, total - there)) / 2


def _matthews(hits: Floats, said: Floats, there: Floats, total: Floats) -> Floats:
    below = np.sqrt(said * there * (total - said) * (total - there))
    return ratio_or_zero(hits * total - said * there, below)


def _kappa(hits: Floats, said: Floats, there: Floats, total: Floats) -> Floats:
    right = total - there - said + 2 * hits
    chance = ratio(said * there + (total - said) * (total - there), total)
    return 1 - ratio(total - right, total - chance)


BINARY = Reader(
    read_truth,
    read_answers,
    {
        "roc_auc": _roc_auc,
        "average_precision": _average_precision,
        "log_loss": _log_loss,
        "brier": lambda truth, predicted, _: by_row((predicted.values - truth.values) ** 2),
        "accuracy": lambda truth, predicted, _: by_row(predicted.labels == truth.values),
        "balanced_accuracy": _counted(_balanced_accuracy, positives=True),
        "specificity": _share(itself, lambda said, there: ~(said | there), lambda _, there: ~there, of=0),
        "precision": _share(itself, _both, lambda said, _: said),
        "recall": _share(itself, _both, _there, of=1),
        "f1": _share(_f1_of_jaccard, _both, _either, of=1),
        "jaccard": _share(itself, _both, _either, of=1),
        "matthews_corrcoef": _counted(_matthews),
        "cohen_kappa": _counted(_kappa),
    },
)
