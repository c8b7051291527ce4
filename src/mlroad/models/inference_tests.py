"""Inference tests: send every case to a model, and compare its answers with the expected ones.

Asking and comparing are separate. The gate records the answers, and `mlroad register` compares them again
without the model. `mlroad test` does both, and writes .runs/<model>/<run>/gate/inference.json. That file is
deleted first and written last, so an interrupted test leaves none. Tests fail closed: without a valid suite,
or a model that can be loaded, none of them passes.

Codes: MI201 another answer, MI202 the model refused a golden case, MI203 it accepted an invalid one, MI204
the model cannot be loaded, MI205 the dataset has changed since the run read it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mlroad.core.files import write_json
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.run_folders import root_of
from mlroad.core.text import count
from mlroad.models.cases import Case
from mlroad.models.finished_run import Run, find_run
from mlroad.models.model_process import Answer, ModelBroken, ModelProcess
from mlroad.models.suite import FOLDER, VERDICT, Suite, load_suite, suite_digest
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance, difference

RUNTIMES = ("python",)
_WARM_UP = 5
_TIMED = 200
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a case. ``what`` is one sentence, empty for a case that simply passed."""

    case: Case
    passed: bool
    what: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class InferenceVerdict:
    """The results of all cases. ``reason`` says why no case could be run, and ``problems`` where to look."""

    model: str
    run: str
    results: tuple[Result, ...] = ()
    judged_by: str = ""
    """tolerance or retrained: which of the suite's two tolerances applied to the golden cases."""
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    latency: tuple[float, float] | None = None
    """Milliseconds for one row: median and 95th percentile."""
    model_digest: str = ""
    suite_digest: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason and bool(self.results) and all(result.passed for result in self.results)

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if not result.passed]

    def json(self) -> dict[str, Any]:
        """The verdict as every runtime writes it."""
        latency = self.latency and {"p50_ms": round(self.latency[0], 4), "p95_ms": round(self.latency[1], 4)}
        return {
            "schema": 1,
            "runtime": "python",
            "model": self.model,
            "run": self.run,
            "model_digest": self.model_digest,
            "suite_digest": self.suite_digest,
            "passed": self.passed,
            "reason": self.reason,
            "judged_by": self.judged_by,
            "cases": len(self.results),
            "failed": len(self.failed),
            "results": [
                {"id": r.case.id, "kind": r.case.kind, "passed": r.passed, "what": r.what}
                for r in self.results
            ],
            "latency": latency,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def ask_cases(model: ModelProcess, cases: Iterable[Case]) -> dict[str, Answer]:
    """The model's answer to each case, by the id of the case. Raises ModelBroken if it cannot be loaded."""
    return {case.id: model.answer(case.inputs) for case in cases}


def judge_cases(
    suite: Suite, datasets: Mapping[str, str], answers: Mapping[str, Answer], verdict: InferenceVerdict
) -> InferenceVerdict:
    """``verdict`` with the results of all cases.

    ``datasets`` are what the run was trained on, with their digests: they decide which tolerance applies.
    """
    digest = datasets.get(suite.dataset)
    if digest is not None and digest != suite.digest:
        what = f"The run was trained on another {suite.dataset} than the one here: the digests differ."
        return all_failed(suite, verdict, Problem(Position(suite.file), "MI205", what, "Train it again."))
    judged_by, tolerance = (
        ("retrained", suite.retrained) if digest is None else ("tolerance", suite.tolerance)
    )
    results = [_result(case, answers.get(case.id), tolerance) for case in suite.cases]
    return replace(verdict, results=tuple(_with_allowance(results, tolerance)), judged_by=judged_by)


def all_failed(suite: Suite, verdict: InferenceVerdict, problem: Problem) -> InferenceVerdict:
    """``verdict`` for a problem that concerns all cases of the suite."""
    failed = tuple(Result(case, False, problem.what, problem.code) for case in suite.cases)
    return replace(verdict, results=failed, reason=problem.what, problems=(problem,))


def _with_allowance(results: Sequence[Result], tolerance: Tolerance) -> list[Result]:
    """Let a share ``may_differ`` of the golden cases have other values."""
    golden = [result for result in results if result.case.kind == "golden"]
    differ = [result for result in golden if result.code == "MI201"]
    if not differ or len(differ) > tolerance.may_differ * len(golden):
        return list(results)
    share = f"allowed: {len(differ)} of {len(golden)} golden cases differ, and {tolerance.may_differ:g}"
    return [
        replace(r, passed=True, code="", what=f"{r.what} ({share} of them may.)") if r in differ else r
        for r in results
    ]


def _result(case: Case, answer: Answer | None, tolerance: Tolerance) -> Result:
    if answer is None:
        return Result(case, False, "There is no answer to this case.", "MI202")
    if answer.outputs is None:
        if case.kind == "invalid" and not answer.ended:
            return Result(case, True)
        return Result(case, False, f"The model refused: {answer.refused}.", "MI202")
    if case.kind == "invalid":
        said = ", ".join(f"{t.name} {list(t.data[:3])}" for t in answer.outputs)
        return Result(case, False, f"The model should refuse this request, but answered {said}.", "MI203")
    what = difference(case.expected, answer.outputs, tolerance)
    return Result(case, not what, what, "MI201" if what else "")


def run_tests(
    model_folder: Path, run: str | None = None, runtime: str = "python"
) -> tuple[Run, InferenceVerdict]:
    """Test a run's model with the model's suite, and write the verdict into the run's folder.

    Raises UserError if there is no such run, no suite at all, or no such runtime.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"There is no runtime {runtime}.", f"Choose one of: {', '.join(RUNTIMES)}.")
    tested = find_run(model_folder, run)
    if not (model_folder / FOLDER).is_dir():
        what = f"{tested.model} has no inference tests: {(model_folder / FOLDER).as_posix()} is missing."
        raise UserError(what, f"Make them with `mlroad freeze {model_folder.as_posix()}`.")
    file = tested.folder / VERDICT
    file.unlink(missing_ok=True)
    verdict = _tested(model_folder, tested)
    file.parent.mkdir(exist_ok=True)
    write_json(file, verdict.json())
    return tested, verdict


def _tested(model_folder: Path, run: Run) -> InferenceVerdict:
    root = root_of(model_folder / "pipeline.yml")
    suite, problems = load_suite(model_folder, Path() if root == Path.cwd() else root)
    verdict = InferenceVerdict(run.model, run.id, model_digest=run.model_digest())
    if suite is None:
        return unusable_suite(verdict, problems)
    verdict = replace(verdict, suite_digest=suite_digest(model_folder))
    try:
        if not (run.model_path / "MLmodel").is_file():
            raise ModelBroken(f"there is no MLflow model at {run.model_path.as_posix()}")
        with ModelProcess(run.model_path) as model:
            answers = ask_cases(model, suite.cases)
            latency = measure_latency(model, [case.inputs for case in suite.golden])
    except ModelBroken as error:
        fix = "Load it with mlflow.pyfunc.load_model to see the whole error."
        what = f"The model cannot be loaded: {error}."
        return all_failed(suite, verdict, Problem(Position(run.model_path), "MI204", what, fix))
    return replace(judge_cases(suite, run.datasets(), answers, verdict), latency=latency)


def unusable_suite(verdict: InferenceVerdict, problems: Sequence[Problem]) -> InferenceVerdict:
    """``verdict`` for a suite with mistakes in it."""
    return replace(verdict, reason=f"The suite cannot be used: {problems[0]}", problems=tuple(problems))


def measure_latency(model: ModelProcess, requests: Sequence[Sequence[Tensor]]) -> tuple[float, float] | None:
    """Median and 95th percentile in milliseconds of predicting one row, after a warm-up; None if it fails.

    The first row of each request, repeatedly, for 200 answers or 5 seconds, whichever comes first.
    """
    rows = [_first_row(request) for request in requests]
    took: list[float] = []
    began = time.monotonic()
    for number in range(_WARM_UP + _TIMED):
        answer = model.answer(rows[number % len(rows)])
        if answer.outputs is None:
            return None  # a golden case has failed as well
        if number >= _WARM_UP:
            took.append(answer.milliseconds)
        if took and time.monotonic() - began > _SECONDS:
            break
    return float(np.percentile(took, 50)), float(np.percentile(took, 95))


def _first_row(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [replace(t, shape=(1, *t.shape[1:]), data=t.data[:1]) if t.data else t for t in tensors]


def as_text(verdict: InferenceVerdict, run: Run, model_folder: Path) -> str:
    """The verdict for people: failures first, each at its line, then the summary."""
    file = model_folder / FOLDER / "cases.jsonl"
    lines = [str(problem) for problem in verdict.problems]
    if not verdict.problems:
        lines += [f"{file}:{r.case.line}: {r.code}: {r.case.id}: {r.what}" for r in verdict.failed]
    written = (run.folder / VERDICT).as_posix()
    if verdict.reason:
        return "\n".join([*lines, "", f"Failed: no case of {verdict.model} was run.  {written}"])
    total = count(len(verdict.results), "case")
    failed = len(verdict.failed)
    head = f"{failed} of {total} failed" if failed else f"{total} passed"
    data = ", ".join(run.datasets()) or "no dataset version"
    lines += ["", f"{head}: {verdict.model}, run {verdict.run} (trained on {data})"]
    why = {
        "tolerance": "tolerance: it was trained on the data that the golden answers came from",
        "retrained": "retrained: it was trained on other data than the golden answers came from",
    }[verdict.judged_by]
    lines.append(f"judged by {why}")
    if verdict.latency:
        lines.append("one row takes {:.2f} ms (median), {:.2f} ms (95th percentile)".format(*verdict.latency))
    if any(result.code == "MI201" for result in verdict.failed):
        command = f"mlroad freeze {model_folder.as_posix()} --run {verdict.run}"
        lines.append(f"If the new answers are right, accept them: `{command}`.")
    return "\n".join([*lines, written]).lstrip("\n")


def as_json(verdict: InferenceVerdict) -> str:
    """The verdict as it was written."""
    return json.dumps(verdict.json(), indent=1, ensure_ascii=False)
