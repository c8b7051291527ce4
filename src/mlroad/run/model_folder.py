"""A model folder, and what can be read from it without running anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlroad.core.problems import UserError
from mlroad.core.repo import model_folders
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_document import Document

if TYPE_CHECKING:
    from mlroad.data.version import DatasetVersion

Stage = Literal["dev", "prod"]
STAGES: tuple[Stage, ...] = ("dev", "prod")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model of the factory."""

    root: Path
    name: str

    @property
    def path(self) -> Path:
        """models/<name>, relative to the working folder if the root is."""
        return self.root / "models" / self.name

    @property
    def runs(self) -> Path:
        return self.root / ".runs" / self.name

    def data(self, stage: Stage) -> dict[str, str]:
        """The dataset version for each data input of the pipeline: ``{"raw": "azureml:sales:1"}``.

        Raises UserError if data.yml is missing or wrong, or names no version for this stage.
        """
        found = load_data(self.path / "data.yml")
        return {name: versions[stage] for name, versions in found.items()}


def find_model(root: Path, name: str, also: Collection[str] = ()) -> ModelFolder:
    """The model of that name, which may also be given as ``models/<name>``.

    Raises UserError. Its suggestion may come from ``also`` (models that have been registered).
    """
    known = [folder.name for folder in model_folders(root)]
    wanted = name.rstrip("/").removeprefix("./").removeprefix("models/")
    if wanted in known:
        return ModelFolder(root, wanted)
    names = sorted({*known, *also})
    listed = f"Choose one of: {', '.join(names)}." if names else "Make one: `mlroad new NAME`."
    raise UserError(f"There is no model {name}.", did_you_mean(wanted, names, listed))


def all_models(root: Path) -> list[ModelFolder]:
    """Every model of the repo, by name."""
    return [ModelFolder(root, folder.name) for folder in model_folders(root)]


def is_for(version: DatasetVersion, stage: Stage, prod: Collection[str]) -> bool:
    """Whether a dataset version may be used for a stage in data.yml.

    ``prod``: the versions (``name:version``) that data.yml names for prod. A table that both stages read,
    such as a list of countries, is prod data.
    """
    return version.stage == stage or (version.stage == "prod" and version.id in prod)


def load_data(file: Path) -> Mapping[str, Mapping[Stage, str]]:
    """The content of data.yml: for each data input of the pipeline, its dev and its prod version.

    Raises UserError with all problems of the file.
    """
    document = Document(file)
    top = document.top()
    found: dict[str, dict[Stage, str]] = {}
    for name in top.names():
        versions = top.mapping(name)
        if versions is None:
            continue
        found[name] = {stage: versions.text(stage) for stage in STAGES}
        versions.close()
    top.close()
    document.done()
    return found
