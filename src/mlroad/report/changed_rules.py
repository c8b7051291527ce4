"""How the rules changed since the champion was judged, so that reviewers notice a lowered bar.

Both verdicts hold the digests of their rules (``rules``), and what is allowed for each metric and slice. If
one of them has no ``rules``, nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from mlroad.core.problems import UserError
from mlroad.models.metric_names import metric_of
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
_Thresholds = dict[tuple[str, str], tuple[float, str]]
"""Each threshold, and whether a "lower" or a "higher" one is stricter."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One difference."""

    kind: Kind
    file: str
    what: str


def changed_rules(data: ReportData) -> list[RuleChange]:
    """The changes since the champion was judged, loosened rules first; none if its rules are unknown."""
    if not isinstance(data.verdict["rules"], Mapping) or not data.champion:
        return []
    before = Fields()
    with suppress(UserError, OSError, ValueError, TypeError):
        before = _champions_verdict(data)
    if not isinstance(before["rules"], Mapping):
        return []
    order = ("loosened", "changed", "stricter")
    return sorted(_changes(before, data.verdict), key=lambda change: order.index(change.kind))


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[RuleChange]:
    """The changes from the rules of one verdict to those of another, loosened rules first."""
    order = ("loosened", "changed", "stricter")
    return sorted(_changes(complete(before), complete(now)), key=lambda change: order.index(change.kind))


def title(changes: Sequence[RuleChange], champion: Mapping[str, Any]) -> str:
    """The heading of the list."""
    was_judged = f"champion {champion.get('version')} was judged"
    if any(change.kind == "loosened" for change in changes):
        return f"The rules are looser than when {was_judged}"
    return f"The rules have changed since {was_judged}"


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
            yield RuleChange("loosened" if key == "inference_tests" else "changed", file, "It was removed.")
            continue
        if key == GATES:
            changes = list(_gates(before, now))
            yield from changes or [RuleChange("changed", file, "No limit or allowed regression changed.")]
        elif key == "waivers.yml":
            yield from _waivers(before, now)
        else:
            yield RuleChange("changed", file, "It is new." if not old[key] else "It changed.")


def _waivers(before: Fields, now: Fields) -> Iterator[RuleChange]:
    old, new = ([str(waiver["gate"]) for waiver in verdict["waivers"]] for verdict in (before, now))
    added = [gate for gate in dict.fromkeys(new) if gate not in old]
    for gate in added:
        yield RuleChange("loosened", "waivers.yml", f"{gate} is now waived.")
    if not added:
        yield RuleChange("changed", "waivers.yml", "No additional check is waived.")


def _gates(before: Fields, now: Fields) -> Iterator[RuleChange]:
    thresholds, new_thresholds = _thresholds(before), _thresholds(now)
    for key in dict.fromkeys([*thresholds, *new_thresholds]):
        old, stricter = thresholds.get(key, (None, ""))
        new, stricter = new_thresholds.get(key, (None, stricter))
        name = " ".join(key)
        if old == new or (new is None and now["verdict"] == "broken"):
            continue  # a broken verdict does not name what could not be measured
        if old is None:
            yield RuleChange("stricter", GATES, f"{name} is new: {_number(new)}.")
        elif new is None:
            yield RuleChange("loosened", GATES, f"{name} was removed; it was {_number(old)}.")
        else:
            looser = new < old if stricter == "higher" else new > old
            kind: Kind = "loosened" if looser else "stricter"
            yield RuleChange(kind, GATES, f"{name} changed from {_number(old)} to {_number(new)}.")
    for name in ("decide_by", "target", "task"):
        if before[name] != now[name]:
            yield RuleChange("changed", GATES, f"{name} changed from {before[name]} to {now[name]}.")
    holdouts = [str(verdict["holdout"]["dataset"]).removeprefix("azureml:") for verdict in (before, now)]
    if holdouts[0] != holdouts[1]:
        yield RuleChange("changed", GATES, f"holdout changed from {holdouts[0]} to {holdouts[1]}.")
    for runtime in before["inference"]:
        if runtime not in now["inference"]:
            yield RuleChange("loosened", GATES, f"inference_tests no longer lists {runtime}.")


def _thresholds(verdict: Fields) -> _Thresholds:
    """Every number of gates.yml that a verdict holds."""
    metrics = verdict["metrics"]
    measured = [(name, figures, name) for name, figures in metrics.items()]
    measured += [  # each value of a column has the same thresholds
        (f"{part['metric']} by {part['column']}:", part, str(part["metric"])) for part in verdict["slices"]
    ]
    found: _Thresholds = {}
    for name, figures, metric in measured:
        direction = figures["direction"] or metrics.get(metric, figures)["direction"] or _direction(metric)
        if (limit := finite(figures["limit"])) is not None:
            found[name, "limit"] = limit, "higher" if direction == "higher" else "lower"
        if (most := finite(figures["max_regression"])) is not None:
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
    known = metric_of(metric)
    return known.direction if known else "lower"


def _number(value: Any) -> str:
    return f"{value:,.10g}"
