"""All of `factory check`: the model folders, the settings and the tool itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factory.check.model_rules import check_model
from factory.model import all_models, find_model
from factory.settings import load_settings
from modelkit.problems import Problem, UserError


def check(root: Path, names: Sequence[str] = ()) -> list[Problem]:
    """Every problem of the named models, or of the whole repo. Raises UserError for an unknown name."""
    models = [find_model(root, name) for name in names] or all_models(root)
    found = [problem for model in models for problem in check_model(model)]
    if names:
        return found
    try:
        load_settings(root)
    except UserError as error:
        found += error.problems
    from modelkit.vendored import edited_files

    return found + edited_files(root / "factory")
