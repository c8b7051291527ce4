"""The verdict on latency, on this machine as it is and beside eight busy loops: 20 gates of each model."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import Gates
from mlroad.gate.latency import ask_rows, check_latency, fixed_computation
from mlroad.models.model_process import ModelProcess
from tests.unit.gate.toy import saved

ROUNDS = 20
ROWS = 200
LOOPS = 8
MODELS = {
    "the same weights": "return line",
    "30 ms more": "time.sleep(0.03); return line",
    "30 ms more in one of 10": "time.sleep(0.03 if abs(x1[0] * 7919) % 1 < 0.1 else 0); return line",
}


@dataclass
class _Limits:
    """The keys below `latency` in gates.yml."""

    p95_ms: float
    max_ratio: float | None = None
    machine_ms: float | None = None


def main() -> None:
    """Print how many of 20 verdicts were red, with and without the busy loops."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x1": rng.normal(size=ROWS), "x2": rng.normal(size=ROWS)})
    here = float(np.percentile([fixed_computation() for _ in range(50)], 10))
    with tempfile.TemporaryDirectory() as folder:
        stock = Path(folder)
        champion = saved("sum(range(20_000)); return line", stock)
        for name, body in MODELS.items():
            path = champion if name == "the same weights" else saved(body, stock)
            for loops in (0, LOOPS):
                limits = _Limits(p95_ms=10, max_ratio=1.5, machine_ms=here)
                found = Counter(_beside(loops, path, champion, frame, limits))
                shown = ", ".join(f"{result} {count}" for result, count in sorted(found.items()))
                print(f"{name}, {loops} busy loops: {shown} (of {ROUNDS})", flush=True)


def _beside(loops: int, path: Path, champion: Path, frame: pd.DataFrame, limits: _Limits) -> list[str]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        return [_verdict(path, champion, frame, limits) for _ in range(ROUNDS)]
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _verdict(path: Path, champion: Path, frame: pd.DataFrame, limits: _Limits) -> str:
    with ModelProcess(path) as mine, ModelProcess(champion) as theirs:
        for model in (mine, theirs):
            model.predict(frame)
        timings, _ = ask_rows([mine, theirs], ROWS)
    checks = GateChecks()
    check_latency(checks, cast("Gates", cast("Any", limits)), timings, ROWS, "")
    return checks.found[0].result


if __name__ == "__main__":
    main()
