"""Clean the raw rows and split them into training and test rows."""

from step_io import InputFile, OutputFolder, run
from tables import complete_rows, read_table, write_split


def prep(raw: InputFile, prepared: OutputFolder, target: str, text: str, test_share: float = 0.25) -> None:
    """Keep the rows with a question and an answer, and split them into training and test rows."""
    table = read_table(raw, text, target)
    write_split(complete_rows(table, text, target, others=False), prepared, test_share)


if __name__ == "__main__":
    run(prep)
