"""Reads components, and finds those that steps and jobs name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from mlroad.core.problems import Position, Problem
from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.file_type import schema_name
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.model import (
    CommandComponent,
    Component,
    InputPort,
    OutputPort,
    PipelineComponent,
    Step,
    Unsupported,
)
from mlroad.pipeline.part_reader import PartReader, is_true, plain_mapping, scalar_text
from mlroad.pipeline.ports import read_inputs, read_outputs
from mlroad.pipeline.references import asset_fault
from mlroad.pipeline.repo_index import FROM_HERE, RepoIndex, absolute, is_file, is_folder, near_path
from mlroad.pipeline.schema_checks import map_of, spoken, text, version
from mlroad.pipeline.shapes import COMMAND_COMPONENT, PIPELINE_COMPONENT
from mlroad.pipeline.shapes_cloud import PARALLEL_COMPONENT, SPARK_COMPONENT

CLOUD_TYPES = ("spark", "parallel", "import", "automl", "sweep", "data_transfer", "flow_parallel")
_CLOUD_SHAPES = {"parallel": PARALLEL_COMPONENT, "spark": SPARK_COMPONENT}
_FLOW = "flow_parallel"
_COMPONENT_NAME = re.compile(r"[a-z][a-z0-9_]*")

ReadSteps = Callable[[MapNode, Mapping[str, InputPort], Mapping[str, OutputPort]], dict[str, Step]]


@dataclass(frozen=True, slots=True)
class LoadedComponent:
    """The result of load_component; an ``Unsupported`` of type ``broken`` if nothing could be read."""

    component: Component
    problems: tuple[Problem, ...]
    registering: tuple[Problem, ...] = ()
    """Problems that matter only if the component is registered by itself."""


class Files(Protocol):
    """The files of a repo, each of which is read once (the loader)."""

    repo: RepoIndex

    def component(self, file: Path) -> LoadedComponent:
        """The component in a file."""

    def is_open(self, file: Path) -> bool:
        """Whether the file is being read, so that a reference to it is a circle."""


class ComponentReader:
    """Reads the components in one file; ``base`` is its folder, absolute."""

    read_steps: ReadSteps
    """Reads `jobs:`; set by the reader of steps, which needs this one."""

    def __init__(self, files: Files, base: Path, out: Findings) -> None:
        self.files = files
        self.repo = files.repo
        self.base = base
        self.out = out
        self.parts = PartReader(self.repo, base, out)

    def component(self, node: MapNode, stem: str) -> Component:
        """The component in ``node``; ``stem`` is its name if it has none."""
        kind_node = node.values.get("type")
        kind = kind_node.value if isinstance(kind_node, ScalarNode) else None
        said = kind.lower() if isinstance(kind, str) else None
        name = node.text("name") or stem
        if schema_name(node) in {"flow", "run"}:  # a prompt flow
            return Unsupported(_FLOW, node.at)
        if said == "pipeline":
            return self._pipeline_component(node, name)
        if said in CLOUD_TYPES:
            return self._cloud_component(node, str(said))
        if kind_node is not None and said != "command":
            what = f"This is not a component: its type is {spoken(kind_node)}."
            fix = suggest(str(kind), ("command", "pipeline"), "Write `type: command`.")
            self.out.error(kind_node.at, "MR114", what, fix)
            return Unsupported("broken", node.at)
        if (
            kind_node is None
            and not {"command", "environment", "inputs", "outputs", "jobs", "task"} & node.values.keys()
        ):
            what = "This is not a component: it has neither a type nor a command."
            self.out.error(node.at, "MR130", what, "Name another file, or write `type: command`.")
            return Unsupported("broken", node.at)
        if kind_node is None and "jobs" in node.values:
            self.out.error(node.at, "MR113", "This component has no type.", "Write `type: pipeline`.")
            return self._pipeline_component(node, name)
        if kind_node is None and ("code_configuration" in node.values or "task" in node.values):
            return self._cloud_component(node, "parallel")
        return self._command_component(node, name)

    def _cloud_component(self, node: MapNode, kind: str) -> Unsupported:
        """A component of a type that only Azure ML runs; its inputs and outputs are known all the same."""
        shape = _CLOUD_SHAPES.get(kind)
        if shape is None:
            return Unsupported(kind, node.at)
        shape(node, "component", self.out)
        self.parts.cloud_code(node)
        return Unsupported(
            kind,
            node.at,
            name=node.text("name") or kind,
            inputs=read_inputs(node.values.get("inputs"), self.out),
            outputs=read_outputs(node.values.get("outputs"), self.out),
        )

    def _command_component(self, node: MapNode, name: str) -> CommandComponent:
        COMMAND_COMPONENT(node, "component", self.out)
        stated = node.values.get("version")
        return self.command(
            node,
            name,
            inputs=read_inputs(node.values.get("inputs"), self.out),
            outputs=read_outputs(node.values.get("outputs"), self.out),
            version=scalar_text(stated),
        )

    def command(
        self,
        node: MapNode,
        name: str,
        *,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
        version: str | None = None,
        inline: bool = False,
    ) -> CommandComponent:
        command = node.values.get("command")
        environment = node.get("environment")
        return CommandComponent(
            name=name,
            at=node.at,
            command=node.text("command") or "",
            command_at=command.at if command else node.at,
            command_node=command if isinstance(command, ScalarNode) else None,
            inputs=inputs,
            outputs=outputs,
            code=self.parts.code(node),
            additional_includes=self.parts.includes(node),
            environment=self.parts.environment(environment),
            distribution=plain_mapping(node.get("distribution")),
            is_deterministic="is_deterministic" not in node.values or is_true(node.get("is_deterministic")),
            version=version,
            display_name=node.text("display_name"),
            inline=inline,
        )

    def _pipeline_component(self, node: MapNode, name: str) -> PipelineComponent:
        PIPELINE_COMPONENT(node, "component", self.out)
        self.parts.check_schema(node, "pipelineComponent")
        inputs = dict(read_inputs(node.values.get("inputs"), self.out))
        outputs = dict(read_outputs(node.values.get("outputs"), self.out))
        stated = node.values.get("version")
        return PipelineComponent(
            name=name,
            at=node.at,
            inputs=MappingProxyType(inputs),
            outputs=MappingProxyType(outputs),
            steps=MappingProxyType(self.read_steps(node, inputs, outputs)),
            version=scalar_text(stated),
            display_name=node.text("display_name"),
        )

    def registering(self, node: MapNode) -> None:
        """Note problems of registering the component, which do not affect pipelines that name its file."""
        name = node.text("name")
        if name is None:
            what = "This component has no name, so only pipelines that name this file can use it."
            fix = "Add `name: …`, with lower-case letters, digits and _, to register it."
            self.out.registering.append(Problem(node.at, "MR113", what, fix, "warning"))
        elif not _COMPONENT_NAME.fullmatch(name):
            better = re.sub(r"[^a-z0-9_]", "_", name.lower()).lstrip("_0123456789") or "component"
            what = f"A component named {name} cannot be registered."
            fix = f"Call it {better}: lower-case letters, digits and _, a letter first."
            self.out.registering.append(Problem(node.values["name"].at, "MR119", what, fix, "warning"))
        strict = Findings()
        for key in ("tags", "version"):
            given = node.values.get(key)
            if given is not None:
                (map_of(text) if key == "tags" else version)(given, key, strict)
        self.out.registering.extend(strict.problems)

    def named_by(self, node: Node, at: Position, wanted: str | None, *, step: str) -> Component:
        """The component that a step or a job names or contains."""
        if isinstance(node, MapNode):
            return self._inline_component(node, at, wanted, step)
        said = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(said, str):
            fix = "Write a path such as ./components/train.yml."
            self.out.error(node.at, "MR122", f"{step} needs a component, not {spoken(node)}.", fix)
            return Unsupported("broken", at)
        if said.startswith("azureml:"):
            return self._registered(said, node, at, wanted, step)
        if said.startswith("file:") and wanted == "pipeline":
            what = "Azure ML does not accept `file:` before a pipeline component."
            self.out.error(node.at, "MR122", what, f"Write {said.removeprefix('file:')}.")
        path = said.removeprefix("file:")
        file = absolute(self.base / path)
        if not is_file(file):
            what = f"The component {path} does not exist."
            self.out.error(node.at, "MR120", what, self._where(file, path))
            return Unsupported("broken", at)
        return self._from_file(file, node, at, wanted, step)

    def _inline_component(self, node: MapNode, at: Position, wanted: str | None, step: str) -> Component:
        component = self.component(node, "inline")
        if isinstance(component, PipelineComponent):
            fix = "Move it to its own file, and name that file here."
            self.out.error(node.at, "MR122", "Azure ML accepts a pipeline component only from a file.", fix)
        return self._of_type(component, node, at, wanted, step)

    def _from_file(self, file: Path, node: Node, at: Position, wanted: str | None, step: str) -> Component:
        if self.files.is_open(file):
            what = f"{step} uses a component that uses itself: {self.repo.shown(file)}."
            self.out.error(node.at, "MR121", what, "Break the circle; Azure ML cannot expand it.")
            return Unsupported("broken", at)
        loaded = self.files.component(file)
        self.out.add(loaded.problems)
        return self._of_type(loaded.component, node, at, wanted, step)

    def _of_type(
        self, component: Component, node: Node, at: Position, wanted: str | None, step: str
    ) -> Component:
        if isinstance(component, Unsupported):
            found = component.type
            component = replace(component, at=at)
            if found in {"broken", "registered", _FLOW} or wanted is None:
                return component
        else:
            found = "pipeline" if isinstance(component, PipelineComponent) else "command"
        if wanted is not None and wanted != found:
            what = f"{step} is of type {wanted}, but its component is of type {found}."
            self.out.error(node.at, "MR123", what, f"Write `type: {found}`, or name another component.")
        return component

    def _registered(
        self, reference: str, node: Node, at: Position, wanted: str | None, step: str
    ) -> Component:
        """``azureml:name:version``: the component of that name in this repo, or one of the workspace."""
        fault = asset_fault(reference, "component")
        if fault and not self._takes_default(reference):
            self.out.error(node.at, "MR122", *fault)
            return Unsupported("broken", at)
        if fault:
            self.out.warning(node.at, "MR122", *fault)
        name, wanted_version = reference.removeprefix("azureml:"), None
        if "@" in name:
            name = name.partition("@")[0]
        elif ":" in name and not name.startswith("//"):
            name, _, wanted_version = name.partition(":")
        file = (
            None
            if name.startswith(("/", "registries"))
            else self.repo.component(name, wanted_version, self.base)
        )
        if file is None:
            return Unsupported("registered", at, reference, step_type=wanted)
        return self._from_file(file, node, at, wanted, step)

    @staticmethod
    def _takes_default(reference: str) -> bool:
        """Whether Azure ML takes the default version: it does in registries."""
        return re.fullmatch(r"azureml://registries/[^/]+/components/[^/]+", reference) is not None

    def _where(self, file: Path, path: str) -> str:
        if is_folder(file):
            return "This is a folder; name the YAML file in it."
        if "\\" in path:
            return near_path(file)
        if is_folder(file.parent):
            near = nearest(file.name, [item.name for item in file.parent.iterdir()])
            if near:
                return f"Did you mean {path[: -len(file.name)]}{near}?"
        return FROM_HERE
