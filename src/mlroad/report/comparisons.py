"""The measured metrics, slices (with their forest plots) and budgets. One row each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlroad.core.text import count
from mlroad.models.metric_names import metric_of
from mlroad.report.charts import Axis, IntervalPlot
from mlroad.report.formatting import (
    NONE,
    between,
    figure,
    finite,
    interval,
    megabytes,
    metric_name,
    milliseconds,
    places_of,
)
from mlroad.report.report_data import Fields, ReportData

_NOT_PASSED = ("failed", "broken")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric on the holdout, or on one slice of it."""

    title: str
    note: str
    figures: Fields
    """What the gate measured. Without a champion there is no difference."""
    places: int | None
    """Decimals of the intervals and differences."""
    allowed: str
    """The limit and the allowed regression in words."""
    more_allowed: str
    plot: IntervalPlot | None
    result: str
    """The worst result of its checks; empty if there is none."""
    results: Sequence[str]
    """What is shown of the verdict of the comparison and the result of the checks."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Latency, size, or the ONNX file's difference from the model."""

    name: str
    value: str
    allowed: str
    """Or ``–``."""
    share: str
    """How much of the budget is used; empty without a budget."""
    exceeded: bool
    note: str


def metrics(data: ReportData) -> list[Comparison]:
    """Every metric of the gate."""
    decides = data.verdict["decide_by"]
    rows = []
    for name, found in data.verdict["metrics"].items():
        on = f"metrics.{name}"
        result = data.result(on, f"{on}.limit", f"{on}.regression")
        note = "decides" if name == decides else ""
        rows.append(_comparison(data, metric_name(name), note, name, found, result, _reach([found])))
    return rows


def slices(data: ReportData) -> list[Comparison]:
    """Every slice of the gate, those that failed first. Slices of one metric share a scale."""
    parts = [(_slice_result(data, part), part) for part in data.verdict["slices"]]
    parts.sort(key=lambda item: item[0] not in _NOT_PASSED)
    reach = {
        name: _reach([part for _, part in parts if str(part["metric"]) == name])
        for name in {str(part["metric"]) for _, part in parts}
    }
    rows = []
    for result, part in parts:
        name, size = str(part["metric"]), part["rows"]
        note = f"{metric_name(name)}, {size:,} rows" if isinstance(size, int) else metric_name(name)
        title = f"{part['column']} = {part['value']}"
        rows.append(_comparison(data, title, note, name, part, result, reach[name]))
    return rows


def budgets(data: ReportData) -> dict[str, Budget]:
    """The budgets of what was measured, by the verdict's names."""
    latency, size, onnx = (data.verdict[section] for section in ("latency", "size", "onnx"))
    found = {}
    if latency:
        notes = [f"median {milliseconds(latency['p50_ms'])}"]
        if finite(latency["champion_p95_ms"]) is not None:
            notes.append(f"the champion's p95 is {milliseconds(latency['champion_p95_ms'])}")
        if finite(latency["cold_ms"]) is not None:
            notes.append(f"the first request (cold start) took {milliseconds(latency['cold_ms'])}")
        if isinstance(latency["rows"], int):
            notes.append(f"{count(latency['rows'], 'request')} with one row each")
        name, note = "Latency (p95)", "; ".join(notes)
        found["latency"] = _budget(name, milliseconds, latency["p95_ms"], latency["budget_ms"], note)
    if size:
        note = "all files of the model"
        found["size"] = _budget("Model size", megabytes, size["bytes"], size["budget_bytes"], note)
    if onnx:
        note = "between the ONNX file and the model, on the holdout"
        name = "ONNX: largest difference"
        found["onnx"] = _budget(name, figure, onnx["max_difference"], onnx["budget"], note)
    return found


def _budget(name: str, show: Callable[[object], str], value: object, most: object, note: str) -> Budget:
    number, budget = finite(value), finite(most)
    used = number / budget if number is not None and budget else None
    share = "" if used is None else f"{100 * min(1.0, used):.1f}%"
    return Budget(name, show(value), show(most), share, used is not None and used > 1, note)


def _slice_result(data: ReportData, part: Fields) -> str:
    of = f"slices.{part['column']}={part['value']}"
    on = f"{of}.{part['metric']}"
    return data.result(of, on, f"{on}.limit", f"{on}.regression")


def _comparison(
    data: ReportData, title: str, note: str, metric: str, found: Fields, result: str, reach: float
) -> Comparison:
    lower = (found["direction"] or _direction(metric)) == "lower"
    limit, most = finite(found["limit"]), finite(found["max_regression"])
    places = places_of(found["candidate"])
    allowed, more = NONE if limit is None else f"{'at most' if lower else 'at least'} {figure(limit)}", ""
    failed = result in _NOT_PASSED or found["verdict"] in ("worse", "broken")
    plot: IntervalPlot | None
    if data.champion:
        plot = _difference_plot(found, places, reach, lower_is_better=lower, failed=failed)
        if most is not None:
            worse = f"up to {figure(most)} worse"
            allowed, more = (worse, "") if limit is None else (allowed, f"and {worse}")
        results = _results(found["verdict"], result)
    else:
        plot = _limit_plot(found, metric, places, allowed, lower_is_better=lower, failed=failed)
        results = [result] * bool(result)
    return Comparison(title, note, found, places, allowed, more, plot, result, results)


def _results(verdict: object, result: str) -> list[str]:
    """The verdict of the comparison, and the result of the checks if that says more."""
    found = [str(verdict)] if verdict in ("better", "equal", "worse", "broken") else []
    if result and (not found or (result != "passed" and verdict not in ("worse", "broken"))):
        found.append(result)
    return found


def _difference_plot(
    found: Fields, places: int | None, reach: float, *, lower_is_better: bool, failed: bool
) -> IntervalPlot | None:
    """The difference to the champion, oriented so that right is better. ``reach`` is half of the axis."""
    difference, ends = finite(found["difference"]), interval(found["interval"])
    if difference is None:
        return None
    description = (
        f"Difference {figure(difference, signed=True, places=places)},"
        f" interval {between(found['interval'], signed=True, places=places) or NONE};"
        f" {'lower' if lower_is_better else 'higher'} is better; may be worse by up to"
        f" {figure(found['max_regression'])}"
    )
    if lower_is_better:
        difference, ends = -difference, (-ends[1], -ends[0]) if ends else None
    most = finite(found["max_regression"])
    edge = None if most is None else -most
    return IntervalPlot(description, Axis(-reach, reach), difference, ends, edge, True, True, failed)


def _limit_plot(
    found: Fields, metric: str, places: int | None, allowed: str, *, lower_is_better: bool, failed: bool
) -> IntervalPlot:
    """The value against its limit, for a candidate without a champion to compare it with."""
    value, ends = finite(found["candidate"]), interval(found["candidate_interval"])
    around = between(found["candidate_interval"], places=places) or NONE
    description = f"{metric_name(metric)} {figure(value)}, interval {around}, {allowed}"
    limit = finite(found["limit"])
    shown = [number for number in (value, limit, *(ends or ())) if number is not None]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    margin = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    axis = Axis(low - margin, high + margin)
    return IntervalPlot(description, axis, value, ends, limit, not lower_is_better, False, failed)


def _reach(rows: Sequence[Fields]) -> float:
    """Half of the axis of a forest plot that shows all intervals and allowed regressions."""
    values = []
    for found in rows:
        values += [finite(found["difference"]), finite(found["max_regression"])]
        values += interval(found["interval"]) or ()
    sizes = [abs(value) for value in values if value is not None]
    return max(sizes, default=1.0) * 1.18 or 1.0


def _direction(metric: str) -> str:
    known = metric_of(metric)
    return known.direction if known else "higher"
