"""The job: pipeline.yml with the data of a stage, and outputs at known addresses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.azure.client import connect, without_progress
from mlroad.azure.errors import plain_errors
from mlroad.azure.workspace import Workspace
from mlroad.data.version import DatasetVersion


def load(file: Path, data: Mapping[str, DatasetVersion], compute: str) -> Any:
    """An `azure.ai.ml.entities.PipelineJob` of a pipeline.yml, to run on ``compute``."""
    from azure.ai.ml import load_job

    given = {
        f"inputs.{name}": {"type": version.type, "path": f"azureml:{version.id}"}
        for name, version in data.items()
    }
    with without_progress():
        job = load_job(file, params_override=[given])
    job.settings.default_compute = compute
    # A step that Azure ML reuses leaves its outputs where the earlier job wrote them.
    job.settings.force_rerun = True
    for name, step in job.jobs.items():
        # Run history knows a step by its display name.
        if not getattr(step, "display_name", None):
            step.display_name = name
    return job


def step_names(job: Any) -> dict[str, str]:
    """Display name of each step of the job to its name."""
    return {str(step.display_name): name for name, step in job.jobs.items()}


def place_outputs(job: Any, datastore: str, model: str) -> dict[str, str]:
    """Set the address of each output of the job. Returns the addresses by name, without a trailing slash."""
    places: dict[str, str] = {}
    for name in job.outputs:
        places[name] = f"azureml://datastores/{datastore}/paths/factory/{model}/{job.name}/{name}"
        job.outputs[name].path = places[name] + ("" if job.outputs[name].type == "uri_file" else "/")
    return places


def submit(workspace: Workspace, job: Any) -> Any:
    """Submit the job with its code and components. Returns Azure ML's response.

    Raises AzureError if Azure refuses or fails.
    """
    client = connect(workspace, show_progress=True)
    with plain_errors(f"Submitting {job.name}", workspace), without_progress():
        return client.jobs.create_or_update(job)


def portal_url(job: Any, workspace: Workspace) -> str:
    """The page of the job in Azure ML studio."""
    return str(job.studio_url or f"https://ml.azure.com/runs/{job.name}?wsid={workspace.id}")
