"""The champion, its predecessors, and how they change: `mlroad approve` and `mlroad rollback`.

The tag ``history`` of a version records when it became champion, by whom, and which version it replaced. It
is written before the alias moves. So a kill in between leaves an entry for a change that did not happen.
Readers ignore it, because another version is the champion.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlroad.core.problems import UserError
from mlroad.registry.base import CHAMPION, Refused, Registry, Version
from mlroad.registry.github_approval import ENVIRONMENT
from mlroad.registry.history import HISTORY, history
from mlroad.registry.registered_model import LINEAGE_TAG, difference
from mlroad.registry.signed_facts import SIGNATURE, change_of_champion, sign


@dataclass(frozen=True, slots=True)
class Change:
    """The result of approve or rollback."""

    version: Version
    before: Version | None
    """The previous champion."""
    new: bool
    """False if it already was champion."""


def approve(
    registry: Registry, version: Version, by: str, *, run: int | None = None, shown: str | None = None
) -> Change:
    """Make a version champion. ``run``: the workflow run in which GitHub's environment was approved.

    Raises Refused if its verdict is red, its model is not what was judged, it is older than the champion,
    its lineage has not the digest that was ``shown`` to the reviewer, or the run has approved before.
    """
    before = registry.by_alias(version.model, CHAMPION)
    its = version.tags.get(LINEAGE_TAG)
    is_shown = shown is None or shown == its
    if is_shown and before and before.number == version.number:
        return Change(before, before, new=False)
    reasons = _against(registry, version)
    if not is_shown:
        reasons.append(
            f"It is not the version that was shown for approval: its lineage is {its}, not {shown or 'none'}."
        )
    reasons += _used_before(registry, version, run)
    if before and version.number < before.number:
        way = f"Register a new version: `gh workflow run Retrain -f model={version.model}`."
        if _was_champion(version.number, registry.versions(version.model)):
            way = f"To go back, use `mlroad rollback {version.model} --to {version.number}`."
        reasons.append(f"{version.name} is older than the champion {before.name}. {way}")
    if reasons:
        raise Refused(f"{version.name} is not approved:", reasons)
    about: dict[str, Any] = {"what": "approve", "by": by}
    if run is not None:
        about |= {"run": run, "environment": ENVIRONMENT}
    _make_champion(registry, version, before, about)
    return Change(registry.version(version.model, version.number), before, new=True)


def _used_before(registry: Registry, version: Version, run: int | None) -> Iterator[str]:
    """One decision makes a version champion once, and not again after a rollback."""
    versions = registry.versions(version.model)
    its = f"-f model={version.model} -f version={version.number} -f lineage={version.tags.get(LINEAGE_TAG)}"
    for note in history(version):
        if run is not None and note.get("run") == run and _was_followed(version.number, note, versions):
            yield (
                f"Run {run} approved it at {note['at']} already. Ask for a new decision: "
                f"`gh workflow run approve.yml {its}`."
            )


def rollback(registry: Registry, model: str, to: int | None, by: str, reason: str) -> Change:
    """Make the previous champion, or version ``to``, champion again.

    Raises UserError if there is none, Refused if that version cannot be champion.
    """
    before = registry.by_alias(model, CHAMPION)
    if before is None:
        raise UserError(f"{model} has no champion.", f"Approve a version first: `mlroad approve {model}`.")
    if to is None:
        to = previous_champion(registry.versions(model))
        if to is None and len(registry.versions(model)) == 1:
            raise UserError(
                f"There is no previous champion: {before.name} is the only version of {model}.",
                "Train, gate and register another.",
            )
        if to is None:
            raise UserError(
                f"No champion of {model} before {before.number} is still registered.",
                f"Name one: `mlroad rollback {model} --to NUMBER`.",
            )
    if to == before.number:
        return Change(before, before, new=False)
    version = registry.version(model, to)
    reasons = _against(registry, version)
    if not _was_champion(to, registry.versions(model)):
        reasons.append("It has never been the champion: only an approval can make it one.")
    if reasons:
        raise Refused(f"{version.name} cannot become champion:", reasons)
    _make_champion(registry, version, before, {"what": "rollback", "by": by, "reason": reason or None})
    return Change(registry.version(model, to), before, new=True)


def champions(versions: Sequence[Version]) -> list[int]:
    """The champions that a rollback goes back through, the present one last.

    Approvals add to the list, rollbacks remove from it. If the previous champion of a change is not the last
    one, the changes after it were never completed (the process was killed), and are removed.
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
    if now is not None and (not pile or pile[-1] != now):  # the alias was moved by other means
        pile.append(now)
    return pile


def previous_champion(versions: Sequence[Version]) -> int | None:
    """The previous champion, if it is still registered."""
    there = {version.number for version in versions}
    pile = [number for number in champions(versions) if number in there]
    return pile[-2] if len(pile) > 1 else None


def replaced_champion(versions: Sequence[Version]) -> int | None:
    """The version that the present champion replaced: the hint after an approval or a rollback names it."""
    now = next((version for version in versions if CHAMPION in version.aliases), None)
    notes = history(now) if now else []
    return notes[-1].get("previous") if notes else None


def _back_to(pile: list[int], number: Any) -> None:
    if number is None:
        pile.clear()
    if number in pile:
        del pile[len(pile) - pile[::-1].index(number) :]


def _was_champion(number: int, versions: Sequence[Version]) -> bool:
    """Whether it is one that a rollback goes back through, or a later champion replaced it."""
    return number in champions(versions) or any(
        note.get("previous") == number for version in versions for note in history(version)
    )


def _was_followed(number: int, note: Mapping[str, Any], versions: Sequence[Version]) -> bool:
    later = (other for version in versions for other in history(version) if other["at"] > note["at"])
    return any(other.get("previous") == number for other in later)


def _make_champion(
    registry: Registry, version: Version, before: Version | None, about: Mapping[str, Any]
) -> None:
    previous = before.number if before else None
    notes = history(version)
    if notes and not _was_followed(version.number, notes[-1], registry.versions(version.model)):
        notes.pop()  # of a killed attempt: no version ever replaced this one
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    note = {**about, "at": at, "previous": previous}
    if signature := sign(change_of_champion(version, note)):
        note[SIGNATURE] = signature
    notes.append(note)
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
