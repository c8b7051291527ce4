"""Hand runs from one machine to another: from the job that trains to the one that judges, and on to the one
that publishes.

The folder that is handed over has the files of each run that a gate and a registry read, and nothing else.
Its digest travels on another way (as an output of the job), so that no other job can exchange the folder.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mlroad.core.digests import digest_of
from mlroad.core.files import remove
from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.run_folders import RECORD
from mlroad.run.candidate import TRAIN, Candidate, find_candidate
from mlroad.run.model_folder import ModelFolder

_FILES = (RECORD, TRAIN)
_FOLDERS = ("outputs", "logs")
_JUDGED = ("gate",)
_AGAIN = "Start the workflow again. If that repeats, find out which job changed the artifact."


def hand_over(model: ModelFolder, runs: Sequence[str], folder: Path) -> str:
    """Copy the runs of a model to a new folder. Returns the digest of the folder. Raises UserError."""
    if folder.exists():
        raise UserError(f"{folder} exists already.", "Name a new folder.")
    for run in runs:
        candidate = find_candidate(model, run)
        for name in (*_FILES, *_FOLDERS, *_JUDGED):
            _copy(candidate.folder / name, folder / candidate.run / name)
    return digest_of(folder)


def take_over(model: ModelFolder, folder: Path, digest: str, *, judged: bool = False) -> list[str]:
    """Put handed-over runs into the runs of a model. Returns their ids. Raises UserError.

    Results of a gate are taken only if ``judged``: a machine that trains has no say in them.
    """
    if link := next((path for path in folder.rglob("*") if path.is_symlink()), None):
        raise UserError(f"{link} is a link, and nothing that was handed over has any.", _AGAIN)
    if not folder.is_dir() or digest_of(folder) != digest:
        raise UserError(f"{folder} is not what was handed over: its digest is not {digest}.", _AGAIN)
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        target = model.runs / name
        if target.exists():
            remove(target)
        for part in (*_FILES, *_FOLDERS, *(_JUDGED if judged else ())):
            _copy(folder / name / part, target / part)
        try:
            _check_commit(find_candidate(model, name))
        except UserError:
            remove(target)
            raise
    return names


def _check_commit(candidate: Candidate) -> None:
    """The machine that trained says of which commit the run is. All jobs of a workflow have the same one."""
    here = run_git(candidate.model.root, "rev-parse", "HEAD").text
    its = (candidate.record.get("git") or {}).get("commit")
    if not here or its != here:
        raise UserError(f"The run {candidate.run} is of the commit {its}, and this is {here}.", _AGAIN)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, if it exists."""
    if source.is_symlink() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target)
