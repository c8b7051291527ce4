"""Who is champion, who was, and how that changes: `mlroad approve` and `mlroad rollback`.

Each version keeps in its tag ``history`` when it was made champion, by whom, and who was it before. That is
written before the alias moves, so a kill in between leaves a note of something that did not happen; reading
the notes against the champion that there is drops it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlroad.core.problems import UserError
from mlroad.registry.base import CHAMPION, Refused, Registry, Version
from mlroad.registry.registered_model import difference

HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Change:
    """What approve or rollback did."""

    version: Version
    before: Version | None
    """The champion until now."""
    new: bool
    """False if it was champion already."""


def approve(registry: Registry, version: Version, by: str) -> Change:
    """Make a version champion.

    Raises Refused if its verdict is red, its model not what was judged, or it is older than the champion.
    """
    before = registry.by_alias(version.model, CHAMPION)
    if before and before.number == version.number:
        return Change(before, before, new=False)
    reasons = _against(registry, version)
    if before and version.number < before.number:
        back = f"going back is `mlroad rollback {version.model} --to {version.number}`"
        reasons.append(f"{version.name} is older than the champion {before.name}: {back}.")
    if reasons:
        raise Refused(f"{version.name} is not approved:", reasons)
    _crown(registry, version, before, {"what": "approve", "by": by})
    return Change(registry.version(version.model, version.number), before, new=True)


def rollback(registry: Registry, model: str, to: int | None, by: str, reason: str) -> Change:
    """Make the previous champion, or version ``to``, champion again.

    Raises UserError if there is none, Refused if that version may not be champion.
    """
    before = registry.by_alias(model, CHAMPION)
    if before is None:
        raise UserError(f"{model} has no champion.", f"`mlroad approve {model}` makes one.")
    if to is None:
        to = previous_champion(registry.versions(model))
        if to is None and len(registry.versions(model)) == 1:
            raise UserError(
                f"There is nothing to go back to: {before.name} is the only version of {model}.",
                "Train, gate and register another.",
            )
        if to is None:
            raise UserError(
                f"{model} had no champion before {before.number} that is still registered.",
                f"Name one: `mlroad rollback {model} --to NUMBER`.",
            )
    if to == before.number:
        return Change(before, before, new=False)
    version = registry.version(model, to)
    reasons = _against(registry, version)
    if reasons:
        raise Refused(f"{version.name} does not become champion:", reasons)
    _crown(registry, version, before, {"what": "rollback", "by": by, "reason": reason or None})
    return Change(registry.version(model, to), before, new=True)


def history(version: Version) -> list[dict[str, Any]]:
    """When a version was made champion, oldest first: what, by, at, previous (a number or None), reason."""
    try:
        notes = json.loads(version.tags.get(HISTORY) or "[]")
    except ValueError:
        return []
    return (
        [note for note in notes if isinstance(note, dict) and "at" in note] if isinstance(notes, list) else []
    )


def champions(versions: Sequence[Version]) -> list[int]:
    """The champions that a rollback goes back through, the present one last.

    Approvals pile up, rollbacks take from the pile. Where the champion before a change is not on top, what is
    above it was not completed (its process was killed), and is dropped.
    """
    notes = [(note["at"], version.number, note) for version in versions for note in history(version)]
    pile: list[int] = []
    for _, number, note in sorted(notes, key=lambda its: its[0]):
        _back_to(pile, note.get("previous"))
        if note.get("what") == "rollback" and number in pile:
            _back_to(pile, number)
        else:
            pile.append(number)
    now = next((version.number for version in versions if CHAMPION in version.aliases), None)
    _back_to(pile, now)
    if now is not None and (not pile or pile[-1] != now):  # somebody moved the alias by other means
        pile.append(now)
    return pile


def previous_champion(versions: Sequence[Version]) -> int | None:
    """The champion before the present one, if both are there."""
    there = {version.number for version in versions}
    pile = [number for number in champions(versions) if number in there]
    return pile[-2] if len(pile) > 1 else None


def _back_to(pile: list[int], number: Any) -> None:
    if number is None:
        pile.clear()
    if number in pile:
        del pile[len(pile) - pile[::-1].index(number) :]


def _was_followed(number: int, note: Mapping[str, Any], versions: Sequence[Version]) -> bool:
    later = (other for version in versions for other in history(version) if other["at"] > note["at"])
    return any(other.get("previous") == number for other in later)


def _crown(registry: Registry, version: Version, before: Version | None, about: Mapping[str, Any]) -> None:
    previous = before.number if before else None
    notes = history(version)
    if notes and not _was_followed(version.number, notes[-1], registry.versions(version.model)):
        notes.pop()  # of an attempt that was killed: nobody ever took over from this version
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    notes.append({**about, "at": at, "previous": previous})
    registry.set_tags(version, {HISTORY: json.dumps(notes)})
    registry.set_alias(version, CHAMPION)


def _against(registry: Registry, version: Version) -> list[str]:
    verdict = version.lineage.get("verdict") or {}
    if verdict.get("passed") is not True or version.tags.get("passed") != "true":
        return [f"Its verdict is {verdict.get('verdict')}: {verdict.get('headline')}"]
    reasons = []
    for stage, key in (("prod", "model_digest"), ("dev", "dev_model_digest")):
        wanted, path = version.lineage.get(key), registry.model_path(version, stage)
        if path is None and wanted:
            reasons.append(f"Its {stage} model is missing from the registry.")
        elif path and (what := difference(path, wanted, version.tags)):
            reasons.append(f"Its {stage} model in {path} is not the one that was judged: {what}.")
    return reasons
