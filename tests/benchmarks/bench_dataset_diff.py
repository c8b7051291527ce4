"""Time and memory to compare two Parquet versions with ten million rows and twenty columns."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb

from tests.benchmarks.timing import MLROAD

ROWS = 10_000_000
SECONDS, GIGABYTES = 20, 4


def make(file: Path, version: int, rows: int = ROWS) -> None:
    """Write a version: 7 integers, 7 measurements, 3 strings, a flag, a date and a time; hard to compress.

    Version 2 has lost 1 % of the rows, gained as many, and has other values in every thousandth row.
    """

    def drawn(column: int) -> str:
        return f"hash(i * 31 + {column})"

    start = (version - 1) * rows // 100
    columns = ["i AS id"]
    columns += [f"({drawn(k)} % {10 ** (k + 1)})::BIGINT AS count_{k}" for k in range(6)]
    for k in range(6, 13):
        moved = f" + {version} * (i % 1000 = 0)::INT" if k < 8 else ""
        value = f"({drawn(k)} % 1000000007) / 1e6{moved}"
        columns.append(f"CASE WHEN {drawn(k)} % 50 = 0 THEN NULL ELSE {value} END AS measure_{k}")
    columns += [
        f"'city ' || ({drawn(13)} % 30) AS city",
        f"'name_' || ({drawn(14)} % 1000000) AS name",
        "md5(i::VARCHAR) AS code",
        f"{drawn(15)} % 2 = 0 AS flag",
        f"DATE '2020-01-01' + ({drawn(16)} % 1500)::INT AS day",
        f"TIMESTAMP '2020-01-01' + INTERVAL (({drawn(17)} % 100000000)::BIGINT) SECOND AS moment",
    ]
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'")
        query = f"SELECT {', '.join(columns)} FROM range({start}, {start + rows}) t(i)"
        connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")


def measured(repo: Path, *arguments: str) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak gigabytes of one `mlroad` process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [*MLROAD, *arguments]
    process = subprocess.Popen(command, cwd=repo, stdout=subprocess.DEVNULL)
    peak = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        # The kernel's high-water mark of this process, read while it runs: `getrusage` would give the largest
        # of all children.
        if status.exists():
            lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
            peak = max(peak, int(lines[0].split()[1]) if lines else 0)
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{arguments} exited with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak / 1e6


def main() -> None:
    """Print seconds and memory of a comparison by key, of whole rows, and of a check against a schema."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        (repo / "datasets").mkdir()
        for version in (1, 2):
            file = repo / "big.parquet"
            make(file, version)
            measured(repo, "dataset", "add", "big", file.name)
        # New versions are hashed again, so this is the cost of a first comparison.
        shutil.rmtree(repo / ".mlroad", ignore_errors=True)
        for what, *arguments in (
            ("by key, with a report", "diff", "big:1", "big:2", "--key", "id", "--html", "out.html"),
            ("as whole rows", "diff", "big:1", "big:2"),
        ):
            wall, cpu, peak = measured(repo, "dataset", *arguments)
            print(
                f"dataset diff, 2 x 10 million rows x 20 columns, {what}: {wall:.1f} s (target {SECONDS} s),"
                f" {peak:.2f} GB (target {GIGABYTES} GB); {cpu:.1f} s of processor",
                flush=True,
            )
        measured(repo, "dataset", "schema", "infer", "big:1", "--key", "id")
        wall, cpu, peak = measured(repo, "dataset", "schema", "check", "big:1")
        print(
            f"dataset schema check of 10 million rows x 20 columns: {wall:.1f} s (no target), {peak:.2f} GB;"
            f" {cpu:.1f} s of processor",
            flush=True,
        )


if __name__ == "__main__":
    main()
