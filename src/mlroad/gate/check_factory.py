"""All of `mlroad check`: the model folders, the settings and the tool itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlroad.core.factory_settings import load_settings
from mlroad.core.problems import Problem, UserError
from mlroad.gate.model_rules import check_model
from mlroad.run.model_folder import all_models, find_model


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
    return found
