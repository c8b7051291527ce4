"""The job: pipeline.yml as it stands, with the data of a stage, and outputs where they can be fetched."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.azure.errors import plain_errors
from mlroad.azure.workspace import Workspace, connect
from mlroad.data.version import DatasetVersion


def load(file: Path, data: Mapping[str, DatasetVersion], compute: str) -> Any:
    """An `azure.ai.ml.entities.PipelineJob` of a pipeline.yml, to run on ``compute``."""
    from azure.ai.ml import load_job

    given = {
        f"inputs.{name}": {"type": version.type, "path": f"azureml:{version.id}"}
        for name, version in data.items()
    }
    with quiet():
        job = load_job(file, params_override=[given])
    job.settings.default_compute = compute
    # A step that Azure reuses leaves its outputs where the earlier job had put them.
    job.settings.force_rerun = True
    for name, step in job.jobs.items():
        # Run history calls a step by its display name. Without one of its own, it is the step's.
        if not getattr(step, "display_name", None):
            step.display_name = name
    return job


def step_names(job: Any) -> dict[str, str]:
    """From the display name of each step of the job to its name."""
    return {str(step.display_name): name for name, step in job.jobs.items()}


def place_outputs(job: Any, datastore: str, model: str) -> dict[str, str]:
    """Say where each output of the job goes: by name, its address, without a slash at its end."""
    places: dict[str, str] = {}
    for name in job.outputs:
        places[name] = f"azureml://datastores/{datastore}/paths/factory/{model}/{job.name}/{name}"
        job.outputs[name].path = places[name] + ("" if job.outputs[name].type == "uri_file" else "/")
    return places


def submit(workspace: Workspace, job: Any) -> Any:
    """Submit the job, with the code and components that it needs; what Azure says of it.

    Raises AzureError if Azure refuses or fails.
    """
    client = connect(workspace, show_progress=True)
    with plain_errors(f"Submitting {job.name}", workspace), quiet():
        return client.jobs.create_or_update(job)


def portal(job: Any, workspace: Workspace) -> str:
    """The job's page."""
    return str(job.studio_url or f"https://ml.azure.com/runs/{job.name}?wsid={workspace.id}")


@contextlib.contextmanager
def quiet() -> Any:
    """The client writes progress bars and notes on experimental classes to the error stream."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield
