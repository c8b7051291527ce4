"""Compare the answers to inference tests with what the cases expect. It is the judge for all runtimes.

It fails closed: a case without an answer has failed. The .NET harness has the same judge (Core/SuiteRun.cs),
for teams without Python; its Tests/judged_cases.jsonl holds both to the same results.

Codes: MI201 another answer, MI202 a request was refused or has no answer, MI203 an invalid request was not
refused as it should be, MI205 the dataset has changed since the run read it, MI207 alone and in a batch the
answers differ, MI208 the answers before and after a change are not what the case says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mlroad.core.problems import Position, Problem
from mlroad.models.case_answers import ALONE, CaseAnswers
from mlroad.models.cases import ANSWERED, Case
from mlroad.models.inference_verdict import InferenceVerdict, Result, all_failed
from mlroad.models.model_process import Answer
from mlroad.models.suite import Suite
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance, difference, direction, shown

OTHER, REFUSED, ACCEPTED, BATCH, CHANGE = "MI201", "MI202", "MI203", "MI207", "MI208"


def judge_cases(
    suite: Suite, datasets: Mapping[str, str], answers: Mapping[str, CaseAnswers], verdict: InferenceVerdict
) -> InferenceVerdict:
    """``verdict`` with the results of all cases.

    ``datasets`` are what the run was trained on, with their digests: they decide which tolerance applies.
    """
    return judge_each(suite, datasets, ((case, answers.get(case.id)) for case in suite.cases), verdict)


def judge_each(
    suite: Suite,
    datasets: Mapping[str, str],
    asked: Iterable[tuple[Case, CaseAnswers | None]],
    verdict: InferenceVerdict,
) -> InferenceVerdict:
    """The same for all cases of the suite with their answers, one after the other."""
    verdict = replace(verdict, budget_ms=suite.p95_ms)
    digest = datasets.get(suite.dataset)
    if digest is not None and digest != suite.digest:
        what = f"The run was trained on another {suite.dataset} than the one here: the digests differ."
        return all_failed(suite, verdict, Problem(Position(suite.file), "MI205", what, "Train it again."))
    judged_by, tolerance = (
        ("retrained", suite.retrained) if digest is None else ("tolerance", suite.tolerance)
    )
    results: list[Result] = []
    golden = batched = 0
    for case, answers in asked:
        golden += case.kind == "golden"
        batched += answers is not None and answers.alone is None
        results.append(judge_case(case, answers, tolerance, in_batch=golden > ALONE))
    allowed = tuple(_with_allowance(results, tolerance))
    return replace(verdict, results=allowed, judged_by=judged_by, in_batch_only=batched)


def judge_case(
    case: Case, answers: CaseAnswers | None, tolerance: Tolerance, in_batch: bool = False
) -> Result:
    """The result of one case. ``in_batch``: a golden case need not have been asked alone."""
    if answers and answers.alone is None and answers.batch and in_batch and case.kind == "golden":
        answers = replace(answers, alone=answers.batch)
    if answers is None or answers.alone is None:
        return Result.of(case, "There is no answer to this case.", REFUSED)
    if case.kind == "invalid":
        return _invalid(case, answers.alone)
    if answers.alone.outputs is None:
        return Result.of(case, f"The model refused: {_why(answers.alone)}", REFUSED)
    if case.tolerance:
        tolerance = case.tolerance.over(tolerance)
    if case.kind in ANSWERED:
        return _answered(case, answers.alone.outputs, answers.batch, tolerance)
    return _changed(case, answers.alone.outputs, answers.changed, tolerance)


def _invalid(case: Case, answer: Answer) -> Result:
    if answer.outputs is not None:
        said = ", ".join(f"{t.name} [{', '.join(map(shown, t.data[:3]))}]" for t in answer.outputs)
        return Result.of(case, f"The model should refuse this request, but answered {said}.", ACCEPTED)
    if answer.ended:
        return Result.of(case, f"The model did not refuse, but failed: {_why(answer)}", REFUSED)
    if not answer.refused.strip():
        return Result.of(case, "The model refused without saying why.", ACCEPTED)
    return Result.of(case)


def _answered(case: Case, alone: Sequence[Tensor], batch: Answer | None, tolerance: Tolerance) -> Result:
    wrong = difference(case.expected, alone, tolerance)
    if batch is None:
        return Result.of(case, "There is no answer to this case in a batch.", REFUSED)
    if batch.outputs is None:
        alone_is = f"{wrong} In a batch, it is refused" if wrong else "Right alone, but refused in a batch"
        return Result.of(case, f"{alone_is}: {_why(batch)}", BATCH)
    wrong_too = difference(case.expected, batch.outputs, tolerance)
    if wrong and wrong_too:
        # The share of golden cases that may differ is of a model that agrees with itself.
        apart = difference(alone, batch.outputs, tolerance)
        what = f"{wrong} In a batch, it answers otherwise: {apart}" if apart else wrong
        return Result.of(case, what, BATCH if apart else OTHER)
    if wrong_too:
        return Result.of(case, f"Right alone, but wrong in a batch: {wrong_too}", BATCH)
    return Result.of(case, f"Right in a batch, but wrong alone: {wrong}", BATCH) if wrong else Result.of(case)


def _changed(case: Case, before: Sequence[Tensor], answer: Answer | None, tolerance: Tolerance) -> Result:
    if answer is None:
        return Result.of(case, "There is no answer to the changed request.", REFUSED)
    if answer.outputs is None:
        return Result.of(case, f"The model refused the changed request: {_why(answer)}", REFUSED)
    after: Sequence[Tensor] = answer.outputs
    if case.output:
        before, after = ([its for its in some if its.name == case.output] for some in (before, after))
        if not (before and after):
            return Result.of(case, f"There is no output {case.output}.", CHANGE)
    if case.holds == "same":
        what = difference(before, after, tolerance)
        return Result.of(case, f"The change moves the answer: {what}", CHANGE) if what else Result.of(case)
    what = direction(before[0], after[0], case.holds, case.at_least)
    return Result.of(case, what, CHANGE if what else "")


def _why(answer: Answer) -> str:
    """Why it is refused, as a sentence: the reasons of some runtimes have a full stop already."""
    return f"{answer.refused.rstrip('.')}."


def _with_allowance(results: Sequence[Result], tolerance: Tolerance) -> list[Result]:
    """Let a share ``may_differ`` of the golden cases have other values, and with it all boundary cases.

    A model of other data has other thresholds.
    """
    if not tolerance.may_differ:
        return list(results)
    golden = sum(result.kind == "golden" for result in results)
    differ = sum(result.kind == "golden" and result.code == OTHER for result in results)
    reasons = {"boundary": "allowed: the thresholds of a retrained model may move."}
    if differ <= tolerance.may_differ * golden:
        share = f"{tolerance.may_differ:g} of them may."
        reasons["golden"] = f"allowed: {differ} of {golden} golden cases differ, and {share}"
    return [
        replace(result, passed=True, code="", what=f"{result.what} ({reasons[result.kind]})")
        if result.code == OTHER and result.kind in reasons
        else result
        for result in results
    ]
