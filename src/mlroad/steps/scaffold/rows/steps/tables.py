"""What the steps share. All of steps/ travels with each step, so every step may import this module."""

from pathlib import Path

import pandas as pd


def read_table(path: Path, *texts: str) -> pd.DataFrame:
    """A CSV file with its numbers as floats, so that a missing value never changes a column's type.

    The columns ``texts`` are not read as numbers: the class 1 stays "1" and does not become 1.0.
    """
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    numbers = table.select_dtypes("number").columns
    return table.astype(dict.fromkeys(numbers, float))


def complete_rows(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows that have a value in each of ``columns``, without repeated rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"There is no column {missing[0]}. The columns are {', '.join(table.columns)}.")
    return table.dropna(subset=list(columns)).drop_duplicates()


def write_split(rows: pd.DataFrame, folder: Path, test_share: float) -> None:
    """Write train.csv and test.csv.

    A row's own content decides on which side it falls, so the test rows stay the same when the data grows.
    """
    is_test = pd.util.hash_pandas_object(rows, index=False) < int(test_share * 2**64)
    rows[~is_test].to_csv(folder / "train.csv", index=False)
    rows[is_test].to_csv(folder / "test.csv", index=False)
    print(f"{(~is_test).sum()} rows to train on, {is_test.sum()} to test on")
