"""What every registry of models can do; the commands and the gates use nothing else of it.

A version holds two models: ``prod``, which is deployed, and ``dev``, its twin from the same commit, trained
on the dev data, which later dev candidates are compared with. Aliases say which version is used:
``candidate`` is the newest that was registered, ``champion`` the one that people approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

CANDIDATE = "candidate"
CHAMPION = "champion"


class Refused(Exception):
    """The candidate may not be registered, or the version not be approved. Exit code 1."""

    def __init__(self, about: str, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("\n".join([about, *(f"- {reason}" for reason in reasons)]))


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version of a model, as it was when it was read."""

    model: str
    number: int
    aliases: tuple[str, ...]
    created: datetime
    """In UTC."""
    tags: Mapping[str, str]
    lineage: Mapping[str, Any]
    """lineage.json. It may be read at its first use only; then UserError if its file is gone, or another."""

    @property
    def name(self) -> str:
        """``diabetes:3``."""
        return f"{self.model}:{self.number}"


class Registry(Protocol):
    """Versions of models, with aliases and tags. Versions never change; aliases and tags do."""

    def models(self) -> list[str]:
        """The names of all models that have versions."""

    def versions(self, model: str) -> list[Version]:
        """All versions, oldest first, by number; none for a model that nobody has registered."""

    def version(self, model: str, number: int) -> Version:
        """One version. Raises UserError if there is none."""

    def by_alias(self, model: str, alias: str) -> Version | None:
        """The version with an alias."""

    def model_path(self, version: Version, stage: str) -> Path | None:
        """The local folder of its MLflow model ("prod" | "dev"), fetched if remote; None without one."""

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:
        """Register the staged content in ``folder``, which is used up.

        The folder holds lineage.json, verdict.json and model/, with a copy of lineage.json in it; and as
        there are: dev/model/ (with another copy), dev/verdict.json, onnx, inference.json, report.html,
        report.md. A version with the same ``lineage["id"]`` is returned as it is instead.
        """

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:
        """Give a version an alias, which moves at once from the version that had it.

        With ``forward`` it never moves to a lower number: then it stays where it is.
        """

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        """Write tags of a version; others stay."""

    def remove(self, version: Version) -> None:
        """Delete a version for good. Its number is not used again. Raises UserError if it has an alias."""
