"""How long `mlroad ready` takes as a process: the sample, and a model in a repo with a long history."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from tests.benchmarks.timing import MLROAD, median
from tests.support import clone_template, git, render

FILES, COMMITS, OWN = 5_000, 2_000, 200
"""Files and commits of the large repo, and how many of the commits change the model."""


def main() -> None:
    """Print ``name: value (target)`` lines; medians of five runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-ready-") as name:
        repo = render(clone_template(Path(name, "template")), Path(name, "demo"), project_name="demo")
        sample = median(lambda: _ready(repo))
        make_history(repo)
        large = median(lambda: _ready(repo))
    print(f"ready: the sample: {sample:.2f} s (target 1.0)")
    print(f"ready: {FILES} files, {COMMITS} commits, {OWN} of the model: {large:.2f} s (target 2.0)")


def _ready(repo: Path) -> float:
    """Wall seconds. Something is left, so the exit code is 1."""
    started = time.perf_counter()
    done = subprocess.run([*MLROAD, "ready", "models/diabetes"], cwd=repo, capture_output=True, check=False)
    assert done.returncode == 1, done
    return time.perf_counter() - started


def make_history(repo: Path) -> None:
    """Add many files and commits, all at once."""
    lines = []
    for number in range(COMMITS):
        lines.append(
            f"commit refs/heads/main\ncommitter A <a@example.invalid> {1_700_000_000 + number} +0000"
        )
        message = f"Change {number}"
        lines.append(f"data {len(message)}\n{message}")
        if number == 0:
            lines.append("from refs/heads/main^0")
        files = [f"notes/{number}/{part}.txt" for part in range(FILES // COMMITS + 1)]
        if number % (COMMITS // OWN) == 0:
            files.append("models/diabetes/steps/notes.py")
        for file in files:
            text = f"# {number} of {file}\nvalue = {number}\n"
            lines.append(f"M 100644 inline {file}\ndata {len(text)}\n{text}")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repo, input="\n".join(lines) + "\n", text=True, check=True
    )
    git(repo, "reset", "--quiet", "--hard", "main")


if __name__ == "__main__":
    main()
