"""Prints the commands that a factory's pr.yml runs for a model, as JSON. Arguments: the file, the model.

The tour runs this with the Python of the factory, which can read YAML.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import yaml

_PROGRAMS = ("uv run ", "uvx ")
"""The other lines are for GitHub: they sign in, copy files for artifacts, and write the comment."""


def commands(workflow: str, model: str, base: str = "main") -> list[str]:
    """The commands in the order of the jobs. Raises ValueError for a variable that is not known here."""
    found = []
    for job in yaml.safe_load(workflow)["jobs"].values():
        for step in job.get("steps", []):
            lines = step.get("run", "").splitlines() if step.get("shell") != "python" else []
            found += [
                _known(line.strip(), model, base) for line in lines if line.strip().startswith(_PROGRAMS)
            ]
    return found


def _known(line: str, model: str, base: str) -> str:
    """A line with its variables filled in, and without the pipe that makes annotations of its output."""
    line = line.partition(" | ")[0].replace("$BASE", base).replace("$MODEL", model)
    line = line.replace(' --run "$RUN"', "")  # the newest run is the default
    if re.search(r"\$|\{\{", line):
        raise ValueError(f"pr.yml has a variable that the tour does not know: {line}")
    return re.sub(r'"([\w./-]+)"', r"\1", line)


if __name__ == "__main__":
    print(json.dumps(commands(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2])))
