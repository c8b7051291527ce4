"""Reads the steps of a pipeline: `jobs:` and what is below it."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.component_reader import ComponentReader, Files
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.inline_ports import infer_ports
from mlroad.pipeline.model import (
    CommandComponent,
    Component,
    InputPort,
    OutputPort,
    PipelineComponent,
    Step,
    StepOutput,
    Unsupported,
    Value,
)
from mlroad.pipeline.part_reader import key_positions, number, plain_mapping, texts
from mlroad.pipeline.ports import check_groups
from mlroad.pipeline.repo_index import absolute, is_file
from mlroad.pipeline.schema_checks import spoken
from mlroad.pipeline.shapes import (
    COMPONENT_STEP,
    GIVEN_OUTPUT,
    INLINE_STEP,
    JOB_OUTPUT,
    OTHER_STEPS,
    PIPELINE_STEP,
    STEP_TYPES,
)
from mlroad.pipeline.shapes_cloud import CLOUD_STEPS, check_cloud_step
from mlroad.pipeline.values import ValueReader

_AUTOML_DATA = ("training_data", "validation_data", "test_data")
_STEP_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class StepReader:
    """Reads the steps in one file; ``base`` is its folder, absolute."""

    def __init__(self, files: Files, base: Path, out: Findings) -> None:
        self.files = files
        self.repo = files.repo
        self.base = base
        self.out = out
        self.values = ValueReader(self.repo, base, out)
        self.components = ComponentReader(files, base, out)
        self.components.read_steps = self.read
        self.parts = self.components.parts

    def read(
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
            return self._cloud_step(said, name, key, node)
        component_node = node.get("component")
        if "component" not in node.values and "command" in node.values and said != "pipeline":
            return self._inline_step(name, key, node)
        if component_node is None:
            what = f"The step {name} has neither component nor command."
            near = nearest("component", node.values) or nearest("command", node.values)
            fix = f"Is {near} misspelled?" if near else "Add `component: ./components/NAME.yml`."
            self.out.error(key.at, "MR113", what, fix)
            return self._other_step(name, key, node, Unsupported("broken", key.at))
        component = self.components.named_by(component_node, key.at, said or None, step=f"The step {name}")
        if isinstance(component, PipelineComponent) or said == "pipeline":
            PIPELINE_STEP(node, name, self.out)
        else:
            COMPONENT_STEP(node, name, self.out)
        return self._other_step(name, key, node, component)

    def _step_file(self, name: str, key: ScalarNode, node: ScalarNode) -> Step | None:
        """A step in its own file: ``train: file:./train.yml``."""
        file = absolute(self.base / str(node.value).removeprefix("file:"))
        if self.files.is_open(file):
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
        return StepReader(self.files, file.parent, self.out)._step(name, key, found)

    def _cloud_step(self, kind: str, name: str, key: ScalarNode, node: MapNode) -> Step:
        """A step that only Azure ML runs. Of those that its users hardly know, only the bindings are read."""
        if kind not in CLOUD_STEPS:
            reader = StepReader(self.files, self.base, Findings())
            return reader._other_step(name, key, node, Unsupported(kind, key.at))
        check_cloud_step(kind, node, name, self.out)
        named = node.get("trial" if kind == "sweep" else "component")
        component: Component = Unsupported(kind, key.at)
        if named is not None and kind != "automl":
            wanted = "command" if kind == "sweep" else kind
            found = self.components.named_by(named, key.at, wanted, step=f"The step {name}")
            if isinstance(found, CommandComponent | Unsupported):
                component = Unsupported(
                    kind,
                    key.at,
                    name=found.name,
                    inputs=found.inputs,
                    outputs=found.outputs,
                    trial=found if isinstance(found, CommandComponent) else None,
                )
        self.parts.cloud_code(node)
        task = node.get("task")
        if isinstance(task, MapNode):
            self.parts.environment(task.get("environment"), bindable=True)
        return self._other_step(name, key, node, component)

    def _inline_step(self, name: str, key: ScalarNode, node: MapNode) -> Step:
        INLINE_STEP(node, name, self.out)
        # It declares its inputs and outputs by using them; inline_ports.py infers their types.
        component = self.components.command(
            node, name, inputs=MappingProxyType({}), outputs=MappingProxyType({}), inline=True
        )
        return self._other_step(name, key, node, component)

    def _other_step(self, name: str, key: ScalarNode, node: MapNode, component: Component) -> Step:
        inputs: dict[str, Value] = {}
        given = node.values.get("inputs")
        if self.parts.is_mapping(given, "inputs"):
            check_groups(given, "input", self.out)
            for input_name, input_key, value_node in given:
                value = self.values.input(input_name, input_key, value_node)
                if value is not None:
                    inputs[input_name] = value
        automl = isinstance(component, Unsupported) and component.type == "automl"
        for data_key in _AUTOML_DATA:
            if automl and data_key in node.values:
                value = self.values.input(data_key, node.keys[data_key], node.values[data_key])
                if value is not None:
                    inputs[data_key] = value
        searched = node.get("search_space")
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
            input_keys={**key_positions(searched), **key_positions(given)},
            output_keys=key_positions(given_outputs),
            environment=self.parts.environment(environment, bindable=True),
            environment_variables=texts(node.get("environment_variables")),
            distribution=plain_mapping(node.get("distribution")),
            timeout=number(timeout),
            compute=node.text("compute"),
            display_name=node.text("display_name"),
        )
