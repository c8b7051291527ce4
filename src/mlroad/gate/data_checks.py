"""Checks of the candidate's files and data: outputs unchanged, trained on the data of data.yml, no leak."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.core.text import some
from mlroad.data import sql
from mlroad.data.near_rows import find_near_rows
from mlroad.data.overlap import find_overlap
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion, find, find_verified
from mlroad.data.table import Table
from mlroad.data.version import parse_reference
from mlroad.data.version_tables import open_version
from mlroad.gate.checks import GateChecks, gate_again
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import OpenedHoldout
from mlroad.gate.records import Overlap
from mlroad.registry.registered_model import own_lineage
from mlroad.run.candidate import Candidate
from mlroad.run.model_folder import is_for

TRAINING, HOLDOUT, OVERLAP = "data.training", "data.holdout", "data.overlap"
CANDIDATE = "candidate"


def check_candidate(checks: GateChecks, candidate: Candidate) -> None:
    """The outputs must be those that the run made: run.json has the digest of each."""
    made = candidate.record.get("outputs")
    wrong = []
    for name, path in (("model", candidate.model_path), ("onnx", candidate.onnx_path)):
        if path is None or not path.exists():
            continue  # the check that needs the output reports that it is missing
        about = made.get(name) if isinstance(made, dict) else None
        if not isinstance(about, dict) or about.get("digest") != digest_of(path):
            wrong.append(name)
    own = own_lineage(candidate.model_path) if candidate.model_path.is_dir() else ""
    if wrong:
        what = f"Outputs were changed or replaced after the run: {', '.join(wrong)}."
        checks.add(CANDIDATE, "broken", f"{what} Train again: `mlroad train {candidate.model.name}`.")
    elif own:
        checks.add(CANDIDATE, "broken", own)
    else:
        checks.add(CANDIDATE, "passed", f"The outputs have not changed since the run {candidate.run}.")


def training_data(candidate: Candidate) -> dict[str, dict[str, Any]]:
    """The dataset and digest of each data input of the run, from run.json."""
    inputs = candidate.record.get("inputs")
    return {
        name: {"dataset": about.get("dataset"), "digest": about.get("dataset_digest")}
        for name, about in (inputs.items() if isinstance(inputs, dict) else ())
        if isinstance(about, dict)
    }


def training_versions(candidate: Candidate) -> list[str]:
    """The versions that data.yml names for the candidate's stage, as ``name:version``. Raises UserError."""
    return list(dict.fromkeys(_plain(ref) for ref in candidate.model.data(candidate.stage).values()))


def check_training(checks: GateChecks, candidate: Candidate) -> None:
    """The run must have read the versions that data.yml names, as they are today."""
    try:
        wanted = {name: _plain(ref) for name, ref in candidate.model.data(candidate.stage).items()}
        prod = {_plain(ref) for ref in candidate.model.data("prod").values()}
    except UserError as error:
        checks.add(TRAINING, "broken", str(error))
        return
    wrong = list(_differences(candidate.model.root, candidate, wanted, prod))
    if wrong:
        checks.add(TRAINING, "broken", " ".join(wrong))
    else:
        versions = ", ".join(f"{name} = {version}" for name, version in wanted.items())
        checks.add(
            TRAINING, "passed", f"Trained on the data that data.yml names for {candidate.stage}: {versions}."
        )


def _differences(
    root: Path, candidate: Candidate, wanted: Mapping[str, str], prod: set[str]
) -> Iterator[str]:
    stage = candidate.stage
    again = f"Train again: `mlroad train {candidate.model.name} --data {stage}`."
    used = training_data(candidate)
    if not wanted:
        yield "data.yml names no data."
    for name in sorted(used.keys() - wanted.keys()):
        yield f"The run read the data input {name}, which is not in data.yml. Add its versions there."
    for name, version in wanted.items():
        about = used.get(name)
        if about is None:
            yield f"The run has no data input {name}. {again}"
            continue
        if about["dataset"] != version:
            its = about["dataset"] or "no dataset version"
            yield f"{name} was {its}, but data.yml says {version} for {stage}. {again}"
            continue
        try:
            found = find(root, version)
        except UserError as error:
            yield str(error)
            continue
        if not found.digest or about["digest"] != found.digest:
            yield f"{version} had another digest when the run read it as {name}. {again}"
        if not is_for(found, stage, prod):
            yield f"{version} is {found.stage} data, but data.yml names it for {stage}."


def check_holdout(checks: GateChecks, holdout: OpenedHoldout) -> None:
    """The holdout must not have changed since it was frozen."""
    if holdout.used is None:
        checks.add(HOLDOUT, "broken", holdout.problem)
    else:
        version = holdout.used.version
        checks.add(HOLDOUT, "passed", f"{version.id} is unchanged ({version.digest}).")


def compare_with_holdout(candidate: Candidate, gates: Gates, holdout: OpenedHoldout) -> Overlap | None:
    """Look for rows of the training data in the holdout; None if one of them cannot be used at all.

    Compared on the columns that both have. Data without the target, such as a list of countries, does not
    consist of the rows that are predicted. It is left out if other training data has the target.
    """
    root = candidate.model.root
    try:
        versions = [find(root, version) for version in training_versions(candidate)]
    except UserError:
        return None
    if holdout.used is None or not versions:
        return None
    training = {version.id: str(version.digest) for version in versions}
    version = holdout.used.version
    columns = (gates.columns.get("time"), *(gate.column for gate in gates.slices))
    compared = (version.id, version.digest, *training.items(), gates.targets, columns)
    try:
        verified = [find_verified(root, name) for name in training]
        if compared not in _overlaps:
            _overlaps[compared] = _overlap(training, verified, holdout.used, gates)
    except UserError as error:
        return Overlap(training, False, f"They could not be compared: {error}")
    return _overlaps[compared]


# The self-test judges many candidates with the same data.
_overlaps: dict[tuple[object, ...], Overlap] = {}


def _overlap(
    training: Mapping[str, str], versions: Sequence[VerifiedVersion], used: VerifiedVersion, gates: Gates
) -> Overlap:
    with TableEngine() as engine:
        judged = open_version(engine, used)
        tables = [open_version(engine, version) for version in versions]
        chosen = [table for table in tables if all(table.column(name) for name in gates.targets)] or tables
        shared = [text for table in chosen if (text := _shared(engine, table, judged, gates))]
        vanished = tuple(
            text
            for column in dict.fromkeys(gate.column for gate in gates.slices)
            for table in chosen
            if (text := _vanished(engine, table, judged, column))
        )
    if shared:
        fix = "Make the training data with `mlroad dataset split`, which keeps the holdout out of it."
        return Overlap(training, False, f"{' '.join(shared)} {fix}", vanished)
    names = ", ".join(table.label for table in chosen)
    return Overlap(training, True, f"No row of {names} is in {judged.label}.", vanished)


def check_overlap(checks: GateChecks, candidate: Candidate, overlap: Overlap | None) -> None:
    """No row of the training data may be in the holdout, and it must be the data that was compared."""
    try:
        training = {
            version.id: str(version.digest)
            for version in (find(candidate.model.root, name) for name in training_versions(candidate))
        }
    except UserError:
        training = {}
    if overlap is None:
        what = "They could not be compared: the holdout or the training data cannot be read."
        checks.add(OVERLAP, "broken", what)
    elif dict(overlap.training) != training:
        what = "The training data has changed since it was compared with the holdout."
        checks.add(OVERLAP, "broken", f"{what} {gate_again(candidate)}")
    else:
        checks.add(OVERLAP, "passed" if overlap.clean else "broken", overlap.what)


def _shared(engine: TableEngine, table: Table, judged: Table, gates: Gates) -> str:
    overlap = find_overlap(engine, table, judged)
    of = f"of {judged.rows} rows of the holdout {judged.label} are"
    there = f"in the training data {table.label}"
    if overlap.count:
        return f"{overlap.shared[1]} {of} {there}, so the model has seen them."
    moments = [gates.columns["time"]] if "time" in gates.columns else []
    near = None if judged.format == "files" else find_near_rows(engine, table, judged, gates.targets, moments)
    if near:
        return f"{near.count} {of} almost {there} ({near.how}), so the model has seen them."
    return ""


def _vanished(engine: TableEngine, table: Table, judged: Table, column: str) -> str:
    """The values of a slice's column that were trained on, and that the holdout lacks."""
    if not table.column(column) or not judged.column(column):
        return ""
    one, other = (
        {row[0] for row in engine.rows(f"SELECT DISTINCT {sql.name(column)} FROM {its.view}")}  # noqa: S608
        for its in (table, judged)
    )
    gone = sorted(map(str, one - other))
    if not gone:
        return ""
    what = f"{judged.label} has no row where {column} is {some(gone, 5)}, but {table.label} has"
    return f"{what}: this slice is not judged."


def _plain(reference: str) -> str:
    return ":".join(parse_reference(reference))
