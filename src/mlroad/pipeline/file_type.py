"""Finds out whether a YAML file is a pipeline, a component or a dataset."""

from __future__ import annotations

from typing import Literal

from mlroad.core.yaml_nodes import MapNode, ScalarNode
from mlroad.pipeline.model import DATA_TYPES

Kind = Literal["pipeline", "component", "data"]
_COMPONENT_TYPES = {"command", "parallel", "spark", "import", "automl", "sweep", "data_transfer"}
_JOB_KEYS = {"experiment_name", "compute", "settings", "services", "limits", "environment_variables"}


def file_type(node: MapNode) -> Kind | None:
    """The type of the file, by its schema, its type, and the keys that only a job or a component has."""
    schema = (node.text("$schema") or "").lower()
    kind = (node.text("type") or "").lower()
    if "component.schema" in schema:
        return "component"
    if "pipelinejob" in schema:
        return "pipeline"
    if schema and "job" in schema:
        return None
    if kind == "pipeline" or (not kind and ("jobs" in node.values)):
        return "component" if _is_pipeline_component(node) else "pipeline"
    if kind in DATA_TYPES and "path" in node.values:
        return "data"
    if kind in _COMPONENT_TYPES or (not kind and "command" in node.values):
        # A job outside a pipeline is not supported.
        return None if _JOB_KEYS & node.values.keys() and "name" not in node.values else "component"
    return None


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
