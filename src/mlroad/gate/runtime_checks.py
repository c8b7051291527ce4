"""What a model costs and whether its ONNX file says the same: latency, size, onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlroad.core.digests import files_below
from mlroad.gate.checks import Board, number
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Predictions, predictions
from mlroad.models.process import ModelBroken, ModelProcess

LATENCY, SIZE, ONNX = "latency.p95", "size", "onnx"
ROWS = 200
"""Rows that are timed at most."""
_WARM_UP = 5
_LEAST = 20
_SECONDS = 10.0
"""A model that is too slow need not be timed on all rows: after this long `_LEAST` are enough."""


def check_latency(
    board: Board, gates: Gates, candidate: ModelProcess, champion: ModelProcess | None, rows: int
) -> dict[str, Any] | None:
    """Time one row at a time through the models in turn, so that a busy machine is busy for both.

    Both must have made their predictions. None if there is no budget and so nothing to time.
    """
    if gates.p95_ms is None:
        return None
    models = [candidate] if champion is None else [candidate, champion]
    chosen = np.linspace(0, rows - 1, min(rows, ROWS)).astype(int).tolist()
    times: list[list[float]] = [[] for _ in models]
    try:
        for row in chosen[:_WARM_UP]:
            for model in models:
                model.seconds_of_row(row)
        for row in chosen:
            for model, its in zip(models, times, strict=True):
                its.append(model.seconds_of_row(row) * 1000)
            if len(times[0]) >= min(_LEAST, len(chosen)) and sum(map(sum, times)) > _SECONDS * 1000:
                break
    except ModelBroken as error:
        board.add(LATENCY, "broken", f"One row at a time, the model fails: {error}.", None, gates.p95_ms)
        return None
    p50, p95 = (float(np.percentile(times[0], share)) for share in (50, 95))
    other = float(np.percentile(times[1], 95)) if champion else None
    against = f"; the champion's is {number(other)} ms" if other is not None else ""
    what = (
        f"One row takes {number(p95)} ms (p95 of {len(times[0])} rows, p50 {number(p50)} ms){against}; "
        f"it may take {number(gates.p95_ms)} ms."
    )
    board.add(LATENCY, "passed" if p95 <= gates.p95_ms else "failed", what, p95, gates.p95_ms)
    return {
        "p50_ms": p50, "p95_ms": p95, "rows": len(times[0]), "champion_p95_ms": other,
        "budget_ms": gates.p95_ms,
    }  # fmt: skip


def check_size(board: Board, gates: Gates, path: Path) -> dict[str, Any] | None:
    """The bytes of all files of the MLflow model."""
    if gates.max_mb is None:
        return None
    budget = round(gates.max_mb * 1_000_000)
    try:
        size = sum(entry.stat().st_size for _, entry in files_below(path))
    except OSError as error:
        board.add(SIZE, "broken", f"The model cannot be read: {error.strerror}.", None, budget)
        return None
    what = f"The model has {number(size / 1e6)} MB; it may have {number(gates.max_mb)} MB."
    board.add(SIZE, "passed" if size <= budget else "failed", what, size, budget)
    return {"bytes": size, "budget_bytes": budget}


def check_onnx(
    board: Board, gates: Gates, file: Path | None, order: list[str], said: Predictions, frame: pd.DataFrame
) -> dict[str, Any] | None:
    """The ONNX file must load, and differ from the MLflow model by no more than allowed in any row."""
    if gates.onnx_difference is None:
        return None
    budget = gates.onnx_difference
    if file is not None and file.is_dir():
        inside = sorted(file.glob("*.onnx"))
        file = inside[0] if len(inside) == 1 else None
    if file is None:
        what = "gates.yml asks for ONNX, and the run has no ONNX file as its output onnx."
        board.add(ONNX, "broken", what, None, budget)
        return None
    try:
        with ModelProcess(file, "onnx", order) as model:
            answer = predictions(model.predict(frame), len(frame), gates, labels_suffice=True)
    except ModelBroken as error:
        board.add(ONNX, "broken", f"The ONNX file ({file.stat().st_size:,} bytes) cannot be used: {error}.")
        return None
    mine, theirs = said.values, answer.values
    if said.kind != answer.kind:  # a probability and a label: compared as labels
        mine, theirs = (mine > 0.5).astype(float), (theirs > 0.5).astype(float)
    difference = float(np.abs(mine - theirs).max())
    what = (
        f"The ONNX file and the MLflow model differ by {number(difference)} at most; "
        f"they may differ by {number(budget)}."
    )
    board.add(ONNX, "passed" if difference <= budget else "failed", what, difference, budget)
    return {"max_difference": difference, "budget": budget}
