"""`mlroad clean`: choose old versions and delete them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlroad.registry.base import Registry, Version
from mlroad.registry.champion import previous_champion, replaced_champion
from mlroad.registry.local_registry import LocalRegistry

DEPLOYED = "deployed"
"""The tag that names where a version is deployed."""
_NOT_DEPLOYED = ("", "false", "no", "none", "0")
_ORPHAN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be deleted, and why other old versions are kept."""

    delete: list[Version]
    keep: list[tuple[Version, str]]
    orphans: list[Path]


def plan(registry: Registry, keep: int, days: float) -> Plan:
    """Plan to delete the versions that are neither among the newest ``keep`` nor younger than ``days``.

    Versions with an alias, deployed versions, and those that a rollback could go back to are kept.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    delete: list[Version] = []
    kept: list[tuple[Version, str]] = []
    for model in registry.models():
        versions = registry.versions(model)
        for version in versions[: max(0, len(versions) - keep)]:
            reasons = list(_needed(version, versions))
            if version.created > before:
                reasons.append(f"younger than {days:g} days")
            if reasons:
                kept.append((version, ", ".join(reasons)))
            else:
                delete.append(version)
    orphans = registry.orphans(_ORPHAN_AGE) if isinstance(registry, LocalRegistry) else []
    return Plan(delete, kept, orphans)


def carry_out(registry: Registry, planned: Plan) -> Iterator[str]:
    """Delete what was planned, unless it is needed by now; one line for each."""
    for version in planned.delete:
        versions = registry.versions(version.model)
        now = next((its for its in versions if its.number == version.number), None)
        if now is None:
            continue
        reasons = list(_needed(now, versions))
        if reasons:
            yield f"kept {now.name}: {', '.join(reasons)}"
            continue
        registry.remove(now)
        yield f"deleted {now.name}"
    for path in planned.orphans:
        if isinstance(registry, LocalRegistry):
            registry.remove_orphan(path)
            yield f"deleted {path}"


def is_deployed(version: Version) -> bool:
    """Whether its tag says that it is deployed."""
    return version.tags.get(DEPLOYED, "").strip().lower() not in _NOT_DEPLOYED


def _needed(version: Version, versions: Sequence[Version]) -> Iterator[str]:
    yield from version.aliases
    if is_deployed(version):
        yield f"deployed: {version.tags[DEPLOYED]}"
    if version.number == previous_champion(versions):
        yield "the previous champion"
    elif version.number == replaced_champion(versions):
        yield "it was champion before the last rollback"
