"""`mlroad export`: a model as files that an application in any language can take.

The folder holds model.onnx, contract.json (inputs, outputs and where the model comes from), the inference
tests (cases.jsonl, and suite.yml as suite.json), and parity.json: how far the ONNX model's answers are from
the Python model's. Conversions drift, so the export fails if they are further apart than the tests allow.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlroad.core.digests import sha256_of_file
from mlroad.core.files import write_json
from mlroad.core.problems import UserError
from mlroad.data.store import find_verified
from mlroad.models.column_facts import column_facts
from mlroad.models.model_process import ColumnSpec, ModelBroken, ModelProcess, allowed_variables
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.pick import requests_of
from mlroad.models.suite import CASES, FOLDER, Suite, file_digest, load_suite, suite_digest
from mlroad.models.tensor_batches import joined
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance

ROWS = 2000
"""Rows that both models are asked for. At least 1,000 show the differences of one row in a hundred."""
FLIPS = 0.001
"""The share of rows whose decision may differ: rows at a threshold, where FP32 and FP64 part."""


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


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the answers of two models are from each other, in the unit of the answers."""

    rows: int
    largest: float
    mean: float
    p99: float
    flips: int
    """Rows with another decision: another label, another most probable class, another side of 0.5."""

    def json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "max_difference": self.largest,
            "mean_difference": self.mean,
            "p99_difference": self.p99,
            "flips": self.flips,
        }


class NotExportable(Exception):
    """Why there is no ONNX model, as a sentence that names the step."""


def export(model_folder: Path, root: Path, source: Source, target: Path) -> Parity:
    """Write the folder ``target``, whole or not at all.

    Raises UserError for a suite or data that cannot be used, and NotExportable for a model without an ONNX form
    or with one that answers otherwise.
    """
    suite, problems = load_suite(model_folder, root)
    if suite is None:
        raise UserError(problems)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        about = _converted(source.path, made)
        write_json(made / "contract.json", _contract(source, suite, about, made, root))
        write_json(made / "suite.json", suite_json(suite, model_folder))
        shutil.copyfile(model_folder / FOLDER / CASES, made / CASES)
        parity = _compare(source, suite, made, root)
        write_json(made / "parity.json", parity.json())
        _refuse_drift(parity, suite, source)
        if target.exists():
            target.rename(Path(temporary) / "old")
        made.rename(target)
    return parity


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


def _converted(path: Path, folder: Path) -> dict[str, Any]:
    """Write model.onnx; returns what contract.json says of inputs and outputs.

    In a process of its own, without tokens: to read the model is to run its code.
    """
    done = subprocess.run(
        [sys.executable, "-m", "mlroad.models.onnx_convert", str(path.resolve()), str(folder.resolve())],
        env={**allowed_variables(os.environ), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["its process ended"]
        raise NotExportable(said[-1])
    found = folder / "about.json"
    about: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    found.unlink()
    return about


def _contract(
    source: Source, suite: Suite, about: Mapping[str, Any], folder: Path, root: Path
) -> dict[str, Any]:
    dataset, digest = next(iter(source.datasets.items()), ("", ""))
    facts = column_facts(
        find_verified(root, suite.rows or suite.dataset), [item["name"] for item in about["inputs"]]
    )
    return {
        "schema": 1,
        "model": source.model,
        "version": source.version,
        "model_digest": source.digest,
        "onnx_digest": f"sha256:{sha256_of_file(folder / 'model.onnx')}",
        "opset": about["opset"],
        "dataset": dataset,
        "dataset_digest": digest,
        "inputs": [{**item, **facts.get(item["name"], {})} for item in about["inputs"]],
        "outputs": list(about["outputs"]),
    }


def _compare(source: Source, suite: Suite, folder: Path, root: Path) -> Parity:
    """Ask both models for the same rows, in batches of equal columns."""
    where = suite.rows or suite.dataset
    with ModelProcess(source.path) as python, OnnxSession(folder) as onnx:
        try:
            columns: Sequence[ColumnSpec] = python.load()
        except ModelBroken as error:
            raise NotExportable(f"The model cannot be loaded: {error}.") from None
        requests = requests_of(find_verified(root, where).path, where, columns, ROWS)
        pairs = []
        for request in joined(requests):
            first, second = python.answer(request), onnx.answer(request)
            if first.outputs is None or second.outputs is None:
                who, why = ("Python", first) if first.outputs is None else ("ONNX", second)
                raise NotExportable(f"The {who} model refuses rows of {where}: {why.refused}.")
            pairs.append((first.outputs[0], second.outputs[0]))
    return _parity(pairs)


def _parity(pairs: Sequence[tuple[Tensor, Tensor]]) -> Parity:
    apart: list[Any] = []
    flips = rows = 0
    for first, second in pairs:
        if first.family != second.family or first.shape != second.shape:
            raise NotExportable(
                f"The ONNX model answers {second.datatype} {list(second.shape)}, "
                f"the Python model {first.datatype} {list(first.shape)}."
            )
        rows += first.shape[0]
        one, other = (np.array(tensor.data).reshape(first.shape) for tensor in (first, second))
        if first.family in {"number", "integer"}:
            apart.append(
                np.abs(one.astype(float) - other.astype(float)).reshape(first.shape[0], -1).max(axis=1)
            )
        flips += int((_decision(first, one) != _decision(second, other)).sum())
    distance = np.concatenate(apart) if apart else np.zeros(1)
    return Parity(
        rows, float(distance.max()), float(distance.mean()), float(np.percentile(distance, 99)), flips
    )


def _decision(tensor: Tensor, values: Any) -> Any:
    """What an application would do: the label, the most probable class, or the side of 0.5."""
    if tensor.family != "number":
        return values
    if values.ndim > 1 and values.shape[1] > 1:
        return values.argmax(axis=1)
    probable = bool(((values >= 0) & (values <= 1)).all())
    return (values > 0.5).ravel() if probable else np.zeros(len(values))


def _refuse_drift(parity: Parity, suite: Suite, source: Source) -> None:
    allowed_apart = suite.tolerance.limit.absolute
    if parity.flips > FLIPS * parity.rows:
        raise NotExportable(
            f"The ONNX model of {source.model} decides otherwise in {parity.flips} of {parity.rows} rows."
        )
    if suite.tolerance.limit.relative == 0 and parity.p99 > max(allowed_apart, 1e-6):
        raise NotExportable(
            f"The ONNX model of {source.model} is {parity.p99:.4g} away from the Python model in 1 of 100 rows; "
            f"the inference tests allow {allowed_apart:g}."
        )
