"""What is proved about a version: who wrote it, and who approved it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.registry.base import Version
from mlroad.registry.github_approval import NotConfirmed, approver
from mlroad.registry.history import history
from mlroad.registry.signed_facts import unverified


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of all checks of one version."""

    unverified: str
    """Why it is not proved that the workflows wrote it, as a sentence; empty if it is."""
    refuted: Mapping[int, str]
    """Why GitHub does not confirm an entry of the history, by its place, as a sentence; empty if it does."""


def proof_of(root: Path, version: Version, versions: Sequence[Version]) -> Proof:
    """Check the signatures, and ask GitHub about every approval that names its run.

    One run approves once. ``versions`` are all of the model.
    """
    refuted: dict[int, str] = {}
    asked = set()
    for place, note in enumerate(history(version)):
        run = note.get("run")
        if note.get("what") != "approve" or not isinstance(run, int):
            continue
        if run in asked:
            refuted[place] = f"Run {run} approved it only once."
            continue
        asked.add(run)
        try:
            by = approver(root, version, run)
            refuted[place] = "" if by == note.get("by") else f"According to GitHub, it was {by}."
        except NotConfirmed as error:
            refuted[place] = str(error)
    return Proof(unverified(root, version, versions), refuted)
