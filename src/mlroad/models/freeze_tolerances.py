"""The tolerances that `mlroad freeze` writes into a suite."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlroad.models.cases import Case
from mlroad.models.suite import stated_tolerances
from mlroad.models.tensors import Value
from mlroad.models.tolerance import Limit, Tolerance

_SAME = 0.005
_RETRAINED = 0.15
_DIFFER = 0.2
_LABELS = 10
"""An output counts as a label if it has at most this many values, all whole, each twice on average."""


def choose_tolerances(
    model_folder: Path,
    root: Path,
    golden: Sequence[Case],
    before: Sequence[Case],
    asked: tuple[float | None, float | None],
    boundary: Sequence[Case] = (),
) -> tuple[Tolerance, Tolerance, str]:
    """``tolerance``, ``retrained`` and where they come from, for people.

    They are those of the command line (``asked``), or of the existing suite, or a share of the range.
    """
    absolute, absolute_retrained = asked
    old = stated_tolerances(model_folder, root)
    same, other = _defaults(golden, boundary)
    # Limits for other outputs, or for numbers where there are labels now, mean nothing.
    if old and _outputs(before) in ({}, _outputs(golden)):
        same, other = old
        said = "Tolerances as before"
    else:
        said = "Tolerances: 0.5 % of the answers' range, retrained 15 %"
    if absolute is not None and absolute_retrained is not None:
        said = "Tolerances"
    if absolute is not None:
        same = Tolerance(Limit(absolute))
    if absolute_retrained is not None:
        other = Tolerance(Limit(absolute_retrained), may_differ=other.may_differ)
    return same, other, said


def _outputs(cases: Sequence[Case]) -> dict[str, str]:
    return {tensor.name: tensor.family for case in cases for tensor in case.expected}


def _defaults(golden: Sequence[Case], boundary: Sequence[Case]) -> tuple[Tolerance, Tolerance]:
    """0.5 % and 15 % of the range of each output. Labels have to be equal; retrained, a fifth may differ.

    The probabilities of a forest are whole numbers in many rows, but not near a threshold.
    """
    same: dict[str, Limit] = {}
    other: dict[str, Limit] = {}
    labels = False
    for place, tensor in enumerate(golden[0].expected):
        values = [value for case in golden for value in case.expected[place].data]
        near = [value for case in boundary for value in case.expected[place].data]
        if _are_labels([*values, *near]):
            labels = True
            same[tensor.name] = other[tensor.name] = Limit()
            continue
        numbers = [float(value) for value in values]
        span = max(numbers) - min(numbers) or max(abs(max(numbers)), 1e-6)
        same[tensor.name] = Limit(_rounded(_SAME * span))
        other[tensor.name] = Limit(_rounded(_RETRAINED * span))
    share = _DIFFER if labels else 0.0
    if len(same) == 1:
        (name,) = same
        return Tolerance(same[name]), Tolerance(other[name], may_differ=share)
    return Tolerance(outputs=same), Tolerance(outputs=other, may_differ=share)


def _are_labels(values: Sequence[Value]) -> bool:
    if any(isinstance(value, str | bool) for value in values):
        return True
    distinct = len(set(values))
    return (
        distinct <= _LABELS
        and 2 * distinct <= len(values)
        and all(float(value).is_integer() for value in values)
    )


def _rounded(value: float) -> float:
    """Up to one significant digit."""
    power = math.floor(math.log10(value))
    digit = math.ceil(round(value / 10.0**power, 9))
    return float(f"{digit}e{power}")


def plain(tolerance: Tolerance) -> dict[str, Any]:
    """A tolerance as suite.yml holds it."""

    plain: dict[str, Any] = (
        {} if tolerance.outputs and tolerance.limit == Limit() else dict(tolerance.limit.json())
    )
    if tolerance.outputs:
        plain["outputs"] = {name: limit.json() for name, limit in tolerance.outputs.items()}
    if tolerance.may_differ:
        plain["may_differ"] = tolerance.may_differ
    return plain
