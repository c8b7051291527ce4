"""The gate's bootstrap: 10,000 paired resamples of 100,000 rows, for a candidate and a champion."""

from __future__ import annotations

import os
import statistics
import time

import numpy as np

from mlroad.gate.bootstrap import intervals
from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.metrics import prepared, value_of
from mlroad.gate.tasks.task import Kind, Predictions, Truth
from mlroad.models.metric_names import Task, metric_of

ROWS = 100_000
SETS = (
    ("mae", "rmse", "r2"),
    ("accuracy", "log_loss", "brier"),
    ("f1", "precision", "recall"),
    ("roc_auc",),
    ("roc_auc", "log_loss", "brier", "accuracy", "f1", "precision", "recall"),
)


def main() -> None:
    """Print wall and processor seconds of each set of metrics, point estimates included."""
    rng = np.random.default_rng(5)
    signal = rng.normal(size=ROWS)
    first, second = signal + 0.5 * rng.normal(size=ROWS), signal + 0.52 * rng.normal(size=ROWS)
    classes = (signal > 0.3).astype(float)
    p, q = 1 / (1 + np.exp(-first)), 1 / (1 + np.exp(-second))
    print(f"{ROWS:,} rows, 10,000 resamples, {os.cpu_count()} cores; the median of 3")
    for names in SETS:
        task: Task = "regression" if metric_of(names[0], "regression") else "binary"
        kind: Kind = "value" if task == "regression" else "probability"
        data = (signal, first, second) if task == "regression" else (classes, p, q)
        truth = Truth(data[0])
        models = [Predictions(answers, kind) for answers in data[1:]]
        walls, processor = [], []
        for _ in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            pairs = {name: [prepared(name, task, truth, model) for model in models] for name in names}
            for pair in pairs.values():
                for part in pair:
                    value_of(part, ROWS)
            intervals(pairs, ROWS, Bootstrap())
            walls.append(time.perf_counter() - wall)
            processor.append(time.process_time() - cpu)
        took = f"{statistics.median(walls):.1f} s (≤ 5), {statistics.median(processor):.1f} s of processors"
        print(f"{', '.join(names)}: {took}", flush=True)


if __name__ == "__main__":
    main()
