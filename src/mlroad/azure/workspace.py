"""The Azure ML workspace of a repo.

It is named by environment variables (AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and AZURE_ML_WORKSPACE), or
by the config.json that Azure ML studio offers for download, in the repo's folder or in its .azureml/. The
variables take precedence, so CI needs no file.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Position, Problem, UserError

VARIABLES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")
FILES = (".azureml/config.json", "config.json")
_KEYS = ("subscription_id", "resource_group", "workspace_name")
_HOW = (
    "Download config.json from the workspace menu of ml.azure.com to the repo's folder, or set "
    f"{', '.join(VARIABLES)}. `mlroad help how-to/azure-datasets` has both ways."
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """An Azure ML workspace."""

    subscription: str
    group: str
    name: str
    source: str
    """Where the names come from, for messages."""

    @property
    def id(self) -> str:
        """Its Azure resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


def find_workspace(root: Path) -> Workspace | None:
    """The workspace that is configured for the repo at ``root``; None if there is none.

    Raises UserError if only some of the variables are set, or the file is not a valid config.json.
    """
    values = [os.environ.get(name, "").strip() for name in VARIABLES]
    # A subscription alone (azure/login sets it) says nothing about a workspace.
    if all(values):
        subscription, group, name = values
        return Workspace(subscription, group, name, source=f"{VARIABLES[2]} and the other two variables")
    if values[2]:
        missing = " and ".join(name for name, value in zip(VARIABLES, values, strict=True) if not value)
        raise UserError(
            f"AZURE_ML_WORKSPACE is set, but {missing} is not.", "Set all three variables, or none."
        )
    for name in FILES:
        found = _from_file(root / name) if (root / name).is_file() else None
        if found:
            return found
    return None


def the_workspace(root: Path) -> Workspace:
    """The workspace of the repo. Raises UserError if there is none."""
    found = find_workspace(root)
    if found is None:
        raise UserError("No Azure ML workspace is configured for this repo.", _HOW)
    return found


def _from_file(file: Path) -> Workspace | None:
    """The workspace of a config.json; None if it is not for Azure ML: the file name is common."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        line = getattr(error, "lineno", 0)
        raise UserError(
            Problem(Position(file, line), "MD601", f"This is not valid JSON: {error}.", _HOW)
        ) from None
    values = [found.get(key) if isinstance(found, dict) else None for key in _KEYS]
    if not any(values):
        return None
    missing = [
        key for key, value in zip(_KEYS, values, strict=True) if not (isinstance(value, str) and value)
    ]
    if missing:
        what = f"It does not name a workspace: {', '.join(missing)} missing."
        raise UserError(Problem(Position(file), "MD601", what, _HOW))
    subscription, group, name = map(str, values)
    return Workspace(subscription, group, name, source=file.as_posix())
