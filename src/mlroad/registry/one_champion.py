"""A read-only registry with one champion or nothing: for the self-test, and for a machine without tokens.

The job that loads a candidate must not be able to reach the registry. So another job saves the champion to a
folder (`save_champion`), and hands it on as an artifact:

    champion.json     the version with its tags and its lineage; null if there is no champion
    prod/ dev/        its models

`mlroad registry load` verifies the folder and puts it in the registry's place. Commands then read it as they
read any registry.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.files import remove, write_json
from mlroad.core.problems import UserError
from mlroad.registry.base import CHAMPION, Registry, Version

SAVED = "champion.json"
_STAGES = ("prod", "dev")
_READ_ONLY = UserError("This registry is a read-only copy of one champion.", "Use the repo's registry.")


class OneChampion:
    """See `mlroad.registry.base.Registry`."""

    def __init__(self, version: Version | None, models: Mapping[str, Path]) -> None:
        """``models``: the folder of its model for each stage."""
        self._all = [version] if version else []
        self._models = models

    def models(self) -> list[str]:
        return [version.model for version in self._all]

    def versions(self, model: str) -> list[Version]:
        return [version for version in self._all if version.model == model]

    def version(self, model: str, number: int) -> Version:
        """The champion. Raises UserError for anything else."""
        for version in self.versions(model):
            if version.number == number:
                return version
        raise UserError(f"There is no {model}:{number} here, only {', '.join(self.models()) or 'nothing'}.")

    def by_alias(self, model: str, alias: str) -> Version | None:
        return next((v for v in self.versions(model) if alias in v.aliases), None)

    def model_path(self, version: Version, stage: str) -> Path | None:  # noqa: ARG002 (there is only one)
        return self._models.get(stage)

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:  # noqa: ARG002
        raise _READ_ONLY

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:  # noqa: ARG002
        raise _READ_ONLY

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:  # noqa: ARG002
        raise _READ_ONLY

    def remove(self, version: Version) -> None:  # noqa: ARG002
        raise _READ_ONLY


def save_champion(registry: Registry, model: str, folder: Path) -> tuple[Version | None, str]:
    """Write the champion of a model to a new folder. Returns it, and the digest of the folder."""
    if folder.exists():
        raise UserError(f"{folder} exists already.", "Name a new folder.")
    version = registry.by_alias(model, CHAMPION)
    folder.mkdir(parents=True)
    about = None
    if version:
        about = {
            "model": version.model, "number": version.number, "aliases": list(version.aliases),
            "created": version.created.isoformat(), "tags": dict(version.tags),
            "lineage": dict(version.lineage),
        }  # fmt: skip
        for stage in _STAGES:
            if path := registry.model_path(version, stage):
                shutil.copytree(path, folder / stage)
    write_json(folder / SAVED, {"champion": about})
    return version, digest_of(folder)


def load_champion(folder: Path, digest: str, registry: Path) -> None:
    """Put a saved champion in the place of the registry. Raises UserError if it is not what was saved."""
    if not (folder / SAVED).is_file() or digest_of(folder) != digest:
        raise UserError(f"{folder} is not the champion that was saved.", "Save it again.")
    if registry.exists():
        remove(registry)
    shutil.copytree(folder, registry)


def read_champion(folder: Path) -> OneChampion:
    """The registry in a folder that `load_champion` has written. Raises UserError."""
    try:
        about = json.loads((folder / SAVED).read_text(encoding="utf-8"))["champion"]
        if about is None:
            return OneChampion(None, {})
        version = Version(
            str(about["model"]), int(about["number"]), tuple(about["aliases"]),
            datetime.fromisoformat(about["created"]), about["tags"], about["lineage"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / SAVED} cannot be read: {error}.", "Save the champion again.") from None
    return OneChampion(version, {stage: folder / stage for stage in _STAGES if (folder / stage).is_dir()})
