"""The interface of every model registry. Commands and gates use only this interface.

A version consists of two models: ``prod``, which is deployed, and ``dev``, its twin from the same commit,
trained on the dev data, with which later dev candidates are compared. Aliases say which version is in use:
``candidate`` is the newest registered version, ``champion`` the approved one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

CANDIDATE = "candidate"
CHAMPION = "champion"


class Refused(Exception):
    """The candidate cannot be registered, or the version cannot be approved. Exit code 1."""

    def __init__(self, about: str, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("\n".join([about, *(f"- {reason}" for reason in reasons)]))


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version of a model, at the time when it was read."""

    model: str
    number: int
    aliases: tuple[str, ...]
    created: datetime
    """In UTC."""
    tags: Mapping[str, str]
    lineage: Mapping[str, Any]
    """lineage.json. It may be read at its first use; UserError if its file is missing or has changed."""

    @property
    def name(self) -> str:
        """``diabetes:3``."""
        return f"{self.model}:{self.number}"


class Registry(Protocol):
    """Versions of models, with aliases and tags. Versions never change; aliases and tags do."""

    def models(self) -> list[str]:
        """The names of all models that have versions."""

    def versions(self, model: str) -> list[Version]:
        """All versions by number, oldest first; empty for a model without versions."""

    def version(self, model: str, number: int) -> Version:
        """One version. Raises UserError if there is none."""

    def by_alias(self, model: str, alias: str) -> Version | None:
        """The version with an alias, or None."""

    def model_path(self, version: Version, stage: str) -> Path | None:
        """The local folder of its "prod" or "dev" model, downloaded if needed; None if it has none."""

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:
        """Register the staged content in ``folder``, which is moved or deleted.

        The folder contains lineage.json, verdict.json and model/ (with a copy of lineage.json), and
        optionally dev/model/ (with another copy), dev/verdict.json, onnx, export/, inference*.json,
        report.html and report.md. If there is a version with the same ``lineage["id"]``, it is returned
        unchanged.
        """

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:
        """Move an alias to a version, in one step.

        With ``forward``, an alias of a version with a higher number stays where it is.
        """

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set tags of a version; other tags stay."""

    def remove(self, version: Version) -> None:
        """Delete a version permanently. Its number is not reused. Raises UserError if it has an alias."""
