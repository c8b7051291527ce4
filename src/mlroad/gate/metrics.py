"""The metrics of a gate by name: on all rows, and in the form that the bootstrap needs.

Figures equal scikit-learn's, where it has them: the tests compare them to twelve digits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.gate.bootstrap import EXACT_ROWS, Units
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Measure, Unmeasurable, whole
from mlroad.gate.tasks.forecasts import FORECAST
from mlroad.gate.tasks.many_classes import MULTICLASS
from mlroad.gate.tasks.many_labels import MULTILABEL
from mlroad.gate.tasks.rankings import RANKING
from mlroad.gate.tasks.regressions import REGRESSION
from mlroad.gate.tasks.task import Predictions, Reader, Truth, padded
from mlroad.gate.tasks.texts import TEXT
from mlroad.gate.tasks.two_classes import BINARY
from mlroad.models.metric_names import Task, first_of, metric_of
from mlroad.models.model_process import ModelBroken

READERS: Mapping[Task, Reader] = {
    "regression": REGRESSION,
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "multilabel": MULTILABEL,
    "forecast": FORECAST,
    "ranking": RANKING,
    "text": TEXT,
}
_OF_SAME_ROWS = ("accuracy", "recall", "specificity")
"""The shares whose rows do not depend on the model."""


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The truth of each row of the holdout. Raises UserError."""
    return READERS[gates.task].truth(frame, gates)


def read_answers(
    answer: NDArray[Any], truth: Truth, gates: Gates, *, labels_suffice: bool = False
) -> Predictions:
    """A model's answer for each row. Raises ModelBroken if it is not what the task asks for.

    Labels are refused where a metric needs probabilities, unless ``labels_suffice``.
    """
    found = READERS[gates.task].answers(answer, truth)
    if found.kind == "label" and gates.wants("probability") and not labels_suffice:
        said = ", ".join(truth.classes) if gates.task != "multilabel" else "0, 1"
        raise ModelBroken(
            f"it predicts the labels {said.replace(', ', ' and ') if said.count(',') == 1 else said}, but a "
            'metric in gates.yml needs probabilities: save it with pyfunc_predict_fn="predict_proba"'
        )
    return found


def measure(name: str, task: Task, truth: Truth, predicted: Predictions) -> float:
    """The metric on all rows. Raises Unmeasurable."""
    return value_of(prepared(name, task, truth, predicted), len(truth))


def prepared(name: str, task: Task, truth: Truth, predicted: Predictions) -> Measure:
    """The metric in the form that the bootstrap needs. Raises Unmeasurable."""
    if len(truth) == 0:
        raise Unmeasurable("there are no rows")
    stem, first = first_of(name)
    with np.errstate(over="ignore", invalid="ignore"):  # a result that is not finite is reported later
        return READERS[task].measures[f"{stem}@" if first else stem](truth, predicted, first)


def padded_measures(
    names: Sequence[str], task: Task, rows: tuple[Truth, Predictions, Predictions | None], units: Units
) -> dict[str, list[Measure]]:
    """Metrics of counts of both models with a few more rows, for the interval of their difference.

    Only of few rows, which are drawn one by one; not of shares of the same rows, which need no resampling.
    """
    truth, mine, other = rows
    if other is None or units.numbers is not None or len(truth) > EXACT_ROWS:
        return {}
    more = padded(truth, mine, other)
    if more is None:
        return {}
    counted = [name for name in names if name not in _OF_SAME_ROWS and _needs(name, task) == "label"]
    return {name: [prepared(name, task, more[0], model) for model in more[1:]] for name in counted}


def _needs(name: str, task: Task) -> str:
    found = metric_of(name, task)
    return found.needs if found else ""


def value_of(prepared: Measure, rows: int) -> float:
    """The figure on all rows. Raises Unmeasurable if it is not a finite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = whole(prepared, rows)
    if not np.isfinite(value):
        raise Unmeasurable(f"it is {value}")
    return value
