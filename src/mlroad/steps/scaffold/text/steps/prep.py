"""Clean the raw rows and split them into training and test rows."""

from step_io import InputFile, OutputFolder, run
from tables import complete_rows, read_table, write_split


def prep(raw: InputFile, prepared: OutputFolder, target: str, text: str, test_share: float = 0.25) -> None:
    """Keep the rows with a question and an answer, and split them into training and test rows."""
    rows = complete_rows(read_table(raw, target, text), target, text)
    write_split(rows[[text, target]].drop_duplicates(), prepared, test_share)


if __name__ == "__main__":
    run(prep)
