"""The schemas: the keys that a pipeline job, a component and a step may have, and their values.

Taken from azure-ai-ml 1.35.2 (pipelineJob, commandComponent, pipelineComponent). ``unknown`` follows what its
loader does with a key it does not know: reject it, or pass it on unread.
"""

from typing import Literal

from mlroad.core.yaml_nodes import MapNode, Node
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.model import DATA_TYPES, LITERAL_TYPES
from mlroad.pipeline.schema_checks import (
    Kind,
    Shape,
    anything,
    at_least,
    bindable,
    boolean,
    either,
    given,
    integer,
    list_of,
    map_of,
    mapping,
    matching,
    one_of,
    text,
    variables,
    version,
)

UNSUPPORTED_STEPS = ("automl", "data_transfer", "import", "parallel", "spark", "sweep")
CONTROL_FLOW = ("do_while", "if_else", "parallel_for")
OTHER_STEPS = (
    *UNSUPPORTED_STEPS,
    *CONTROL_FLOW,
    "finetuning",
    "promptflow_parallel",
    "flow_parallel",
    "image_generation",
)
STEP_TYPES = ("command", "pipeline", *OTHER_STEPS)

PORT_TYPES = ("path", *DATA_TYPES)
_PORT_MODES = (
    "mount",
    "download",
    "upload",
    "ro_mount",
    "rw_mount",
    "eval_mount",
    "eval_download",
    "direct",
    "link",
)
INPUT_MODES = ("download", "ro_mount", "eval_mount", "eval_download", "direct")
OUTPUT_MODES = ("mount", "upload", "rw_mount", "direct")

_WRITTEN_BY_AZURE = (
    "id",
    "creation_context",
    "latest_version",
    "status",
    "log_files",
    "$schema",
    "resource_id",
)
_TAGS = map_of(text, empty_allowed=True)


_COUNT = at_least(1)


def _resources(*, bound: bool) -> dict[str, Kind]:
    number, words = (bindable(_COUNT), bindable(text)) if bound else (_COUNT, text)
    memory = matching(r"\d+(\.\d+)?[bkmgBKMG]?", "a size such as 2g", "Write a number and b, k, m or g.")
    return {
        "instance_count": number,
        "instance_type": words,
        "properties": mapping,
        "locations": list_of(text),
        "shm_size": bindable(memory) if bound else memory,
        "max_instance_count": number,
        "docker_args": either(words, list_of(text)),
    }


_DISTRIBUTIONS = {
    "mpi": {"process_count_per_instance": bindable(_COUNT)},
    "pytorch": {"process_count_per_instance": bindable(_COUNT)},
    "tensorflow": {"parameter_server_count": bindable(at_least(0)), "worker_count": bindable(_COUNT)},
    "ray": {
        "port": bindable(integer),
        "address": text,
        "include_dashboard": boolean,
        "dashboard_port": bindable(integer),
        "head_node_additional_args": text,
        "worker_node_additional_args": text,
    },
}
_DISTRIBUTION_KEYS = {key: kind for keys in _DISTRIBUTIONS.values() for key, kind in keys.items()}
_DISTRIBUTION = {"type": one_of(*_DISTRIBUTIONS), **_DISTRIBUTION_KEYS}


def _distribution(*, unknown: Literal["error", "warning"]) -> Kind:
    """Each type of distribution has its own keys; Azure ML ignores or rejects those of another type."""
    shape = Shape("distribution", _DISTRIBUTION, unknown=unknown, required=("type",))
    of_type = {
        name: Shape(f"The distribution {name}", {"type": text, **keys}, unknown=unknown)
        for name, keys in _DISTRIBUTIONS.items()
    }

    def check(node: Node, name: str, out: Findings) -> None:
        kind = (node.text("type") or "").lower() if isinstance(node, MapNode) else ""
        of_type.get(kind, shape)(node, name, out)

    return check


DISTRIBUTION, STEP_DISTRIBUTION = _distribution(unknown="warning"), _distribution(unknown="error")
LIMITS = Shape("limits", {"timeout": bindable(_COUNT)})
QUEUE = Shape(
    "queue_settings",
    {
        "job_tier": bindable(one_of("spot", "basic", "standard", "premium", "null")),
        "priority": bindable(one_of("low", "medium", "high")),
    },
)
IDENTITY = Shape(
    "identity",
    {
        "type": one_of("managed", "managed_identity", "aml_token", "user_identity"),
        "client_id": text,
        "object_id": text,
        "msi_resource_id": text,
        "resource_id": text,
    },
)
SERVICE = Shape(
    "a service",
    {
        "type": one_of(
            "ssh", "jupyter_lab", "tensor_board", "vs_code", "custom", "tracking", "studio", "raydashboard"
        ),
        "port": bindable(at_least(1)),
        "nodes": one_of("all"),
        "properties": mapping,
        "log_dir": text,
        "ssh_public_keys": text,
        "job_service_type": text,
    },
    silent=("endpoint", "status", "error_message"),
)
ENVIRONMENT = Shape(
    "environment",
    {
        "name": text,
        "version": version,
        "description": text,
        "tags": mapping,
        "image": text,
        "conda_file": either(mapping, text),
        "build": Shape("build", {"path": text, "dockerfile_path": text}),
        "inference_config": mapping,
        "os_type": one_of("linux", "windows"),
        "datastore": text,
        "properties": mapping,
        "auto_delete_setting": mapping,
    },
    silent=(*_WRITTEN_BY_AZURE, "intellectual_property"),
)

# A component's declared inputs and outputs.
LITERAL_PORT = Shape(
    "This input",
    {
        "type": one_of(*LITERAL_TYPES, any_case=False),
        "optional": boolean,
        "default": anything,
        "description": text,
        "min": anything,
        "max": anything,
        "enum": list_of(text),
    },
)
DATA_PORT = Shape(
    "This input",
    {
        "type": one_of(*PORT_TYPES, any_case=False),
        "optional": boolean,
        "default": anything,
        "description": text,
        "mode": one_of(*_PORT_MODES, any_case=False),
    },
)
OUTPUT_PORT = Shape(
    "This output",
    {
        "type": one_of(*PORT_TYPES, *LITERAL_TYPES, any_case=False),
        "description": text,
        "mode": one_of(*_PORT_MODES, any_case=False),
    },
    silent=("early_available", "is_control"),
)

# The value of an input, and the settings of an output, in a job or a step.
GIVEN_INPUT = Shape(
    "This input",
    {
        "type": bindable(one_of(*DATA_TYPES)),
        "path": text,
        "mode": bindable(one_of(*INPUT_MODES)),
        "path_on_compute": text,
        "datastore": text,
    },
)
GIVEN_VALUE = Shape("This input", {"value": anything})
JOB_OUTPUT = Shape(
    "This output",
    {
        "type": one_of(*DATA_TYPES),
        "path": text,
        "mode": one_of(*OUTPUT_MODES),
        "name": text,
        "version": version,
    },
    silent=("$schema",),
)
GIVEN_OUTPUT = Shape(
    "This output",
    {**JOB_OUTPUT.keys, "type": bindable(JOB_OUTPUT.keys["type"]), "mode": bindable(JOB_OUTPUT.keys["mode"])},
    silent=JOB_OUTPUT.silent,
)

SETTINGS = Shape(
    "settings",
    {
        "default_compute": text,
        "default_datastore": text,
        "continue_on_step_failure": boolean,
        "force_rerun": boolean,
    },
    unknown="warning",
    silent=("on_init", "on_finalize", "$schema"),
)
_JOB: dict[str, Kind] = {
    "$schema": text,
    "type": anything,
    "name": text,
    "display_name": text,
    "description": text,
    "tags": _TAGS,
    "properties": _TAGS,
    "experiment_name": text,
    "compute": text,
    "services": map_of(SERVICE),
    "identity": IDENTITY,
}
PIPELINE_JOB = Shape(
    "A pipeline job",
    {
        **_JOB,
        "settings": SETTINGS,
        "inputs": anything,
        "outputs": anything,
        "jobs": anything,
        "component": anything,
    },
    silent=_WRITTEN_BY_AZURE,
)
_COMPONENT: dict[str, Kind] = {
    "$schema": text,
    "type": anything,
    "name": text,
    "version": anything,
    "display_name": text,
    "description": text,
    "tags": mapping,
    "is_deterministic": boolean,
    "inputs": anything,
    "outputs": anything,
    "auto_delete_setting": mapping,
}
COMMAND_COMPONENT = Shape(
    "A command component",
    {
        **_COMPONENT,
        "command": text,
        "code": text,
        "environment": given,
        "resources": Shape("resources", _resources(bound=False), unknown="warning"),
        "distribution": DISTRIBUTION,
        "properties": mapping,
        "additional_includes": list_of(text),
        "queue_settings": QUEUE,
    },
    unknown="warning",
    required=("command", "environment"),
    silent=(*_WRITTEN_BY_AZURE, "intellectual_property"),
)
PIPELINE_COMPONENT = Shape(
    "A pipeline component",
    {**_COMPONENT, "jobs": anything},
    unknown="warning",
    silent=(*_WRITTEN_BY_AZURE, "intellectual_property"),
)
STEP_RESOURCES = Shape("resources", _resources(bound=True))
_STEP: dict[str, Kind] = {
    "$schema": text,
    "type": anything,
    "name": anything,
    "display_name": anything,
    "experiment_name": anything,
    "description": anything,
    "tags": anything,
    "comment": bindable(text),
    "properties": bindable(_TAGS),
    "inputs": anything,
    "outputs": anything,
    "compute": text,
    "identity": IDENTITY,
    "resources": STEP_RESOURCES,
    "environment": given,
    "environment_variables": bindable(variables),
    "distribution": STEP_DISTRIBUTION,
    "limits": LIMITS,
    "services": map_of(SERVICE),
    "queue_settings": QUEUE,
    "is_deterministic": anything,
}
STEP_KEYS = dict.fromkeys(_STEP, anything)
COMPONENT_STEP = Shape(
    "A step", {**_STEP, "component": anything, "command": anything, "code": anything}, unknown="warning"
)
PIPELINE_STEP = Shape(
    "A pipeline step",
    dict.fromkeys(
        (
            "$schema",
            "type",
            "component",
            "inputs",
            "outputs",
            "name",
            "display_name",
            "description",
            "tags",
            "comment",
            "properties",
            "compute",
            "identity",
            "experiment_name",
            "services",
        ),
        anything,
    )
    | {"settings": mapping},
    unknown="warning",
)
INLINE_STEP = Shape(
    "A step with its own command",
    {
        **_JOB,
        "tags": _TAGS,
        "command": text,
        "code": text,
        "environment": given,
        "environment_variables": bindable(variables),
        "inputs": anything,
        "outputs": anything,
        "resources": Shape("resources", _resources(bound=False)),
        "distribution": STEP_DISTRIBUTION,
        "limits": LIMITS,
        "queue_settings": QUEUE,
        "parent_job_name": text,
    },
    required=("command", "environment"),
    silent=(*_WRITTEN_BY_AZURE, "parameters"),
)
