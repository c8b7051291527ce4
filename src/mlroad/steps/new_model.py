"""`mlroad new`: creates a model folder with a working baseline, completely or not at all."""

import keyword
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from mlroad.core.files import DEVICES
from mlroad.core.problems import UserError
from mlroad.core.text import did_you_mean
from mlroad.steps.components import scalar
from mlroad.steps.sync import sync

_SCAFFOLD = Path(__file__).with_name("scaffold")
KINDS = {
    "regression": ("shared", "rows", "values", "regression"),
    "binary": ("shared", "rows", "labels", "classification", "binary"),
    "multiclass": ("shared", "rows", "labels", "classification"),
    "multilabel": ("shared", "rows", "multilabel"),
    "forecast": ("shared", "forecast"),
    "ranking": ("shared", "rows", "values", "ranking"),
    "text": ("shared", "rows", "values", "text"),
    "classification": ("shared", "rows", "labels", "classification"),
    "text_classification": ("shared", "rows", "labels", "text_classification"),
}
"""The kinds of models (the tasks of gates.yml, then other names), each with its folders of the scaffold."""
CARD = _SCAFFOLD / "shared" / "MODEL_CARD.md"
"""The model card that every new model starts with."""
_PLACEHOLDER = "my_model"
_SCAFFOLD_PYTHON = "python=3.11"
_REFERENCE = re.compile(r"azureml:[\w-]+:\d+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def new_model(
    root: Path, name: str, kind: str = "regression", inputs: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """Create ``root``/models/``name``, a model of one of KINDS, and return it.

    ``inputs`` are values for inputs of its pipeline. Raises UserError for a name that is not valid or is
    taken, before anything is written.
    """

    def write(folder: Path) -> None:
        for part in KINDS[kind]:
            write_part(folder, part, root)
        set_inputs(folder / "pipeline.yml", inputs)

    return create(root, name, write)


def create(root: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Create ``root``/models/``name`` with the files that ``write`` writes, completely or not at all."""
    check_name(name)
    target = root / "models" / name
    if target.exists():
        raise UserError(f"{target} already exists.", "Choose another name, or delete that folder first.")
    try:
        target.parent.mkdir(exist_ok=True)
        # Created next to its final place, so that the last step is a rename on the same disk.
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as temporary:
            folder = Path(temporary) / name
            write(folder)
            sync([folder])
            folder.rename(target)
    except OSError as error:
        what = f"{target} cannot be created: {error.strerror}."
        raise UserError(what, "Check the permissions of models/ and the free disk space.") from error
    return target


def set_inputs(pipeline: Path, inputs: Mapping[str, str]) -> None:
    """Write values into the pipeline.yml of a kind. Raises UserError for an input that it does not have."""
    text = pipeline.read_text(encoding="utf-8")
    head, rest = text.split("\noutputs:\n", 1)
    for name, value in inputs.items():
        shown = value if _REFERENCE.fullmatch(value) else scalar(value)
        line = rf"(?m)^  {re.escape(name)}:(?:\n    type: \w+\n    path:)? (\S.*)$"
        found = re.search(line, head)
        if found is None:
            known = re.findall(r"(?m)^  (\w+):", head.partition("\ninputs:\n")[2])
            fix = did_you_mean(name, known, f"The inputs are {', '.join(known)}.")
            raise UserError(f"--input {name}={value}: there is no input {name}.", fix)
        head = head[: found.start(1)] + shown + head[found.end() :]
    pipeline.write_text(f"{head}\noutputs:\n{rest}", encoding="utf-8", newline="\n")


def write_part(folder: Path, part: str, root: Path) -> None:
    """Write one folder of the scaffold into a model's folder."""
    for source in sorted((_SCAFFOLD / part).rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            copy = folder / source.relative_to(_SCAFFOLD / part)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8").replace(_PLACEHOLDER, folder.name)
            text = text.replace(_SCAFFOLD_PYTHON, f"python={_oldest_python(root)}")
            copy.write_text(text, encoding="utf-8", newline="\n")


def check_name(name: str) -> None:
    """Raises UserError unless ``name`` is valid for a model."""
    if keyword.iskeyword(name) or name in DEVICES or (_NAME.fullmatch(name) and scalar(name) != name):
        raise UserError(f"{name} is a reserved word.", f"Try {name}_model.")
    if _NAME.fullmatch(name):
        return
    suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")[:63]
    fix = "Use lower-case letters, digits and _, and start with a letter"
    fix += f": try {suggestion}." if _NAME.fullmatch(suggestion) else ", such as churn_model."
    raise UserError(f"{name!r} is not a valid model name.", fix)


def _oldest_python(root: Path) -> str:
    """The oldest Python that the repo supports according to pyproject.toml; Azure ML will use it."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        match = re.search(r">=\s*(3\.\d+)", project["project"]["requires-python"])
    except (OSError, ValueError, KeyError, TypeError):
        match = None
    return match[1] if match else "3.11"
