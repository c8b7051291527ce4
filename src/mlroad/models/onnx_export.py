"""`mlroad export`: a model as files that an application in any language can take.

The folder holds model.onnx, contract.json (inputs, outputs and where the model comes from), the inference
tests (cases.jsonl, and suite.yml as suite.json), and parity.json: how far the ONNX model's answers are from
the Python model's. The export fails if they are further apart than the inference tests allow.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlroad import __version__
from mlroad.core.digests import digest_of_bytes
from mlroad.core.files import write_json
from mlroad.core.problems import UserError
from mlroad.data.store import VerifiedVersion, find_verified
from mlroad.models.column_facts import column_facts, units
from mlroad.models.finished_run import Run
from mlroad.models.model_process import Answer, ModelBroken, ModelProcess
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_parity import Parity, parity_of, parity_requests
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.suite import CASES, FOLDER, Suite, file_digest, load_suite, suite_digest
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance

EXPORT = "export"
"""Below the folder of a run."""
MODEL, CONTRACT, SUITE, PARITY = "model.onnx", "contract.json", "suite.json", "parity.json"
FILES = {MODEL, CONTRACT, SUITE, PARITY, CASES}


@dataclass(frozen=True, slots=True)
class Source:
    """The model to export: an MLflow folder, and what is known of it."""

    model: str
    version: str
    """A registered version, or the id of a run."""
    path: Path
    digest: str
    datasets: Mapping[str, str]
    """``name:version`` of the training data, with digests."""


def export_run(
    model_folder: Path, root: Path, run: Run, target: Path | None = None, *, reuse: bool = False
) -> tuple[Path, Parity]:
    """`export` of a run's model, into the run's folder unless ``target`` is another one."""
    source = Source(run.model, run.id, run.model_path, run.model_digest(), run.datasets())
    folder = target or run.folder / EXPORT
    return folder, export(model_folder, root, source, folder, reuse=reuse)


def export(model_folder: Path, root: Path, source: Source, target: Path, *, reuse: bool = False) -> Parity:
    """Write the folder ``target``, whole or not at all. Returns how far both models are from each other.

    With ``reuse``, a folder that was written from the same model and inference tests stays as it is. It is
    believed, so do not reuse folders that others could have written.

    Raises UserError for a suite or data that cannot be used, and NotExportable for a model that cannot be
    loaded, has no ONNX form, or has one that answers differently.
    """
    if find_spec("skl2onnx") is None:
        raise UserError("ONNX models need skl2onnx, which only factories install.", "Add `mlroad[factory]`.")
    of_suite = ""
    with contextlib.suppress(OSError):  # `load_suite` says what is wrong
        of_suite = suite_digest(model_folder)
    about = {
        "model": source.model,
        "version": source.version,
        "model_digest": source.digest,
        "suite_digest": of_suite,
        "exported_by": f"mlroad {__version__}",
    }
    if reuse and (done := _parity_of_export(target, about)):
        return done
    suite, problems = load_suite(model_folder, root)
    if suite is None:
        raise UserError(problems)
    if not (source.path / "MLmodel").is_file():
        raise NotExportable(f"There is no MLflow model at {source.path.as_posix()}.")
    with replacing_folder(target) as made:
        try:
            return _write(made, model_folder, root, source, suite, about)
        except ModelBroken as error:
            raise NotExportable(f"The model cannot be asked: {error}.") from None


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """An empty folder, which replaces ``target`` at the end unless something fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        yield made
        if target.exists():
            target.rename(Path(temporary) / "old")
        made.rename(target)


def _parity_of_export(folder: Path, about: Mapping[str, str]) -> Parity | None:
    """What an earlier export found, if it was of the same model and inference tests."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        contract = json.loads((folder / CONTRACT).read_text(encoding="utf-8"))
        content = (folder / MODEL).read_bytes()
        same = all(contract.get(key) == value for key, value in about.items())
        if same and contract.get("onnx_digest") == digest_of_bytes(content):
            return Parity.from_json(json.loads((folder / PARITY).read_text(encoding="utf-8")))
    return None


def _write(
    folder: Path, model_folder: Path, root: Path, source: Source, suite: Suite, about: Mapping[str, str]
) -> Parity:
    data = _training_data(root, source, suite)
    with ModelProcess(source.path) as python:
        columns = python.load()
        requests = parity_requests(data, columns)
        answers = [_outputs(python.answer(request), "Python", data) for request in requests]
        content, said = python.export(answers[0])
    (folder / MODEL).write_bytes(content)
    facts = column_facts(data, {item["name"]: item["datatype"] for item in said["inputs"]})
    unit = {name: {"unit": text} for name, text in units(data, model_folder).items()}
    trained = next(iter(source.datasets.items()), ("", ""))
    contract = {
        "schema": 1,
        **about,
        "onnx_digest": digest_of_bytes(content),
        "opset": said["opset"],
        "dataset": trained[0],
        "dataset_digest": trained[1],
        "inputs": [
            {**item, **unit.get(item["name"], {}), **facts.get(item["name"], {})} for item in said["inputs"]
        ],
        "outputs": [{**item, **unit.get(item["name"], {})} for item in said["outputs"]],
    }
    write_json(folder / CONTRACT, contract)
    write_json(folder / SUITE, suite_json(suite, model_folder))
    shutil.copyfile(model_folder / FOLDER / CASES, folder / CASES)
    with OnnxSession(folder) as onnx:
        others = [_outputs(onnx.answer(request), "ONNX", data) for request in requests]
    parity = parity_of(list(zip(answers, others, strict=True)), suite.tolerance)
    write_json(folder / PARITY, parity.json())
    if refused := parity.refusal(source.model, suite.tolerance):
        raise NotExportable(refused)
    return parity


def _training_data(root: Path, source: Source, suite: Suite) -> VerifiedVersion:
    """The data that the model was trained on, if it is on this machine; else that of the inference tests."""
    for name in source.datasets:
        with contextlib.suppress(UserError):
            return find_verified(root, name)
    return find_verified(root, suite.rows or suite.dataset)


def _outputs(answer: Answer, which: str, data: VerifiedVersion) -> Sequence[Tensor]:
    if answer.outputs is None:
        raise NotExportable(f"The {which} model refuses rows of {data.version.id}: {answer.refused}.")
    return answer.outputs


def suite_json(suite: Suite, model_folder: Path) -> dict[str, Any]:
    """suite.yml as JSON, for languages without YAML."""
    return {
        "schema": 1,
        "model": suite.model,
        "dataset": suite.dataset,
        "digest": suite.digest,
        "cases_digest": file_digest(suite.cases_file),
        "suite_digest": suite_digest(model_folder),
        "tolerance": _tolerance(suite.tolerance),
        "retrained": _tolerance(suite.retrained),
        **({"latency": {"p95_ms": suite.p95_ms}} if suite.p95_ms else {}),
    }


def _tolerance(tolerance: Tolerance) -> dict[str, Any]:
    return {
        "absolute": tolerance.limit.absolute,
        "relative": tolerance.limit.relative,
        "outputs": {
            name: {"absolute": limit.absolute, "relative": limit.relative}
            for name, limit in tolerance.outputs.items()
        },
        "may_differ": tolerance.may_differ,
    }
