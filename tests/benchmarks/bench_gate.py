"""The gate's bootstrap: 10,000 paired resamples of 100,000 rows, for a candidate and a champion.

Metrics of the team's own as well: one value a row, and one for a sample of rows, also with the other columns
of the table.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mlroad.gate.bootstrap import intervals
from mlroad.gate.gates_file import Bootstrap, load_gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.metrics import prepared, value_of
from mlroad.gate.own_measures import measuring
from mlroad.gate.records import ModelAnswers
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
OWN = """import numpy as np
import pandas as pd
from mlroad.evaluation import metric


@metric(direction="lower")
def by_row(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    return abs(truth - answers)


@metric(direction="lower", rows=False)
def by_sample(truth: np.ndarray, answers: np.ndarray) -> float:
    return float(np.std(truth - answers))


@metric(direction="lower", rows=False)
def with_columns(truth: np.ndarray, answers: np.ndarray, rows: pd.DataFrame) -> float:
    return float(np.std((truth - answers)[rows["group"] == "b"]))
"""


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
    for name in ("by_row", "by_sample", "with_columns"):
        _own(name, signal, {"candidate": first, "champion": second})


def _own(name: str, truth: np.ndarray, models: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "evaluation.py").write_text(OWN, encoding="utf-8")
        (folder / "gates.yml").write_text(
            "{task: regression, holdout: azureml:h:1, target: y, champion: optional, decide_by: NAME,"
            " metrics: {NAME: {max_regression: 1}}}".replace("NAME", name),
            encoding="utf-8",
        )
        gates = load_gates(folder / "gates.yml")
        group = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]
        frame = pd.DataFrame({"x": truth, "n": np.arange(ROWS), "group": group, "y": truth})
        table = Holdout("h:1", "sha256:0", frame, Truth(truth))
        answers = {of: ModelAnswers("d", values=values) for of, values in models.items()}
        wall, cpu = time.perf_counter(), time.process_time()
        with measuring(folder, folder, gates, table, answers) as own:
            assert own
            pair = own.measures(name, list(models), np.arange(ROWS))
            intervals({name: pair}, ROWS, Bootstrap())
            theirs = sum(own.spent.values())
        took = time.perf_counter() - wall
        limit = 5 if name == "by_row" else 60
        cpu = time.process_time() - cpu
        processors = f"{cpu:.1f} s of processors here, {theirs:.1f} s in its own processes"
        print(f"own metric {name}: {took:.1f} s (≤ {limit}), {processors}", flush=True)


if __name__ == "__main__":
    main()
