"""`mlroad test` over 10,000 golden cases in pyfunc and ONNX Runtime, and the memory of 1,000 and 100,000."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlroad.models.cases import Case
from mlroad.models.suite import CASES, FOLDER, SUITE, file_digest
from mlroad.models.tensors import Tensor
from tests.benchmarks.timing import MLROAD, median, seconds
from tests.unit.models.saved_models import frozen, save_run

RUNTIMES = ("pyfunc", "onnx")
MEMORY = """\
import sys
from pathlib import Path
from mlroad.models.inference_tests import run_tests
assert run_tests(Path("models/made"), None, [sys.argv[1]]).passed
status = Path("/proc/self/status").read_text(encoding="ascii")
print(int(status.split("VmHWM:")[1].split()[0]) / 1e3)
"""


def main() -> None:
    """Print ``name: value (target)`` lines; times are medians of three runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-inference-") as name:
        root = Path(name) / "repo"
        rows = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=["a", "b", "c"])
        model = make_pipeline(StandardScaler(), Ridge()).fit(rows, rows.sum(axis=1))
        save_run(root, "made", model, rows)
        frozen(root, "made")
        _write(root, model, 10_000)
        for runtime in RUNTIMES:
            command = [*MLROAD, "test", "models/made", "--runtime", runtime]
            subprocess.run(command, cwd=root, check=True, capture_output=True)  # exports the model
            took = median(partial(seconds, command, root), runs=3)
            print(f"inference: 10,000 cases in {runtime}: {took:.2f} s (target 3)", flush=True)
        for count in (1_000, 10_000, 100_000):
            _write(root, model, count)
            for runtime in RUNTIMES:
                print(f"inference: {count:,} cases in {runtime}, memory: {_peak(root, runtime):.0f} MB")


def _peak(root: Path, runtime: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, runtime], cwd=root, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _write(root: Path, model: Any, count: int) -> None:
    """Replace the cases by ``count`` golden ones, with their digest in suite.yml."""
    folder = root / "models/made" / FOLDER
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(count, 3)).round(4), columns=["a", "b", "c"])
    answers = model.predict(rows)
    (folder / CASES).write_text("".join(_lines(rows, answers)), encoding="utf-8", newline="\n")
    lines = (folder / SUITE).read_text(encoding="utf-8").splitlines()
    digest = f"cases_digest: {file_digest(folder / CASES)}"
    text = "\n".join(digest if line.startswith("cases_digest") else line for line in lines)
    (folder / SUITE).write_text(text + "\n", encoding="utf-8", newline="\n")


def _lines(rows: pd.DataFrame, answers: Any) -> Iterator[str]:
    for number, (row, answer) in enumerate(zip(rows.to_numpy().tolist(), answers.tolist(), strict=True)):
        inputs = tuple(Tensor(str(name), "FP64", (1, 1), (x,)) for name, x in zip(rows, row, strict=True))
        expected = (Tensor("prediction", "FP64", (1,), (answer,)),)
        yield Case(f"golden-{number:012x}", "golden", inputs, expected).text() + "\n"


if __name__ == "__main__":
    main()
