"""factory.yml: where models are registered, and what Azure ML trains them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from mlroad.core.yaml_document import Document

FILE = "factory.yml"
COMPUTE = "serverless"


@dataclass(frozen=True, slots=True)
class Settings:
    """The team's settings; the defaults need no account."""

    registry: Literal["local", "azureml"] = "local"
    compute: str = COMPUTE
    """A compute of the workspace, by name. It is created only on request."""
    shared_registry: str | None = None
    """An Azure ML registry that champions are shared to."""


def load_settings(root: Path) -> Settings:
    """The settings of the repo at ``root``; the defaults if there is no file. Raises UserError."""
    file = root / FILE
    if not file.is_file():
        return Settings()
    document = Document(file)
    top = document.top()
    registry = top.text("registry", "local", choices=("local", "azureml"))
    azure = top.mapping("azureml")
    compute, shared = COMPUTE, None
    if azure:
        compute = azure.text("compute", COMPUTE)
        shared = azure.text("shared_registry", "") or None
        azure.close()
    top.close()
    document.done()
    return Settings(cast("Literal['local', 'azureml']", registry), compute, shared)
