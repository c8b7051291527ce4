"""`mlroad test`: every case through the model, and the verdict beside the run.

The verdict is .runs/<model>/<run>/gate/inference.json. It is deleted before anything else happens, so a test
that dies leaves none, and written last. It fails closed: without a suite that can be trusted, or a model that
can be loaded, every case has failed.

Codes: MI201 another answer, MI202 the model refused a golden case, MI203 it took an invalid one, MI204 the
model cannot be loaded, MI205 the run read other data than its version says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlroad.core.files import write_json
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.run_folders import root_of
from mlroad.core.text import count
from mlroad.models.cases import Case
from mlroad.models.subject import EndedError, Run, Subject, find_run, reason_of
from mlroad.models.suite import FOLDER, Suite, load_suite, suite_digest
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance, difference

VERDICT = "gate/inference.json"
"""Below the folder of a run."""
RUNTIMES = ("python",)
_WARM_UP = 5
_TIMED = 200
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case. ``what`` is one sentence, empty if it passed and there is nothing to say."""

    case: Case
    passed: bool
    what: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known after a test. ``reason`` says why no case could be run; ``problems`` where to look."""

    run: Run
    results: tuple[Result, ...]
    judged_by: str = ""
    """tolerance or retrained: which of the suite's held for the golden cases."""
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
            "model": self.run.model,
            "run": self.run.id,
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


def run_tests(model_folder: Path, run: str | None = None, runtime: str = "python") -> Verdict:
    """Test a run's model with the model's suite, and write the verdict into the run's folder.

    Raises UserError if there is no such run, no suite at all, or no such runtime.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"There is no runtime {runtime}.", f"There is: {', '.join(RUNTIMES)}.")
    subject = find_run(model_folder, run)
    if not (model_folder / FOLDER).is_dir():
        what = f"{subject.model} has no inference tests: {(model_folder / FOLDER).as_posix()} is missing."
        raise UserError(what, f"Make them with `mlroad freeze {model_folder.as_posix()}`.")
    file = subject.folder / VERDICT
    file.unlink(missing_ok=True)
    verdict = _verdict(model_folder, subject)
    file.parent.mkdir(exist_ok=True)
    write_json(file, verdict.json())
    return verdict


def _verdict(model_folder: Path, run: Run) -> Verdict:
    root = root_of(model_folder / "pipeline.yml")
    suite, problems = load_suite(model_folder, Path() if root == Path.cwd() else root)
    if suite is None:
        reason = f"The suite cannot be used: {problems[0]}"
        return Verdict(run, (), reason=reason, problems=tuple(problems), model_digest=run.model_digest())
    # The digests first: what is loaded is what they were taken of, and loading adds nothing to the folder.
    verdict = Verdict(run, (), model_digest=run.model_digest(), suite_digest=suite_digest(model_folder))
    judged_by, problem = _judged_by(suite, run)
    if problem is None:
        try:
            model = Subject(run.model_path)
        except Exception as error:  # the model's code is anybody's
            what = f"The model cannot be loaded: {reason_of(error)}."
            fix = "Load it yourself to see all of it: mlflow.pyfunc.load_model."
            problem = Problem(Position(run.model_path), "MI204", what, fix)
    if problem is not None:
        failed = tuple(Result(case, False, problem.what, problem.code) for case in suite.cases)
        return replace(verdict, results=failed, reason=problem.what, problems=(problem,))
    tolerance = suite.tolerance if judged_by == "tolerance" else suite.retrained
    results = run_cases(model, suite.cases, tolerance)
    latency = measure(model, [case.inputs for case in suite.golden])
    return replace(verdict, results=tuple(results), judged_by=judged_by, latency=latency)


def _judged_by(suite: Suite, run: Run) -> tuple[str, Problem | None]:
    digest = run.datasets().get(suite.dataset)
    if digest is None:
        return "retrained", None
    if digest != suite.digest:
        what = f"The run read another {suite.dataset} than there is now: the digests differ."
        return "", Problem(Position(run.folder / "run.json"), "MI205", what, "Run the pipeline anew.")
    return "tolerance", None


def run_cases(model: Subject, cases: Sequence[Case], tolerance: Tolerance) -> list[Result]:
    """Every case through the model. Of the golden ones, a share of ``may_differ`` may have other values."""
    results = [_result(model, case, tolerance) for case in cases]
    golden = [result for result in results if result.case.kind == "golden"]
    differ = [result for result in golden if result.code == "MI201"]
    if differ and len(differ) <= tolerance.may_differ * len(golden):
        share = f"allowed: {len(differ)} of {len(golden)} golden cases differ, and {tolerance.may_differ:g}"
        results = [
            replace(r, passed=True, code="", what=f"{r.what} ({share} of them may.)") if r in differ else r
            for r in results
        ]
    return results


def _result(model: Subject, case: Case, tolerance: Tolerance) -> Result:
    try:
        answer = model.answer(case.inputs)
    except Exception as error:  # the model's code is anybody's
        if case.kind == "invalid" and not isinstance(error, EndedError):
            return Result(case, True)
        return Result(case, False, f"The model refused: {reason_of(error)}.", "MI202")
    if case.kind == "invalid":
        said = ", ".join(f"{t.name} {list(t.data[:3])}" for t in answer)
        what = f"The model should refuse this request, and answered {said}."
        return Result(case, False, what, "MI203")
    what = difference(case.expected, answer, tolerance)
    return Result(case, not what, what, "MI201" if what else "")


def measure(model: Subject, requests: Sequence[Sequence[Tensor]]) -> tuple[float, float] | None:
    """Median and 95th percentile in milliseconds of predicting one row, after a warm-up; None if it fails.

    The first row of each request, over and over, for 200 answers or 5 seconds, whichever comes first.
    """
    import time

    import numpy as np

    rows = [_first_row(request) for request in requests]
    took: list[float] = []
    began = time.monotonic()
    try:
        for number in range(_WARM_UP + _TIMED):
            milliseconds = model.timed(rows[number % len(rows)])[1]
            if number >= _WARM_UP:
                took.append(milliseconds)
            if took and time.monotonic() - began > _SECONDS:
                break
    except Exception:  # a golden case has failed with it, too
        return None
    return float(np.percentile(took, 50)), float(np.percentile(took, 95))


def _first_row(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [replace(t, shape=(1, *t.shape[1:]), data=t.data[:1]) if t.data else t for t in tensors]


def told(verdict: Verdict, model_folder: Path) -> str:
    """What people read: failures first, each at its line, then the sum."""
    file = model_folder / FOLDER / "cases.jsonl"
    lines = [str(problem) for problem in verdict.problems]
    if not verdict.problems:
        lines += [f"{file}:{r.case.line}: {r.code}: {r.case.id}: {r.what}" for r in verdict.failed]
    written = (verdict.run.folder / VERDICT).as_posix()
    if verdict.reason:
        return "\n".join([*lines, "", f"Failed: no case of {verdict.run.model} was run.  {written}"])
    total = count(len(verdict.results), "case")
    failed = len(verdict.failed)
    head = f"{failed} of {total} failed" if failed else f"{total} passed"
    data = ", ".join(verdict.run.datasets()) or "no dataset version"
    lines += ["", f"{head}: {verdict.run.model}, run {verdict.run.id} (trained on {data})"]
    why = {
        "tolerance": "tolerance: it was trained on the data that the golden answers came from",
        "retrained": "retrained: it was trained on other data than the golden answers came from",
    }[verdict.judged_by]
    lines.append(f"judged by {why}")
    if verdict.latency:
        lines.append("one row takes {:.2f} ms (median), {:.2f} ms (95th percentile)".format(*verdict.latency))
    if any(result.code == "MI201" for result in verdict.failed):
        command = f"mlroad freeze {model_folder.as_posix()} --run {verdict.run.id}"
        lines.append(f"Are the new answers meant? `{command}` takes them.")
    return "\n".join([*lines, written]).lstrip("\n")


def as_json(verdict: Verdict) -> str:
    """The verdict as it was written."""
    return json.dumps(verdict.json(), indent=1, ensure_ascii=False)
