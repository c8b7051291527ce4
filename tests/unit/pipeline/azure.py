"""Validates a file with azure-ai-ml, offline: its loader and its (private) validation. Nothing is sent.

azure-ai-ml takes a quarter of a second for each file, so its answers about the hundreds of files of our tests
are recorded, by the content of the files. It is asked about files that changed, about everything if its own
version changed, and about every 32nd file, to show that the record is true.
`python -m tests.unit.pipeline.compare_azure --write` renews it.
"""

from __future__ import annotations

import json
import logging
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of

RECORD = Path(__file__).parent / "data" / "azure_answers.json"


class Answers:
    """Whether azure-ai-ml refuses a file, from the record if it is there."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.version = version("azure-ai-ml")
        self._known: dict[str, bool] = known["refused"] if known["version"] == self.version else {}
        self.used: dict[str, bool] = {}

    def refuses(self, folder: Path, name: str | Path, *, component: bool = False) -> bool:
        """Whether azure-ai-ml refuses this file of the folder. All files of the folder may matter."""
        key = f"{digest_of(folder).removeprefix('sha256:')[:32]} {Path(name).as_posix()}"
        key += " component" if component else ""
        if key not in self._known or key < "08":
            asked = bool(azure_errors(folder / name, component=component))
            assert self._known.get(key, asked) == asked, f"{RECORD} is wrong about {key}"
            self._known[key] = asked
        self.used[key] = self._known[key]
        return self._known[key]

    def write(self) -> None:
        """Replace the record with what was used."""
        found = {"version": self.version, "refused": dict(sorted(self.used.items()))}
        RECORD.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8", newline="\n")


def recorded() -> Answers:
    """The answers of the record."""
    return Answers(json.loads(RECORD.read_text(encoding="utf-8")))


def azure_errors(file: Path, *, component: bool = False) -> list[str]:
    """azure-ai-ml's errors for a pipeline job or a component, as users see them. Empty if it is valid."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # azure-ai-ml's own use of marshmallow
            from azure.ai.ml import load_component, load_job

            loaded = load_component(file) if component else load_job(file)
            result = loaded._validate()
    except Exception as error:  # azure-ai-ml raises TypeError, AttributeError … on bad files
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]
    finally:
        logging.disable(logging.NOTSET)
    return [f"{path}: {message}" for path, message in result.error_messages.items()]
