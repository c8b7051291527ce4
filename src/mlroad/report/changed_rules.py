"""Whether the candidate was judged by other rules than the champion: nobody must miss a lowered bar.

Both verdicts hold the digests of their rules (``rules``), and per metric and slice what is allowed. Where
one of them does not, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlroad.core.problems import UserError
from mlroad.report.report_data import finite, record, records

if TYPE_CHECKING:
    from mlroad.run.candidate import Candidate

GATES = "gates.yml"
_FILES = {
    GATES: "gates.yml",
    "waivers.yml": "waivers.yml",
    "inference_tests": "inference_tests/",
    "data.yml": "data.yml",
}
_LABELS = {"loosened": "l1", "changed": "l0", "stricter": "ok"}

Kind = Literal["loosened", "changed", "stricter"]
_Allowed = Mapping[tuple[str, str], tuple[float, str]]
"""What is set, and in which direction it gets stricter."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One thing that differs."""

    kind: Kind
    file: str
    what: str

    @property
    def label(self) -> str:
        """The colour of its chip."""
        return _LABELS[self.kind]


def changed_rules(candidate: Candidate, verdict: Mapping[str, Any]) -> list[RuleChange]:
    """What differs from when the champion was judged, what was loosened first; nothing if nobody knows."""
    champion = verdict.get("champion")
    if not isinstance(verdict.get("rules"), Mapping) or not isinstance(champion, Mapping):
        return []
    before: object = None
    with suppress(UserError, OSError, ValueError, TypeError):
        before = _judged(candidate, int(champion["version"]))
    if not isinstance(before, Mapping) or not isinstance(before.get("rules"), Mapping):
        return []
    found = list(_changes(before, verdict))
    order = list(_LABELS)
    return sorted(found, key=lambda change: order.index(change.kind))


def title(changes: Sequence[RuleChange], champion: Mapping[str, Any] | None) -> str:
    """The heading of the note."""
    loosened = any(change.kind == "loosened" for change in changes)
    than = f"than when champion {(champion or {}).get('version')} was judged"
    return f"Its rules are {'looser' if loosened else 'others'} {than}"


def _judged(candidate: Candidate, number: int) -> object:
    """The verdict by which the champion (or its twin, for a dev candidate) was let in."""
    from mlroad.registry.base import open_registry

    lineage = open_registry(candidate.model.root).version(candidate.model.name, number).lineage
    verdict = lineage.get("dev_verdict" if candidate.stage == "dev" else "verdict")
    # The lineage keeps the holdout once for both.
    return {"holdout": lineage.get("holdout"), **verdict} if isinstance(verdict, Mapping) else None


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[RuleChange]:
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


def _waivers(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[RuleChange]:
    def waived(verdict: Mapping[str, Any]) -> list[str]:
        found = verdict.get("waivers")
        return (
            [str(w.get("gate")) for w in found if isinstance(w, Mapping)] if isinstance(found, list) else []
        )

    new = [gate for gate in dict.fromkeys(waived(now)) if gate not in waived(before)]
    for gate in new:
        yield RuleChange("loosened", "waivers.yml", f"{gate} is waived, and was not.")
    if not new:
        yield RuleChange("changed", "waivers.yml", "No other check is waived.")


def _gates(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[RuleChange]:
    old, new = _allowed(before), _allowed(now)
    for key in dict.fromkeys([*old, *new]):
        was, direction = old.get(key, (None, ""))
        its, direction = new.get(key, (None, direction))
        name = " ".join(key)
        if was == its or (its is None and now.get("verdict") == "broken"):
            continue  # of what is broken not all was measured, and the verdict then does not name it
        if was is None:
            yield RuleChange("stricter", GATES, f"{name} is new: {_number(its)}.")
        elif its is None:
            yield RuleChange("loosened", GATES, f"{name} is gone; it was {_number(was)}.")
        else:
            looser = its < was if direction == "higher" else its > was
            kind: Kind = "loosened" if looser else "stricter"
            yield RuleChange(kind, GATES, f"{name} was {_number(was)} and is {_number(its)}.")
    for name in ("decide_by", "target", "task"):
        if before.get(name) != now.get(name):
            yield RuleChange("changed", GATES, f"{name} was {before.get(name)} and is {now.get(name)}.")
    held = [str(record(verdict.get("holdout")).get("dataset")) for verdict in (before, now)]
    held = [name.removeprefix("azureml:") for name in held]
    if held[0] != held[1]:
        yield RuleChange("changed", GATES, f"holdout was {held[0]} and is {held[1]}.")
    tested = [record(verdict.get("inference")) for verdict in (before, now)]
    for runtime in tested[0]:
        if runtime not in tested[1]:
            yield RuleChange("loosened", GATES, f"inference_tests does not name {runtime} any more.")


def _allowed(verdict: Mapping[str, Any]) -> _Allowed:
    """Every number of gates.yml that a verdict holds."""
    metrics = record(verdict.get("metrics"))
    given: list[tuple[str, Mapping[str, Any], str]] = [
        (str(name), record(its), str(name)) for name, its in metrics.items()
    ]
    given += [  # each value of a column has the same thresholds
        (f"{its.get('metric')} by {its.get('column')}:", its, str(its.get("metric")))
        for its in records(verdict.get("slices"))
    ]
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for name, its, metric in given:
        direction = its.get("direction") or record(metrics.get(metric)).get("direction") or _direction(metric)
        if (limit := finite(its.get("limit"))) is not None:
            found[name, "limit"] = limit, "higher" if direction == "higher" else "lower"
        if (most := finite(its.get("max_regression"))) is not None:
            found[name, "max_regression"] = most, "lower"
    for name, key, unit in (
        ("latency", "budget_ms", "in ms"),
        ("size", "budget_bytes", "in bytes"),
        ("onnx", "budget", "max_difference"),
    ):
        if (budget := finite(record(verdict.get(name)).get(key))) is not None:
            found[name, unit] = budget, "lower"
    return found


def _direction(metric: str) -> str:
    from mlroad.models.metric_names import METRICS

    return METRICS[metric].direction if metric in METRICS else "lower"


def _number(value: Any) -> str:
    return f"{value:,.10g}"
