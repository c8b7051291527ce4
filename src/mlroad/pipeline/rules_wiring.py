"""Rules on bindings: inputs, outputs, steps, cycles, writers."""

import itertools
from collections.abc import Iterable, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from mlroad.core.text import nearest
from mlroad.pipeline.expressions import around
from mlroad.pipeline.findings import Findings, a, suggest
from mlroad.pipeline.model import (
    LITERAL_TYPES,
    Binding,
    CommandComponent,
    PipelineComponent,
    PipelineJob,
    Step,
    Template,
    Unsupported,
    Value,
)
from mlroad.pipeline.ports import UNKNOWN, never_fit, text_fits
from mlroad.pipeline.scope import ARTIFACTS, Scope, bindings_of, input_port, needed

_MOST_CYCLES = 20
"""Each takes a search through the whole pipeline. The others are found when these are gone."""

Port = tuple[str, str, str]
"""(step, "in" or "out", name); all outputs of a step are one."""


def check_wiring(scope: Scope, out: Findings) -> None:
    """Check one level of a pipeline; nested pipelines are checked on their own."""
    for step in scope.steps.values():
        _inputs(step, out)
        for name, value in step.inputs.items():
            for binding in bindings_of(value):
                if _resolves(scope, step, binding, out):
                    _types(scope, step, name, binding, out)
        for binding in step.setting_bindings:
            _resolves(scope, step, binding, out)
        _outputs(scope, step, out)
    _writers(scope, out)
    _cycles(scope, out)


def _inputs(step: Step, out: Findings) -> None:
    component = step.component
    inline = isinstance(component, CommandComponent) and component.inline
    if component.inputs is None or inline:
        return
    meant: set[str | None] = set()
    missing = [port for port in component.inputs if port not in step.input_keys]
    for name, at in step.input_keys.items():
        if name in component.inputs:
            continue
        if isinstance(component, PipelineComponent):
            # Azure ML runs such pipelines and drops the value.
            what = f"The pipeline component {component.name} has no input {name}; Azure ML ignores it."
            out.warning(at, "MR214", what, suggest(name, missing or component.inputs, "Remove it."))
        else:
            # One typo is one problem: the intended input is not reported as missing too.
            meant.add(nearest(name, missing))
            what = f"The component {component.name} has no input {name}."
            out.error(at, "MR201", what, suggest(name, missing or component.inputs, "Remove it."))
    for port in component.inputs.values():
        if port.name not in step.input_keys and port.name not in meant and needed(port, component):
            wanted = f"the input {port.name} ({port.type}) of {component.name}"
            what = f"The step {step.name} does not set {wanted}."
            fix = f"Add `{port.name}: …` to its inputs, or give the input a default in {port.at.file}."
            out.error(step.at, "MR202", what, fix)


def _resolves(scope: Scope, step: Step, binding: Binding, out: Findings) -> bool:
    """Whether an input's binding points at something; a problem is noted if not."""
    if binding.kind == "parent_input":
        if binding.name in scope.inputs:
            return True
        what = f"The pipeline has no input {binding.name}."
        fix = suggest(binding.name, scope.inputs, "Declare it under the pipeline's inputs.")
        out.error(binding.at, "MR203", what, fix)
        return False
    if binding.kind == "parent_output":
        what = f"The step {step.name} cannot read from an output of the pipeline."
        fix = "Bind it to the output of the step that writes it: ${{" + "parent.jobs.STEP.outputs.NAME}}."
        out.error(binding.at, "MR210", what, fix)
        return False
    source = scope.steps.get(binding.job or "")
    if source is None:
        fix = suggest(binding.job or "", (name for name in scope.steps if name != step.name), "Add the step.")
        out.error(binding.at, "MR204", f"There is no step {binding.job}.", fix)
        return False
    component = source.component
    if component.inputs is None or component.outputs is None:
        return True
    if binding.kind == "job_output":
        if binding.name in component.outputs:
            return True
        if binding.name == ARTIFACTS and not isinstance(component, PipelineComponent):
            return True
        what = f"The step {source.name} has no output {binding.name}."
        otherwise = "Declare it in the component's outputs."
        if isinstance(component, CommandComponent) and component.inline:
            otherwise = f"Add `{binding.name}:` to the outputs of the step {source.name}."
        out.error(binding.at, "MR205", what, suggest(binding.name, component.outputs, otherwise))
        return False
    if binding.name in component.inputs:
        return True
    what = f"The step {source.name} has no input {binding.name}."
    out.error(binding.at, "MR205", what, suggest(binding.name, component.inputs, "Bind to one that exists."))
    return False


def _types(scope: Scope, step: Step, name: str, binding: Binding, out: Findings) -> None:
    """Data and literals must not be mixed up; a file bound to a folder is suspicious."""
    port = input_port(step, name)
    found = _type_of(scope, binding)
    if port is None or found is None or UNKNOWN in {port.type, found}:
        return
    literal = port.type in LITERAL_TYPES
    value = step.inputs[name]
    if isinstance(value, Template):
        beside = f"{name} of {step.name} is {a(port.type)}, but its value has text beside the binding."
        if not literal:
            fix = "Write the binding alone; the step's script can append a path."
            out.error(value.at, "MR211", beside, fix)
        elif found not in LITERAL_TYPES:
            what = f"{name} of {step.name} is {a(port.type)}; {a(found)} cannot be part of its text."
            out.error(binding.at, "MR211", what, "Bind the data to a separate input.")
        elif not _fits_beside(port.type, value.text):
            out.error(value.at, "MR211", beside, "Write the binding alone.")
        return
    if literal != (found in LITERAL_TYPES) or never_fit(port.type, found):
        what = f"The input {name} of {step.name} is {a(port.type)}, but is bound to {a(found)}."
        fix = f"Bind it to {a(port.type)}, or change the type of the input in {port.at.file}."
        out.error(binding.at, "MR211", what, fix)
    elif not literal and "uri_file" in {port.type, found} and port.type != found:
        what = f"The input {name} of {step.name} is {a(port.type)}, but is bound to {a(found)}."
        out.warning(binding.at, "MR218", what, "Make both a file, or both a folder.")


@lru_cache(maxsize=1)
def _fits_beside(wanted: str, text: str) -> bool:
    """Whether the text beside the expressions can be part of the value. Asked once for each of them."""
    return text_fits(wanted, around(text))


def _type_of(scope: Scope, binding: Binding) -> str | None:
    if binding.kind == "parent_input":
        return scope.inputs[binding.name].type
    component = scope.steps[binding.job or ""].component
    if component.inputs is None or component.outputs is None:
        return None
    if binding.kind == "job_input":
        return component.inputs[binding.name].type
    output = component.outputs.get(binding.name)
    return output.type if output else "uri_folder"


def _outputs(scope: Scope, step: Step, out: Findings) -> None:
    component = step.component
    inline = isinstance(component, CommandComponent) and component.inline
    if component.outputs is not None and not inline:
        for name, at in step.output_keys.items():
            if name not in component.outputs and name != ARTIFACTS:
                what = f"The component {component.name} has no output {name}."
                out.error(at, "MR212", what, suggest(name, component.outputs, "Remove it."))
    for output_name, said in step.outputs.items():
        binding = said.binding
        if binding is None:
            continue
        if binding.kind != "parent_output":
            what = "An output of a step can be bound only to an output of the pipeline."
            out.error(binding.at, "MR210", what, "Write ${{" + "parent.outputs.NAME}}.")
        elif binding.name not in scope.outputs:
            fix = suggest(binding.name, scope.outputs, "Declare it under the pipeline's outputs.")
            out.error(binding.at, "MR206", f"The pipeline has no output {binding.name}.", fix)
        elif component.outputs is not None and output_name in component.outputs:
            wanted = scope.outputs[binding.name].type
            written = said.type or component.outputs[output_name].type
            if never_fit(wanted, written):
                what = (
                    f"The pipeline's output {binding.name} is {a(wanted)}; {step.name} writes {a(written)}."
                )
                out.error(binding.at, "MR211", what, f"Write `type: {written}` at the pipeline's output.")


def _writers(scope: Scope, out: Findings) -> None:
    writers: dict[str, str] = {}
    for step in scope.steps.values():
        for name, said in step.outputs.items():
            binding = said.binding
            if binding is None or binding.kind != "parent_output":
                continue
            first = writers.setdefault(binding.name, f"{step.name}.{name}")
            if first != f"{step.name}.{name}":
                what = f"Two outputs write {binding.name} of the pipeline: {first} and {step.name}.{name}."
                out.error(binding.at, "MR208", what, "Give each its own output of the pipeline.")
    if not scope.steps or _writes_unseen(scope.steps.values()):
        return
    unwritten = [name for name in scope.outputs if name not in writers]
    meant = _meant(scope, unwritten)
    for name, output in scope.outputs.items():
        if name in unwritten and name not in meant:
            what = f"No step writes the output {name} of the pipeline."
            fix = "Bind a step's output to it: ${{" + f"parent.outputs.{name}" + "}}; or remove it."
            out.error(output.at, "MR209", what, fix)


def _meant(scope: Scope, unwritten: list[str]) -> set[str | None]:
    """The outputs that a wrong binding was meant for: it is reported there, and is the one cause."""
    names: list[str] = []
    for step in scope.steps.values():
        names += step.output_keys.keys() - step.outputs.keys()  # bindings that cannot be read
        bindings = [said.binding for said in step.outputs.values() if said.binding is not None]
        right = [item.kind == "parent_output" and item.name in scope.outputs for item in bindings]
        names += [item.name for item, fine in zip(bindings, right, strict=True) if not fine]
    if len(unwritten) == 1 and names:
        return {*unwritten}
    return {nearest(name, unwritten) for name in names}


def _writes_unseen(steps: Iterable[Step]) -> bool:
    """Whether a step may write outputs that the loader does not see (control flow, broken files)."""
    return any(
        isinstance(step.component, Unsupported)
        and step.component.type in {"broken", "do_while", "if_else", "parallel_for"}
        for step in steps
    )


def _cycles(scope: Scope, out: Findings) -> None:
    """Find inputs that wait for themselves, from port to port. Each group of steps is reported once."""
    waits = {
        (step.name, "in", name): _sources(scope, value)
        for step in scope.steps.values()
        for name, value in step.inputs.items()
    }
    for step in scope.steps.values():
        waits[step.name, "out", ""] = {(step.name, "in", name): None for name in step.inputs}
    order = {name: number for number, name in enumerate(scope.steps)}
    reported: set[frozenset[str]] = set()
    for cycle in itertools.islice(iter(lambda: _cycle(waits), []), _MOST_CYCLES):
        # In each cycle an input is bound to a later step, or to its own: the one to look at.
        source, port, binding = next(
            (source, port, binding)
            for source, port in itertools.pairwise(cycle)
            if (binding := waits[port][source]) and order[source[0]] >= order[port[0]]
        )
        del waits[port][source]  # to find the next cycle
        steps = frozenset(name for name, _, _ in cycle)
        if steps not in reported:
            reported.add(steps)
            _report_cycle(sorted(steps), binding, out)


def _cycle(waits: Mapping[Port, Mapping[Port, Binding | None]]) -> list[Port]:
    """Ports that wait for each other, the first one again at the end; empty if there are none."""
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _sources(scope: Scope, value: Value) -> dict[Port, Binding | None]:
    """What an input waits for: each port that it is bound to, with the binding."""
    found: dict[Port, Binding | None] = {}
    for binding in bindings_of(value):
        source = scope.steps.get(binding.job or "")
        if binding.kind == "job_output" and source is not None:
            found.setdefault((source.name, "out", ""), binding)
        elif binding.kind == "job_input" and source is not None and binding.name in source.inputs:
            found.setdefault((source.name, "in", binding.name), binding)
    return found


def _report_cycle(steps: list[str], binding: Binding, out: Findings) -> None:
    what = f"These steps wait for each other: {', '.join(steps)}."
    if len(steps) == 1:
        what = f"The step {steps[0]} waits for itself."
    out.error(binding.at, "MR207", what, "Remove one of the bindings; nothing could start.")


def check_optional(scope: PipelineComponent, out: Findings) -> None:
    """An optional input of a pipeline component must not feed an input that requires a value."""
    for step in scope.steps.values():
        for name, value in step.inputs.items():
            if not isinstance(value, Binding) or value.kind != "parent_input":
                continue
            source = scope.inputs.get(value.name)
            port = input_port(step, name)
            component = step.component
            if source is None or port is None:
                continue
            if source.optional and source.default is None and needed(port, component):
                what = f"{value.name} is optional, but feeds {name} of {step.name}, which needs a value."
                fix = f"Remove `optional: true` from {value.name}, or make {name} optional in {port.at.file}."
                out.error(value.at, "MR213", what, fix)


def check_compute(job: PipelineJob, out: Findings) -> None:
    """Azure ML rejects a pipeline in which a step has no compute. A local run ignores it."""
    if job.compute is not None:
        return
    without = list(_without_compute(job))
    if without:
        names = ", ".join(step.name for step in without[:5]) + (", …" if len(without) > 5 else "")
        what = f"Azure ML rejects this pipeline: no compute is set for {names}."
        fix = "Add `settings:` with `default_compute: azureml:serverless`, or name your cluster there."
        out.error(without[0].at, "MR251", what, fix)


def _without_compute(scope: Scope) -> Iterable[Step]:
    for step in scope.steps.values():
        component = step.component
        if isinstance(component, PipelineComponent):
            yield from _without_compute(component)
        elif step.compute is None and not (
            isinstance(component, Unsupported) and _may_set_compute(component)
        ):
            yield step


def _may_set_compute(component: Unsupported) -> bool:
    """Whether the steps inside a component that only Azure ML knows may have their own compute."""
    if component.type == "registered":
        return component.step_type == "pipeline"
    return component.type not in {"sweep", "parallel"}
