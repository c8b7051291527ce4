"""Reads a pipeline job."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.component_reader import Files
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.model import (
    CommandComponent,
    InputPort,
    Literally,
    OutputPort,
    PipelineComponent,
    PipelineJob,
    Step,
    StepOutput,
    Value,
)
from mlroad.pipeline.part_reader import is_true, texts
from mlroad.pipeline.ports import check_names
from mlroad.pipeline.schema_checks import spoken
from mlroad.pipeline.shapes import JOB_OUTPUT, PIPELINE_JOB
from mlroad.pipeline.step_reader import StepReader

_LITERAL_OF = {bool: "boolean", int: "integer", float: "number", str: "string"}


class JobReader:
    """Reads the pipeline job in one file; ``base`` is its folder, absolute."""

    def __init__(self, files: Files, base: Path, out: Findings) -> None:
        self.out = out
        self.steps = StepReader(files, base, out)
        self.values = self.steps.values
        self.parts = self.steps.parts

    def read(self, node: MapNode) -> PipelineJob:
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
            self.parts.check_schema(node, "pipelineJob")
        settings = node.get("settings")
        setting = settings if isinstance(settings, MapNode) else None
        self.parts.check_compute(node)
        if setting:
            self.parts.check_settings(setting)
        ports, values = self._job_inputs(node.values.get("inputs"))
        outputs = self._job_outputs(node.values.get("outputs"))
        if "component" in node.values:
            steps, ports = self._top_level_component(node, ports, values, outputs)
        else:
            steps = self.steps.read(node, ports, outputs)
        if setting:
            self._first_and_last(setting, steps)
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

    def _first_and_last(self, settings: MapNode, steps: Mapping[str, Step]) -> None:
        """`on_init` and `on_finalize` name two steps, and there must be another one between them."""
        named = {key: name for key in ("on_init", "on_finalize") if (name := settings.text(key)) is not None}
        for key, name in named.items():
            if name not in steps:
                what = f"{key} names the step {name}, which does not exist."
                self.out.error(settings.values[key].at, "MR204", what, suggest(name, steps, "Add the step."))
        if len({*named.values()}) < len(named) or (named and not steps.keys() - {*named.values()}):
            what = "on_init and on_finalize must be two steps, and leave another one to run between them."
            at = settings.values[next(iter(named))].at
            self.out.error(at, "MR116", what, "Name another step, or remove the key.")

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
        component = self.steps.components.named_by(
            given, node.key_at("component"), "pipeline", step="the job"
        )
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
