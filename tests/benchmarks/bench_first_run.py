"""How long a newcomer waits, with warm caches, from the copy to a finished run of the sample."""

from __future__ import annotations

import itertools
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.timing import MLROAD, median, seconds
from tests.support import clone_template, tool


def main() -> None:
    """Print the total time, and the part of the run spent outside of the steps."""
    with tempfile.TemporaryDirectory() as folder:
        template = clone_template(Path(folder) / "template")
        number = itertools.count()
        own: list[float] = []

        def first_run() -> float:
            project = Path(folder) / f"out{next(number)}"
            copy = [tool("copier"), "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD"]
            taken = seconds([*copy, template, project])
            taken += seconds([*MLROAD, "setup"], project)
            run = seconds([tool("uv"), "run", "--no-sync", "mlroad", "run", "models/diabetes"], project)
            record = json.loads(next((project / ".runs").rglob("run.json")).read_text(encoding="utf-8"))
            own.append(run - busy_seconds(record))
            return taken + run

        print(f"copy to finished run: {median(first_run, runs=3):.1f} s (target 30 s)", flush=True)
        print(f"of which outside the steps: {sorted(own)[len(own) // 2]:.1f} s (target 2 s)", flush=True)


def busy_seconds(record: dict[str, Any]) -> float:
    """The time during which at least one step ran."""
    parse = datetime.fromisoformat
    spans = sorted((parse(step["started"]), parse(step["ended"])) for step in record["steps"].values())
    busy, reached = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(0.0, (end - max(start, reached)).total_seconds())
        reached = max(reached, end)
    return busy


if __name__ == "__main__":
    main()
