"""The checks of the inference tests, from the recorded answers: one for each runtime in gates.yml."""

from collections.abc import Sequence
from dataclasses import replace

from mlroad.core.digests import digest_of
from mlroad.core.problems import Problem
from mlroad.gate.checks import GateChecks, gate_again
from mlroad.gate.frozen_answers import describe_moves
from mlroad.gate.gates_file import Gates
from mlroad.gate.records import Records
from mlroad.models.finished_run import datasets_of
from mlroad.models.inference_verdict import InferenceVerdict, unusable_suite
from mlroad.models.judge_cases import judge_cases
from mlroad.models.onnx_export import EXPORT
from mlroad.models.suite import FOLDER, Suite, load_suite, suite_digest
from mlroad.run.candidate import Candidate


def check_inference(
    checks: GateChecks, gates: Gates, candidate: Candidate, records: Records, digest: str | None
) -> dict[str, InferenceVerdict]:
    """In each runtime, the recorded answers must be the expected ones. Returns the verdicts by runtime."""
    if not gates.inference_tests:
        return {}
    suite, problems = load_suite(candidate.model.path, candidate.model.root)
    found = {}
    for runtime in gates.inference_tests:
        verdict = InferenceVerdict(
            candidate.model.name, candidate.run, model_digest=digest or "", runtime=runtime
        )
        found[runtime] = (
            _unusable(checks, candidate, verdict, problems)
            if suite is None
            else _judged(checks, candidate, records, suite, verdict)
        )
    return found


def _unusable(
    checks: GateChecks, candidate: Candidate, verdict: InferenceVerdict, problems: Sequence[Problem]
) -> InferenceVerdict:
    verdict = unusable_suite(verdict, problems)
    what = verdict.reason
    if not (candidate.model.path / FOLDER).is_dir():
        make = f"Make some: `mlroad freeze models/{candidate.model.name}`."
        what = f"There are no inference tests. {make}"
    checks.add(_id(verdict), "broken", what)
    return verdict


def _judged(
    checks: GateChecks, candidate: Candidate, records: Records, suite: Suite, verdict: InferenceVerdict
) -> InferenceVerdict:
    again, answers = gate_again(candidate), records.cases.get(verdict.runtime)
    verdict = replace(verdict, suite_digest=suite_digest(candidate.model.path))
    if answers is None:
        verdict = replace(verdict, reason=f"The inference tests were not run. {again}")
    elif answers.suite_digest != verdict.suite_digest:
        verdict = replace(verdict, reason=f"The inference tests have changed since they were run. {again}")
    elif answers.error:
        verdict = replace(verdict, reason=f"The inference tests cannot be run: {answers.error.rstrip('.')}.")
    elif verdict.runtime != "pyfunc" and _export_changed(candidate, records):
        verdict = replace(verdict, reason=f"The exported model is not the one that answered. {again}")
    else:
        verdict = judge_cases(suite, datasets_of(candidate.record), answers.answers, verdict)
        verdict = replace(verdict, latency=answers.latency)
    _add(checks, candidate, records, suite, verdict)
    return verdict


def _export_changed(candidate: Candidate, records: Records) -> bool:
    try:
        return records.exported is None or digest_of(candidate.gate / EXPORT) != records.exported.digest
    except OSError:
        return True


def _add(
    checks: GateChecks, candidate: Candidate, records: Records, suite: Suite, verdict: InferenceVerdict
) -> None:
    total, failed = len(verdict.results), len(verdict.failed)
    if verdict.reason:
        checks.add(_id(verdict), "broken", verdict.reason)
    elif failed:
        names = ", ".join(result.id for result in verdict.failed[:5])
        more = " …" if failed > 5 else ""
        first = verdict.failed[0]
        what = f"{failed} of {total} inference tests failed: {names}{more}. {first.id}: {first.what}"
        checks.add(_id(verdict), "failed", what, failed, 0)
    elif verdict.too_slow:
        checks.add(_id(verdict), "failed", verdict.too_slow)
    elif not verdict.passed:
        checks.add(_id(verdict), "broken", "The suite has no cases.")
    else:
        commit = records.champion.commit if records.champion else None
        moved = describe_moves(candidate.model.root, candidate.model.name, suite.golden, commit)
        where = "" if verdict.runtime == "pyfunc" else f" in {verdict.runtime}"
        batches = verdict.about_batches and f" {verdict.about_batches}"
        what = f"All {total} inference tests passed{where}.{batches}{moved}"
        checks.add(_id(verdict), "passed", what, total)


def _id(verdict: InferenceVerdict) -> str:
    return f"inference.{verdict.runtime}"
