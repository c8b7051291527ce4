"""A factory with one tiny model, in which `mlroad selftest` plants faults if no model is named."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mlroad.core.digests import digest_content, digest_of
from mlroad.core.files import write_json
from mlroad.data.version import DatasetVersion, write_version
from mlroad.gate.selftest.planted_models import Floats, save_linear, save_linear_onnx, save_replay
from mlroad.gate.selftest.task_samples import TaskSample, sample_of
from mlroad.models.cases import Case
from mlroad.models.metric_names import Task
from mlroad.models.suite import CASES, FOLDER, SUITE, file_digest
from mlroad.models.tensors import Tensor
from mlroad.run.candidate import TRAIN, Candidate, find_candidate
from mlroad.run.model_folder import find_model

MODEL = "tiny"
_RUN = "20260101-000000-000000"
_COLUMNS = ("group", "a", "b")
_ROWS, _HELD = 400, 96
_GATES = """\
task: regression
holdout: azureml:tiny_holdout:1
target: y
champion: optional
decide_by: mae
metrics:
  mae: {limit: 1.5, max_regression: 0.1}
  r2: {limit: 0.6, max_regression: 0.05}
slices:
  - {column: group, metric: mae, limit: 2.0, max_regression: 0.5}
latency: {p95_ms: 120}
size: {max_mb: 1}
inference_tests: [pyfunc]
onnx: {max_difference: 0.01}
bootstrap: {resamples: 500}
"""


def make_sample(root: Path, task: Task = "regression") -> Candidate:
    """Make the repo at ``root``; its candidate has not been gated yet.

    The regression's model is a real one, with an ONNX file and inference tests. Those of other tasks replay
    stored answers.
    """
    table = _table()
    sample = None if task == "regression" else sample_of(task, table[:, :-1])
    extra = {"y": table[:, -1]} if sample is None else sample.columns
    header = ",".join([*_COLUMNS, *extra])
    cells = zip(*extra.values(), strict=True)
    lines = [
        ",".join([f"{row[0]:.0f}", f"{row[1]}", f"{row[2]}", *map(str, more)])
        for row, more in zip(table, cells, strict=True)
    ]
    _dataset(root, "tiny_holdout", header, lines[_ROWS:])
    train = _dataset(root, "tiny_train", header, lines[:_ROWS])
    model = root / "models" / MODEL
    model.mkdir(parents=True)
    (model / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    (model / "data.yml").write_text(
        f"raw:\n  dev: azureml:{train.id}\n  prod: azureml:{train.id}\n", encoding="utf-8"
    )
    gates = _GATES if sample is None else json.dumps(sample.gates(task))
    (model / "gates.yml").write_text(gates, encoding="utf-8")
    weights, bias = _fit(table[:_ROWS])
    held = pd.DataFrame(table[_ROWS:, :-1], columns=list(_COLUMNS))
    _run(root / ".runs" / MODEL / _RUN, train, (weights, bias), held, sample)
    candidate = find_candidate(find_model(root, MODEL), _RUN)
    if sample is None:
        _inference(candidate, train, table[_ROWS, :-1], weights, bias)
    return candidate


def _table() -> Floats:
    """Rows of group, a, b and y. y depends on all three, with noise."""
    rng = np.random.default_rng(7)
    rows = _ROWS + _HELD
    group = rng.integers(1, 3, rows).astype(np.float64)
    a, b = rng.normal(0, 2, rows).round(3), rng.normal(0, 1, rows).round(3)
    y = (10 + group + 1.5 * a - 2 * b + rng.normal(0, 1, rows)).round(3)
    return np.column_stack([group, a, b, y])


def _fit(table: Floats) -> tuple[Floats, float]:
    known = np.column_stack([table[:, :-1], np.ones(len(table))])
    found = np.linalg.lstsq(known, table[:, -1], rcond=None)[0]
    return np.asarray(found[:-1], dtype=np.float64), float(found[-1])


def _dataset(root: Path, name: str, header: str, lines: Sequence[str]) -> DatasetVersion:
    folder = root / "datasets" / name
    file = folder / "1" / f"{name}.csv"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="\n")
    content = digest_content(file)
    version = DatasetVersion(
        folder / "1.yml", name, "1", "uri_file", f"./1/{name}.csv",
        digest=content.digest, size=content.size, rows=len(lines), stage="prod",
    )  # fmt: skip
    write_version(version)
    return version


def _run(
    folder: Path,
    train: DatasetVersion,
    line: tuple[Floats, float],
    rows: pd.DataFrame,
    sample: TaskSample | None,
) -> None:
    """A finished run, as `mlroad train` leaves it behind. ``rows`` are the features of the holdout."""
    weights, bias = line
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    save_linear(outputs / "model", _COLUMNS, weights, bias)
    if sample is None:
        save_linear_onnx(outputs / "onnx", _COLUMNS, weights, bias)
    else:
        linear = outputs / "linear"
        (outputs / "model").rename(linear)
        save_replay(outputs / "model", linear, rows, sample.answers[_ROWS:])
        shutil.rmtree(linear)
    made = [name for name in ("model", "onnx") if (outputs / name).exists()]
    write_json(
        folder / "run.json",
        {
            "state": "completed",
            "git": {"commit": "0" * 40, "dirty": False},
            "inputs": {"raw": {"dataset": train.id, "dataset_digest": train.digest}},
            "outputs": {name: {"digest": digest_of(outputs / name)} for name in made},
        },
    )
    about = {"schema": 1, "model": MODEL, "data": "prod", "target": "local", "run": folder.name, "job": None}
    write_json(folder / TRAIN, about)


def _inference(
    candidate: Candidate, train: DatasetVersion, row: Floats, weights: Floats, bias: float
) -> None:
    """A suite of one golden case."""
    inputs = tuple(Tensor(n, "FP64", (1, 1), (float(v),)) for n, v in zip(_COLUMNS, row, strict=True))
    answer = Tensor("prediction", "FP64", (1,), (float(row @ weights + bias),))
    case = Case("golden-1", "golden", inputs, (answer,))
    folder = candidate.model.path / FOLDER
    folder.mkdir()
    (folder / CASES).write_text(case.text() + "\n", encoding="utf-8", newline="\n")
    (folder / SUITE).write_text(
        f"model: {MODEL}\ndataset: azureml:{train.id}\ndigest: {train.digest}\ncases: {CASES}\n"
        f"cases_digest: {file_digest(folder / CASES)}\n"
        "tolerance: {absolute: 0.5}\nretrained: {absolute: 1}\n",
        encoding="utf-8",
    )
