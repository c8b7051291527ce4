"""`mlroad test`: send every case to a model in some runtime, and judge its answers.

Asking and judging are separate: the gate records the answers, and `mlroad register` judges them again
without the model. This does both, and writes .runs/<model>/<run>/gate/inference.json. That file is deleted
first and written last, so an interrupted test leaves none. Tests fail closed: without a valid suite, or a
model that can be loaded, none of them passes.

Codes, beside those of judge_cases: MI204 the model cannot be loaded, MI206 it cannot be exported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlroad.core.files import write_json
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.run_folders import root_of
from mlroad.core.text import count
from mlroad.models.case_answers import Asked, each_answer
from mlroad.models.dotnet_harness import run_harness
from mlroad.models.finished_run import Run, find_run
from mlroad.models.http_model import HttpModel
from mlroad.models.inference_verdict import (
    RUNTIMES,
    InferenceVerdict,
    Latency,
    Result,
    all_failed,
    unusable_suite,
)
from mlroad.models.judge_cases import judge_each
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_export import export_run
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.suite import FOLDER, Suite, load_suite, suite_digest, verdict_file
from mlroad.models.tensors import Tensor

_WARM_UP = 5
_TIMED = 200
_SECONDS = 5.0


def run_tests(
    model_folder: Path, run: str | None = None, runtime: str = "pyfunc", url: str = ""
) -> tuple[Run, InferenceVerdict]:
    """Test a run's model with the model's suite, and write the verdict into the run's folder.

    ``url`` is the address of the model for the runtime http. Raises UserError if there is no such run, no
    suite at all, or no such runtime.
    """
    if runtime not in RUNTIMES:
        raise UserError(f"There is no runtime {runtime}.", f"Choose one of: {', '.join(RUNTIMES)}.")
    if (runtime == "http") != bool(url):
        raise UserError("--url and --runtime http belong together.", "Write both, or neither.")
    tested = find_run(model_folder, run)
    if not (model_folder / FOLDER).is_dir():
        what = f"{tested.model} has no inference tests: {(model_folder / FOLDER).as_posix()} is missing."
        raise UserError(what, f"Make them with `mlroad freeze {model_folder.as_posix()}`.")
    file = verdict_file(tested.folder, runtime)
    file.unlink(missing_ok=True)
    verdict = _tested(model_folder, tested, runtime, url)
    file.parent.mkdir(exist_ok=True)
    write_json(file, verdict.json())
    return tested, verdict


def _tested(model_folder: Path, run: Run, runtime: str, url: str) -> InferenceVerdict:
    root = root_of(model_folder / "pipeline.yml")
    root = Path() if root == Path.cwd() else root
    suite, problems = load_suite(model_folder, root)
    verdict = InferenceVerdict(run.model, run.id, model_digest=run.model_digest(), runtime=runtime)
    if suite is None:
        return unusable_suite(verdict, problems)
    verdict = replace(verdict, suite_digest=suite_digest(model_folder))
    try:
        if not (run.model_path / "MLmodel").is_file():
            raise ModelBroken(f"there is no MLflow model at {run.model_path.as_posix()}")
        if runtime in ("onnx", "dotnet"):
            exported = export_run(model_folder, root, run, reuse=True)[0]
        if runtime == "dotnet":
            return _by_harness(run_harness(root, exported), suite, verdict)
        asked: ModelProcess | OnnxSession | HttpModel
        if runtime == "onnx":
            asked = OnnxSession(exported)
        else:
            asked = HttpModel(url) if url else ModelProcess(run.model_path)
        with asked as model:
            verdict = judge_each(suite, run.datasets(), each_answer(model, suite.cases), verdict)
            latency = measure_latency(model, [case.inputs for case in suite.golden])
    except NotExportable as error:
        return all_failed(suite, verdict, Problem(Position(run.model_path), "MI206", str(error), ""))
    except ModelBroken as error:
        fix = "Load it with mlflow.pyfunc.load_model to see the whole error." if runtime == "pyfunc" else ""
        what = f"The model cannot be loaded: {error}."
        return all_failed(suite, verdict, Problem(Position(run.model_path), "MI204", what, fix))
    return replace(verdict, latency=latency)


def _by_harness(said: Mapping[str, Any], suite: Suite, verdict: InferenceVerdict) -> InferenceVerdict:
    """``verdict`` with the results of the .NET harness. A case that it does not name has failed."""
    named = {result["id"]: result for result in said["results"]}
    missing = {"passed": False, "what": "The harness did not run this case."}
    found = [(case, named.get(case.id, missing)) for case in suite.cases]
    results = tuple(
        Result.of(case, str(about["what"]), "" if about["passed"] else "MI201") for case, about in found
    )
    times = said.get("latency")
    latency = Latency(*(float(times[f"p{of}_ms"]) for of in (50, 95, 99))) if times else None
    return replace(verdict, results=results, judged_by=str(said["judged_by"]), latency=latency)


def measure_latency(model: Asked, requests: Sequence[Sequence[Tensor]]) -> Latency | None:
    """Milliseconds for predicting one row, after a warm-up; None if it fails.

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
    return Latency(*(float(np.percentile(took, of)) for of in (50, 95, 99)))


def _first_row(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [replace(t, shape=(1, *t.shape[1:]), data=t.data[:1]) if t.data else t for t in tensors]


def as_text(verdict: InferenceVerdict, run: Run, model_folder: Path) -> str:
    """The verdict for people: failures first, each at its line, then the summary."""
    file = model_folder / FOLDER / "cases.jsonl"
    lines = [str(problem) for problem in verdict.problems]
    if not verdict.problems:
        lines += [f"{file}:{r.line}: {r.code}: {r.id}: {r.what}" for r in verdict.failed]
    written = verdict_file(run.folder, verdict.runtime).as_posix()
    if verdict.reason:
        return "\n".join([*lines, "", f"Failed: no case of {verdict.model} was run.  {written}"])
    total = count(len(verdict.results), "case")
    failed = len(verdict.failed)
    head = f"{failed} of {total} failed" if failed else f"{total} passed"
    head = f"{head} in {verdict.runtime}"
    data = ", ".join(run.datasets()) or "no dataset version"
    lines += ["", f"{head}: {verdict.model}, run {verdict.run} (trained on {data})"]
    why = {
        "tolerance": "tolerance: it was trained on the data that the golden answers came from",
        "retrained": "retrained: it was trained on other data than the golden answers came from",
    }[verdict.judged_by]
    lines.append(f"judged by {why}")
    if verdict.latency:
        times = verdict.latency
        lines.append(f"one row takes {times.p50:.2f} ms (median), {times.p95:.2f} ms (95th percentile)")
    if verdict.too_slow:
        lines.append(verdict.too_slow)
    if any(result.code == "MI201" for result in verdict.failed):
        command = f"mlroad freeze {model_folder.as_posix()} --run {verdict.run}"
        lines.append(f"If the new answers are right, accept them: `{command}`.")
    return "\n".join([*lines, written]).lstrip("\n")


def as_json(verdict: InferenceVerdict) -> str:
    """The verdict as it was written."""
    return json.dumps(verdict.json(), indent=1, ensure_ascii=False)
