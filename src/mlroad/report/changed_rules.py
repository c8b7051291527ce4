"""How the rules changed since the champion was judged, so that reviewers notice a lowered bar.

Both verdicts hold the digests of their rules (``rules``), and every key of gates.yml (``settings``). If one
of them has no ``rules``, nothing is reported. Without a champion, gates.yml is compared with the base branch.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mlroad.core.git import base_commit, file_at
from mlroad.core.problems import UserError
from mlroad.gate.gates_file import current_runtime
from mlroad.gate.settings import flat_settings
from mlroad.models.metric_names import metric_of
from mlroad.registry.open_registry import open_registry
from mlroad.report.formatting import finite
from mlroad.report.report_data import Fields, ReportData, complete

GATES = "gates.yml"
_FILES = {
    GATES: "gates.yml",
    "evaluation.py": "evaluation.py",
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
    if not isinstance(data.verdict["rules"], Mapping):
        return []
    if not data.champion:
        return _since_base(data)
    before = Fields()
    with suppress(UserError, OSError, ValueError, TypeError):
        before = _champions_verdict(data)
    if not isinstance(before["rules"], Mapping):
        return []
    return _loosened_first(_changes(before, data.verdict))


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[RuleChange]:
    """The changes from the rules of one verdict to those of another, loosened rules first."""
    return _loosened_first(_changes(complete(before), complete(now)))


def _loosened_first(changes: Iterable[RuleChange]) -> list[RuleChange]:
    return sorted(changes, key=lambda change: get_args(Kind).index(change.kind))


def _since_base(data: ReportData) -> list[RuleChange]:
    """The changes of gates.yml since the base branch (on it: since the commit before); none without git."""
    model = data.candidate.model
    with suppress(UserError, OSError):
        commit = base_commit(model.root)
        content = file_at(model.root, commit, f"models/{model.name}/{GATES}") if commit else None
        now = data.verdict["settings"]
        if content is not None and isinstance(now, Mapping):
            before = flat_settings(content.decode("utf-8", "replace"))
            return _loosened_first(settings_changes(before, now, _directions(data.verdict)))
    return []


def title(changes: Sequence[RuleChange], champion: Mapping[str, Any]) -> str:
    """The heading of the list."""
    if not champion:
        looser = any(change.kind == "loosened" for change in changes)
        return "The rules are looser than before" if looser else "The rules have changed"
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
    others = list(_changed_waivers(before["waivers"], now["waivers"]))
    yield from others
    if not added and not others:
        yield RuleChange("changed", "waivers.yml", "No additional check is waived.")


def _changed_waivers(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> Iterator[RuleChange]:
    """Waivers that are gone, and other owners, reasons and dates of those that stay."""
    new = {str(waiver["gate"]): waiver for waiver in now}
    for waiver in before:
        gate = str(waiver["gate"])
        if gate not in new:
            yield RuleChange("stricter", "waivers.yml", f"{gate} is no longer waived.")
            continue
        for key in ("expires", "owner", "reason"):
            old, its = str(waiver.get(key)), str(new[gate].get(key))
            if old != its:
                kind: Kind = "changed" if key != "expires" else "loosened" if its > old else "stricter"
                yield RuleChange(kind, "waivers.yml", f"{key} of {gate} changed from {old} to {its}.")


def settings_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], directions: Mapping[str, str]
) -> Iterator[RuleChange]:
    """Every key of gates.yml that differs. ``directions`` are those of the metrics of the team's own."""
    for key in dict.fromkeys([*old, *new]):
        if key in old and key in new and _same(key, old[key], new[key]):
            continue
        was, its = (_setting(side[key]) if key in side else None for side in (old, new))
        kind = _kind(key, old.get(key), new.get(key), directions)
        if was is None:
            yield RuleChange(kind, GATES, f"{key} is new: {its}.")
        elif its is None:
            yield RuleChange(kind, GATES, f"{key} was removed; it was {was}.")
        else:
            yield RuleChange(kind, GATES, f"{key} changed from {was} to {its}.")


def _same(key: str, old: Any, new: Any) -> bool:
    """Whether two values mean the same: 60 and 60.0 do, and runtimes in another order."""
    if key == "inference_tests" and isinstance(old, str) and isinstance(new, str):
        return _runtimes(old) == _runtimes(new) != set() or old == new
    kinds = [float if type(its) is int else type(its) for its in (old, new)]
    return bool(old == new) and kinds[0] is kinds[1]


_LARGER_IS_LOOSER = {
    "max_regression", "p95_ms", "max_ratio", "max_mb", "max_difference",
}  # fmt: skip


def _kind(key: str, old: Any, new: Any, directions: Mapping[str, str]) -> Kind:
    """Whether a change makes it easier to pass."""
    parts = key.split(".")
    section, last = parts[0], parts[-1]
    if key == "champion":
        return "loosened" if old == "required" else "stricter"
    if key == "inference_tests":
        missing = _runtimes(old) - _runtimes(new)
        return "loosened" if missing else "stricter" if _runtimes(new) - _runtimes(old) else "changed"
    looser_if_larger = last in _LARGER_IS_LOOSER
    if last == "limit" and section in ("metrics", "slices"):
        metric = parts[-2]
        looser_if_larger = directions.get(metric, _direction(metric)) == "lower"
    elif not looser_if_larger and not (section == "slices" and last == "min_rows"):
        return "changed"
    if old is None or new is None:
        return "stricter" if old is None else "loosened"
    try:
        return "loosened" if (float(new) > float(old)) == looser_if_larger else "stricter"
    except (TypeError, ValueError):
        return "changed"


def _runtimes(listed: Any) -> set[str]:
    """The runtimes of a setting, which is a list as JSON."""
    with suppress(ValueError, TypeError):
        return {str(current_runtime(name)) for name in json.loads(listed)}
    return set()


def _setting(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)


def _gates(before: Fields, now: Fields) -> Iterator[RuleChange]:
    if isinstance(before["settings"], Mapping) and isinstance(now["settings"], Mapping):
        yield from settings_changes(before["settings"], now["settings"], _directions(before, now))
        return
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
    runtimes = ([current_runtime(name) for name in verdict["inference"]] for verdict in (before, now))
    old_names, new_names = runtimes
    for runtime in old_names:
        if runtime not in new_names:
            yield RuleChange("loosened", GATES, f"inference_tests no longer lists {runtime}.")


def _directions(*verdicts: Fields) -> dict[str, str]:
    """Which values of each metric are better. Some are measured in slices only."""
    found = [pair for verdict in verdicts for pair in verdict["metrics"].items()]
    found += [(part["metric"], part) for verdict in verdicts for part in verdict["slices"]]
    return {str(name): str(figures["direction"]) for name, figures in found if figures["direction"]}


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
