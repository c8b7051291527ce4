"""Near duplicates between two tables are found, and independent rows are not taken for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlroad.data.near_rows import NearRows, find_near_rows
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table

ROWS = 400


def rows(seed: int, count: int = ROWS, wide: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = {f"x{place}": rng.normal(scale=10.0**place, size=count) for place in range(wide)}
    return pd.DataFrame({**made, "group": rng.choice(["a", "b"], count), "y": rng.normal(size=count)})


def near(first: pd.DataFrame, second: pd.DataFrame, folder: Path, *exact: str) -> NearRows | None:
    with TableEngine() as engine:
        tables = []
        for name, frame in (("first", first), ("second", second)):
            file = folder / f"{name}.csv"
            frame.to_csv(file, index=False)
            engine.run(f"CREATE VIEW {name} AS SELECT * FROM read_csv('{file.as_posix()}')")
            kinds = [Column(column, "DOUBLE", "number") if pd.api.types.is_numeric_dtype(frame[column].dtype)
                     else Column(column, "VARCHAR", "string") for column in frame.columns]  # fmt: skip
            tables.append(Table(name, file, "CSV", (file,), name, tuple(kinds), len(frame)))
        return find_near_rows(engine, tables[0], tables[1], ["y"], exact)


def leak(change: Callable[[pd.DataFrame], pd.DataFrame], folder: Path, share: float = 0.1) -> NearRows | None:
    """Some changed rows of the holdout are in the training data."""
    holdout = rows(1)
    leaked = change(holdout.head(int(share * ROWS)).copy())
    return near(pd.concat([rows(2), leaked]), holdout, folder)


@pytest.mark.parametrize("share", [0.02, 0.1, 1])
@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda its: its.assign(y=0.5), "equal features"),
        (lambda its: its.drop(columns="y"), "equal features"),
        (lambda its: its.round(2), "rounded to 2 decimals"),
        (lambda its: its.round(1).assign(y=1), "rounded to 1 decimals"),
        (lambda its: its.assign(x3=its.x3 * np.random.default_rng(3).normal(size=len(its))), "but for x3"),
        (lambda its: its.assign(x0=0, y=2), "but for x0"),
        (lambda its: its.assign(group="c"), "but for group"),
        (lambda its: its.sample(frac=1, random_state=1), "equal features"),
        (lambda its: its.assign(**{f"x{k}": its[f"x{k}"] * (1 + 1e-9) for k in range(5)}), "rounded"),
        (lambda its: its.assign(**{f"x{k}": its[f"x{k}"] * 1000 for k in range(5)}), "unit"),
        (lambda its: its.assign(group=" " + its.group.str.upper()), "equal features"),
        (
            lambda its: its.assign(x1=its.x1 / 2.54, x3=its.x3 + np.arange(len(its)) + 1),
            "half of their columns",
        ),
    ],
)
def test_near_duplicates(
    change: Callable[[pd.DataFrame], pd.DataFrame], how: str, share: float, tmp_path: Path
) -> None:
    found = leak(change, tmp_path, share)

    assert found
    assert found.count >= 0.9 * share * ROWS
    assert how in found.how


@settings(max_examples=15, deadline=None, derandomize=True)  # one in 10,000 tables is like that by luck
@given(seed=st.integers(0, 1000), coarse=st.booleans(), wide=st.integers(1, 6))
@example(seed=42, coarse=True, wide=3)
@example(seed=234, coarse=True, wide=3)
@example(seed=260, coarse=True, wide=3)
def test_independent_rows(
    seed: int, coarse: bool, wide: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also of whole numbers and few columns, where rows are equal by chance."""
    first, second = rows(seed, wide=wide), rows(seed + 5000, wide=wide)
    if coarse:
        first, second = first.round(0), second.round(0)
    assert near(first, second, tmp_path_factory.mktemp("near")) is None


def test_repeated_measures_of_the_same_units(tmp_path: Path) -> None:
    """Rows of one unit are alike within the training data as well, so they say nothing about a leak."""
    units = rows(1, 100).drop(columns=["y"])
    visits = [units.assign(x4=np.random.default_rng(k).normal(size=100), y=k) for k in range(5)]

    assert near(pd.concat(visits[:4]), visits[4], tmp_path) is None


def test_later_moments_of_the_same_series(tmp_path: Path) -> None:
    """One row of each shop is trained on, and a later one is in the holdout: an honest split in time."""
    shops = rows(1, 100).drop(columns=["y"])
    first, second = (shops.assign(day=20_000.4 + k / 10, y=k) for k in range(2))

    assert near(first, second, tmp_path)
    assert near(first, second, tmp_path, "day") is None
    leaked = near(first.assign(x3=0), first, tmp_path, "day")
    assert leaked
    assert leaked.how == "equal but for x3"
