"""One level of a pipeline, which is what the rules look at: a job or a pipeline component."""

from collections.abc import Iterator

from mlroad.pipeline.model import (
    Binding,
    CommandComponent,
    Component,
    InputPort,
    PipelineComponent,
    PipelineJob,
    Step,
    Template,
    Unsupported,
    Value,
)

Scope = PipelineJob | PipelineComponent
ARTIFACTS = "artifacts"
"""The output that every step has: the files that it writes to ./outputs."""


def bindings_of(value: Value) -> tuple[Binding, ...]:
    """The expressions in a value."""
    if isinstance(value, Binding):
        return (value,)
    return value.bindings if isinstance(value, Template) else ()


def input_port(step: Step, name: str) -> InputPort | None:
    """The declared input of a step, or None if there is none or its component is unknown."""
    inputs = step.component.inputs
    return inputs.get(name) if inputs is not None else None


def nested(scope: Scope) -> Iterator[PipelineComponent]:
    """The pipeline components below ``scope``, each once, at any depth."""
    seen: set[int] = set()
    waiting: list[Scope] = [scope]
    while waiting:
        for step in waiting.pop().steps.values():
            component = step.component
            if isinstance(component, PipelineComponent) and id(component) not in seen:
                seen.add(id(component))
                waiting.append(component)
                yield component


def levels(job: PipelineJob) -> Iterator[Scope]:
    """A job, and all pipeline components below it."""
    yield job
    yield from nested(job)


def commands(scope: Scope) -> Iterator[CommandComponent]:
    """The command components in ``scope`` and below, each once."""
    seen: set[int] = set()
    for level in (scope, *nested(scope)):
        for step in level.steps.values():
            component = step.component
            command = component.trial if isinstance(component, Unsupported) else component
            if isinstance(command, CommandComponent) and id(command) not in seen:
                seen.add(id(command))
                yield command


def needed(port: InputPort, owner: Component) -> bool:
    """Whether a step must give a value to this input.

    An input of a pipeline component that only feeds optional inputs is optional, as azure-ai-ml infers it.
    """
    if port.optional or port.default is not None:
        return False
    if isinstance(owner, PipelineComponent):
        uses = list(uses_of(owner, port.name))
        return not uses or any(uses)
    return True


def uses_of(scope: Scope, name: str) -> Iterator[bool]:
    """For every use of the pipeline's input ``name``: whether a value is needed there."""
    for step in scope.steps.values():
        component = step.component
        yield from (True for use in step.setting_bindings if use.name == name)
        for input_name, value in step.inputs.items():
            if not any(use.kind == "parent_input" and use.name == name for use in bindings_of(value)):
                continue
            port = input_port(step, input_name)
            if port is None or isinstance(value, Template):
                yield isinstance(value, Template)
            else:
                yield needed(port, component)
