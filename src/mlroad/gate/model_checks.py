"""Checks of what a model costs, and of the ONNX file that it wrote, from the records."""

from typing import Any

from mlroad.core.digests import digest_of, files_below
from mlroad.core.text import size
from mlroad.gate.ask_models import onnx_file
from mlroad.gate.checks import GateChecks, gate_again, number
from mlroad.gate.gates_file import Gates
from mlroad.gate.metrics import read_answers
from mlroad.gate.records import ModelAnswers
from mlroad.gate.tasks.task import Predictions, Truth, apart
from mlroad.models.model_process import ModelBroken
from mlroad.run.candidate import Candidate

SIZE, ONNX = "size", "onnx"


def check_size(checks: GateChecks, gates: Gates, candidate: Candidate) -> dict[str, Any] | None:
    """All files of the MLflow model must be within the budget."""
    if gates.max_mb is None:
        return None
    budget = round(gates.max_mb * 1_000_000)
    try:
        octets = sum(entry.stat().st_size for _, entry in files_below(candidate.model_path))
    except OSError as error:
        checks.add(SIZE, "broken", f"The model cannot be read: {error.strerror}.", None, budget)
        return None
    what = f"The model takes {size(octets)} on disk, limit {number(gates.max_mb)} MB."
    checks.add(SIZE, "passed" if octets <= budget else "failed", what, octets, budget)
    return {"bytes": octets, "budget_bytes": budget}


def check_onnx(
    checks: GateChecks,
    gates: Gates,
    candidate: Candidate,
    answers: ModelAnswers | None,
    mine: Predictions,
    truth: Truth,
) -> dict[str, Any] | None:
    """The ONNX file must load, and no prediction may differ by more than allowed from the MLflow model's."""
    if gates.onnx_difference is None:
        return None
    budget, file = gates.onnx_difference, onnx_file(candidate)
    if file is None:
        what = "gates.yml asks for ONNX, but the run has no output `onnx` with an ONNX file."
        checks.add(ONNX, "broken", what, None, budget)
        return None
    if answers is None or answers.digest != digest_of(file):
        checks.add(ONNX, "broken", f"No answers of this ONNX file are recorded. {gate_again(candidate)}")
        return None
    size = f"The ONNX file ({file.stat().st_size:,} bytes)"
    if answers.values is None:
        checks.add(ONNX, "broken", f"{size} cannot be used: {answers.error}.")
        return None
    try:
        theirs = read_answers(answers.values, truth, gates, labels_suffice=True)
    except ModelBroken as error:
        checks.add(ONNX, "broken", f"{size} cannot be used: {error}.")
        return None
    ours, its = mine.values, theirs.values
    if mine.kind != theirs.kind:  # a probability and a label: compared as labels
        ours, its = mine.labels, theirs.labels
    difference = float(apart(ours, its).max())
    what = (
        f"The predictions of the ONNX file and the MLflow model differ by up to {number(difference)}, "
        f"limit {number(budget)}."
    )
    checks.add(ONNX, "passed" if difference <= budget else "failed", what, difference, budget)
    return {"max_difference": difference, "budget": budget}
