"""Whether the candidate was judged by other rules than the champion: nobody must miss a lowered bar.

Both verdicts hold the digests of their rules (``rules``), and per metric and slice what is allowed. Where
one of them does not, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from mlroad.core.problems import UserError
from mlroad.models.metric_names import METRICS
from mlroad.registry.open_registry import open_registry
from mlroad.report.formatting import finite
from mlroad.report.report_data import Fields, ReportData, complete

GATES = "gates.yml"
_FILES = {
    GATES: "gates.yml",
    "waivers.yml": "waivers.yml",
    "inference_tests": "inference_tests/",
    "data.yml": "data.yml",
}
Kind = Literal["loosened", "changed", "stricter"]
_Allowed = Mapping[tuple[str, str], tuple[float, str]]
"""What is set, and in which direction it gets stricter."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One thing that differs."""

    kind: Kind
    file: str
    what: str


def changed_rules(data: ReportData) -> list[RuleChange]:
    """What differs from when the champion was judged, what was loosened first; nothing if it is unknown."""
    if not isinstance(data.verdict["rules"], Mapping) or not data.champion:
        return []
    before = Fields()
    with suppress(UserError, OSError, ValueError, TypeError):
        before = _champions_verdict(data)
    if not isinstance(before["rules"], Mapping):
        return []
    order = ("loosened", "changed", "stricter")
    return sorted(_changes(before, data.verdict), key=lambda change: order.index(change.kind))


def title(changes: Sequence[RuleChange], champion: Mapping[str, Any]) -> str:
    """The heading of the note."""
    loosened = any(change.kind == "loosened" for change in changes)
    than = f"than when champion {champion.get('version')} was judged"
    return f"Its rules are {'looser' if loosened else 'others'} {than}"


def _champions_verdict(data: ReportData) -> Fields:
    """The verdict by which the champion (or its twin, for a dev candidate) was registered."""
    model = data.candidate.model
    lineage = open_registry(model.root).version(model.name, int(data.champion["version"])).lineage
    verdict = lineage.get("dev_verdict" if data.candidate.stage == "dev" else "verdict")
    # The lineage holds the holdout once for both.
    return (
        complete({"holdout": lineage.get("holdout"), **verdict}) if isinstance(verdict, Mapping) else Fields()
    )


def _changes(before: Fields, now: Fields) -> Iterator[RuleChange]:
    old, new = before["rules"], now["rules"]
    for key, file in _FILES.items():
        if key not in old or key not in new or old[key] == new[key]:
            continue
        if not new[key]:
            yield RuleChange("loosened" if key == "inference_tests" else "changed", file, "It is gone.")
            continue
        if key == GATES:
            told = list(_gates(before, now))
            yield from told
            if not told:
                yield RuleChange("changed", file, "No limit and no allowed regression is another.")
        elif key == "waivers.yml":
            yield from _waivers(before, now)
        else:
            yield RuleChange("changed", file, "It is new." if not old[key] else "It is another.")


def _waivers(before: Fields, now: Fields) -> Iterator[RuleChange]:
    old, new = ([str(waiver["gate"]) for waiver in verdict["waivers"]] for verdict in (before, now))
    added = [gate for gate in dict.fromkeys(new) if gate not in old]
    for gate in added:
        yield RuleChange("loosened", "waivers.yml", f"{gate} is waived, and was not.")
    if not added:
        yield RuleChange("changed", "waivers.yml", "No other check is waived.")


def _gates(before: Fields, now: Fields) -> Iterator[RuleChange]:
    old, new = _allowed(before), _allowed(now)
    for key in dict.fromkeys([*old, *new]):
        was, direction = old.get(key, (None, ""))
        its, direction = new.get(key, (None, direction))
        name = " ".join(key)
        if was == its or (its is None and now["verdict"] == "broken"):
            continue  # a broken verdict does not name what could not be measured
        if was is None:
            yield RuleChange("stricter", GATES, f"{name} is new: {_number(its)}.")
        elif its is None:
            yield RuleChange("loosened", GATES, f"{name} is gone; it was {_number(was)}.")
        else:
            looser = its < was if direction == "higher" else its > was
            kind: Kind = "loosened" if looser else "stricter"
            yield RuleChange(kind, GATES, f"{name} was {_number(was)} and is {_number(its)}.")
    for name in ("decide_by", "target", "task"):
        if before[name] != now[name]:
            yield RuleChange("changed", GATES, f"{name} was {before[name]} and is {now[name]}.")
    held = [str(verdict["holdout"]["dataset"]).removeprefix("azureml:") for verdict in (before, now)]
    if held[0] != held[1]:
        yield RuleChange("changed", GATES, f"holdout was {held[0]} and is {held[1]}.")
    for runtime in before["inference"]:
        if runtime not in now["inference"]:
            yield RuleChange("loosened", GATES, f"inference_tests does not name {runtime} any more.")


def _allowed(verdict: Fields) -> _Allowed:
    """Every number of gates.yml that a verdict holds."""
    metrics = verdict["metrics"]
    given = [(name, its, name) for name, its in metrics.items()]
    given += [  # each value of a column has the same thresholds
        (f"{its['metric']} by {its['column']}:", its, str(its["metric"])) for its in verdict["slices"]
    ]
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for name, its, metric in given:
        direction = its["direction"] or metrics.get(metric, its)["direction"] or _direction(metric)
        if (limit := finite(its["limit"])) is not None:
            found[name, "limit"] = limit, "higher" if direction == "higher" else "lower"
        if (most := finite(its["max_regression"])) is not None:
            found[name, "max_regression"] = most, "lower"
    for name, key, unit in (
        ("latency", "budget_ms", "in ms"),
        ("size", "budget_bytes", "in bytes"),
        ("onnx", "budget", "max_difference"),
    ):
        if (budget := finite(verdict[name][key])) is not None:
            found[name, unit] = budget, "lower"
    return found


def _direction(metric: str) -> str:
    return METRICS[metric].direction if metric in METRICS else "lower"


def _number(value: Any) -> str:
    return f"{value:,.10g}"
