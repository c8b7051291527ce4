"""Ask the candidate for its inference tests, in every runtime that gates.yml requires.

ONNX Runtime and .NET get the model as `mlroad export` writes it. The export stays in the gate's folder, and a
registered version keeps it, so that anyone can ask again what was judged.
"""

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.records import Exported, SuiteAnswers
from mlroad.models.case_answers import ask_cases
from mlroad.models.dotnet_harness import dotnet_answers
from mlroad.models.finished_run import datasets_of
from mlroad.models.inference_tests import measure_latency
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_export import EXPORT, Source, export
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.suite import Suite, load_suite, suite_digest
from mlroad.run.candidate import Candidate


def ask_runtimes(
    candidate: Candidate, gates: Gates, model: ModelProcess, digest: str
) -> tuple[dict[str, SuiteAnswers], Exported | None]:
    """The answers by runtime, and what was exported. None at all without a usable suite: `judge` says why.

    ``digest`` is that of the model.
    """
    if not gates.inference_tests:
        return {}, None
    try:
        of_suite = suite_digest(candidate.model.path)
    except OSError:
        return {}, None
    suite, _ = load_suite(candidate.model.path, candidate.model.root)
    if suite is None:
        return {}, None
    exported = None
    if any(runtime != "pyfunc" for runtime in gates.inference_tests):
        exported = _export(candidate, digest)

    def ask(runtime: str) -> SuiteAnswers:
        try:
            if runtime == "pyfunc":
                return SuiteAnswers(of_suite, ask_cases(model, suite.cases))
            if isinstance(exported, str):
                return SuiteAnswers(of_suite, {}, exported)
            in_runtime = _in_dotnet if runtime == "dotnet" else _in_onnx
            return in_runtime(candidate, suite, of_suite)
        except (ModelBroken, UserError) as error:
            return SuiteAnswers(of_suite, {}, str(error))

    answers = {runtime: ask(runtime) for runtime in gates.inference_tests}
    return answers, exported if isinstance(exported, Exported) else None


def _export(candidate: Candidate, digest: str) -> Exported | str:
    """What was exported, or why the model cannot be."""
    name, run, folder = candidate.model.name, candidate.run, candidate.gate / EXPORT
    source = Source(name, run, candidate.model_path, digest, datasets_of(candidate.record))
    try:
        parity = export(candidate.model.path, candidate.model.root, source, folder)
    except (NotExportable, UserError) as error:
        return f"it cannot be exported: {error}"
    return Exported(digest_of(folder), parity.json())


def _in_onnx(candidate: Candidate, suite: Suite, digest: str) -> SuiteAnswers:
    with OnnxSession(candidate.gate / EXPORT) as session:
        answers = ask_cases(session, suite.cases)
        latency = measure_latency(session, [case.inputs for case in suite.golden])
    return SuiteAnswers(digest, answers, latency=latency)


def _in_dotnet(candidate: Candidate, suite: Suite, digest: str) -> SuiteAnswers:
    answers, figures = dotnet_answers(candidate.model.root, candidate.gate / EXPORT)
    known = {case.id for case in suite.cases}
    return SuiteAnswers(
        digest,
        {id_: its for id_, its in answers.items() if id_ in known},
        latency=figures.latency,
        figures={
            "cold_ms": figures.load_ms + figures.first_ms,
            "answers_per_second": figures.answers_per_second,
            "peak_mb": figures.peak_mb,
        },
    )
