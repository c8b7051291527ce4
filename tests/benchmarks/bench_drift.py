"""How often a comparison calls a column shifted that is not, and how often it finds one that is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from mlroad.data.diff import Diff, compare
from mlroad.data.open_table import open_table
from mlroad.data.sql import TableEngine

SIZES = {50: 150, 1_000: 60, 300_000: 4}
"""Rows of each half, and how many tables are halved."""
LIMIT = 0.01
Generator = np.random.Generator
CLASSES = np.array(["common", "less common", "rare", *(f"very rare {i}" for i in range(9))])
WEIGHTS = np.array([0.7, 0.2, 0.05, *([0.05 / 9] * 9)])


def table(rows: int, random: Generator) -> pd.DataFrame:
    """A table like those of a business: skewed, zeros, heavy tails, classes, ids, dates, correlations."""
    size = random.lognormal(3, 1, rows)
    day = np.sort(random.integers(0, 365, rows))
    customers = random.zipf(1.3, rows) % 20_000
    missing = random.random(rows) < 0.03
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 1_000_000,
            "invoice": [f"INV-{i}" for i in range(rows)],
            "token": [f"{value:016x}" for value in random.integers(0, 2**62, rows)],
            "customer": [f"c{value}" for value in customers],
            "customer_number": customers,
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D"),
            "moment": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(random.integers(0, 3 * 10**7, rows), unit="s"),
            "size": size,
            "price": np.round(size * random.lognormal(1, 0.2, rows), 2),
            "weight": np.where(missing, np.nan, 5 * np.sqrt(size) + random.normal(size=rows)),
            "claim": np.where(random.random(rows) < 0.95, 0.0, random.lognormal(6, 1.5, rows)),
            "wealth": random.pareto(0.8, rows),
            "spread": random.standard_t(1.5, rows),
            "visits": random.poisson(0.3, rows),
            "age": np.clip(random.normal(45, 18, rows), 18, 99).astype(int),
            "fraud": random.random(rows) < 0.01,
            "returned": (random.random(rows) < 0.04 + 0.02 * (size > 30)).astype(int),
            "kind": random.choice(CLASSES, rows, p=WEIGHTS),
            "city": [f"city {value}" for value in random.zipf(1.5, rows) % 400],
            "year": 2020 + random.integers(0, 5, rows),
            "constant": 7,
        }
    )


def compared(before: pd.DataFrame, after: pd.DataFrame) -> Diff:
    """The comparison of two frames as Parquet files."""
    with tempfile.TemporaryDirectory() as folder, TableEngine() as engine, duckdb.connect() as connection:
        files = [Path(folder) / "1.parquet", Path(folder) / "2.parquet"]
        for frame, file in zip((before, after), files, strict=True):
            connection.register("frame", frame)
            connection.execute(f"COPY frame TO '{file}' (FORMAT parquet)")
        tables = [open_table(engine, file, f"x:{i}") for i, file in enumerate(files, 1)]
        return compare(engine, tables[0], tables[1])


def shifted(found: Diff) -> list[str]:
    """The columns that are called shifted."""
    return [column.name for column in found.columns if column.shift.level != "stable"]


def halves(frame: pd.DataFrame, random: Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two random halves, each in the order of the table."""
    order = random.permutation(len(frame))
    middle = len(frame) // 2
    return frame.iloc[np.sort(order[:middle])], frame.iloc[np.sort(order[middle:])]


def tail(frame: pd.DataFrame, random: Generator) -> None:
    """The tail behind 95 % zeros times 100."""
    frame["claim"] *= 100


def outliers(frame: pd.DataFrame, random: Generator) -> None:
    """10 % of the values times 1,000."""
    frame.loc[random.random(len(frame)) < 0.1, "price"] *= 1_000


def positives(frame: pd.DataFrame, random: Generator) -> None:
    """Positives from 1 % to 3 %."""
    frame["fraud"] |= random.random(len(frame)) < 0.02


def ids(frame: pd.DataFrame, random: Generator) -> None:
    """All customers replaced."""
    frame["customer"] = frame["customer"].str.replace("c", "k")


def moved(frame: pd.DataFrame, random: Generator) -> None:
    """A normal column moves by 0.8 standard deviations."""
    frame["age"] = frame["age"] + int(0.8 * 18)


MISSES: dict[str, Callable[[pd.DataFrame, Generator], None]] = {
    "claim": tail, "price": outliers, "fraud": positives, "customer": ids, "age": moved,
}  # fmt: skip


def main() -> None:
    """Print false alarms at each size, the power at 50 rows, and which kinds of change are found."""
    for rows, times in SIZES.items():
        random = np.random.default_rng(rows)
        alarms: list[str] = []
        columns = 0
        for _ in range(times):
            found = compared(*halves(table(2 * rows, random), random))
            alarms += shifted(found)
            columns += len(found.columns)
        print(
            f"drift: {len(alarms)} of {columns} columns of unshifted halves of {rows:,} rows are called"
            f" shifted: {100 * len(alarms) / columns:.2f} % (limit {100 * LIMIT:.0f} %) {' '.join(alarms)}",
            flush=True,
        )
    random = np.random.default_rng(8)
    times, hits = 200, 0
    for _ in range(times):
        before, after = (pd.DataFrame(random.normal(m, 1, (50, 10))) for m in (0.0, 0.8))
        after.columns = before.columns = pd.Index([f"c{i}" for i in range(10)])
        after.iloc[:, 1:] = random.normal(size=(50, 9))
        hits += "c0" in shifted(compared(before, after))
    print(
        f"drift: one column of ten moved by 0.8 standard deviations, 50 rows: found in {hits} of {times}"
        " (Kolmogorov-Smirnov at p = 0.001 finds 47 %)",
        flush=True,
    )
    for rows in (1_000, 5_000, 300_000):
        for name, change in MISSES.items():
            times = 20 if rows < 100_000 else 1
            hits = 0
            for _ in range(times):
                before, after = halves(table(2 * rows, random), random)
                after = after.reset_index(drop=True).copy()
                change(after, random)
                hits += name in shifted(compared(before, after))
            print(f"drift: {change.__doc__} Found in {hits} of {times} tables of {rows:,} rows", flush=True)


if __name__ == "__main__":
    main()
