"""Check the raw measurements and split them into training and test rows."""

import csv
import hashlib
from pathlib import Path

from measurements import FEATURES, TARGET
from step_io import InputFile, OutputFolder, run


def prep(raw: InputFile, prepared: OutputFolder, test_share: float = 0.25) -> None:
    """Check the raw measurements and split them into training and test rows.

    The content of a row decides on which side it falls. So the test rows stay the same when the file grows or
    is sorted differently, and two models are always compared on rows that neither has seen.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share}, and must lie between 0 and 1")
    columns = [*FEATURES, TARGET]
    with raw.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or [])
        if missing:
            raise ValueError(f"{raw.name} lacks the columns {sorted(missing)}")
        rows = [checked(row, columns, line) for line, row in enumerate(reader, start=2)]
    test = [row for row in rows if is_test(row, test_share)]
    train = [row for row in rows if not is_test(row, test_share)]
    write(prepared / "train.csv", columns, train)
    write(prepared / "test.csv", columns, test)
    print(f"{len(train)} rows to train on, {len(test)} to test on")


def checked(row: dict[str, str], columns: list[str], line: int) -> list[str]:
    """The row's values in the order of ``columns``; raises ValueError for one that cannot be."""
    values = [row[column] for column in columns]
    if not all(0 <= float(value) < 1000 for value in values) or row["sex"] not in ("1", "2"):
        raise ValueError(f"line {line} of the raw data holds an impossible value: {row}")
    return values


def is_test(row: list[str], share: float) -> bool:
    """Whether a row belongs to the test set, by the first 32 bits of its SHA-256."""
    digest = hashlib.sha256(",".join(row).encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def write(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


if __name__ == "__main__":
    run(prep)
