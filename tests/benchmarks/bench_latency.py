"""The verdict on latency, on this machine as it is and beside eight busy loops: 20 gates of each model."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import Gates
from mlroad.gate.latency import ask_rows, check_latency, fixed_computation, is_clear
from mlroad.models.model_process import ModelProcess
from tests.unit.gate.toy import saved

ROUNDS = 20
ROWS = 200
LOOPS = 8
COUNT = "self.calls = getattr(self, 'calls', 0) + 1; "
WORK = "sum(range(100_000)); "
GREEN, RED = "passed", "failed"
MODELS = {
    "the same weights": (WORK + "return line", GREEN),
    "a slow first request": (COUNT + WORK + "time.sleep(2 * (self.calls == 2)); return line", GREEN),
    "three times the work": (3 * WORK + "return line", RED),
    "30 ms more": (WORK + "time.sleep(0.03); return line", RED),
    "30 ms more for 1 row of 10": (
        WORK + "time.sleep(0.03 if abs(x1[0] * 7919) % 1 < 0.1 else 0); return line", RED,
    ),
    "30 ms more in 1 of 10, at random": (
        WORK + "time.sleep(0.03 if np.random.rand() < 0.1 else 0); return line", RED,
    ),
    "30 ms more every 8th": (COUNT + WORK + "time.sleep(0.03 * (self.calls % 8 == 0)); return line", RED),
    "waits for the clock every 8th time": (
        f"{COUNT}{WORK}until = time.perf_counter() + 0.03 * (self.calls % 8 == 0)"
        "\n        while time.perf_counter() < until: pass\n        return line",
        RED,
    ),
    "30 ms more in the first 60 requests": (
        COUNT + WORK + "time.sleep(0.03 * (self.calls < 61)); return line", RED,
    ),
    "another clock": ("time.perf_counter = time.time = lambda: 0.0; time.sleep(0.03); return line", RED),
}  # fmt: skip


@dataclass
class _Limits:
    """The keys below `latency` in gates.yml."""

    p95_ms: float
    max_ratio: float | None = None
    machine_ms: float | None = None


def main(loops_of: Sequence[int] = (0, LOOPS)) -> None:
    """Print how many of 20 verdicts were right, with and without the busy loops."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x1": rng.normal(size=ROWS), "x2": rng.normal(size=ROWS)})
    here = float(np.percentile([fixed_computation() for _ in range(50)], 10))
    with tempfile.TemporaryDirectory() as folder:
        stock = Path(folder)
        champion = saved(MODELS["the same weights"][0], stock)
        limits = _Limits(p95_ms=1.5 * _typical_ms(champion, frame), machine_ms=here)
        for name, (body, right) in MODELS.items():
            path = saved(body, stock)
            for loops in loops_of:
                found = _beside(loops, path, champion, frame, limits)
                wrong = [what for result, what in found if result != right]
                print(
                    f"{name}, {loops} busy loops: {len(found) - len(wrong)} of {ROUNDS} {right}", flush=True
                )
                for what in wrong:
                    print(f"  wrong: {what}", flush=True)


def _typical_ms(model: Path, frame: pd.DataFrame) -> float:
    """The milliseconds of an answer to one row. (A fixed limit would prove nothing on a quick machine.)"""
    with ModelProcess(model) as process:
        process.predict(frame)
        timings, _ = ask_rows([process], ROWS)
    return float(np.median(timings.candidate))


def _beside(
    loops: int, path: Path, champion: Path, frame: pd.DataFrame, limits: _Limits
) -> list[tuple[str, str]]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        return [_verdict(path, champion, frame, limits) for _ in range(ROUNDS)]
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _verdict(path: Path, champion: Path, frame: pd.DataFrame, limits: _Limits) -> tuple[str, str]:
    with ModelProcess(path) as mine, ModelProcess(champion) as theirs:
        for model in (mine, theirs):
            model.predict(frame)
        gates = cast("Gates", cast("Any", limits))
        timings, _ = ask_rows([mine, theirs], ROWS, is_clear=partial(is_clear, gates))
    checks = GateChecks()
    check_latency(checks, gates, timings, ROWS, "")
    return checks.found[0].result, checks.found[0].what


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or (0, LOOPS))
