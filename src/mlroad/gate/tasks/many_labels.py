"""Several labels, of which a row may have any: a column of 0 and 1 for each, probabilities or labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Unmeasurable, Weighted, by_row, ratio_or_zero
from mlroad.gate.tasks.curves import area, average_precision, mean_of
from mlroad.gate.tasks.many_classes import OF_COUNTS, Counted, averaged, of_counts, rarest
from mlroad.gate.tasks.task import Predictions, Reader, Truth, finite, numbers_of
from mlroad.models.model_process import ModelBroken


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """[n, labels] of 0 and 1."""
    at = gates.at("target")
    values = np.column_stack([numbers_of(frame, name, at, gates.holdout) for name in gates.targets])
    wrong = [
        name
        for name, column in zip(gates.targets, values.T, strict=True)
        if not np.isin(column, (0, 1)).all()
    ]
    if wrong:
        what = f"The label {wrong[0]} has other values than 0 and 1."
        raise UserError(Problem(at, "MR704", what, "Make one column of 0 and 1 for each label."))
    return Truth(values.astype(np.intp), gates.targets)


def read_answers(values: NDArray[Any], truth: Truth) -> Predictions:
    """[n, labels], in the order of ``target``: probabilities, or 0 and 1."""
    found = finite(values)
    if found.shape != truth.values.shape:
        wanted = list(truth.values.shape)
        raise ModelBroken(f"its answers have the shape {list(found.shape)}, not {wanted}: one for each label")
    if found.min() < 0 or found.max() > 1:
        raise ModelBroken(
            f"its answers go from {found.min():g} to {found.max():g}, which are not probabilities"
        )
    # Without `classes`: each label is its own 0 or 1.
    return Predictions(found, "label" if np.isin(found, (0.0, 1.0)).all() else "probability")


def _by_label(
    finish: Callable[[Floats, Floats, Floats], Floats], *, alike: bool = False
) -> Callable[[Truth, Predictions, int], Measure]:
    def measure(truth: Truth, predicted: Predictions, _: int) -> Measure:
        said, there = predicted.labels.astype(np.float64), truth.values.astype(np.float64)
        return of_counts(said * there, said, there, finish, rare=rarest(there) if alike else None)

    return measure


def _macro(one: Counted) -> Callable[[Floats, Floats, Floats], Floats]:
    """The mean over all labels; one that is neither there nor predicted counts as 0, as in scikit-learn."""
    return lambda hits, said, there: one(hits, said, there).mean(axis=1)


def _weighted(one: Counted) -> Callable[[Floats, Floats, Floats], Floats]:
    return lambda h, s, t: ratio_or_zero((one(h, s, t) * t).sum(axis=1), t.sum(axis=1))


def _by_sample(one: Counted) -> Callable[[Truth, Predictions, int], Measure]:
    """The mean over rows of each row's own figure."""

    def measure(truth: Truth, predicted: Predictions, _: int) -> Measure:
        said, there = predicted.labels, truth.values
        counts = [part.sum(axis=1).astype(np.float64) for part in (said * there, said, there)]
        return by_row(one(*counts))

    return measure


def _mean_curve(curve: Callable[[Any, Any], Weighted]) -> Callable[[Truth, Predictions, int], Measure]:
    def measure(truth: Truth, predicted: Predictions, _: int) -> Measure:
        for name, there in zip(truth.classes, truth.values.T, strict=True):
            if len(np.unique(there)) < 2:
                raise Unmeasurable(f"all rows have the same value of the label {name}")
        pairs = zip(truth.values.T, predicted.values.T, strict=True)
        return mean_of([curve(there, p) for there, p in pairs])

    return measure


MULTILABEL = Reader(
    read_truth,
    read_answers,
    {
        "roc_auc_macro": _mean_curve(area),
        "average_precision_macro": _mean_curve(average_precision),
        "accuracy": lambda truth, predicted, _: by_row((predicted.labels == truth.values).all(axis=1)),
        "hamming_loss": lambda truth, predicted, _: by_row((predicted.labels != truth.values).mean(axis=1)),
        **{f"{name}_macro": _by_label(_macro(one), alike=True) for name, one in OF_COUNTS.items()},
        **{f"{name}_weighted": _by_label(_weighted(one)) for name, one in OF_COUNTS.items()},
        **{f"{name}_micro": _by_label(averaged(one, "micro")) for name, one in OF_COUNTS.items()},
        **{f"{name}_samples": _by_sample(one) for name, one in OF_COUNTS.items()},
    },
)
