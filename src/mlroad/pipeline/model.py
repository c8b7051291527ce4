"""The immutable model of a pipeline: created by the loader; read by the checker, the runner and the graph.

The names are Azure ML's (CLI v2 YAML schemas ``pipelineJob``, ``commandComponent``, ``pipelineComponent``).
Everything keeps its position in the file, for messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mlroad.core.problems import Position
from mlroad.core.yaml_nodes import ScalarNode

Scalar = str | int | float | bool
DATA_TYPES = ("uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model")
LITERAL_TYPES = ("string", "number", "integer", "boolean")


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def _nowhere() -> Mapping[str, Position]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Literally:
    """A literal value: ``max_depth: 6``. ``text`` is what a command receives (``str(value)``)."""

    value: Scalar
    at: Position

    @property
    def text(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class DataPath:
    """Data at a path: absolute, or already resolved against the YAML file."""

    path: Path
    type: str
    at: Position
    typed: bool = True
    """Whether the YAML states the type; otherwise it is a guess."""


@dataclass(frozen=True, slots=True)
class DataAsset:
    """``azureml:name:version`` or ``azureml:name@label``.

    ``file`` is the data asset's YAML under datasets/ and ``path`` its local data, where the repo has them.
    """

    name: str
    version: str | None
    label: str | None
    type: str
    at: Position
    path: Path | None = None
    file: Path | None = None
    typed: bool = True


@dataclass(frozen=True, slots=True)
class RemoteData:
    """A cloud address (``azureml://``, ``https://``, ``wasbs://`` …)."""

    url: str
    type: str
    at: Position
    typed: bool = True


@dataclass(frozen=True, slots=True)
class Binding:
    """A whole value that is one expression: ``${{parent.jobs.prep.outputs.data}}``.

    ``kind`` says which of the four forms it is; ``job`` is set for the two ``job_`` forms.
    """

    kind: Literal["parent_input", "parent_output", "job_input", "job_output"]
    name: str
    at: Position
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions inside: ``run-${{parent.inputs.day}}``."""

    text: str
    at: Position
    bindings: tuple[Binding, ...]


Value = Literally | DataPath | DataAsset | RemoteData | Binding | Template


@dataclass(frozen=True, slots=True)
class InputPort:
    """A declared input of a component or a pipeline. ``default`` is already coerced to the declared type."""

    name: str
    type: str
    at: Position
    optional: bool = False
    default: Scalar | None = None
    enum: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class OutputPort:
    """A declared output. ``path`` is an explicit target; ``asset_name`` asks to register it as data."""

    name: str
    type: str
    at: Position
    mode: str | None = None
    path: str | None = None
    asset_name: str | None = None
    asset_version: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where code runs. ``conda_file`` and ``build_context`` are absolute; ``name`` is bare."""

    at: Position
    name: str | None = None
    image: str | None = None
    conda_file: Path | None = None
    conda: Mapping[str, object] | None = None
    build_context: Path | None = None


@dataclass(frozen=True, slots=True)
class CommandComponent:
    """One program: a command line with its inputs, outputs, code and environment."""

    name: str
    at: Position
    command: str
    command_at: Position
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    code: Path | None = None
    additional_includes: tuple[Path, ...] = ()
    environment: Environment | None = None
    environment_variables: Mapping[str, str] = field(default_factory=_empty)
    distribution: Mapping[str, object] | None = None
    is_deterministic: bool = True
    timeout: float | None = None
    """Seconds."""
    version: str | None = None
    display_name: str | None = None
    inline: bool = False
    """Whether this is a step's own command; its inputs and outputs are then those that the step uses."""
    command_node: ScalarNode | None = field(default=None, compare=False, repr=False)
    """The command in the file, to find positions inside it."""


@dataclass(frozen=True, slots=True)
class PipelineComponent:
    """A pipeline that is used as a step of another one."""

    name: str
    at: Position
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    steps: Mapping[str, Step]
    version: str | None = None
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something that a step runs and that cannot run here.

    ``type`` is the step's type if only the cloud can run it (spark, parallel, sweep, automl, import, control
    flow), ``registered`` for a component that only a workspace has (``reference`` names it), and ``broken``
    for one that could not be read (the loader has reported why).
    """

    type: str
    at: Position
    reference: str | None = None
    step_type: str | None = None
    """The `type` that the step states for a registered component."""
    name: str = ""
    inputs: Mapping[str, InputPort] | None = None
    """The declared inputs, where the repo has the component; None if they are not known."""
    outputs: Mapping[str, OutputPort] | None = None
    trial: CommandComponent | None = None
    """What a sweep runs."""


Component = CommandComponent | PipelineComponent | Unsupported


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A step's settings for one of its outputs: a binding to an output of the pipeline, or its path."""

    at: Position
    binding: Binding | None = None
    path: str | None = None
    type: str | None = None
    mode: str | None = None
    asset_name: str | None = None
    asset_version: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph, with its overrides of the component; ``None``: as in the component."""

    name: str
    at: Position
    component: Component
    inputs: Mapping[str, Value]
    outputs: Mapping[str, StepOutput]
    environment: Environment | None = None
    environment_variables: Mapping[str, str] = field(default_factory=_empty)
    distribution: Mapping[str, object] | None = None
    timeout: float | None = None
    """Seconds."""
    compute: str | None = None
    display_name: str | None = None
    input_keys: Mapping[str, Position] = field(default_factory=_nowhere)
    """The positions of the names of the inputs that this step sets, empty ones too."""
    output_keys: Mapping[str, Position] = field(default_factory=_nowhere)
    setting_bindings: tuple[Binding, ...] = ()
    """Inputs of the pipeline that its compute, resources, limits or environment variables use."""


@dataclass(frozen=True, slots=True)
class PipelineJob:
    """A pipeline.yml: declared inputs with the values given to them, outputs, and the steps."""

    file: Path
    at: Position
    inputs: Mapping[str, InputPort]
    values: Mapping[str, Value]
    outputs: Mapping[str, OutputPort]
    steps: Mapping[str, Step]
    name: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    description: str | None = None
    compute: str | None = None
    continue_on_step_failure: bool = False
    force_rerun: bool = False
    environment_variables: Mapping[str, str] = field(default_factory=_empty)
    tags: Mapping[str, str] = field(default_factory=_empty)
