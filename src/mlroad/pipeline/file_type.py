"""Finds out what a YAML file describes: a pipeline, a component, a dataset, or something of another kind."""

import re
from typing import Literal

from mlroad.core.yaml_nodes import MapNode, ScalarNode
from mlroad.pipeline.model import DATA_TYPES

Kind = Literal["pipeline", "component", "data"]
_COMPONENT_TYPES = {"command", "parallel", "spark", "import", "automl", "sweep", "data_transfer"}
_JOB_KEYS = {"experiment_name", "compute", "settings", "services", "limits", "environment_variables"}
_STEP_KEYS = {"component", "command", "trial", "task"}
_SCHEMA = re.compile(r"([a-z0-9]+)(\.schema)?\.json$")
_OTHER_KEYS = {
    # Only these have such a key, whatever their `type` says: a deployment's can be `pipeline`.
    "endpoint_name": "deployment",
    "trigger": "schedule",
    "create_job": "schedule",
    "create_monitor": "schedule",
    "runs-on": "workflow",
}
_OTHER_SCHEMAS = (
    # The first one that the name of the schema contains.
    "deployment", "endpoint", "schedule", "environment", "workspace", "datastore", "compute", "connection",
    "model", "job",
)  # fmt: skip


def schema_name(node: MapNode) -> str:
    """The name of the schema that ``$schema`` states, in lower case: pipelinejob, commandcomponent."""
    found = _SCHEMA.search((node.text("$schema") or "").lower())
    return found[1] if found else ""


def file_type(node: MapNode) -> Kind | None:
    """The type of the file: by its keys and its `type`, which Azure ML reads, then by its `$schema`."""
    kind, schema = (node.text("type") or "").lower(), schema_name(node)
    if other_type(node) is not None:
        return None
    if kind == "pipeline" or (kind not in _COMPONENT_TYPES and _has_steps(node)):
        if schema.endswith("component"):
            return "component"
        return "pipeline" if schema == "pipelinejob" or not _is_pipeline_component(node) else "component"
    if kind in DATA_TYPES and "path" in node.values:
        return "data"
    if schema.endswith("component"):
        return "component"
    if schema == "pipelinejob" and kind not in _COMPONENT_TYPES:
        return "pipeline"
    if kind in _COMPONENT_TYPES or "command" in node.values:
        # A step in a file of its own names a component.
        return None if "component" in node.values else "component"
    return None


def other_type(node: MapNode) -> str | None:
    """What else of Azure ML the file describes, which has rules of its own: a schedule, a deployment …"""
    for key, what in _OTHER_KEYS.items():
        if key in node.values:
            return what
    kind, schema = (node.text("type") or "").lower(), schema_name(node)
    if kind == "pipeline" or _has_steps(node) or schema.endswith("component") or schema == "pipelinejob":
        # Whatever else $schema states: `deployment` alone would be one without its endpoint.
        return "deployment" if "deployment" in schema and "jobs" not in node.values else None
    for what in _OTHER_SCHEMAS:
        if what in schema:
            return "standalone job" if what == "job" else what
    runs = kind in _COMPONENT_TYPES or (not kind and "command" in node.values)
    return "standalone job" if runs and _is_job(node) else None


def _has_steps(node: MapNode) -> bool:
    """Whether `jobs` holds steps of Azure ML; the jobs of a workflow of GitHub or Azure DevOps differ."""
    jobs = node.values.get("jobs")
    if not isinstance(jobs, MapNode):
        return False
    return any(
        isinstance(step, MapNode) and _STEP_KEYS & step.values.keys() and "steps" not in step.values
        for _, _, step in jobs
    )


def _is_job(node: MapNode) -> bool:
    keys = node.values.keys()
    if {"version", "is_deterministic"} & keys:
        return False
    return bool({"compute", "experiment_name"} & keys) or ("name" not in keys and bool(_JOB_KEYS & keys))


def _is_pipeline_component(node: MapNode) -> bool:
    if _JOB_KEYS & node.values.keys():
        return False
    if {"version", "is_deterministic"} & node.values.keys():
        return True
    inputs = node.values.get("inputs")
    if not isinstance(inputs, MapNode) or not inputs.values:
        return "name" in node.values and "experiment_name" not in node.values and "outputs" not in node.values
    return all(
        isinstance(value, MapNode)
        and "path" not in value.values
        and isinstance(value.values.get("type"), ScalarNode)
        for _, _, value in inputs
    )
