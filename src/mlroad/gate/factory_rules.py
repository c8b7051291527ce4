"""The checks that `mlroad check` adds in a model factory: model folders and factory.yml."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mlroad.core.factory_settings import load_settings
from mlroad.core.problems import Problem, UserError
from mlroad.core.repo import find_root, is_factory, is_model
from mlroad.gate.model_rules import check_model
from mlroad.pipeline.repo_index import RepoIndex, absolute
from mlroad.run.model_folder import ModelFolder, all_models


def check_factory(paths: Iterable[Path]) -> list[Problem]:
    """All problems of the factories and factory models in ``paths``; other paths have none."""
    shown = RepoIndex(Path()).shown
    return [
        replace(problem, at=replace(problem.at, file=shown(problem.at.file)))
        for path in map(absolute, paths)
        for problem in (_check_model(path) if is_model(path) else _check_repo(path))
    ]


def _check_repo(root: Path) -> Iterable[Problem]:
    if not is_factory(root):
        return
    for model in all_models(root):
        yield from check_model(model)
    try:
        load_settings(root)
    except UserError as error:
        yield from error.problems


def _check_model(folder: Path) -> Iterable[Problem]:
    root = find_root(folder.parent)  # the model itself may hold a pyproject.toml
    if root and is_factory(root) and folder.parent == root / "models":
        yield from check_model(ModelFolder(root, folder.name))
