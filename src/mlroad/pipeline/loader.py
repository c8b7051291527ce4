"""From YAML files to the model of a pipeline.

The loader raises nothing for a user's mistake: it goes on, and returns what it could read and the problems.
The checker looks at how the parts fit together (bindings, values, commands).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mlroad.core.problems import Position, Problem
from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.file_type import schema_name
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.inline_ports import infer_ports
from mlroad.pipeline.model import (
    CommandComponent,
    InputPort,
    Literally,
    OutputPort,
    PipelineComponent,
    PipelineJob,
    Step,
    StepOutput,
    Unsupported,
    Value,
)
from mlroad.pipeline.part_reader import (
    PartReader,
    is_true,
    key_positions,
    number,
    plain_mapping,
    scalar_text,
    texts,
)
from mlroad.pipeline.ports import check_names, read_inputs, read_outputs
from mlroad.pipeline.repo_index import FROM_HERE, RepoIndex, absolute, is_file, is_folder
from mlroad.pipeline.schema_checks import map_of, spoken, text, version
from mlroad.pipeline.shapes import (
    COMMAND_COMPONENT,
    COMPONENT_STEP,
    GIVEN_OUTPUT,
    INLINE_STEP,
    JOB_OUTPUT,
    OTHER_STEPS,
    PIPELINE_COMPONENT,
    PIPELINE_JOB,
    PIPELINE_STEP,
    STEP_TYPES,
)
from mlroad.pipeline.values import ValueReader

Component = CommandComponent | PipelineComponent | Unsupported

_STEP_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_COMPONENT_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LITERAL_OF = {bool: "boolean", int: "integer", float: "number", str: "string"}
_BINDABLE_SETTINGS = ("compute", "resources", "limits", "environment_variables")
_DEEPEST = 50
_MORE_TYPES = ("spark", "parallel", "import", "automl", "sweep", "data_transfer", "flow_parallel")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of load_pipeline. ``job`` is None if the file is not a mapping, incomplete after errors."""

    job: PipelineJob | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        """The problems that prevent a run."""
        return [problem for problem in self.problems if problem.severity == "error"]


@dataclass(frozen=True, slots=True)
class LoadedComponent:
    """The result of load_component; an ``Unsupported`` of type ``broken`` if nothing could be read."""

    component: Component
    problems: tuple[Problem, ...]
    registering: tuple[Problem, ...] = ()
    """Problems that matter only if the component is registered by itself."""


class Loader:
    """Loads the pipelines of one repo; a component that many pipelines use is read once."""

    def __init__(self, repo: RepoIndex) -> None:
        self.repo = repo
        self._components: dict[Path, LoadedComponent] = {}
        self._open: list[Path] = []

    def pipeline(self, file: Path) -> Loaded:
        """Load a pipeline job."""
        out = Findings()
        node, problems = self.repo.read(file)
        out.add(problems)
        if not isinstance(node, MapNode):
            if node is not None:
                out.error(
                    node.at,
                    "MR104",
                    f"A pipeline is a mapping, not {spoken(node)}.",
                    "Start with `type: pipeline`.",
                )
            return Loaded(None, tuple(out.problems))
        job = _Reader(self, absolute(file).parent, out).job(node)
        return Loaded(job, tuple(dict.fromkeys(out.problems)))

    def component(self, file: Path) -> LoadedComponent:
        """Load a component; the second time from memory."""
        key = absolute(file)
        known = self._components.get(key)
        if known is None:
            self._open.append(key)
            known = self._read_component(key)
            self._open.pop()
            self._components[key] = known
        return known

    def has_read(self, file: Path) -> bool:
        """Whether ``file`` was read as a component."""
        return absolute(file) in self._components

    def is_open(self, file: Path) -> bool:
        """Whether ``file`` is being read, so that a reference to it is a circle."""
        return file in self._open or len(self._open) > _DEEPEST

    def _read_component(self, file: Path) -> LoadedComponent:
        out = Findings()
        shown = self.repo.shown(file)
        node, problems = self.repo.read(file)
        out.add(problems)
        if not isinstance(node, MapNode):
            if node is not None:
                what = f"A component is a mapping, not {spoken(node)}."
                out.error(node.at, "MR104", what, "Start with `type: command`.")
            return LoadedComponent(Unsupported("broken", Position(shown)), tuple(out.problems))
        reader = _Reader(self, file.parent, out)
        component = reader.component(node, file.stem)
        if isinstance(component, CommandComponent | PipelineComponent):
            reader.registering(node)
        return LoadedComponent(component, tuple(dict.fromkeys(out.problems)), tuple(out.registering))


def load_pipeline(file: Path) -> Loaded:
    """Load the pipeline job in ``file`` and everything that it refers to."""
    return Loader(RepoIndex(file.parent)).pipeline(file)


def load_component(file: Path) -> LoadedComponent:
    """Load the command or pipeline component in ``file`` and everything that it refers to."""
    return Loader(RepoIndex(file.parent)).component(file)


class _Reader:
    """Reads the nodes of one file; ``base`` is its folder, absolute."""

    def __init__(self, loader: Loader, base: Path, out: Findings) -> None:
        self.loader = loader
        self.repo = loader.repo
        self.base = base
        self.out = out
        self.values = ValueReader(self.repo, base, out)
        self.parts = PartReader(self.repo, base, out)

    # Jobs

    def job(self, node: MapNode) -> PipelineJob:
        """The pipeline job in ``node``."""
        kind = node.values.get("type")
        said = kind.value if isinstance(kind, ScalarNode) else None
        if said != "pipeline":
            at = kind.at if kind else node.at
            what = (
                f"This is not a pipeline job: its type is {spoken(kind)}."
                if kind
                else "This file has no type."
            )
            self.out.error(at, "MR114" if kind else "MR113", what, "Write `type: pipeline`.")
        PIPELINE_JOB(node, "pipeline", self.out)
        if said == "pipeline":
            self._schema_of(node, "pipelineJob")
        settings = node.get("settings")
        setting = settings if isinstance(settings, MapNode) else None
        self.parts.check_compute(node)
        if setting:
            self.parts.check_reference(setting, "default_compute", "serverless")
            self.parts.check_reference(setting, "default_datastore")
        ports, values = self._job_inputs(node.values.get("inputs"))
        outputs = self._job_outputs(node.values.get("outputs"))
        if "component" in node.values:
            steps, ports = self._top_level_component(node, ports, values, outputs)
        else:
            steps = self._steps(node, ports, outputs)
        carry_on = setting.get("continue_on_step_failure") if setting else None
        return PipelineJob(
            file=node.file,
            at=node.at,
            inputs=MappingProxyType(ports),
            values=MappingProxyType(values),
            outputs=MappingProxyType(outputs),
            steps=MappingProxyType(steps),
            name=node.text("name"),
            display_name=node.text("display_name"),
            experiment_name=node.text("experiment_name"),
            description=node.text("description"),
            compute=(setting.text("default_compute") if setting else None) or node.text("compute"),
            continue_on_step_failure=is_true(carry_on),
            force_rerun=is_true(setting.get("force_rerun") if setting else None),
            tags=texts(node.get("tags")),
        )

    def _job_inputs(self, node: Node | None) -> tuple[dict[str, InputPort], dict[str, Value]]:
        ports: dict[str, InputPort] = {}
        values: dict[str, Value] = {}
        if not self.parts.is_mapping(node, "inputs"):
            return ports, values
        check_names(node, "input", self.out, job=True)
        for name, key, given in node:
            value = self.values.input(name, key, given)
            if value is not None:
                values[name] = value
            if isinstance(value, Literally):
                kind = _LITERAL_OF[type(value.value)]
            elif isinstance(given, MapNode):
                kind = (given.text("type") or "uri_folder").lower()
            else:
                kind = "string"
            ports[name] = InputPort(name, kind, key.at)
        return ports, values

    def _job_outputs(self, node: Node | None) -> dict[str, OutputPort]:
        ports: dict[str, OutputPort] = {}
        if not self.parts.is_mapping(node, "outputs"):
            return ports
        check_names(node, "output", self.out, job=True)
        for name, key, given in node:
            if not isinstance(given, MapNode) and not (isinstance(given, ScalarNode) and given.value is None):
                fix = f"Write `{name}:` and below it, indented, `type: …`; a step binds to it."
                self.out.error(given.at, "MR112", f"The output {name} of a pipeline must be a mapping.", fix)
                said = StepOutput(key.at)
            else:
                said = self.values.output(name, key, given, JOB_OUTPUT) or StepOutput(key.at)
            ports[name] = OutputPort(
                name,
                said.type or "uri_folder",
                key.at,
                mode=said.mode,
                path=said.path,
                asset_name=said.asset_name,
                asset_version=said.asset_version,
            )
        return ports

    def _top_level_component(
        self,
        node: MapNode,
        ports: dict[str, InputPort],
        values: dict[str, Value],
        outputs: dict[str, OutputPort],
    ) -> tuple[dict[str, Step], dict[str, InputPort]]:
        """The steps of a job that names a pipeline component instead of its own jobs."""
        given = node.values["component"]
        if node.get("jobs") is not None:
            fix = "Keep one of them."
            self.out.error(node.key_at("component"), "MR116", "jobs and component exclude each other.", fix)
        component = self._component_of(given, node.key_at("component"), "pipeline", step="the job")
        if isinstance(component, PipelineComponent):
            for name, port in component.inputs.items():
                # A problem with an input that the job does not name is reported where the component is named.
                ports[name] = replace(port, at=ports[name].at if name in ports else node.key_at("component"))
            for name, output in component.outputs.items():
                if name in outputs:
                    outputs[name] = replace(outputs[name], type=output.type)
                else:
                    outputs[name] = output
            unknown = [name for name in values if name not in component.inputs]
            for name in unknown:
                what = f"The component has no input {name}; Azure ML ignores it."
                self.out.warning(ports[name].at, "MR214", what, suggest(name, component.inputs, "Remove it."))
            return dict(component.steps), ports
        if isinstance(component, CommandComponent):
            what = "A pipeline job's component must be a pipeline component; this is a command component."
            self.out.error(given.at, "MR123", what, "Put it under `jobs:` as a step.")
            return {}, ports
        step = Step(
            "component",
            node.key_at("component"),
            component,
            MappingProxyType(dict(values)),
            MappingProxyType({}),
        )
        return {"component": step}, ports

    # Components

    def component(self, node: MapNode, stem: str) -> Component:
        """The component in ``node``; ``stem`` is its name if it has none."""
        kind_node = node.values.get("type")
        kind = kind_node.value if isinstance(kind_node, ScalarNode) else None
        said = kind.lower() if isinstance(kind, str) else None
        name = node.text("name") or stem
        if said == "pipeline":
            return self._pipeline_component(node, name)
        if said in _MORE_TYPES:
            return Unsupported(str(said), node.at)
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
            return Unsupported("parallel", node.at)
        return self._command_component(node, name)

    def _command_component(self, node: MapNode, name: str) -> CommandComponent:
        COMMAND_COMPONENT(node, "component", self.out)
        stated = node.values.get("version")
        return self._command(
            node,
            name,
            inputs=read_inputs(node.values.get("inputs"), self.out),
            outputs=read_outputs(node.values.get("outputs"), self.out),
            version=scalar_text(stated),
        )

    def _command(
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
        self._schema_of(node, "pipelineComponent")
        inputs = dict(read_inputs(node.values.get("inputs"), self.out))
        outputs = dict(read_outputs(node.values.get("outputs"), self.out))
        stated = node.values.get("version")
        return PipelineComponent(
            name=name,
            at=node.at,
            inputs=MappingProxyType(inputs),
            outputs=MappingProxyType(outputs),
            steps=MappingProxyType(self._steps(node, inputs, outputs)),
            version=scalar_text(stated),
            display_name=node.text("display_name"),
        )

    def _schema_of(self, node: MapNode, wanted: str) -> None:
        """Azure ML reads `type`, but an editor checks the file against the schema that it names."""
        stated = schema_name(node)
        if stated and "pipeline" not in stated:
            what = f"`type` says pipeline, but `$schema` names another kind of file: {stated}."
            fix = f"Write https://azuremlschemas.azureedge.net/latest/{wanted}.schema.json."
            self.out.warning(node.values["$schema"].at, "MR131", what, fix)

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

    # Steps

    def _steps(
        self, node: MapNode, inputs: Mapping[str, InputPort], outputs: Mapping[str, OutputPort]
    ) -> dict[str, Step]:
        jobs = node.values.get("jobs")
        if jobs is None or (isinstance(jobs, MapNode) and not jobs.values):
            fix = "Write `jobs:`, and one step per name below it, indented."
            self.out.error(node.key_at("jobs"), "MR128", "This pipeline has no steps.", fix)
            return {}
        if not isinstance(jobs, MapNode):
            fix = "Write one step per name below it, indented, without dashes."
            self.out.error(jobs.at, "MR112", f"jobs must be a mapping, not {spoken(jobs)}.", fix)
            return {}
        steps: dict[str, Step] = {}
        for name, key, given in jobs:
            if not _STEP_NAME.fullmatch(name):
                what = f"{name} is not a valid step name: lower-case letters, digits and _, no digit first."
                better = re.sub(r"[^a-z0-9_]", "_", name.lower())
                better = f"_{better}" if better[:1].isdigit() else better
                self.out.error(key.at, "MR115", what, f"Call it {better}, here and in bindings.")
            step = self._step(name, key, given)
            if step is not None:
                steps[name] = step
        return infer_ports(steps, inputs, outputs)

    def _step(self, name: str, key: ScalarNode, node: Node) -> Step | None:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value.startswith("file:"):
            return self._step_file(name, key, node)
        if not isinstance(node, MapNode):
            fix = "Write `component: …` or `command: …` below it, indented."
            self.out.error(key.at, "MR112", f"The step {name} must be a mapping, not {spoken(node)}.", fix)
            return None
        kind_node = node.values.get("type")
        kind = kind_node.value if isinstance(kind_node, ScalarNode) else None
        said = kind.lower() if isinstance(kind, str) else ""
        if kind_node is not None and said not in STEP_TYPES:
            what = f"{spoken(kind_node).capitalize()} is not a step type."
            shown = str(kind) if kind is not None else ""
            self.out.error(
                kind_node.at, "MR114", what, suggest(shown, STEP_TYPES, "Write command or pipeline.")
            )
            said = ""
        if said in OTHER_STEPS:
            # Their schemas are not checked; only their bindings are read.
            reader = _Reader(self.loader, self.base, Findings())
            return reader._other_step(name, key, node, Unsupported(said, key.at))
        component_node = node.get("component")
        if "component" not in node.values and "command" in node.values and said != "pipeline":
            return self._inline_step(name, key, node)
        if component_node is None:
            what = f"The step {name} has neither component nor command."
            near = nearest("component", node.values) or nearest("command", node.values)
            fix = f"Is {near} misspelled?" if near else "Add `component: ./components/NAME.yml`."
            self.out.error(key.at, "MR113", what, fix)
            return self._other_step(name, key, node, Unsupported("broken", key.at))
        component = self._component_of(component_node, key.at, said or None, step=f"The step {name}")
        if isinstance(component, PipelineComponent) or said == "pipeline":
            PIPELINE_STEP(node, name, self.out)
        else:
            COMPONENT_STEP(node, name, self.out)
        return self._other_step(name, key, node, component)

    def _step_file(self, name: str, key: ScalarNode, node: ScalarNode) -> Step | None:
        """A step in its own file: ``train: file:./train.yml``."""
        file = absolute(self.base / str(node.value).removeprefix("file:"))
        if self.loader.is_open(file):
            self.out.error(node.at, "MR121", "This file refers to itself.", "Name another file.")
            return None
        found, problems = self.repo.read(file)
        if found is None and not is_file(file):
            self.out.error(
                node.at, "MR120", f"The step's file {node.value} does not exist.", "Check the path."
            )
            return None
        self.out.add(problems)
        if found is None:
            return None
        return _Reader(self.loader, file.parent, self.out)._step(name, key, found)

    def _inline_step(self, name: str, key: ScalarNode, node: MapNode) -> Step:
        INLINE_STEP(node, name, self.out)
        # It declares its inputs and outputs by using them; inline_ports.py infers their types.
        component = self._command(
            node, name, inputs=MappingProxyType({}), outputs=MappingProxyType({}), inline=True
        )
        return self._other_step(name, key, node, component)

    def _other_step(self, name: str, key: ScalarNode, node: MapNode, component: Component) -> Step:
        inputs: dict[str, Value] = {}
        given = node.values.get("inputs")
        if self.parts.is_mapping(given, "inputs"):
            for input_name, input_key, value_node in given:
                value = self.values.input(input_name, input_key, value_node)
                if value is not None:
                    inputs[input_name] = value
        outputs: dict[str, StepOutput] = {}
        shape = GIVEN_OUTPUT if "component" in node.values else JOB_OUTPUT
        given_outputs = node.values.get("outputs")
        if self.parts.is_mapping(given_outputs, "outputs"):
            for output_name, output_key, value_node in given_outputs:
                said = self.values.output(output_name, output_key, value_node, shape)
                if said is not None:
                    outputs[output_name] = said
        self.parts.check_compute(node)
        limits = node.get("limits")
        timeout = limits.get("timeout") if isinstance(limits, MapNode) else None
        environment = node.get("environment") if "component" in node.values else None
        return Step(
            name=name,
            at=key.at,
            component=component,
            inputs=MappingProxyType(inputs),
            outputs=MappingProxyType(outputs),
            setting_bindings=tuple(self.parts.setting_bindings(node)),
            input_keys=key_positions(given),
            output_keys=key_positions(given_outputs),
            environment=self.parts.environment(environment, bindable=True),
            environment_variables=texts(node.get("environment_variables")),
            distribution=plain_mapping(node.get("distribution")),
            timeout=number(timeout),
            compute=node.text("compute"),
            display_name=node.text("display_name"),
        )

    def _component_of(self, node: Node, at: Position, wanted: str | None, *, step: str) -> Component:
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
        if self.loader.is_open(file):
            what = f"{step} uses a component that uses itself: {self.repo.shown(file)}."
            self.out.error(node.at, "MR121", what, "Break the circle; Azure ML cannot expand it.")
            return Unsupported("broken", at)
        loaded = self.loader.component(file)
        self.out.add(loaded.problems)
        return self._of_type(loaded.component, node, at, wanted, step)

    def _of_type(
        self, component: Component, node: Node, at: Position, wanted: str | None, step: str
    ) -> Component:
        if isinstance(component, Unsupported):
            return replace(component, at=at)
        found = "pipeline" if isinstance(component, PipelineComponent) else "command"
        if wanted is not None and wanted != found:
            what = f"{step} is of type {wanted}, but its component is of type {found}."
            self.out.error(node.at, "MR123", what, f"Write `type: {found}`, or name another component.")
        return component

    def _registered(
        self, reference: str, node: Node, at: Position, wanted: str | None, step: str
    ) -> Component:
        """``azureml:name:version``: the component of that name in this repo, or one of the workspace."""
        name, wanted_version = reference.removeprefix("azureml:"), None
        if "@" in name:
            name = name.partition("@")[0]
        elif ":" in name and not name.startswith("//"):
            name, _, wanted_version = name.partition(":")
        if not name or (wanted_version is not None and (not wanted_version or ":" in wanted_version)):
            fix = "Write azureml:NAME:VERSION, azureml:NAME@latest, or a path."
            self.out.error(node.at, "MR122", f"{reference} is not a reference to a component.", fix)
            return Unsupported("broken", at)
        file = (
            None
            if name.startswith(("/", "registries"))
            else self.repo.component(name, wanted_version, self.base)
        )
        if file is None:
            return Unsupported("registered", at, reference, step_type=wanted)
        return self._from_file(file, node, at, wanted, step)

    def _where(self, file: Path, path: str) -> str:
        if is_folder(file):
            return "This is a folder; name the YAML file in it."
        if is_folder(file.parent):
            near = nearest(file.name, [item.name for item in file.parent.iterdir()])
            if near:
                return f"Did you mean {path[: -len(file.name)]}{near}?"
        return FROM_HERE
