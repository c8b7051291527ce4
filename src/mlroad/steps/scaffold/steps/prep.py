"""Clean the raw rows and split them into training and test rows."""

import pandas as pd
from step_io import InputFile, OutputFolder, run
from tables import read_table


def prep(raw: InputFile, prepared: OutputFolder, target: str, test_share: float = 0.25) -> None:
    """Clean the raw rows and split them into training and test rows.

    A row's own content decides on which side it falls, so the test rows stay the same when the data grows.
    """
    rows = read_table(raw)
    if target not in rows.columns:
        raise ValueError(f"{raw.name} has no column {target}, only {', '.join(rows.columns)}")
    rows = rows.dropna(subset=[target]).drop_duplicates()
    is_test = pd.util.hash_pandas_object(rows, index=False) < int(test_share * 2**64)
    rows[~is_test].to_csv(prepared / "train.csv", index=False)
    rows[is_test].to_csv(prepared / "test.csv", index=False)
    print(f"{(~is_test).sum()} rows to train on, {is_test.sum()} to test on")


if __name__ == "__main__":
    run(prep)
