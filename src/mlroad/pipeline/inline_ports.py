"""Inputs and outputs of steps with their own command: declared by their use, typed by their bindings."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from mlroad.pipeline.model import (
    Binding,
    CommandComponent,
    InputPort,
    Literally,
    OutputPort,
    PipelineComponent,
    Step,
    Template,
    Value,
)

_LITERAL_OF = {bool: "boolean", int: "integer", float: "number", str: "string"}


def infer_ports(
    steps: Mapping[str, Step], inputs: Mapping[str, InputPort], outputs: Mapping[str, OutputPort]
) -> dict[str, Step]:
    """``steps`` with the ports of inline ones filled in."""
    inferred = _Ports(steps, inputs, outputs)
    return {name: inferred.complete(step) for name, step in steps.items()}


class _Ports:
    def __init__(
        self, steps: Mapping[str, Step], inputs: Mapping[str, InputPort], outputs: Mapping[str, OutputPort]
    ) -> None:
        self.steps, self.inputs, self.outputs = steps, inputs, outputs

    def complete(self, step: Step) -> Step:
        component = step.component
        if not isinstance(component, CommandComponent) or not component.inline:
            return step
        ports = {
            name: InputPort(name, self._type(value, frozenset({step.name})), step.input_keys[name])
            for name, value in step.inputs.items()
        }
        declared = {
            name: OutputPort(name, self._output_type(step, name), said.at)
            for name, said in step.outputs.items()
        }
        filled = replace(component, inputs=MappingProxyType(ports), outputs=MappingProxyType(declared))
        return replace(step, component=filled)

    def _type(self, value: Value, seen: frozenset[str]) -> str:
        if isinstance(value, Literally):
            return _LITERAL_OF[type(value.value)]
        if isinstance(value, Template):
            return "string"
        if not isinstance(value, Binding):
            return value.type
        if value.kind == "parent_input":
            return self.inputs[value.name].type if value.name in self.inputs else "uri_folder"
        step = self.steps.get(value.job or "")
        if step is None or (value.kind == "job_input" and step.name in seen):
            return "uri_folder"
        if value.kind == "job_output":
            return self._output_type(step, value.name)
        component = step.component
        if isinstance(component, CommandComponent | PipelineComponent) and value.name in component.inputs:
            return component.inputs[value.name].type
        given = step.inputs.get(value.name)
        return self._type(given, seen | {step.name}) if given is not None else "uri_folder"

    def _output_type(self, step: Step, name: str) -> str:
        component = step.component
        if isinstance(component, CommandComponent | PipelineComponent) and name in component.outputs:
            return component.outputs[name].type
        said = step.outputs.get(name)
        if said is None:
            return "uri_folder"
        if (
            said.binding is not None
            and said.binding.kind == "parent_output"
            and said.binding.name in self.outputs
        ):
            return said.type or self.outputs[said.binding.name].type
        return said.type or "uri_folder"
