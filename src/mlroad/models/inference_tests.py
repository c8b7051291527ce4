"""`mlroad test`: send every case to a model in some runtimes, and judge its answers.

Asking and judging are separate: the gate records the answers, and `mlroad register` judges them again
without the model. This does both, and writes .runs/<model>/<run>/gate/inference.json. That file is deleted
first and written last, so an interrupted test leaves none. Tests fail closed: without a valid suite, or a
model that can be loaded, none of them passes.

Codes, beside those of judge_cases: MI204 the model cannot be loaded, MI206 it cannot be exported.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from mlroad.core.files import write_json
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.repo import has_dotnet_harness
from mlroad.core.run_folders import shown_root
from mlroad.core.text import quoted
from mlroad.models.case_answers import Asked, CaseAnswers, each_answer
from mlroad.models.cases import Case
from mlroad.models.dotnet_harness import dotnet_answers, why_no_dotnet
from mlroad.models.finished_run import Run, find_run
from mlroad.models.http_model import HttpModel
from mlroad.models.inference_verdict import (
    InferenceVerdict,
    Latency,
    all_failed,
    unusable_suite,
)
from mlroad.models.judge_cases import judge_cases, judge_each
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_export import export_run
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.runtimes import ALL, RUNTIMES
from mlroad.models.suite import FOLDER, Suite, load_suite, suite_digest, verdict_file
from mlroad.models.tensors import Tensor

_WARM_UP = 5
_TIMED = 200
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Tested:
    """The run whose model was tested, and the verdicts by runtime."""

    run: Run
    verdicts: dict[str, InferenceVerdict]
    left_out: dict[str, str]
    """The runtimes of `ALL` that this machine does not have, and why."""

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts.values())


def run_tests(
    model_folder: Path, run: str | None = None, runtimes: Sequence[str] = ("pyfunc",), url: str = ""
) -> Tested:
    """Test a run's model with the model's suite, and write the verdicts into the run's folder.

    ``url`` is the address of the model for the runtime http. Raises UserError if there is no such run, no
    suite at all, or no such runtime.
    """
    root = shown_root(model_folder)
    chosen, left_out = _chosen(root, runtimes)
    if ("http" in chosen) != bool(url):
        raise UserError("--url and --runtime http belong together.", "Write both, or neither.")
    tested = find_run(model_folder, run)
    if not (model_folder / FOLDER).is_dir():
        what = f"{tested.model} has no inference tests: {(model_folder / FOLDER).as_posix()} is missing."
        raise UserError(what, f"Make them with `mlroad freeze {quoted(model_folder)}`.")
    for runtime in chosen:
        verdict_file(tested.folder, runtime).unlink(missing_ok=True)
    verdicts = {}
    with ExitStack() as stack:
        python = None
        if "pyfunc" in chosen and _has_model(tested):  # it loads while this process reads the suite
            python = stack.enter_context(ModelProcess(tested.model_path))
        loaded = load_suite(model_folder, root)
        for runtime in chosen:
            verdicts[runtime] = _verdict(model_folder, root, tested, runtime, url, loaded, python)
            file = verdict_file(tested.folder, runtime)
            file.parent.mkdir(exist_ok=True)
            write_json(file, verdicts[runtime].json())
    return Tested(tested, verdicts, left_out)


def _chosen(root: Path, runtimes: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The runtimes to ask in, in the order of `RUNTIMES`, and those of `ALL` that are not there."""
    for runtime in runtimes:
        if runtime not in (*RUNTIMES, ALL):
            raise UserError(f"There is no runtime {runtime}.", f"Choose some of: {', '.join(RUNTIMES)}.")
    wanted, left_out = set(runtimes) - {ALL}, {}
    if ALL in runtimes:
        wanted |= {"pyfunc", "onnx"}
        missing = why_no_dotnet(root) if has_dotnet_harness(root) and "dotnet" not in wanted else None
        if missing:
            left_out["dotnet"] = str(missing)
        elif has_dotnet_harness(root):
            wanted.add("dotnet")
    return [runtime for runtime in RUNTIMES if runtime in wanted], left_out


def _has_model(run: Run) -> bool:
    return (run.model_path / "MLmodel").is_file()


def _verdict(
    model_folder: Path,
    root: Path,
    run: Run,
    runtime: str,
    url: str,
    loaded: tuple[Suite | None, list[Problem]],
    python: ModelProcess | None,
) -> InferenceVerdict:
    suite, problems = loaded
    verdict = InferenceVerdict(run.model, run.id, model_digest=run.model_digest(), runtime=runtime)
    if suite is None:
        return unusable_suite(verdict, problems)
    verdict = replace(verdict, suite_digest=suite_digest(model_folder))
    try:
        if not _has_model(run):
            raise ModelBroken(f"there is no MLflow model at {run.model_path.as_posix()}")
        if runtime == "dotnet":
            exported, _ = export_run(model_folder, root, run, reuse=True)
            return _in_dotnet(root, exported, run, suite, verdict)
        if runtime == "pyfunc" and python:
            return _in_python(python, run, suite, verdict)
        if runtime == "http":
            with HttpModel(url) as server:
                return _in_python(server, run, suite, verdict)
        with OnnxSession(export_run(model_folder, root, run, reuse=True)[0]) as session:
            return _in_python(session, run, suite, verdict)
    except NotExportable as error:
        return all_failed(suite, verdict, Problem(Position(run.model_path), "MI206", str(error), ""))
    except ModelBroken as error:
        fix = "Load it with mlflow.pyfunc.load_model to see the whole error." if runtime == "pyfunc" else ""
        what = f"The model cannot be loaded: {error}."
        return all_failed(suite, verdict, Problem(Position(run.model_path), "MI204", what, fix))


def _in_python(model: Asked, run: Run, suite: Suite, verdict: InferenceVerdict) -> InferenceVerdict:
    took: list[float] = []

    def asked() -> Iterator[tuple[Case, CaseAnswers]]:
        for case, answers in each_answer(model, suite.cases):
            if (
                len(took) < _WARM_UP + _TIMED
                and case.kind == "golden"
                and answers.alone
                and _is_row(case.inputs)
            ):
                took.append(answers.alone.milliseconds)
            yield case, answers

    verdict = judge_each(suite, run.datasets(), asked(), verdict)
    if len(took) == _WARM_UP + _TIMED:
        return replace(verdict, latency=_percentiles(took[_WARM_UP:]))
    rows = [case.inputs for case in islice((its for its in suite.cases if its.kind == "golden"), _TIMED)]
    return replace(verdict, latency=measure_latency(model, rows))


def _in_dotnet(
    root: Path, exported: Path, run: Run, suite: Suite, verdict: InferenceVerdict
) -> InferenceVerdict:
    answers, figures = dotnet_answers(root, exported)
    return replace(judge_cases(suite, run.datasets(), answers, verdict), latency=figures.latency)


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
    return _percentiles(took)


def _percentiles(took: Sequence[float]) -> Latency:
    return Latency(*(float(np.percentile(took, of)) for of in (50, 95, 99)))


def _is_row(tensors: Sequence[Tensor]) -> bool:
    return all(tensor.shape[:1] == (1,) for tensor in tensors)


def _first_row(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [replace(t, shape=(1, *t.shape[1:]), data=t.data[:1]) if t.data else t for t in tensors]
