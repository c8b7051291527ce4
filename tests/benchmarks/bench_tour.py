"""How long `start.py tour` takes with warm caches, and which of its steps take longest."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import seconds
from tests.support import REPO


def main() -> None:
    """Print the time of one tour, and of its four slowest steps."""
    with tempfile.TemporaryDirectory(prefix="bench-tour-") as name:
        folder = Path(name, "tour")
        taken = seconds([sys.executable, REPO / "start.py", "tour", folder])
        steps = json.loads((folder / "tour.json").read_text(encoding="utf-8"))["steps"]
    print(f"tour: {taken:.1f} s (target 180 s)")
    for step in sorted(steps, key=lambda step: -float(step["seconds"]))[:4]:
        print(f"  {step['title']}: {step['seconds']:.1f} s")


if __name__ == "__main__":
    main()
