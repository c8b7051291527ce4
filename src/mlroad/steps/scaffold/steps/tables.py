"""What the steps share. All of steps/ travels with each step, so every step may import this module."""

from pathlib import Path

import pandas as pd


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file with its numbers as floats, so that a missing value never changes a column's type."""
    table = pd.read_csv(path)
    numbers = table.select_dtypes("number").columns
    return table.astype(dict.fromkeys(numbers, float))
