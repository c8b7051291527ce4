"""The files of a model folder that decide the result of a run, and their digest.

A run records the digest, so that anyone can tell whether metrics belong to the code that is here now. The
model card, tests, gates and whatever else people write about a model do not count, and neither does data: a
run records its digest by itself. Windows line ends are read as \\n, so that every checkout has one digest.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from mlroad.core.digests import STRAY, files_below, listing_digest

METRICS = "metrics.json"
"""The metrics that a prototype was tagged with (mlroad.promote.prototype_metrics)."""
_ABOUT = frozenset(
    {"MODEL_CARD.md", "TODO.md", METRICS, "provenance.yml", "data.yml", "gates.yml", "waivers.yml",
     "evaluation.py", "inference_tests", "tests", "README.md", "data"}
)  # fmt: skip


def source_files(model: Path) -> Iterator[tuple[str, Path]]:
    """The relative name and the path of each file that counts. Raises OSError."""
    for name, entry in files_below(model):
        parts = name.split("/")
        if parts[0] in _ABOUT or parts[-1] in STRAY:
            continue
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            continue
        yield name, Path(entry.path)


def source_digest(model: Path) -> str:
    """``sha256:…`` of the files that count. Raises OSError."""
    return listing_digest({name: _sha256(path.read_bytes()) for name, path in source_files(model)})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
