"""Several classes: probabilities of each, or labels. Averages are those of scikit-learn.

Counts are one column for each class, so they are sums over rows. A class that is neither in the truth nor
predicted counts in no average, as in scikit-learn; ``zero_division`` is 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Sums, Unmeasurable, by_row, columns, ratio, ratio_or_zero
from mlroad.gate.tasks.curves import area, mean_of
from mlroad.gate.tasks.task import (
    Predictions,
    Reader,
    Truth,
    class_names,
    class_numbers,
    column_of,
    finite,
    one_each,
)
from mlroad.gate.tasks.two_classes import adding_up, number_names, text_labels
from mlroad.models.model_process import ModelBroken

MOST = 200
"""The most classes."""
_FEW = 20
"""The mean of the classes' precisions has no interval if a class is predicted for fewer rows."""
_EPS = float(np.finfo(np.float64).eps)
Counted = Callable[[Floats, Floats, Floats], Floats]
"""A metric of each class from true positives, predictions and true rows, [resamples, classes] each."""
OF_COUNTS: dict[str, Counted] = {
    "precision": lambda hits, said, _: ratio_or_zero(hits, said),
    "recall": lambda hits, _, there: ratio_or_zero(hits, there),
    "f1": lambda hits, said, there: ratio_or_zero(2 * hits, said + there),
    "jaccard": lambda hits, said, there: ratio_or_zero(hits, said + there - hits),
}


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The classes as numbers, in the order of ``classes`` or sorted."""
    at = gates.at("target")
    column = column_of(frame, gates.target, at, gates.holdout)
    classes = gates.classes or class_names(column)
    if not 2 <= len(classes) <= MOST:
        what = f"The target {gates.target} has {len(classes)} values."
        fix = f"A multiclass target has 2 to {MOST} classes. For numbers, write task: regression."
        raise UserError(Problem(at, "MR704", what, fix))
    return Truth(class_numbers(column, classes, at, gates.target), classes)


def read_answers(values: NDArray[Any], truth: Truth) -> Predictions:
    """Probabilities [n, classes]; or labels [n], which are the classes themselves."""
    count = len(truth.classes)
    if values.dtype == object:
        return Predictions(text_labels(values, truth.classes), "label", truth.classes)
    found = finite(values)
    if found.ndim == 2 and found.shape[1] > 1:
        if found.shape[1] != count:
            raise ModelBroken(
                f"it answers with {found.shape[1]} numbers for each row, but there are {count} classes "
                f"({', '.join(truth.classes[:6])}{', …' if count > 6 else ''}); name all of them in `classes`"
            )
        return Predictions(adding_up(found), "probability", truth.classes)
    return Predictions(text_labels(number_names(one_each(found)), truth.classes), "label", truth.classes)


def one_hot(numbers: NDArray[Any], count: int) -> Floats:
    """[n, count] with 1 at each row's number."""
    return np.asarray(numbers.astype(np.intp)[:, None] == np.arange(count), dtype=np.float64)


def averaged(one: Counted, average: str) -> Callable[[Floats, Floats, Floats], Floats]:
    """The average over classes: ``macro``, ``weighted`` by true rows, or ``micro``: of the summed counts."""

    def of(hits: Floats, said: Floats, there: Floats) -> Floats:
        if average == "micro":
            return one(*(part.sum(axis=1, keepdims=True) for part in (hits, said, there)))[:, 0]
        found = one(hits, said, there)
        share = there if average == "weighted" else ((said + there) > 0).astype(np.float64)
        return ratio((found * share).sum(axis=1), share.sum(axis=1))

    return of


def of_counts(
    hits: Floats,
    said: Floats,
    there: Floats,
    finish: Callable[[Floats, Floats, Floats], Floats],
    note: str = "",
    rare: int | None = None,
) -> Sums:
    """A metric of counts from [n, classes] each."""
    count = hits.shape[1]

    def split(sums: Floats, _: Floats) -> Floats:
        return finish(sums[:, :count], sums[:, count : 2 * count], sums[:, 2 * count :])

    return Sums(columns([hits, said, there]), split, rare=rare, note=note)


def rarest(there: Floats) -> int | None:
    """The rows of the rarest class in the truth [n, classes]: a mean over classes needs some of each."""
    counts = there.sum(axis=0)
    return int(min(counts[counts > 0], default=0))


def _by_class(
    finish: Callable[[Floats, Floats, Floats], Floats], *, of_said: bool = False, alike: bool = False
) -> Callable[[Truth, Predictions, int], Measure]:
    def measure(truth: Truth, predicted: Predictions, _: int) -> Measure:
        count = len(truth.classes)
        there, said = one_hot(truth.values, count), one_hot(predicted.labels, count)
        few = _few_said(truth, said.sum(axis=0)) if of_said else ""
        return of_counts(there * said, said, there, finish, few, rarest(there) if alike else None)

    return measure


def _few_said(truth: Truth, counts: Floats) -> str:
    """Clause about a class that is predicted so rarely that its share of right ones is not known well."""
    few = [(count, name) for count, name in zip(counts, truth.classes, strict=True) if 0 < count < _FEW]
    return f"the class {min(few)[1]} is predicted for only {min(few)[0]:.0f} rows" if few else ""


def _balanced_accuracy(hits: Floats, _: Floats, there: Floats) -> Floats:
    """The mean recall of the classes that are in the truth."""
    return ratio(ratio_or_zero(hits, there).sum(axis=1), (there > 0).sum(axis=1))


def _matthews(hits: Floats, said: Floats, there: Floats) -> Floats:
    total = there.sum(axis=1)
    above = hits.sum(axis=1) * total - (said * there).sum(axis=1)
    below = (total**2 - (said**2).sum(axis=1)) * (total**2 - (there**2).sum(axis=1))
    return ratio_or_zero(above, np.sqrt(below))


def _kappa(hits: Floats, said: Floats, there: Floats) -> Floats:
    total = there.sum(axis=1)
    chance = ratio((said * there).sum(axis=1), total)
    return 1 - ratio(total - hits.sum(axis=1), total - chance)


def _areas(weighted: bool) -> Callable[[Truth, Predictions, int], Measure]:
    def measure(truth: Truth, predicted: Predictions, _: int) -> Measure:
        there = one_hot(truth.values, len(truth.classes))
        if absent := [name for name, rows in zip(truth.classes, there.sum(axis=0), strict=True) if not rows]:
            raise Unmeasurable(f"no row is of class {absent[0]}")
        areas = [area(one, p) for one, p in zip(there.T, predicted.values.T, strict=True)]
        return mean_of(areas, list(there.T) if weighted else None)

    return measure


def _log_loss(truth: Truth, predicted: Predictions, _: int) -> Measure:
    p = predicted.values / predicted.values.sum(axis=1, keepdims=True)
    right = p[np.arange(len(truth)), truth.values]
    return by_row(-np.log(np.clip(right, _EPS, 1 - _EPS)))


def _brier(truth: Truth, predicted: Predictions, _: int) -> Measure:
    return by_row(((predicted.values - one_hot(truth.values, len(truth.classes))) ** 2).sum(axis=1))


def _top(truth: Truth, predicted: Predictions, first: int) -> Measure:
    order = np.argsort(predicted.values, axis=1, kind="mergesort")[:, ::-1]  # ties as in scikit-learn
    return by_row((order[:, :first] == truth.values[:, None]).any(axis=1))


MULTICLASS = Reader(
    read_truth,
    read_answers,
    {
        "roc_auc_ovr": _areas(weighted=False),
        "roc_auc_ovr_weighted": _areas(weighted=True),
        "top_k_accuracy@": _top,
        "log_loss": _log_loss,
        "brier": _brier,
        "accuracy": lambda truth, predicted, _: by_row(predicted.labels == truth.values),
        "balanced_accuracy": _by_class(_balanced_accuracy, alike=True),
        "matthews_corrcoef": _by_class(_matthews),
        "cohen_kappa": _by_class(_kappa),
        **{
            f"{name}_{average}": _by_class(
                averaged(one, average),
                of_said=(name, average) == ("precision", "macro"),
                alike=average == "macro",
            )
            for name, one in OF_COUNTS.items()
            for average in ("macro", "weighted", "micro")
        },
    },
)
