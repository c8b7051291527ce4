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
    """Why GitHub does not confirm the approval in a run, as a sentence; empty if it does."""


def proof_of(root: Path, version: Version, versions: Sequence[Version]) -> Proof:
    """Check the signatures, and ask GitHub about every approval that names its run.

    ``versions`` are all of its model.
    """
    refuted: dict[int, str] = {}
    for note in history(version):
        run = note.get("run")
        if note.get("what") != "approve" or not isinstance(run, int):
            continue
        try:
            by = approver(root, version, run)
            refuted[run] = "" if by == note.get("by") else f"According to GitHub, it was {by}."
        except NotConfirmed as error:
            refuted[run] = str(error)
    return Proof(unverified(root, version, versions), refuted)
