"""Metrics and slices of candidate and champion on the same rows: figures, intervals, checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlroad.gate.bootstrap import Intervals, Units, intervals
from mlroad.gate.checks import GateChecks, exceeds, number
from mlroad.gate.gates_file import Gates, SliceGate, Threshold
from mlroad.gate.holdout import Holdout, slice_of
from mlroad.gate.measures import Measure, OfSamples, Unmeasurable
from mlroad.gate.metrics import padded_measures, prepared, value_of
from mlroad.gate.tasks.task import Predictions, Truth

Word = Literal["better", "equal", "worse", "broken"]
Which = Literal["candidate", "champion"]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The result of one metric on some rows. Figures are None if unmeasurable, or without a champion."""

    metric: str
    verdict: Word
    candidate: float | None = None
    candidate_interval: tuple[float, float] | None = None
    champion: float | None = None
    interval: tuple[float, float] | None = None
    """The interval of the difference candidate - champion."""
    reason: str = ""
    note: str = ""
    """Why there is no interval, although the figure can be measured."""
    sign: int = 1
    """+1 if a higher value is better, otherwise -1."""

    @property
    def difference(self) -> float | None:
        """Candidate - champion."""
        if self.candidate is None or self.champion is None:
            return None
        return self.candidate - self.champion

    @property
    def is_surely_worse(self) -> bool:
        """Whether the interval of the difference is wholly on the bad side, but the difference is allowed."""
        if self.interval is None or self.verdict != "equal":
            return False
        return max(self.sign * self.interval[0], self.sign * self.interval[1]) < 0

    def as_json(self) -> dict[str, Any]:
        """The result as the verdict holds it."""
        return {
            "candidate": self.candidate,
            "candidate_interval": list(self.candidate_interval) if self.candidate_interval else None,
            "champion": self.champion,
            "difference": self.difference,
            "interval": list(self.interval) if self.interval else None,
            "note": self.note,
            "verdict": self.verdict,
        }


OwnMeasure = Callable[[str, Sequence[Which], Numbers], list[Measure]]
"""A metric of the team's own, by its name: of the models' answers to the rows with these numbers."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are measured."""

    truth: Truth
    candidate: Predictions
    champion: Predictions | None
    units: Units = field(default_factory=Units)
    own: OwnMeasure | None = None
    numbers: Numbers | None = None
    """The numbers of the rows in the holdout; None if these are all."""

    def where(self, mask: Any) -> Rows:
        """The selected rows."""
        numbers = np.arange(len(self.truth)) if self.numbers is None else self.numbers
        return replace(
            self,
            truth=self.truth.where(mask),
            candidate=self.candidate.where(mask),
            champion=None if self.champion is None else self.champion.where(mask),
            units=self.units.where(mask),
            numbers=numbers[mask],
        )

    def measures(self, name: str, gates: Gates) -> list[Measure]:
        """A metric of the candidate and of the champion, if there is one. Raises Unmeasurable."""
        models: list[tuple[Which, Predictions]] = [("candidate", self.candidate)]
        if self.champion is not None:
            models.append(("champion", self.champion))
        if name in gates.own_metrics:
            if self.own is None:
                raise Unmeasurable("its values were not recorded")
            numbers = np.arange(len(self.truth)) if self.numbers is None else self.numbers
            return self.own(name, [which for which, _ in models], numbers)
        return [prepared(name, gates.task, self.truth, predicted) for _, predicted in models]

    def padded(self, names: Sequence[str], gates: Gates) -> dict[str, list[Measure]]:
        """The metrics of counts whose difference needs more rows than there are: see `tasks.task.padded`."""
        return padded_measures(
            [name for name in names if name not in gates.own_metrics], gates.task,
            (self.truth, self.candidate, self.champion), self.units,
        )  # fmt: skip


def metric_ids(gates: Gates) -> Iterator[str]:
    """The ids of the metrics' checks, without those that need a champion."""
    for name, threshold in gates.metrics.items():
        yield f"metrics.{name}.{'limit' if threshold.limit is not None else 'regression'}"


def slice_ids(gates: Gates) -> Iterator[str]:
    """As `metric_ids`, for slices whose values are unknown."""
    for gate in gates.slices:
        kind = "limit" if gate.threshold.limit is not None else "regression"
        yield f"slices.{gate.column}.{gate.metric}.{kind}"


def judge_metrics(checks: GateChecks, gates: Gates, rows: Rows) -> dict[str, MetricResult]:
    """Measure every metric, and check its thresholds."""
    judged = _results(rows, list(gates.metrics), gates, gates.metrics, stream=0)
    for name, found in judged.items():
        _check(checks, f"metrics.{name}", name, found, gates.metrics[name], gates)
    return judged


def judge_slices(checks: GateChecks, gates: Gates, rows: Rows, holdout: Holdout) -> list[dict[str, Any]]:
    """The same for each value of each slice's column."""
    found: list[dict[str, Any]] = []
    for column in dict.fromkeys(gate.column for gate in gates.slices):
        wanted = [gate for gate in gates.slices if gate.column == column]
        names, codes = slice_of(holdout.frame, column)
        for place, name in enumerate(names):
            mask = codes == place
            found += _slice(checks, gates, wanted, name, rows.where(mask), stream=_stream(column, place))
    return found


def _slice(
    checks: GateChecks, gates: Gates, wanted: Sequence[SliceGate], name: str, rows: Rows, stream: int
) -> Iterator[dict[str, Any]]:
    count = len(rows.truth)
    enough = [gate for gate in wanted if count >= gate.min_rows]
    thresholds = {gate.metric: gate.threshold for gate in wanted}
    judged = _results(rows, [gate.metric for gate in enough], gates, thresholds, stream)
    for gate in wanted:
        id_ = f"slices.{gate.column}={name}.{gate.metric}"
        found = judged.get(gate.metric)
        if found is None:
            reason = f"there are {count} rows, and min_rows is {gate.min_rows}"
            found = MetricResult(gate.metric, "broken", reason=reason)
        where = f" where {gate.column} is {name}" if name != "missing" else f" where {gate.column} is missing"
        _check(checks, id_, f"{gate.metric}{where}", found, gate.threshold, gates)
        yield {
            "column": gate.column, "value": name, "rows": count, "metric": gate.metric, **found.as_json(),
            "direction": gates.metric(gate.metric).direction,
            "limit": gate.threshold.limit, "max_regression": gate.threshold.max_regression,
        }  # fmt: skip


def _results(
    rows: Rows, names: Sequence[str], gates: Gates, thresholds: dict[str, Threshold], stream: int
) -> dict[str, MetricResult]:
    points: dict[str, list[float]] = {}
    measures: dict[str, list[Measure]] = {}
    found: dict[str, MetricResult] = {}
    for name in names:
        try:
            both = rows.measures(name, gates)
            points[name] = [value_of(measure, len(rows.truth)) for measure in both]
            measures[name] = both
        except Unmeasurable as error:
            found[name] = MetricResult(name, "broken", reason=str(error))
    sure = _intervals(measures, rows, gates, stream)
    for name, values in points.items():
        mine, other = values[0], values[1] if len(values) > 1 else None
        its = sure[name]
        if isinstance(its, Unmeasurable):
            found[name] = MetricResult(name, "broken", mine, None, other, reason=str(its))
        else:
            word = _word(gates.metric(name).sign, mine, other, its, thresholds[name])
            found[name] = MetricResult(
                name,
                word,
                mine,
                its.candidate,
                other,
                its.difference,
                sign=gates.metric(name).sign,
                note=its.note,
            )
    return {name: found[name] for name in names}


def _intervals(
    measures: Mapping[str, Sequence[Measure]], rows: Rows, gates: Gates, stream: int
) -> dict[str, Intervals | Unmeasurable]:
    """The intervals of all metrics. One that calls a function for each sample may fail on its own."""
    slow = {name for name, both in measures.items() if any(isinstance(its, OfSamples) for its in both)}
    groups = [[name for name in measures if name not in slow], *([name] for name in slow)]
    found: dict[str, Intervals | Unmeasurable] = {}
    for names in filter(None, groups):
        chosen = {name: measures[name] for name in names}
        try:
            padded = rows.padded(names, gates)
            found |= intervals(chosen, len(rows.truth), gates.bootstrap, stream, rows.units, padded)
        except Unmeasurable as error:
            found |= dict.fromkeys(names, error)
    return found


def _word(sign: int, mine: float, other: float | None, its: Intervals, threshold: Threshold) -> Word:
    if other is None:
        return "better"
    if threshold.max_regression is not None and exceeds(-sign * (mine - other), threshold.max_regression):
        return "worse"
    if its.difference is None:
        return "equal"  # no interval shows that it is better
    least = min(sign * its.difference[0], sign * its.difference[1])
    return "better" if least > 1e-12 * max(abs(mine), abs(other)) else "equal"


def _check(
    checks: GateChecks, id_: str, title: str, found: MetricResult, threshold: Threshold, gates: Gates
) -> None:
    """Add the checks of one metric: its limit, and its regression if there is a champion."""
    if found.reason or found.candidate is None:
        kind = "limit" if threshold.limit is not None else "regression"
        checks.add(f"{id_}.{kind}", "broken", f"{title} cannot be measured: {found.reason}.")
        return
    direction = gates.metric(found.metric).direction
    if threshold.limit is not None:
        sign = gates.metric(found.metric).sign
        bad = exceeds(-sign * found.candidate, -sign * threshold.limit)
        bound = "at least" if direction == "higher" else "at most"
        sure = _interval(found.candidate_interval, found.note, gates)
        what = (
            f"{title} is {number(found.candidate)} ({sure}), "
            f"{'but ' if bad else ''}must be {bound} {number(threshold.limit)}."
        )
        checks.add(f"{id_}.limit", "failed" if bad else "passed", what, found.candidate, threshold.limit)
    if threshold.max_regression is None or found.champion is None:
        return
    difference = found.candidate - found.champion
    worse = -gates.metric(found.metric).sign * difference
    told = (
        f"{title} is {number(found.candidate)}, the champion's {number(found.champion)}: "
        f"{_compared(worse)} (difference {number(difference)}, "
        f"{_interval(found.interval, found.note, gates, paired=True)}); "
        f"it may be worse by up to {number(threshold.max_regression)}."
    )
    checks.add(
        f"{id_}.regression",
        "failed" if found.verdict == "worse" else "passed",
        told,
        worse,
        threshold.max_regression,
    )


def _interval(interval: tuple[float, float] | None, note: str, gates: Gates, *, paired: bool = False) -> str:
    """An interval for people; one without a width is said in words."""
    if interval is None:
        return f"no interval: {note}"
    low, high = interval
    if low == high:
        return "a tie in every resample" if paired else "the same in every resample"
    return f"{gates.bootstrap.confidence * 100:g} % interval {number(low)} to {number(high)}"


def _compared(worse: float) -> str:
    if worse == 0:
        return "the same"
    return f"{'worse' if worse > 0 else 'better'} by {number(abs(worse))}"


def _stream(column: str, place: int) -> int:
    """A number for the random stream of a slice. It is the same on every machine."""
    import zlib

    return zlib.crc32(f"{column}\0{place}".encode()) or 1


def is_constant(predicted: Predictions, truth: Truth) -> bool:
    """Whether a model predicts the same for all rows, although their targets differ."""
    return predicted.constant and bool((truth.values != truth.values[:1]).any())
