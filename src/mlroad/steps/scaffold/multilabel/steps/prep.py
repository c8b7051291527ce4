"""Clean the raw rows and split them into training and test rows."""

from step_io import InputFile, OutputFolder, run
from tables import complete_rows, read_table, write_split


def prep(raw: InputFile, prepared: OutputFolder, labels: str, test_share: float = 0.25) -> None:
    """Clean the raw rows and split them into training and test rows."""
    names = [name.strip() for name in labels.split(",")]
    if len(names) < 2:
        raise ValueError(f"labels names only {labels}. For one label, use `mlroad new --kind binary`.")
    write_split(complete_rows(read_table(raw), *names), prepared, test_share)


if __name__ == "__main__":
    run(prep)
