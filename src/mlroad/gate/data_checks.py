"""Is the candidate what its run made, of what data.yml says, and has it seen nothing of the holdout?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.data.overlap import find_overlap
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion, find, find_verified
from mlroad.data.table import Table
from mlroad.data.version import parse_reference
from mlroad.data.version_tables import open_version
from mlroad.gate.checks import Board
from mlroad.gate.gates_file import Gates
from mlroad.registry.registered_model import own_lineage
from mlroad.run.candidate import Candidate
from mlroad.run.model_folder import is_for

TRAINING, HOLDOUT, OVERLAP = "data.training", "data.holdout", "data.overlap"
CANDIDATE = "candidate"


def check_candidate(board: Board, candidate: Candidate) -> None:
    """The files that are judged must be those that the run made: run.json has the digest of each output."""
    made = candidate.record.get("outputs")
    wrong = []
    for name, path in (("model", candidate.model_path), ("onnx", candidate.onnx_path)):
        if path is None or not path.exists():
            continue  # what a model must have is told by the check that needs it
        about = made.get(name) if isinstance(made, dict) else None
        if not isinstance(about, dict) or about.get("digest") != digest_of(path):
            wrong.append(name)
    own = own_lineage(candidate.model_path) if candidate.model_path.is_dir() else ""
    if wrong:
        what = f"The output {' and '.join(wrong)} is not what the run made: it was changed or replaced since."
        board.add(CANDIDATE, "broken", f"{what} Train it anew: `mlroad train {candidate.model.name}`.")
    elif own:
        board.add(CANDIDATE, "broken", own)
    else:
        board.add(CANDIDATE, "passed", f"The outputs are what the run {candidate.run} made.")


def training_data(candidate: Candidate) -> dict[str, dict[str, Any]]:
    """The dataset and digest of each data input of the run, as run.json has them."""
    inputs = candidate.record.get("inputs")
    return {
        name: {"dataset": about.get("dataset"), "digest": about.get("dataset_digest")}
        for name, about in (inputs.items() if isinstance(inputs, dict) else ())
        if isinstance(about, dict)
    }


def check_training(board: Board, root: Path, candidate: Candidate) -> list[str]:
    """Check the training data; the versions that data.yml names for the stage, as ``name:version``."""
    try:
        wanted = {name: _plain(ref) for name, ref in candidate.model.data(candidate.stage).items()}
        prod = {_plain(ref) for ref in candidate.model.data("prod").values()}
    except UserError as error:
        board.add(TRAINING, "broken", str(error))
        return []
    wrong = list(_differences(root, candidate, wanted, prod))
    if wrong:
        board.add(TRAINING, "broken", " ".join(wrong))
    else:
        versions = ", ".join(f"{name} = {version}" for name, version in wanted.items())
        board.add(TRAINING, "passed", f"Trained on what data.yml says for {candidate.stage}: {versions}.")
    return list(dict.fromkeys(wanted.values()))


def _differences(
    root: Path, candidate: Candidate, wanted: Mapping[str, str], prod: set[str]
) -> Iterator[str]:
    stage = candidate.stage
    again = f"Train it anew: `mlroad train {candidate.model.name} --data {stage}`."
    used = training_data(candidate)
    if not wanted:
        yield "data.yml names no data."
    for name in sorted(used.keys() - wanted.keys()):
        yield f"The run read the data input {name}, which data.yml does not name. Name its versions there."
    for name, version in wanted.items():
        about = used.get(name)
        if about is None:
            yield f"The run has no data input {name}. {again}"
            continue
        if about["dataset"] != version:
            its = about["dataset"] or "no dataset version"
            yield f"{name} was {its}, and data.yml says {version} for {stage}. {again}"
            continue
        try:
            found = find(root, version)
        except UserError as error:
            yield str(error)
            continue
        if not found.digest or about["digest"] != found.digest:
            yield f"{name} was {version} with another digest than it has today. {again}"
        if not is_for(found, stage, prod):
            yield f"{version} is {found.stage} data, and stands in data.yml for {stage}."


def check_holdout(board: Board, root: Path, gates: Gates) -> VerifiedVersion | None:
    """Verify the holdout; None if it is not what it was when it was frozen."""
    try:
        used = find_verified(root, gates.holdout)
    except UserError as error:
        board.add(HOLDOUT, "broken", str(error))
        return None
    board.add(HOLDOUT, "passed", f"{used.version.id} is unchanged ({used.version.digest}).")
    return used


def check_overlap(
    board: Board, root: Path, gates: Gates, holdout: VerifiedVersion | None, versions: list[str]
) -> None:
    """No row of the training data may stand in the holdout.

    Compared on the columns that both have. Data without the target, such as a list of countries, is not made
    of the rows that are predicted, and is left out if other training data has the target.
    """
    if holdout is None or not versions:
        board.add(
            OVERLAP, "broken", "It could not be compared: the holdout or the training data is not known."
        )
        return
    try:
        with TableEngine() as engine:
            judged = open_version(engine, holdout)
            tables = [open_version(engine, find_verified(root, version)) for version in versions]
            chosen = [table for table in tables if table.column(gates.target)] or tables
            told = [_shared(engine, table, judged) for table in chosen]
    except UserError as error:
        board.add(OVERLAP, "broken", f"It could not be compared: {error}")
        return
    shared = [text for text in told if text]
    if shared:
        fix = "Make the training data with `mlroad dataset split`, which keeps the holdout out of it."
        board.add(OVERLAP, "broken", f"{' '.join(shared)} {fix}")
    else:
        names = ", ".join(table.label for table in chosen)
        board.add(OVERLAP, "passed", f"No row of {names} is in {judged.label}.")


def _shared(engine: TableEngine, table: Table, judged: Table) -> str:
    overlap = find_overlap(engine, table, judged)
    if not overlap.count:
        return ""
    return (
        f"{overlap.shared[1]} of {judged.rows} rows of the holdout {judged.label} are in the training data "
        f"{table.label}: the model has seen them."
    )


def _plain(reference: str) -> str:
    return ":".join(parse_reference(reference))
