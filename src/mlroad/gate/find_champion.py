"""The champion that a candidate is compared with: the one in use, trained on the same stage of the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.gate.checks import Board
from mlroad.gate.gates_file import Gates
from mlroad.registry.base import CHAMPION, Registry
from mlroad.registry.registered_model import difference
from mlroad.run.candidate import Candidate

ID = "champion"


@dataclass(frozen=True, slots=True)
class Champion:
    """A champion whose model is what was registered."""

    version: str
    path: Path
    digest: str
    commit: str | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in the verdict."""
        return {"version": self.version, "digest": self.digest, "commit": self.commit}


class NoChampion(Exception):
    """There is one, or should be, and it cannot be compared with; the reason and what to do."""


def find_champion(
    registry: Registry, candidate: Candidate, gates: Gates, holdout_digest: str | None
) -> Champion | None:
    """The champion for the candidate's stage; None if there is none and none is required.

    Raises NoChampion.
    """
    model, stage = candidate.model.name, candidate.stage
    try:
        version = registry.by_alias(model, CHAMPION)
        if version is None:
            if gates.champion_required:
                raise NoChampion(
                    f"gates.yml requires a champion, and {model} has none. Register a version and approve "
                    "it, or write `champion: optional` for the first."
                )
            return None
        lineage = version.lineage
        recorded = lineage.get("model_digest" if stage == "prod" else "dev_model_digest")
        path = registry.model_path(version, stage)
    except UserError as error:
        raise NoChampion(f"The registry cannot say which one: {error}") from None
    if path is None or (stage == "dev" and not recorded):
        if stage == "dev":
            raise NoChampion(
                f"{version.name} has no twin that was trained on the dev data, and another cannot be "
                f"compared with. Register one with its twin: "
                f"`mlroad register {model} --run PROD --dev-run DEV`."
            )
        raise NoChampion(f"The model of {version.name} is not in the registry. Restore it, or roll back.")
    try:
        what = difference(path, recorded, version.tags)
    except OSError as error:
        raise NoChampion(f"The model of {version.name} cannot be read: {error.strerror}.") from None
    if what:
        raise NoChampion(
            f"The model of {version.name} is not what was registered: {what}. Restore it, or roll back."
        )
    verdict = lineage.get("verdict" if stage == "prod" else "dev_verdict") or {}
    about = verdict.get("candidate") if isinstance(verdict, dict) else None
    if isinstance(about, dict) and about.get("dirty"):
        raise NoChampion(f"{version.name} was made from files that were not committed. Roll back.")
    frozen = lineage.get("holdout") or {}
    if frozen.get("dataset") == gates.holdout and holdout_digest and frozen.get("digest") != holdout_digest:
        raise NoChampion(
            f"{version.name} was judged on a {gates.holdout} with another digest: versions never change. "
            "Restore the holdout from git, or freeze another version."
        )
    return Champion(str(version.number), path, str(recorded), lineage.get("commit"))


def note_champion(board: Board, champion: Champion | None) -> None:
    """The check of a champion that can be measured, or that is not needed."""
    if champion is None:
        board.add(ID, "passed", "There is no champion yet, and none is required.")
    else:
        board.add(ID, "passed", f"Compared with version {champion.version}, which is what was registered.")
