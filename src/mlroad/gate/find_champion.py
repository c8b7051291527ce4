"""The champion that a candidate is compared with: the one in use, trained on the same stage of the data."""

from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.records import Champion
from mlroad.registry.base import CHAMPION, Registry
from mlroad.registry.registered_model import difference
from mlroad.run.candidate import Candidate


class NoChampion(Exception):
    """No comparison with the champion is possible; the reason and the remedy."""


def find_champion(
    registry: Registry, candidate: Candidate, gates: Gates, holdout_digest: str | None
) -> tuple[Champion, Path] | None:
    """The champion for the candidate's stage, and its model; None if there is none.

    Raises NoChampion.
    """
    model, stage = candidate.model.name, candidate.stage
    try:
        version = registry.by_alias(model, CHAMPION)
        if version is None:
            return None
        lineage = version.lineage
        recorded = lineage.get("model_digest" if stage == "prod" else "dev_model_digest")
        path = registry.model_path(version, stage)
    except UserError as error:
        raise NoChampion(f"The registry cannot name the champion: {error}") from None
    if path is None or (stage == "dev" and not recorded):
        if stage == "dev":
            raise NoChampion(
                f"{version.name} has no twin trained on the dev data, so dev candidates cannot be "
                f"compared with it. Register a version with its twin: "
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
            f"{version.name} was judged on {gates.holdout} with another digest, but versions never change. "
            "Restore the holdout from git, or freeze another version."
        )
    commit = lineage.get("commit")
    return Champion(str(version.number), str(recorded), str(commit) if commit else None), path
