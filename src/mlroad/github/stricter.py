"""Of two versions of a setting, the stricter one. Nothing that GitHub already forbids is allowed again.

Where each of the two forbids something that the other allows, the repo's file counts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mlroad.github.wanted import ENFORCEMENT

Json = Any
_BYPASS = ("exempt", "always", "pull_request")
"""How an actor may bypass a ruleset, the strictest last."""
_OURS = ("name", "target", "enforcement", "conditions", "bypass_actors", "rules")


def stricter_ruleset(wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """A ruleset as GitHub takes it."""
    found = {**wanted, "target": wanted.get("target", "branch")}
    found["enforcement"] = max(wanted["enforcement"], current["enforcement"], key=ENFORCEMENT.index)
    found["conditions"] = _conditions(wanted.get("conditions") or {}, current.get("conditions") or {})
    allowed = {_key(actor): actor for actor in wanted.get("bypass_actors") or []}
    found["bypass_actors"] = [
        {**its, **_mode(its, allowed[_key(its)])}
        for its in current.get("bypass_actors") or []
        if _key(its) in allowed
    ]
    rules = {rule["type"]: rule for rule in current["rules"]}
    for rule in wanted["rules"]:
        there = rules.get(rule["type"], {})
        parameters = _parameters(rule.get("parameters") or {}, there.get("parameters") or {})
        rules[rule["type"]] = {"type": rule["type"], **({"parameters": parameters} if parameters else {})}
    found["rules"] = list(rules.values())
    return found


def overlaid(wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """The ruleset of the file, with what only GitHub's version says about the same rules."""
    there = {rule["type"]: rule.get("parameters") or {} for rule in current["rules"]}
    rules = []
    for rule in wanted["rules"]:
        parameters = {**there.get(rule["type"], {}), **(rule.get("parameters") or {})}
        rules.append({"type": rule["type"], **({"parameters": parameters} if parameters else {})})
    return {"target": "branch", "bypass_actors": [], **wanted, "rules": rules}


def settable(ruleset: Mapping[str, Json]) -> dict[str, Json]:
    """The parts of a ruleset that can be set, in one order."""
    return {name: _sorted(ruleset[name]) for name in _OURS if ruleset.get(name) is not None}


def narrowed(wanted: Sequence[Json], current: Sequence[Json]) -> list[Json]:
    """Of what is allowed, what both allow; the file's if that is nothing."""
    both = [item for item in current if _text(item) in set(map(_text, wanted))]
    return both or list(wanted)


def differences(before: Json, after: Json, place: str = "") -> Iterator[str]:
    """Lines such as ``rules.pull_request.required_approving_review_count: 0 -> 1``."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from differences(before.get(name), after.get(name), f"{place}.{name}".strip("."))
    elif _is_rules(before) and _is_rules(after):
        yield from differences(_by_type(before), _by_type(after), place)
    elif _sorted(before) != _sorted(after):
        yield f"{place}: {spoken(before)} -> {spoken(after)}"


def spoken(value: Json) -> str:
    """A value in a message."""
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(map(spoken, value))
    if isinstance(value, Mapping):
        return str(value.get("context") or value.get("type") or json.dumps(value))
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _conditions(wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """All branches that either version protects."""
    found: dict[str, Json] = {**current, **wanted}
    names, there = wanted.get("ref_name"), current.get("ref_name")
    if names and there:
        include = dict.fromkeys([*names.get("include", []), *there.get("include", [])])
        exclude = [name for name in there.get("exclude", []) if name in names.get("exclude", [])]
        found["ref_name"] = {"include": list(include), "exclude": exclude}
    return found


def _parameters(wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    both = wanted.keys() & current.keys()
    stricter = {name: _STRICTER.get(name, _usually)(wanted[name], current[name]) for name in both}
    return {**current, **wanted, **stricter}


def _usually(wanted: Json, current: Json) -> Json:
    """What is required: either one's. Other values: the file's."""
    if isinstance(wanted, bool) and isinstance(current, bool):
        return wanted or current
    if isinstance(wanted, list) and isinstance(current, list):
        return list({_text(item): item for item in [*current, *wanted]}.values())
    return wanted


def _checks(wanted: Sequence[Mapping[str, Json]], current: Sequence[Mapping[str, Json]]) -> list[Json]:
    """The checks of both; one that only a certain app may report counts as stricter."""
    found = {check["context"]: check for check in current}
    for check in wanted:
        there = found.get(check["context"], {})
        if "integration_id" in check or not there:
            found[check["context"]] = dict(check)
    return list(found.values())


_STRICTER: dict[str, Callable[[Any, Any], Json]] = {
    "required_approving_review_count": max,
    "do_not_enforce_on_create": lambda wanted, current: wanted and current,
    "required_status_checks": _checks,
    "allowed_merge_methods": narrowed,
}


def _is_rules(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) and "type" in item for item in value)


def _by_type(rules: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    return {rule["type"]: rule.get("parameters") or "on" for rule in rules}


def _mode(*actors: Mapping[str, Json]) -> dict[str, Json]:
    """The stricter way to bypass of the two."""
    modes = [its.get("bypass_mode", _BYPASS[1]) for its in actors]
    known = [mode for mode in modes if mode in _BYPASS]
    return {"bypass_mode": max(known, key=_BYPASS.index)} if known else {}


def _key(actor: Mapping[str, Json]) -> tuple[str, Json]:
    return str(actor.get("actor_type")), actor.get("actor_id")


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _sorted(value: Json) -> Json:
    """The value with its lists in one order: GitHub does not keep it."""
    if isinstance(value, Mapping):
        return {name: _sorted(item) for name, item in value.items()}
    return sorted(map(_sorted, value), key=_text) if isinstance(value, list) else value
