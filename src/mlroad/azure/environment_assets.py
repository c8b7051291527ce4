"""The environments of the steps, registered under a version that depends on their content.

Azure ML builds an image for each environment version once. Models with the same image and conda file share
it, and a model whose environment/ has not changed since its last training reuses the existing image.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlroad.azure.errors import plain_errors
from mlroad.azure.workspace import Workspace

NAME = "factory"
"""The name of every environment that is registered here; the version is the digest of its content."""
_DIGITS = 16


class Environments:
    """The environments of a workspace. Methods raise AzureError if Azure refuses or fails."""

    def __init__(self, client: Any, workspace: Workspace, tell: Callable[[str], None]) -> None:
        self._client = client
        self._workspace = workspace
        self._tell = tell
        self._known: dict[str, str] = {}

    def use_in(self, job: Any) -> dict[str, str]:
        """Replace the environments that steps describe with registered ones. Returns their names by step.

        A step that names an environment (``azureml:…``) keeps it. So does a step with a Dockerfile, which
        azure-ai-ml names by its content.
        """
        used: dict[str, str] = {}
        for name, holder in _holders(job.jobs):
            environment = holder.environment
            if getattr(environment, "image", None):
                holder.environment = self._registered(environment)
            if isinstance(holder.environment, str):
                used[name] = holder.environment.removeprefix("azureml:")
        return used

    def _registered(self, environment: Any) -> str:
        version = digest(environment.image, environment.conda_file)[:_DIGITS]
        if version not in self._known:
            self._known[version] = self._get_or_create(environment, version)
        return self._known[version]

    def _get_or_create(self, environment: Any, version: str) -> str:
        from azure.ai.ml.entities import Environment
        from azure.core.exceptions import ResourceNotFoundError

        reference = f"azureml:{NAME}:{version}"
        with plain_errors(f"Looking for the environment {NAME}:{version}", self._workspace):
            try:
                self._client.environments.get(NAME, version)
            except ResourceNotFoundError:
                pass
            else:
                self._tell(f"environment {NAME}:{version} exists already")
                return reference
        with plain_errors(f"Registering the environment {NAME}:{version}", self._workspace):
            made = Environment(
                name=NAME, version=version, image=environment.image, conda_file=environment.conda_file
            )
            self._client.environments.create_or_update(made)
        self._tell(f"environment {NAME}:{version} is new: Azure ML builds it before the first step runs")
        return reference


def digest(image: str, conda: Mapping[str, Any] | None) -> str:
    """SHA-256, in hex, of an image and a conda file, without comments and the order of keys."""
    content = {key: value for key, value in (conda or {}).items() if key != "name"}
    return hashlib.sha256(json.dumps([image, content], sort_keys=True).encode()).hexdigest()


def _holders(steps: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The object with the environment of each step, nested steps too: the step itself, or its component."""
    for name, step in steps.items():
        component = getattr(step, "component", None)
        inner = getattr(component, "jobs", None)
        if inner:
            yield from _holders(inner, f"{prefix}{name}.")
        elif getattr(step, "environment", None):
            yield prefix + name, step
        elif getattr(component, "environment", None):
            yield prefix + name, component
