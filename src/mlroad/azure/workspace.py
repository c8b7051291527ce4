"""Which Azure ML workspace is meant, and a client for it.

The workspace stands in environment variables (AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and
AZURE_ML_WORKSPACE), or in the config.json that Azure ML's portal hands out, in the repo's folder or its
.azureml/. The variables win, so that CI needs no file. Who you are is for azure-identity to find out
(DefaultAzureCredential): `az login` on a laptop, azure/login in a workflow, a managed identity in Azure.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem, UserError

VARIABLES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")
FILES = (".azureml/config.json", "config.json")
_KEYS = ("subscription_id", "resource_group", "workspace_name")
_HOW = (
    "Download config.json from the workspace's menu in ml.azure.com into the repo's folder, or set "
    f"{', '.join(VARIABLES)}. docs/how-to/azure-datasets.md has both ways."
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """An Azure ML workspace."""

    subscription: str
    group: str
    name: str
    source: str
    """Where it was read, for messages."""

    @property
    def id(self) -> str:
        """Its resource id."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


def find_workspace(root: Path, environment: Mapping[str, str] | None = None) -> Workspace | None:
    """The workspace that is configured for the repo at ``root``; None if there is none.

    Raises UserError if only part of it is set, or the file is not what the portal hands out.
    """
    environment = os.environ if environment is None else environment
    values = [environment.get(name, "").strip() for name in VARIABLES]
    # A subscription alone (azure/login sets it) says nothing about a workspace.
    if all(values):
        subscription, group, name = values
        return Workspace(subscription, group, name, source=f"{VARIABLES[2]} and its fellows")
    if values[2]:
        missing = " and ".join(name for name, value in zip(VARIABLES, values, strict=True) if not value)
        raise UserError(f"AZURE_ML_WORKSPACE is set, and {missing} is not.", "Set all three, or none.")
    for name in FILES:
        found = _from_file(root / name) if (root / name).is_file() else None
        if found:
            return found
    return None


def the_workspace(root: Path) -> Workspace:
    """The workspace of the repo. Raises UserError, with what to do, if there is none."""
    found = find_workspace(root)
    if found is None:
        raise UserError("No Azure ML workspace is configured for this repo.", _HOW)
    return found


def connect(workspace: Workspace, *, show_progress: bool = False) -> Any:
    """An `azure.ai.ml.MLClient`. Nothing is asked of Azure yet.

    ``show_progress`` is for what the client uploads by itself, such as a job's code: without it, azure-ai-ml
    1.35.2 waits for ever when a file fails (see mlroad.azure.storage). Raises UserError if azure-ai-ml is
    not installed.
    """
    try:
        from azure.ai.ml import MLClient

        from mlroad.azure.retry import RETRIES, Patient
    except ImportError as error:
        what = f"The Azure client is not installed (no module {error.name})."
        raise UserError(what, "Run `uv sync --group azure` first.") from None
    _quiet_logs()
    return MLClient(
        credential(),
        workspace.subscription,
        workspace.group,
        workspace.name,
        enable_telemetry=False,
        show_progress=show_progress,
        transport=Patient(note=told_to_people()),
        **RETRIES,
    )


def credential() -> Any:
    """Who you are, for a client of Azure. Nothing is asked yet."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _from_file(file: Path) -> Workspace | None:
    """None for a file that has nothing to do with Azure ML: config.json is a common name."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        line = getattr(error, "lineno", 0)
        raise UserError(
            Problem(Position(file, line), "MD601", f"This is no JSON that can be read: {error}.", _HOW)
        ) from None
    values = [found.get(key) if isinstance(found, dict) else None for key in _KEYS]
    if not any(values):
        return None
    missing = [
        key for key, value in zip(_KEYS, values, strict=True) if not (isinstance(value, str) and value)
    ]
    if missing:
        what = f"It names no workspace: {', '.join(missing)} missing."
        raise UserError(Problem(Position(file), "MD601", what, _HOW))
    subscription, group, name = map(str, values)
    return Workspace(subscription, group, name, source=file.as_posix())


def told_to_people() -> Callable[[str], None]:
    """Tells people on the standard error stream as it is now: uploads are silenced by replacing it."""
    stream = sys.stderr
    return lambda text: print(text, file=stream, flush=True)


def _quiet_logs() -> None:
    """What these libraries log as a warning, our messages say in plain words."""
    for name in ("azure", "azure.identity", "azure.ai.ml", "msal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
