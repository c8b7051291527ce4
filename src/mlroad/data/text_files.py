"""Text files of tables, compressed or not."""

import gzip
from pathlib import Path
from typing import BinaryIO, cast

LONGEST_LINE = 16_000_000
"""The longest line in bytes; the buffers of the engine grow with it."""


def open_bytes(file: Path) -> BinaryIO:
    """The content of a file, decompressed if its name ends with .gz."""
    return cast("BinaryIO", gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")
