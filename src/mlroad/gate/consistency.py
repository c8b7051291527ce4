"""Whether a verdict is what the gate could have said by the rules of the candidate's commit.

A verdict is a file that anybody can write. This finds the one in which a check is missing, or says passed of
a figure that gates.yml does not allow. It cannot know whether the figures were measured.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from mlroad.gate.checks import exceeds, is_waivable, number
from mlroad.gate.gates_file import Gates, Threshold
from mlroad.models.metric_names import METRICS

_ALWAYS = ("candidate", "data.training", "data.holdout", "data.overlap", "predictions", "champion")


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a check that passed must hold: its value is ``figure``, and ``allowed`` at worst."""

    figure: object
    """The same figure elsewhere in the verdict."""
    allowed: float
    sign: int = -1
    """+1 if more is better."""


def contradictions(gates: Gates, waived: Collection[str], verdict: Mapping[str, Any]) -> Iterator[str]:
    """Every way in which a verdict that passed contradicts itself, or gates.yml; a sentence for each.

    ``waived`` are the checks that the committed waivers.yml names.
    """
    for what in _all(gates, waived, verdict):
        yield f"verdict.json contradicts itself: {what}."


def _all(gates: Gates, waived: Collection[str], verdict: Mapping[str, Any]) -> Iterator[str]:
    yield from _about(gates, verdict)
    yield from _slices(gates, verdict)
    bounds = dict(_bounds(gates, verdict))
    checks = verdict["checks"]
    there = {check.get("id") for check in checks}
    for id_ in (*_ALWAYS, *bounds, *(f"inference.{runtime}" for runtime in gates.inference_tests)):
        if id_ not in there:
            yield f"it has no check {id_}, and gates.yml asks for it"
    for check in checks:
        id_ = str(check.get("id"))
        if check.get("result") == "waived" and not (id_ in waived and is_waivable(id_)):
            yield f"{id_} is waived, and waivers.yml does not name it"
        elif check.get("result") == "passed" and id_ in bounds:
            yield from _figure(id_, check.get("value"), bounds[id_])
    for runtime in gates.inference_tests:
        said = _part(_part(verdict, "inference"), runtime)
        suite = _part(verdict, "rules").get("inference_tests")
        if said.get("passed") is not True or said.get("failed") != 0 or said.get("suite_digest") != suite:
            yield f"inference.{runtime} says passed without tests of the suite that all passed"


def _about(gates: Gates, verdict: Mapping[str, Any]) -> Iterator[str]:
    """What was judged, and the word for it."""
    holdout = str(_part(verdict, "holdout").get("dataset")).removeprefix("azureml:")
    for key, its, wanted in (
        ("task", verdict.get("task"), gates.task),
        ("target", verdict.get("target"), gates.target),
        ("decide_by", verdict.get("decide_by"), gates.decide_by),
        ("holdout", holdout, gates.holdout),
    ):
        if its != wanted:
            yield f"its {key} is {its} where gates.yml says {wanted}"
    if gates.champion_required and not verdict.get("champion"):
        yield "it names no champion where gates.yml requires one"
    word = _part(_part(verdict, "metrics"), gates.decide_by).get("verdict")
    if verdict.get("verdict") != word:
        yield f"it says {verdict.get('verdict')}, and {gates.decide_by}, which decides, says {word}"


def _slices(gates: Gates, verdict: Mapping[str, Any]) -> Iterator[str]:
    """Each row of the holdout is in one slice of each column."""
    rows = _part(verdict, "holdout").get("rows")
    for gate in gates.slices:
        counted = sum(its["rows"] for its in _of(verdict, gate.column, gate.metric))
        if counted != rows:
            yield f"the slices by {gate.column} have {counted} rows, and the holdout {rows}"


def _bounds(gates: Gates, verdict: Mapping[str, Any]) -> Iterator[tuple[str, _Bound]]:
    """The checks with a figure that gates.yml asks for."""
    against = bool(verdict.get("champion"))
    for name, threshold in gates.metrics.items():
        figures = _part(_part(verdict, "metrics"), name)
        yield from _thresholds(f"metrics.{name}", name, threshold, figures, against)
    for gate in gates.slices:
        for its in _of(verdict, gate.column, gate.metric):
            id_ = f"slices.{gate.column}={its.get('value')}.{gate.metric}"
            yield from _thresholds(id_, gate.metric, gate.threshold, its, against)
    if gates.p95_ms is not None:
        yield "latency.p95", _Bound(_part(verdict, "latency").get("p95_ms"), gates.p95_ms)
    if gates.max_mb is not None:
        yield "size", _Bound(_part(verdict, "size").get("bytes"), round(gates.max_mb * 1_000_000))
    if gates.onnx_difference is not None:
        yield "onnx", _Bound(_part(verdict, "onnx").get("max_difference"), gates.onnx_difference)


def _thresholds(
    id_: str, metric: str, threshold: Threshold, figures: Mapping[str, Any], against: bool
) -> Iterator[tuple[str, _Bound]]:
    sign, mine, other = METRICS[metric].sign, figures.get("candidate"), figures.get("champion")
    if threshold.limit is not None:
        yield f"{id_}.limit", _Bound(mine, threshold.limit, sign)
    if threshold.max_regression is not None and against:
        worse = -sign * (mine - other) if _is_number(mine) and _is_number(other) else None
        yield f"{id_}.regression", _Bound(worse, threshold.max_regression)


def _figure(id_: str, value: Any, bound: _Bound) -> Iterator[str]:
    if not _is_number(value):
        yield f"{id_} says passed without a figure"
    elif exceeds(-bound.sign * value, -bound.sign * bound.allowed):
        yield f"{id_} says passed with {number(value)} where {number(bound.allowed)} is allowed"
    elif not _is_number(bound.figure) or not math.isclose(value, bound.figure, rel_tol=1e-9, abs_tol=1e-12):
        its = number(bound.figure) if _is_number(bound.figure) else bound.figure
        yield f"{id_} says {number(value)}, and its figures {its}"


def _of(verdict: Mapping[str, Any], column: str, metric: str) -> list[Mapping[str, Any]]:
    """The verdict's slices by a column, of one metric."""
    found = verdict.get("slices")
    return [
        its
        for its in (found if isinstance(found, list) else [])
        if isinstance(its, Mapping)
        and (its.get("column"), its.get("metric")) == (column, metric)
        and isinstance(its.get("rows"), int)
    ]


def _part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
