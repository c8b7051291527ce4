"""Truth and predictions of any task, as arrays whose first axis is the rows.

Other modules handle both without knowing the task: they take rows, compare answers, and count classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Position, Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Measure
from mlroad.models.model_process import ModelBroken

Kind = Literal["value", "probability", "label", "quantiles", "score", "text"]
_SHOWN: dict[Kind, str] = {
    "value": "values",
    "probability": "probabilities",
    "label": "labels",
    "quantiles": "sets of quantiles",
    "score": "scores",
    "text": "texts",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right for each row.

    ``values``: numbers [n]; class numbers [n] in the order of ``classes``; 0 and 1 [n, labels]; relevances
    [n]; or texts [n]. ``groups`` has what else a metric needs of each row, [n] each: the query, the series.
    """

    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    quantiles: tuple[float, ...] = ()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def where(self, rows: Any) -> Truth:
        """The selected rows: a mask, or row numbers."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        return replace(self, values=self.values[rows], groups=groups)

    @property
    def shown(self) -> NDArray[Any]:
        """One cell for each row, for people."""
        return _cells(self.values, self.classes)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a model for each row, and their kind.

    Probabilities are those of class 1, [n], or of each class or label, [n, k].
    """

    values: NDArray[Any]
    kind: Kind
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def where(self, rows: Any) -> Predictions:
        """The selected rows: a mask, or row numbers."""
        return replace(self, values=self.values[rows])

    @property
    def constant(self) -> bool:
        """Whether all rows have the same prediction."""
        return len(self) > 1 and bool((self.values == self.values[:1]).all())

    @property
    def kind_shown(self) -> str:
        """The kind for people, as a plural."""
        return _SHOWN[self.kind]

    @property
    def labels(self) -> NDArray[np.intp]:
        """The predicted class numbers [n], or 0 and 1 for each label [n, labels].

        A probability above 0.5 means 1; of several classes, the first with the highest probability counts.
        """
        if self.kind == "label":
            return self.values.astype(np.intp)
        if self.values.ndim == 2 and self.classes:
            return np.asarray(self.values.argmax(axis=1))
        return (self.values > 0.5).astype(np.intp)

    @property
    def shown(self) -> NDArray[Any]:
        """One cell for each row, for people: of several classes, the predicted one."""
        if self.classes and self.values.ndim == 2:
            return _cells(self.labels, self.classes)
        return _cells(self.values, self.classes if self.kind == "label" else ())


def padded(
    truth: Truth, mine: Predictions, other: Predictions
) -> tuple[Truth, Predictions, Predictions] | None:
    """The labels, with two more rows of each class: one that only the first model has right, one the other.

    The difference of two models' counts can rest on a handful of rows. With these, its interval holds what it
    promises, as in the method of Bonett & Price for shares. None if no class is told apart from the others,
    or if the models give the same labels.
    """
    count = len(truth.classes)
    if count < 2 or truth.values.ndim > 1 or np.array_equal(mine.labels, other.labels):
        return None
    there = np.unique(truth.values)
    wrong = (there + 1) % count

    def more(values: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values, first, second])

    return (
        replace(truth, values=more(truth.values, there, there), groups={}),
        Predictions(more(mine.labels, there, wrong), "label", mine.classes),
        Predictions(more(other.labels, wrong, there), "label", other.classes),
    )


def apart(mine: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.float64]:
    """How far two models' answers [n, …] are apart in each row: the largest difference; texts 0 or 1."""
    if object in (mine.dtype, theirs.dtype):
        found = (mine != theirs).reshape(len(mine), -1).any(axis=1)
    else:
        found = np.abs(mine - theirs).reshape(len(mine), -1).max(axis=1, initial=0.0)
    return np.asarray(found, dtype=np.float64)


def _cells(values: NDArray[Any], classes: tuple[str, ...]) -> NDArray[Any]:
    if values.ndim > 1:
        return np.array([" ".join(f"{value:.15g}" for value in row) for row in values], dtype=object)
    if len(classes) > 2 and values.dtype != object:
        return np.array(classes, dtype=object)[values.astype(np.intp)]
    return values


@dataclass(frozen=True, slots=True)
class Reader:
    """A task: how its truth and its answers are read, and its metrics.

    ``truth`` raises UserError, ``answers`` raises ModelBroken. ``measures`` get truth and predictions, and
    the number of first answers of metrics such as ``ndcg@10``; they raise Unmeasurable.
    """

    truth: Callable[[pd.DataFrame, Gates], Truth]
    answers: Callable[[NDArray[Any], Truth], Predictions]
    measures: Mapping[str, Callable[[Truth, Predictions, int], Measure]]


def column_of(frame: pd.DataFrame, name: str, at: Position, dataset: str) -> pd.Series[Any]:
    """A column of the holdout. Raises UserError if there is none of this name."""
    if name not in frame.columns:
        what = f"{dataset} has no column {name}."
        raise UserError(Problem(at, "MR704", what, f"Choose one of: {', '.join(map(str, frame.columns))}."))
    column = frame[name]
    if column.isna().any():
        what = f"The column {name} has rows without a value."
        raise UserError(Problem(at, "MR704", what, "Freeze a holdout without them."))
    return column


def numbers_of(frame: pd.DataFrame, name: str, at: Position, dataset: str) -> NDArray[np.float64]:
    """A column of finite numbers. Raises UserError."""
    column = column_of(frame, name, at, dataset)
    if column.dtype == object or not pd.api.types.is_numeric_dtype(column.dtype):
        what = f"The target {name} is not a number."
        raise UserError(Problem(at, "MR704", what, "Fix the dataset, or choose another task."))
    values = np.asarray(column.to_numpy(dtype=np.float64))
    if not np.isfinite(values).all():
        raise UserError(
            Problem(at, "MR704", f"The target {name} is infinite in some rows.", "Fix the dataset.")
        )
    return values


def codes_of(column: pd.Series[Any]) -> NDArray[np.intp]:
    """A number for each distinct value of a column, [n]."""
    return np.asarray(pd.factorize(column)[0])


def finite(values: NDArray[Any]) -> NDArray[np.float64]:
    """Answers as finite numbers [n, …]. Raises ModelBroken."""
    if values.dtype == object:
        raise ModelBroken("it answers with texts; gates.yml asks for numbers")
    rows = len(values)
    bad = int((~np.isfinite(values.reshape(rows, -1))).any(axis=1).sum())
    if bad:
        raise ModelBroken(f"{bad} of {rows} predictions are NaN or infinite")
    return values.astype(np.float64)


def one_each(values: NDArray[Any]) -> NDArray[Any]:
    """Answers [n] or [n, 1] as [n]. Raises ModelBroken."""
    if values.ndim > 1 and values.size != len(values):
        raise ModelBroken(f"its predictions have the shape {list(values.shape)} for {len(values)} rows")
    return values.reshape(len(values))


def class_names(column: pd.Series[Any]) -> tuple[str, ...]:
    """The distinct values of a column as texts, sorted as scikit-learn's ``classes_``: numbers by value."""
    values = column.unique().tolist()
    texts = any(isinstance(value, str) for value in values)
    return tuple(class_name(value) for value in sorted(values, key=str if texts else None))


def class_name(value: Any) -> str:
    """A class as text: 1.0 is ``1``, and true is ``true``."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return f"{float(value):.15g}" if isinstance(value, float | np.floating) else str(value)


def class_numbers(
    column: pd.Series[Any], classes: tuple[str, ...], at: Position, name: str
) -> NDArray[np.intp]:
    """The place of each row's class in ``classes``. Raises UserError."""
    places = {each: place for place, each in enumerate(classes)}
    codes, values = pd.factorize(column)
    named = [class_name(value) for value in values]
    unknown = next((value for value in named if value not in places), None)
    if unknown is not None:
        what = f'The target {name} has the value "{unknown}", which is not in `classes`.'
        raise UserError(Problem(at, "MR704", what, "Name every class, in the order of the model's answers."))
    return np.array([places[value] for value in named], dtype=np.intp)[codes]
