"""Metrics of the team's own, in ``models/<model>/evaluation.py``: see `mlroad help how-to/own-metrics`.

    from mlroad.evaluation import metric

    @metric(direction="lower", unit="min")
    def minutes_late(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return np.maximum(truth - answers, 0)

The gate reads the decorator without running the file, so its arguments are plain values.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def metric(
    *,
    direction: Literal["lower", "higher"],
    unit: str = "",
    rows: bool = True,
    low: float | None = None,
    high: float | None = None,
) -> Callable[[_Function], _Function]:
    """A metric: a function of truth and answers, and of the other columns if it has a third parameter.

    It gives one value for each row, of which the gate takes the mean. With ``rows=False`` it gives one value
    for a sample of rows, and is called for every resample. ``low`` and ``high`` are the range of its values.
    """
    return _marked(direction=direction, unit=unit, rows=rows, low=low, high=high)


def scorer(
    *,
    direction: Literal["lower", "higher"],
    calls: int,
    seconds: float,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
) -> Callable[[_Function], _Function]:
    """A metric that is slow or paid, such as an LLM as a judge: a function of one truth and one answer.

    It is called once for each distinct answer, and its value is kept. A gate makes at most ``calls`` calls,
    for at most ``seconds``. It may use the network, and sees environment variables ``MLROAD_SCORER_…``.
    """
    return _marked(direction=direction, unit=unit, calls=calls, seconds=seconds, low=low, high=high)


def _marked(**settings: object) -> Callable[[_Function], _Function]:
    """Leaves the function as it is: it can be called and tested like any other."""

    def mark(function: _Function) -> _Function:
        function.__dict__["mlroad"] = settings
        return function

    return mark
