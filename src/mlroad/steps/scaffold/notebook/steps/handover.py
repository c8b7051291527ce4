"""Values that one step hands to the next. Every step may import this module."""

import pickle
from pathlib import Path


def save(folder: Path, **values: object) -> None:
    """Write each value to a file of its own."""
    for name, value in values.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(value))


def load(folder: Path, *names: str) -> list:
    """The values with these names, as `save` wrote them."""
    return [pickle.loads((folder / f"{name}.pkl").read_bytes()) for name in names]
