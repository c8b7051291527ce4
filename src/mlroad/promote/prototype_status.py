"""`mlroad promote --status` in a prototype: where each of its tags is a candidate or a champion.

A factory knows a prototype by the commit of its tag: provenance.yml of a model records it, and so does the
lineage of each version that was registered. Factories are named by ``--factory``, or once for everyone:

    [tool.mlroad]
    factories = ["../factory", "https://github.com/my-org/factory"]
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.repo import cache_folder, is_factory
from mlroad.core.text import table
from mlroad.guard.guard_settings import settings_table
from mlroad.promote.provenance import all_provenances
from mlroad.registry.base import Registry
from mlroad.registry.branch import RegistryBranch
from mlroad.registry.branch_git import GitFailed
from mlroad.registry.open_registry import open_registry

_ADD = 'Name one: --factory PATH, or factories = ["PATH or address"] below [tool.mlroad] in pyproject.toml.'


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tag in a factory."""

    tag: str
    commit: str
    factory: str
    model: str
    """Its name in the factory."""
    version: int | None = None
    """None: it was promoted, and no version of it is registered."""
    aliases: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Where it is, as people read it."""
        if self.version is None:
            return f"{self.model}: promoted, not registered yet"
        return f"{self.model}:{self.version} {', '.join(self.aliases) or 'registered'}"


def named_factories(root: Path, given: Sequence[str]) -> list[str]:
    """The factories of the option, or of pyproject.toml. Raises UserError if there are none."""
    if given:
        return list(given)
    file = root / "pyproject.toml"
    found = settings_table(file)[0].get("factories", [])
    if not isinstance(found, list) or not all(isinstance(it, str) for it in found):
        raise UserError(f"{file}: factories is not a list of paths and addresses.", _ADD)
    if not found:
        raise UserError("No factory is configured.", _ADD)
    return found


def uses_of_tags(root: Path, factories: Sequence[str]) -> tuple[dict[str, str], list[Use], list[str]]:
    """The tags of this repo with their commits, their uses, and the factories that cannot be read."""
    tags = _tags(root)
    by_commit: dict[str, list[str]] = {}
    for tag, commit in tags.items():
        by_commit.setdefault(commit, []).append(tag)
    found: list[Use] = []
    unread: list[str] = []
    for factory in factories:
        try:
            found += _uses_in(factory, _open(root, factory), by_commit)
        except (UserError, GitFailed) as error:
            unread.append(f"{factory} cannot be read: {error}")
    return tags, found, unread


def status_text(tags: Mapping[str, str], uses: Sequence[Use], unread: Sequence[str]) -> str:
    """Every tag with its uses, and the factories that cannot be read."""
    rows = [("TAG", "COMMIT", "FACTORY", "WHERE")]
    for tag, commit in tags.items():
        its = [use for use in uses if use.tag == tag]
        rows += [(tag, commit[:7], use.factory, use.shown) for use in its]
        if not its:
            rows.append((tag, commit[:7], "-", "not promoted"))
    text = table(rows) if len(rows) > 1 else "There are no tags yet: `mlroad ready MODEL --tag` makes one."
    return "\n".join([text, *unread])


def status_json(tags: Mapping[str, str], uses: Sequence[Use], unread: Sequence[str]) -> str:
    """The same for programs."""
    by_tag = [
        {"tag": tag, "commit": commit, "uses": [asdict(use) for use in uses if use.tag == tag]}
        for tag, commit in tags.items()
    ]
    return json.dumps({"tags": by_tag, "unread": list(unread)}, indent=2, ensure_ascii=False)


def _tags(root: Path) -> dict[str, str]:
    form = "--format=%(refname:strip=2)\t%(objectname)\t%(*objectname)"
    lines = run_git(
        root, "for-each-ref", "--sort=creatordate", form, "refs/tags", check=True
    ).text.splitlines()
    found = (line.split("\t") for line in lines)
    return {name: peeled or commit for name, commit, peeled in ((*it, "")[:3] for it in found)}


def _open(root: Path, factory: str) -> Path:
    """The folder of a factory: itself, or a copy of its newest commit and its registry."""
    if Path(factory).is_dir():
        if not is_factory(Path(factory)):
            raise UserError("it has no factory.yml.", "Name a model factory.")
        return Path(factory)
    place = cache_folder(root) / "factories" / hashlib.sha256(factory.encode()).hexdigest()[:16]
    if not (place / ".git").is_dir():
        place.parent.mkdir(exist_ok=True)
        run_git(root, "clone", "--quiet", "--depth", "1", "--", factory, str(place), check=True)
    else:
        run_git(place, "fetch", "--quiet", "--depth", "1", "origin", "HEAD", check=True)
        run_git(place, "reset", "--quiet", "--hard", "FETCH_HEAD", check=True)
    RegistryBranch(place).pull(discard=True, rewritten=True)
    return place


def _uses_in(factory: str, folder: Path, by_commit: Mapping[str, Sequence[str]]) -> Iterator[Use]:
    registry: Registry = open_registry(folder)
    registered = set()
    for model in registry.models():
        for version in registry.versions(model):
            if not version.tags.get("prototype"):
                continue
            for tag, commit in _named(version.lineage.get("provenance") or {}, by_commit):
                registered.add((model, tag))
                yield Use(tag, commit, factory, model, version.number, tuple(version.aliases))
    for model, its in all_provenances(folder).items():
        for tag, commit in _named({"tag": its.tag, "commit": its.commit}, by_commit):
            if (model, tag) not in registered:
                yield Use(tag, commit, factory, model)


def _named(origin: Mapping[str, Any], by_commit: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The tag of this repo that an origin names, with its commit. A moved or renamed tag counts too."""
    commit = str(origin.get("commit") or "")
    tags = by_commit.get(commit, ())
    if tags:
        yield (str(origin["tag"]) if origin.get("tag") in tags else tags[0]), commit
