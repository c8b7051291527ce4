"""Which schema a version names, and naming one: the tag ``schema`` of a version file.

Code: MD403 the file that a version names is missing.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from mlroad.core import files
from mlroad.core.problems import UserError
from mlroad.data.schema import Schema, load_schema
from mlroad.data.version import DatasetVersion, load_version

DEFAULT = "schema.yml"


def declared_schema(version: DatasetVersion) -> Schema | None:
    """The schema that a version names. Raises UserError if its file is missing or wrong."""
    if version.schema is None:
        return None
    file = version.resolve(version.schema)
    if not file.is_file():
        what = f"{version.id} names the schema {version.schema}, which does not exist."
        fix = f"Restore {file.as_posix()}, or make one: `mlroad dataset schema infer {version.id}`."
        raise UserError(version.problem("MD403", what, fix, "tags.schema"))
    return load_schema(file)


def write_text(file: Path, text: str) -> None:
    """Write a file, completely or not at all. Raises UserError if that is not possible."""
    try:
        files.write_text(file, text)
    except OSError as error:
        raise files.unwritable(file, error, "Check the path and its permissions.") from None


def name_schema(version: DatasetVersion, schema: str) -> None:
    """Write the tag ``schema`` into a version file; every other line of it stays as it is.

    Raises UserError if the file has a form in which no line can be added (tags in one line, say).
    """
    text = version.file.read_text(encoding="utf-8")
    line = f"schema: {json.dumps(schema)}" if not re.fullmatch(r"[\w.-]+", schema) else f"schema: {schema}"
    lines = text.splitlines(keepends=True)
    if number := version.lines.get("tags.schema"):
        indent = lines[number - 1][: len(lines[number - 1]) - len(lines[number - 1].lstrip())]
        lines[number - 1] = f"{indent}{line}\n"
    elif number := version.lines.get("tags"):
        children = [n for name, n in version.lines.items() if name.startswith("tags.")]
        first = lines[min(children) - 1] if children else "  \n"
        indent = first[: len(first) - len(first.lstrip())] or "  "
        lines.insert(number, f"{indent}{line}\n")
    else:
        lines.append(("" if text.endswith("\n") else "\n") + f"tags:\n  {line}\n")
    if not _says(version, "".join(lines), schema):
        what = f"The tag schema cannot be added to {version.file}."
        raise UserError(what, f"Write it below tags yourself: {line}")
    write_text(version.file, "".join(lines))


def _says(version: DatasetVersion, text: str, schema: str) -> bool:
    """Whether a text is a version file that names the schema; tried in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / version.name / version.file.name
        trial.parent.mkdir()
        trial.write_text(text, encoding="utf-8", newline="\n")
        try:
            return load_version(trial).schema == schema
        except UserError:
            return False
