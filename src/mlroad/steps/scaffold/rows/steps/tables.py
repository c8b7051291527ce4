"""What the steps share. All of steps/ travels with each step, so every step may import this module."""

from pathlib import Path

import pandas as pd


def read_text(path: Path) -> pd.DataFrame:
    """A CSV file as it stands: each value is its text in the file."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_table(path: Path, *texts: str) -> pd.DataFrame:
    """A CSV file with its numbers as floats, so that a missing value never changes a column's type.

    The columns ``texts`` are not read as numbers: the class 1 stays "1" and does not become 1.0.
    Only an empty value is missing in them; in the other columns, NA, None and such words are, too.
    """
    if not path.stat().st_size:
        raise ValueError(f"{path.name} is empty.")
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    numbers = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(numbers, float))
    written = read_text(path) if texts else table
    for name in {*texts} & {*table.columns}:
        table[name] = written[name].where(written[name] != "")
    return table


def complete_rows(table: pd.DataFrame, *columns: str, others: bool = True) -> pd.DataFrame:
    """The rows that have a value in each of ``columns``, without repeated rows, and with the ``others``."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"There is no column {missing[0]}. The columns are {', '.join(table.columns)}.")
    complete = table.dropna(subset=list(columns))
    rows = complete.drop_duplicates() if others else complete[list(columns)].drop_duplicates()
    if len(rows) < len(table):
        lost, repeated = len(table) - len(complete), len(complete) - len(rows)
        print(f"Left out: {lost} rows without {' or '.join(columns)}, {repeated} repeated rows")
    return rows


def write_split(rows: pd.DataFrame, folder: Path, test_share: float) -> None:
    """Write train.csv and test.csv.

    A row's own content decides on which side it falls, so the test rows stay the same when the data grows.
    """
    is_test = pd.util.hash_pandas_object(rows, index=False) < int(test_share * 2**64)
    tested = is_test.sum()
    trained = len(rows) - tested
    if min(trained, tested) < 2:
        raise ValueError(f"{trained} rows to train on and {tested} to test on are too few.")
    rows[~is_test].to_csv(folder / "train.csv", index=False)
    rows[is_test].to_csv(folder / "test.csv", index=False)
    print(f"{trained} rows to train on, {tested} to test on")
