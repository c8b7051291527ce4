"""Time to infer and check the schema of wide tables."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from tests.benchmarks.bench_dataset_diff import measured

TARGETS = {500: 2, 5000: 15}
ROWS = 50


def make(file: Path, columns: int) -> None:
    """Integers, decimals, categories, dates and names in turn."""
    drawn = random.Random(1)
    rows = [",".join(f"c{number}" for number in range(columns))]
    for row in range(ROWS):
        kinds = (
            str(row * 7),
            f"{drawn.random():.4f}",
            "abc"[row % 3],
            f"2026-01-{row % 28 + 1:02}",
            f"n{row}",
        )
        rows.append(",".join(kinds[number % 5] for number in range(columns)))
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    """Print the figures of issue 10 on wide tables."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        (repo / "datasets").mkdir()
        for columns, target in TARGETS.items():
            make(repo / "wide.csv", columns)
            measured(repo, "dataset", "add", f"wide_{columns}", "wide.csv")
            for command in ("infer", "check"):
                wall, cpu, peak = measured(repo, "dataset", "schema", command, f"wide_{columns}:1")
                print(
                    f"dataset schema {command}, {columns} columns x {ROWS} rows: {wall:.1f} s"
                    f" (target {target} s), {peak:.2f} GB; {cpu:.1f} s of processor",
                    flush=True,
                )


if __name__ == "__main__":
    main()
