"""Time processes in turn, so that a ratio holds when the machine's speed drifts."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MLROAD = [sys.executable, "-m", "mlroad"]


def seconds(command: Sequence[str | Path], cwd: Path | None = None) -> float:
    """Wall seconds of one run of a program. A run that fails is an error."""
    # Without bytecode files, the time would include compiling the libraries.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    words = [str(part) for part in command]
    started = time.perf_counter()
    result = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if result.returncode:
        raise SystemExit(f"{command} exited with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return taken


def median(measure: Callable[[], float], runs: int = 5) -> float:
    """The median of several runs, after one that is not counted."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def ratio(
    measure: Callable[[], float], beside: Callable[[], float], runs: int = 7
) -> tuple[float, float, float]:
    """The median ratio of pairs run in turn, with the two medians in seconds."""
    measure(), beside()
    pairs = [(measure(), beside()) for _ in range(runs)]
    return (
        statistics.median(a / b for a, b in pairs),
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
    )
