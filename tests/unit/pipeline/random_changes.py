"""Random changes to a pipeline, repeatable by seed: a node is deleted, renamed, or set."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mlroad.pipeline.check_repo import check
from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.azure import Answers
from tests.unit.pipeline.mutations import BASE, PIPELINE

SEED = int(os.environ.get("EQUIVALENCE_SEED", "3"))
COUNT = int(os.environ.get("EQUIVALENCE_COUNT", "150"))
FEW = 16
"""azure-ai-ml is asked about every pipeline that we accept, and about this many of those that we reject."""

VALUES: tuple[Any, ...] = (
    None, "", "nonsense", 5, -1, 2.5, True, [], [1], {}, {"nonsense": 1}, "azureml:nonsense", "./nonsense",
    "${" + "{parent.inputs.nonsense}}", "${" + "{parent.jobs.nonsense.outputs.x}}", "pipeline", "command",
    "uri_folder",
    "integer", {"type": "uri_file"}, {"path": "./data"}, {"type": "string", "default": 1},
)  # fmt: skip


def rejections(
    base: Path, answers: Answers, *, component: bool = False
) -> Iterator[tuple[str, bool, bool | None]]:
    """Change the copy ``base`` at random: the change, whether we reject it, and whether azure-ai-ml does.

    With ``component``, each component is checked alone.
    """
    ours = 0
    for said, file, text in changes(BASE, SEED + component, COUNT):
        if component and file.name == PIPELINE:
            continue
        original = (base / file).read_text(encoding="utf-8")
        (base / file).write_text(text, encoding="utf-8", newline="\n")
        name = file if component else Path(PIPELINE)
        rejected = _rejects(base / name, component)
        ours += rejected
        asked = not rejected or ours <= FEW
        yield said, rejected, answers.refuses(base, name, component=component) if asked else None
        (base / file).write_text(original, encoding="utf-8", newline="\n")


def _rejects(file: Path, component: bool) -> bool:
    problems = check([file]) if component else check_pipeline(file)
    # A component without a name can be used, but not registered: a warning.
    severe = {"MR113", "MR119"} if component else set()
    return any(problem.severity == "error" or problem.code in severe for problem in problems)


def changes(folder: Path, seed: int, count: int) -> Iterator[tuple[str, Path, str]]:
    """Yield ``count`` changes to the YAML files of ``folder``: a description, the file and its new text."""
    chance = random.Random(seed)
    files = [folder / "pipeline.yml", *sorted((folder / "components").glob("*.yml"))]
    weights = [6, *[2] * (len(files) - 1)]
    for _ in range(count):
        file = chance.choices(files, weights)[0]
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        said = _change(content, chance)
        yield f"{file.name}: {said}", file.relative_to(folder), yaml.safe_dump(content, sort_keys=False)


def _change(content: dict[str, Any], chance: random.Random) -> str:
    places = list(_places(content, ""))
    parent, key, path = chance.choice(places)
    kind = chance.choice(("delete", "rename", "value", "value", "value", "add"))
    if kind == "delete":
        del parent[key]
        return f"delete {path}"
    if kind == "rename":
        new = chance.choice((f"{key}x", str(key)[:-1] or "x", "nonsense", str(key).upper(), f"{key}-1"))
        items = [(new if name == key else name, value) for name, value in parent.items()]
        parent.clear()
        parent.update(items)
        return f"rename {path} to {new}"
    value = copy.deepcopy(chance.choice(VALUES))
    if kind == "add" and isinstance(parent[key], dict):
        parent[key]["nonsense"] = value
        return f"add {path}.nonsense = {value!r}"
    parent[key] = value
    return f"{path} = {value!r}"


def _places(node: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    for key, value in node.items():
        where = f"{path}.{key}".lstrip(".")
        yield node, key, where
        if isinstance(value, dict):
            yield from _places(value, where)
