"""`uv run python -m tests.benchmarks [NAME …] [--old FOLDER]` prints the figures that the issues name."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
from itertools import zip_longest
from pathlib import Path

from tests.support import REPO

NAMES = (
    "copy", "first_run", "guard", "check", "run", "dataset_core", "dataset_diff", "dataset_wide", "drift",
    "affected", "gate", "coverage", "bad_candidates", "registry", "pr", "ready", "broken", "secrets",
    "growth", "promote", "latency", "latency_laws", "dotnet", "docs", "fleet", "inference", "tour", "update",
)  # fmt: skip
_FIGURE = re.compile(r": ([\d.]+) (s|ms|x|MB/s|MB|GB/s)\b")


def main() -> None:
    """Run the named benchmarks (default: all)."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Print figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--old", type=Path, help="a checkout of another commit with its .venv, to compare")
    parser.add_argument("--rounds", type=int, default=1, help="with --old: take the best of so many, in turn")
    options = parser.parse_args()
    # Not as `choices`, because argparse compares them with the empty list, too.
    for name in options.names:
        if name not in NAMES:
            parser.error(f"{name} is not one of: {', '.join(NAMES)}")
    for name in options.names or NAMES:
        print(f"== {name}", flush=True)
        if options.old:
            _compare(name, options.old, options.rounds)
        else:
            importlib.import_module(f"tests.benchmarks.bench_{name}").main()


def _compare(name: str, old: Path, rounds: int) -> None:
    """Run a benchmark on both versions in turn, and print the best of each figure beside the old one."""
    outputs = [(_lines(REPO, name), _lines(old, name)) for _ in range(rounds)]
    sides = [
        [min(lines, key=_cost) for lines in zip(*side, strict=True)] for side in zip(*outputs, strict=True)
    ]
    for here, there in zip_longest(*sides, fillvalue=""):
        new, was = _FIGURE.search(here), _FIGURE.search(there)
        times = f"; {float(new[1]) / float(was[1]):.2f} x" if new and was and float(was[1]) else ""
        print(f"new: {here}\nold: {there}{times}", flush=True)


def _cost(line: str) -> float:
    figure = _FIGURE.search(line)
    return (-1 if figure[2].endswith("B/s") else 1) * float(figure[1]) if figure else 0.0


def _lines(checkout: Path, name: str) -> list[str]:
    command = [str(checkout / ".venv/bin/python"), "-m", "tests.benchmarks", name]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return (done.stdout if done.returncode == 0 else f"{done.stdout}failed: {done.stderr}").splitlines()[1:]


if __name__ == "__main__":
    main()
