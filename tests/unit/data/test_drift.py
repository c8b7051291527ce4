"""Which columns are called shifted: none of two random halves, every real change, no continuation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.data.diff import ColumnDiff, compare
from mlroad.data.diff_findings import findings
from mlroad.data.drift import ROWS
from mlroad.data.open_table import open_table
from mlroad.data.shift_tests import compare_classes, compare_numbers, compare_turnover
from mlroad.data.sql import TableEngine

Column = Callable[[np.random.Generator, int], Any]
KINDS: dict[str, Column] = {
    "normal": lambda random, n: random.normal(size=n),
    "heavy tail": lambda random, n: random.pareto(0.7, n),
    "zeros": lambda random, n: np.where(random.random(n) < 0.95, 0, random.lognormal(6, 2, n)),
    "rounded": lambda random, n: np.round(random.lognormal(0, 1, n), 1),
    "count": lambda random, n: random.poisson(0.2, n),
    "rare": lambda random, n: (random.random(n) < 0.02).astype(int),
    "number": lambda random, n: random.integers(0, 10**9, n),
    "classes": lambda random, n: np.array([f"class {k}" for k in random.zipf(1.5, n) % 30]),
    "ids": lambda random, n: np.array([f"c{k}" for k in random.zipf(1.3, n) % 5_000]),
}


def compared(
    folder: Path, before: pd.DataFrame, after: pd.DataFrame, declared: Mapping[str, str] | None = None
) -> dict[str, ColumnDiff]:
    files = [folder / "1.csv", folder / "2.csv"]
    for frame, file in zip((before, after), files, strict=True):
        frame.to_csv(file, index=False)
    with TableEngine() as engine:
        tables = [open_table(engine, file, f"x:{i}") for i, file in enumerate(files, 1)]
        found = compare(engine, tables[0], tables[1], declared=declared)
    assert all(finding.text for finding in findings(found))
    return {column.name: column for column in found.columns}


def shifted(found: Mapping[str, ColumnDiff]) -> set[str]:
    return {name for name, column in found.items() if column.shift.level != "stable"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [25, 200])
def test_chance_is_as_rare_as_it_claims(kind: str, rows: int) -> None:
    """In two draws of one distribution, p <= 0.05 occurs in at most 5 % of pairs."""
    random = np.random.default_rng(rows)
    times, alarms = 150, 0
    for _ in range(times):
        pair = [KINDS[kind](random, rows) for _ in range(2)]
        if kind in ("classes", "ids"):
            values, where = np.unique(np.concatenate(pair), return_inverse=True)
            counts = [np.bincount(half, minlength=len(values)) for half in np.split(where, 2)]
            evidence = compare_classes(counts[0], counts[1], list(values))
            evidence += compare_turnover(counts[0], counts[1])
        else:
            halves = [np.asarray(half, dtype=float) for half in pair]
            evidence = compare_numbers(halves[0], halves[1], str, are_codes=True)
        alarms += min((1.0, *(found.p * len(evidence) for found in evidence))) <= 0.05
    # Four standard deviations above 5 %.
    assert alarms <= times * 0.05 + 4 * (times * 0.05 * 0.95) ** 0.5


def test_halves_of_a_table_are_stable(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({name: make(random, 3_000) for name, make in KINDS.items()})
    frame["id"], frame["invoice"] = range(3_000), [f"INV-{i}" for i in range(3_000)]
    frame["day"] = pd.date_range("2026-01-01", periods=3_000, freq="7h").strftime("%Y-%m-%d")
    assert shifted(compared(tmp_path, frame[::2], frame[1::2])) == set()
    mixed = frame.sample(frac=1, random_state=4)
    assert shifted(compared(tmp_path, mixed[:1_500], mixed[1_500:])) == set()


def test_what_was_missed_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    rows = 2_000
    before = pd.DataFrame({name: make(random, rows) for name, make in KINDS.items()})
    after = pd.DataFrame({name: make(random, rows) for name, make in KINDS.items()})
    after["zeros"] *= 100
    after.loc[: rows // 10, "rounded"] *= 1_000
    after["rare"] = (random.random(rows) < 0.06).astype(int)
    after["ids"] = "new " + after["ids"]
    after["number"] = after["number"] * 2
    found = compared(tmp_path, before, after)
    assert shifted(found) == {"zeros", "rounded", "rare", "ids", "number"}
    assert "of the values other than 0" in found["zeros"].shift.words
    assert found["zeros"].shift.level == found["rounded"].shift.level == "strongly shifted"
    assert found["ids"].shift.level == "strongly shifted"
    assert found["rare"].shift.words.startswith("1 went from ")


def test_a_move_in_a_small_table_is_found() -> None:
    """Among ten columns, p must be at most 0.001. Kolmogorov-Smirnov alone finds 47 % of these."""
    random = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        before, after = (random.normal(move, 1, 50) for move in (0.0, 0.8))
        (evidence,) = compare_numbers(before, after, str, are_codes=False)
        hits += evidence.p <= 0.001
    assert hits >= 94


def month(rows: int = 5_900) -> pd.DataFrame:
    days = pd.date_range("2026-01-01", periods=59).repeat(rows // 59)
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "id": range(rows),
            "day": days.strftime("%Y-%m-%d"),
            "moment": [
                f"{day} {i % 24:02}:{i % 60:02}:00" for i, day in enumerate(days.strftime("%Y-%m-%d"))
            ],
            "index": np.arange(rows) // 100,
            "invoice": [f"INV-{i}" for i in range(rows)],
            "sold": random.poisson(9, rows),
        }
    )


@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_monthly_append_continues(tmp_path: Path, is_sorted: bool) -> None:
    frame = month() if is_sorted else month().sample(frac=1, random_state=8)
    found = compared(tmp_path, frame[frame["id"] < 3_100], frame)
    assert shifted(found) == set()
    assert found["day"].shift.words == "continues: 2026-02-01 to 2026-02-28 are new"
    assert found["id"].shift.words == "continues: 3,100 to 5,899 are new"


def test_the_next_month_alone_continues_too(tmp_path: Path) -> None:
    frame = month()
    found = compared(tmp_path, frame[:3_100], frame[3_100:])
    assert shifted(found) == {"invoice"}
    assert found["invoice"].shift.level == "shifted"
    assert "none of the 3,100 values before is left" in found["invoice"].shift.words


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("id", lambda ids: ids * 1_000),
        ("id", lambda ids: -ids),
        ("day", lambda days: days.str.replace("2026-02", "2206-02")),
        ("day", lambda days: days.str.replace("2026-0", "2025-0")),
        ("index", lambda numbers: numbers * 50),
    ],
)
def test_what_does_not_continue_has_shifted(
    tmp_path: Path, column: str, change: Callable[[pd.Series], pd.Series]
) -> None:
    frame = month()
    after = frame.copy()
    after[column] = change(after[column])
    assert column in shifted(compared(tmp_path, frame[:3_100], after))


def test_a_shorter_version_of_a_continuing_column_is_no_shift(tmp_path: Path) -> None:
    """Rows are counted elsewhere: their numbers say nothing more."""
    frame = month()
    found = compared(tmp_path, frame, frame[:3_100])
    assert shifted(found) == set()
    assert found["id"].shift.words == "continues, but ends earlier: 3,100 to 5,899 are gone"


def test_lost_rows_of_a_continuing_column_are_found(tmp_path: Path) -> None:
    frame = month()
    after = frame[(frame["index"] < 5) | (frame["index"] > 20)]
    assert "day" in shifted(compared(tmp_path, frame[:3_100], after))


def test_a_declared_column_is_not_judged(tmp_path: Path) -> None:
    before, after = (pd.DataFrame({"warm": np.arange(200) + move, "x": range(200)}) for move in (0, -100))
    found = compared(tmp_path, before, after, {"warm": "seasonal"})
    assert shifted(found) == set()
    assert (found["warm"].shift.size, found["warm"].shift.words) == (0.5, "seasonal")
    assert shifted(compared(tmp_path, before, after)) == {"warm"}


def test_a_large_table_is_sampled_the_same_each_time(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    frame = pd.DataFrame({"v": random.normal(size=3 * ROWS), "rare": random.random(3 * ROWS) < 0.0002})
    after = frame.assign(v=frame["v"] + 0.4, rare=random.random(3 * ROWS) < 0.001)
    runs = [compared(tmp_path, frame, after) for _ in range(2)]
    assert shifted(runs[0]) == {"v", "rare"}
    assert [run["v"].shift for run in runs] == [runs[0]["v"].shift] * 2


def test_extreme_values_are_compared(tmp_path: Path) -> None:
    before = pd.DataFrame({"v": [1e308, -1e308, 0.0, 1.5] * 20, "one": [1.0] * 80})
    after = pd.DataFrame({"v": [1e308, -1e308, 5.0, 1.5] * 20, "one": [float("inf")] * 79 + [2.0]})
    assert "v" in shifted(compared(tmp_path, before, after))
