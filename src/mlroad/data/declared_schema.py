"""The schema that a version names in its tag ``schema``, and how to set that tag.

Code: MD403 the schema file is missing.
"""

import json
import re
import tempfile
from pathlib import Path

from mlroad.core.files import write_output
from mlroad.core.problems import UserError
from mlroad.data.schema import Schema, load_schema
from mlroad.data.version import DatasetVersion, load_version

DEFAULT = "schema.yml"


def declared_schema(version: DatasetVersion) -> Schema | None:
    """The schema that a version names. Raises UserError if its file is missing or invalid."""
    if version.schema is None:
        return None
    file = version.resolve(version.schema)
    if not file.is_file():
        what = f"{version.id} names the schema {version.schema}, which does not exist."
        fix = f"Restore {file.as_posix()}, or create one: `mlroad dataset schema infer {version.id}`."
        raise UserError(version.problem("MD403", what, fix, "tags.schema"))
    return load_schema(file)


def set_schema(version: DatasetVersion, schema: str) -> None:
    """Set the tag ``schema`` in a version file without changing any other line.

    Raises UserError if no line can be added, for example because all tags are on one line.
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
        raise UserError(what, f"Add this line below tags: {line}")
    write_output(version.file, "".join(lines))


def _says(version: DatasetVersion, text: str, schema: str) -> bool:
    """Whether a text is a valid version file that names the schema."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / version.name / version.file.name
        trial.parent.mkdir()
        trial.write_text(text, encoding="utf-8", newline="\n")
        try:
            return load_version(trial).schema == schema
        except UserError:
            return False
