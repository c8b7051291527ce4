"""How long a copy takes, compared with a bare `copier --version`."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from tests.benchmarks.timing import ratio, seconds
from tests.support import clone_template, tool

TARGETS = {"prototype": 1.7, "factory": 2.0}


def main() -> None:
    """Print the ratio for each template."""
    copier = tool("copier")
    with tempfile.TemporaryDirectory() as folder:
        template = clone_template(Path(folder) / "template")
        number = itertools.count()
        for kind, target in TARGETS.items():
            command = [
                copier,
                "copy",
                "--quiet",
                "--defaults",
                "--vcs-ref",
                "HEAD",
                "--data",
                f"template={kind}",
            ]

            def copy(command: list[str] = command) -> float:
                return seconds([*command, template, Path(folder) / f"out{next(number)}"])

            times, copied, bare = ratio(copy, lambda: seconds([copier, "--version"]))
            print(
                f"copier copy, {kind}: {times:.2f} x copier --version (target {target} x); "
                f"{copied:.2f} s beside {bare:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
