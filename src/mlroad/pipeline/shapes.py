"""The schemas: the keys that a pipeline job, a component and a step may have, and their values.

Taken from azure-ai-ml 1.35.2 (pipelineJob, commandComponent, pipelineComponent). ``unknown`` follows what its
loader does with a key it does not know: reject it, or pass it on unread.
"""

from __future__ import annotations

from mlroad.pipeline.model import DATA_TYPES, LITERAL_TYPES
from mlroad.pipeline.schema_checks import (
    Kind,
    Shape,
    anything,
    bindable,
    boolean,
    either,
    given,
    integer,
    list_of,
    map_of,
    mapping,
    one_of,
    text,
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
_FREE = map_of(anything)
_TAGS = map_of(text, empty_allowed=True)


def _resources(*, bound: bool) -> dict[str, Kind]:
    number, words = (bindable(integer), bindable(text)) if bound else (integer, text)
    return {
        "instance_count": number,
        "instance_type": words,
        "properties": mapping,
        "locations": list_of(text),
        "shm_size": words,
        "max_instance_count": number,
        "docker_args": either(words, list_of(text)),
    }


_DISTRIBUTIONS = {
    "mpi": {"process_count_per_instance": bindable(integer)},
    "pytorch": {"process_count_per_instance": bindable(integer)},
    "tensorflow": {"parameter_server_count": bindable(integer), "worker_count": bindable(integer)},
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
DISTRIBUTION = Shape(
    "distribution",
    {"type": one_of(*_DISTRIBUTIONS), **_DISTRIBUTION_KEYS},
    unknown="warning",
    required=("type",),
)
STEP_DISTRIBUTION = Shape("distribution", DISTRIBUTION.keys, required=("type",))
LIMITS = Shape("limits", {"timeout": bindable(integer)})
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
        "type": text,
        "port": bindable(integer),
        "nodes": text,
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
    "resources": Shape("resources", _resources(bound=True)),
    "environment": given,
    "environment_variables": bindable(mapping),
    "distribution": STEP_DISTRIBUTION,
    "limits": LIMITS,
    "services": map_of(SERVICE),
    "queue_settings": QUEUE,
    "is_deterministic": anything,
}
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
        "environment_variables": either(mapping, text),
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
