"""Judge the candidate of a pull request also by the gates of the branch that it will be merged into.

A pull request that changes what decides (`RULES`) must not choose its own judge: the candidate has to pass by
the old rules too. The inference tests and the data are those of the pull request: both change with a model.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlroad.core.files import write_bytes, write_json
from mlroad.core.git import file_at, has_commit
from mlroad.core.problems import UserError
from mlroad.core.verdict_words import BASE_VERDICT
from mlroad.gate.own_measures import Spending
from mlroad.gate.run_gate import gate
from mlroad.run.candidate import Candidate
from mlroad.run.model_folder import ModelFolder

RULES = ("gates.yml", "waivers.yml", "evaluation.py")


@dataclass(frozen=True, slots=True)
class _WithOtherRules(ModelFolder):
    """A model whose folder is elsewhere; everything else is that of the repo."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder


def gate_by_base(candidate: Candidate, base: str, spent: Spending | None = None) -> dict[str, Any] | None:
    """The verdict by the rules of the commit ``base``; None if they are the same, or the model is new there.

    It is written beside the candidate's own verdict. ``spent``: as in `gate`. Raises UserError.
    """
    (candidate.gate / BASE_VERDICT).unlink(missing_ok=True)
    old = _rules_at(candidate.model, base)
    if old["gates.yml"] is None or old == {name: _read(candidate.model.path / name) for name in RULES}:
        return None
    with tempfile.TemporaryDirectory(prefix="mlroad-base-") as name:
        folder = Path(name) / candidate.model.name
        shutil.copytree(candidate.model.path, folder)
        for file, content in old.items():
            if content is None:
                (folder / file).unlink(missing_ok=True)
            else:
                write_bytes(folder / file, content)
        run = Path(name) / candidate.run
        shutil.copytree(candidate.folder / "outputs", run / "outputs")
        model = _WithOtherRules(candidate.model.root, candidate.model.name, folder)
        verdict = gate(replace(candidate, model=model, folder=run), spent=spent)
    write_json(candidate.gate / BASE_VERDICT, verdict)
    return verdict


def _rules_at(model: ModelFolder, base: str) -> dict[str, bytes | None]:
    if not has_commit(model.root, base):
        raise UserError(
            f"This clone does not have the commit {base}.", "Fetch it (in a workflow: fetch-depth: 2)."
        )
    return {name: file_at(model.root, base, f"models/{model.name}/{name}") for name in RULES}


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
