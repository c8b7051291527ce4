"""Clean the raw rows and split them into training and test rows."""

import pandas as pd
from step_io import InputFile, OutputFolder, run
from tables import complete_rows, read_table


def prep(raw: InputFile, prepared: OutputFolder, target: str, query: str, test_share: float = 0.25) -> None:
    """Clean the raw rows and split them into training and test rows. All rows of a query stay together."""
    rows = complete_rows(read_table(raw, query), target, query)
    is_test = pd.util.hash_pandas_object(rows[query], index=False) < int(test_share * 2**64)
    if is_test.all() or not is_test.any():
        raise ValueError(
            f"{rows[query].nunique()} queries are left, which are too few to train and to test on."
        )
    rows[~is_test].to_csv(prepared / "train.csv", index=False)
    rows[is_test].to_csv(prepared / "test.csv", index=False)
    queries = rows[query].groupby(is_test).nunique()
    print(f"{queries.get(False, 0)} queries to train on, {queries.get(True, 0)} to test on")


if __name__ == "__main__":
    run(prep)
