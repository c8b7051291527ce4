"""`uv run python -m tests.benchmarks [NAME …]` prints the figures that the issues name."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "copy", "first_run", "guard", "check", "run", "dataset_core", "dataset_diff", "affected",
    "gate", "registry", "pr",
)  # fmt: skip


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}\n")
        return 2
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.bench_{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
