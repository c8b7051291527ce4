"""Checks of what a model costs and how it answers, from the records: latency, size, ONNX, inference tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlroad.core.digests import digest_of, files_below
from mlroad.core.text import size
from mlroad.gate.ask_models import onnx_file
from mlroad.gate.checks import GateChecks, gate_again, number
from mlroad.gate.frozen_answers import describe_moves
from mlroad.gate.gates_file import Gates
from mlroad.gate.metrics import read_answers
from mlroad.gate.records import ModelAnswers, Records
from mlroad.gate.tasks.task import Predictions, Truth, apart
from mlroad.models.finished_run import datasets_of
from mlroad.models.inference_verdict import InferenceVerdict, unusable_suite
from mlroad.models.judge_cases import judge_cases
from mlroad.models.model_process import ModelBroken
from mlroad.models.suite import FOLDER, load_suite, suite_digest
from mlroad.run.candidate import Candidate

SIZE, ONNX, INFERENCE = "size", "onnx", "inference.pyfunc"


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


def check_inference(
    checks: GateChecks, candidate: Candidate, records: Records, digest: str | None
) -> InferenceVerdict:
    """The recorded answers to the inference tests must be the expected ones."""
    verdict = InferenceVerdict(candidate.model.name, candidate.run, model_digest=digest or "")
    suite, problems = load_suite(candidate.model.path, candidate.model.root)
    again, cases = gate_again(candidate), records.cases
    if suite is None:
        verdict = unusable_suite(verdict, problems)
        if not (candidate.model.path / FOLDER).is_dir():
            make = f"Make some: `mlroad freeze models/{candidate.model.name}`."
            checks.add(INFERENCE, "broken", f"There are no inference tests. {make}")
        else:
            checks.add(INFERENCE, "broken", verdict.reason)
        return verdict
    verdict = replace(verdict, suite_digest=suite_digest(candidate.model.path))
    if cases is None:
        verdict = replace(verdict, reason=f"The inference tests were not run. {again}")
    elif cases.suite_digest != verdict.suite_digest:
        verdict = replace(verdict, reason=f"The inference tests have changed since they were run. {again}")
    elif cases.error:
        verdict = replace(verdict, reason=f"The inference tests cannot be run: {cases.error}.")
    else:
        verdict = judge_cases(suite, datasets_of(candidate.record), cases.answers, verdict)
    total, failed = len(verdict.results), len(verdict.failed)
    if verdict.reason:
        checks.add(INFERENCE, "broken", verdict.reason)
    elif verdict.passed:
        commit = records.champion.commit if records.champion else None
        moved = describe_moves(candidate.model.root, candidate.model.name, suite.golden, commit)
        checks.add(INFERENCE, "passed", f"All {total} inference tests passed.{moved}", total)
    else:
        names = ", ".join(result.id for result in verdict.failed[:5])
        more = " …" if failed > 5 else ""
        what = f"{failed} of {total} inference tests failed: {names}{more}."
        checks.add(INFERENCE, "failed", what, failed, 0)
    return verdict
