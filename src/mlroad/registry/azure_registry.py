"""The models of an Azure ML workspace as the registry.

A version is an MLflow model of the workspace, with its number as Azure ML's version and its lineage in the
tags. Azure ML has no aliases for models, so an alias is a tag: ``alias.champion`` contains the time when a
version got it. Of all versions with the tag, the one with the newest time has the alias. So moving an
alias takes one write, and a kill or a lost connection leaves it at either the old or the new version.

Versions that other programs registered under the name (without the tag ``lineage_id``) are ignored, but their
numbers are taken.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlroad.azure.client import connect, without_progress
from mlroad.azure.errors import AzureError, plain_errors
from mlroad.azure.workspace import the_workspace
from mlroad.core.factory_settings import load_settings
from mlroad.core.files import remove
from mlroad.core.problems import UserError
from mlroad.registry.azure_files import Files
from mlroad.registry.base import CHAMPION, Version
from mlroad.registry.lazy_lineage import LazyLineage
from mlroad.registry.local_registry import registry_folder
from mlroad.registry.own_tags import ALIAS
from mlroad.registry.version_lineage import tags_of

_LONGEST_TAG = 1000
"""Characters of a tag's value; lineage.json has the whole value."""
_TRIES = 5
"""Attempts to get a number, if others take the same one at the same time."""


class AzureRegistry:
    """See `mlroad.registry.base.Registry`. Every method raises AzureError if Azure refuses or fails."""

    def __init__(self, root: Path) -> None:
        """Raises UserError if no workspace is configured or the Azure client is not installed."""
        self._workspace = the_workspace(root)
        self._client = connect(self._workspace)
        self._shared = load_settings(root).shared_registry
        self._files = Files(root, registry_folder(root) / "cache", self._client, self._workspace)

    def models(self) -> list[str]:
        with plain_errors("Listing the models", self._workspace):
            names = sorted({str(model.name) for model in self._client.models.list()})
        return [name for name in names if self.versions(name)]

    def versions(self, model: str) -> list[Version]:
        found = sorted(
            (int(its.version), its)
            for its in self._list(model, archived=False)
            if its.version.isdecimal() and (its.tags or {}).get("lineage_id")
        )
        aliases = _aliases({number: its.tags for number, its in found})
        return [self._as_version(its, aliases) for _, its in found]

    def version(self, model: str, number: int) -> Version:
        versions = self.versions(model)
        for version in versions:
            if version.number == number:
                return version
        if versions:
            known = ", ".join(str(version.number) for version in versions[-10:])
            raise UserError(f"There is no {model}:{number}.", f"{model} has the versions {known}.")
        raise UserError(f"There is no {model}:{number}.", f"No {model} is registered by `mlroad register`.")

    def by_alias(self, model: str, alias: str) -> Version | None:
        return next((version for version in self.versions(model) if alias in version.aliases), None)

    def model_path(self, version: Version, stage: str) -> Path | None:
        return self._files.cache.model(version.model, version.number, version.tags, stage)

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:
        """See `Registry`. The files are uploaded first, so that no version is without them."""
        found = self._by_id(model, lineage["id"])
        if found is None:
            tags = tags_of(lineage, folder)
            tags["content"] = self._files.put(model, tags, folder)
            found = self._create(model, lineage, tags)
        remove(folder)
        return found

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:
        """See `Registry`. A champion is shared first. If that fails, calling this again does both."""
        versions = self.versions(version.model)
        if version.number not in {its.number for its in versions}:
            self.version(version.model, version.number)
        has = next((its for its in versions if alias in its.aliases), None)
        if has and (has.number == version.number or (forward and has.number > version.number)):
            return
        if alias == CHAMPION and self._shared:
            self._share(version, self._shared)
        now = datetime.now(UTC)
        if has:
            # The clock of the machine that set it may be ahead of ours.
            now = max(now, _time(has.tags[ALIAS + alias]) + timedelta(microseconds=1))
        self._write_tags(version, {ALIAS + alias: now.isoformat(timespec="microseconds")})

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        self._write_tags(version, tags)

    def remove(self, version: Version) -> None:
        """See `Registry`. Azure ML keeps the archived version without files, so its number stays taken."""
        now = self.version(version.model, version.number)
        if now.aliases:
            raise UserError(
                f"{now.name} is {', '.join(now.aliases)}.", "Move the alias to another version first."
            )
        with self._doing(f"Removing {now.name}"):
            self._client.models.archive(now.model, str(now.number))
        self._files.delete(now.model, now.number, now.tags)

    def _create(self, model: str, lineage: Mapping[str, Any], tags: Mapping[str, str]) -> Version:
        from azure.ai.ml.entities import Model

        for attempt in range(1, _TRIES + 1):
            taken = [int(its.version) for its in self._list(model, archived=True) if its.version.isdecimal()]
            number = max(taken, default=0) + 1
            try:
                with self._doing(f"Registering {model}:{number}"):
                    self._client.models.create_or_update(
                        Model(
                            name=model,
                            version=str(number),
                            type="mlflow_model",
                            path=f"{tags['content']}model/",
                            description=(lineage.get("verdict") or {}).get("headline"),
                            tags={name: value[:_LONGEST_TAG] for name, value in tags.items()},
                        )
                    )
                break
            except AzureError as error:
                # Azure ML always refuses another path for a number that is taken.
                found = self._by_id(model, lineage["id"])
                if found is not None:
                    return found
                if attempt == _TRIES or not self._is_taken(model, number) or error.status in (401, 403):
                    raise
        return self.version(model, number)

    def _is_taken(self, model: str, number: int) -> bool:
        return any(its.version == str(number) for its in self._list(model, archived=True))

    def _by_id(self, model: str, lineage_id: str) -> Version | None:
        versions = reversed(self.versions(model))
        return next((its for its in versions if its.tags.get("lineage_id") == lineage_id), None)

    def _list(self, model: str, *, archived: bool) -> list[Any]:
        from azure.ai.ml.constants import ListViewType
        from azure.core.exceptions import ResourceNotFoundError

        view = ListViewType.ALL if archived else ListViewType.ACTIVE_ONLY
        with self._doing(f"Listing the versions of {model}"):
            try:
                return list(self._client.models.list(model, list_view_type=view))
            except ResourceNotFoundError as error:
                if getattr(error.error, "code", "") in {"ResourceNotFound", "ResourceGroupNotFound"}:
                    raise  # of the workspace
                return []

    def _write_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        """Azure ML has no conditional writes: of two at the same time, the later one wins."""
        with self._doing(f"Writing the tags of {version.name}"):
            model = self._client.models.get(version.model, str(version.number))
            model.tags = {**(model.tags or {}), **tags}
            self._client.models.create_or_update(model)

    def _share(self, version: Version, registry: str) -> None:
        number = str(version.number)
        with self._doing(f"Sharing {version.name} to the registry {registry}"):
            from azure.ai.ml.exceptions import ValidationException

            try:
                self._client.models.share(
                    version.model,
                    number,
                    share_with_name=version.model,
                    share_with_version=number,
                    registry_name=registry,
                )
            except ValidationException as error:
                if "already exists in registry" not in str(error):
                    raise

    def _as_version(self, model: Any, aliases: Mapping[int, tuple[str, ...]]) -> Version:
        name, number, tags = str(model.name), int(model.version), dict(model.tags)
        made = model.creation_context.created_at if model.creation_context else None
        return Version(
            name,
            number,
            aliases.get(number, ()),
            _time(made) if made else datetime.fromtimestamp(0, UTC),
            tags,
            LazyLineage(lambda: self._files.cache.lineage(name, number, tags)),
        )

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Raise plain errors, and hide what the client writes to the error stream."""

        with plain_errors(what, self._workspace), without_progress():
            yield


def _aliases(tags: Mapping[int, Mapping[str, str]]) -> dict[int, tuple[str, ...]]:
    """The aliases of each version: those that no other version got later."""
    newest: dict[str, tuple[datetime, int]] = {}
    for number, its in tags.items():
        for name, value in its.items():
            if name.startswith(ALIAS):
                newest[name] = max(newest.get(name, (_time("0001-01-01"), 0)), (_time(value), number))
    found: dict[int, tuple[str, ...]] = {}
    for name, (_, number) in sorted(newest.items()):
        found[number] = (*found.get(number, ()), name.removeprefix(ALIAS))
    return found


def _time(value: Any) -> datetime:
    """In UTC. A tag that was damaged by hand counts as older than all others."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
