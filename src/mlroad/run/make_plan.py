"""From a pipeline to a flat plan. Nested pipelines are resolved: the step ``fit`` of the nested pipeline
``inner`` becomes ``inner.fit``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

from mlroad.core.problems import Position, Problem, UserError
from mlroad.pipeline.expressions import expressions, target
from mlroad.pipeline.model import (
    Binding,
    CommandComponent,
    DataAsset,
    DataPath,
    InputPort,
    Literally,
    OutputPort,
    PipelineComponent,
    PipelineJob,
    RemoteData,
    Step,
    StepOutput,
    Template,
    Unsupported,
    Value,
)
from mlroad.pipeline.scope import bindings_of
from mlroad.run.plan import (
    ARTIFACTS,
    Joined,
    Plan,
    PlannedOutput,
    PlannedStep,
    Produced,
    Source,
    Text,
    needs_of,
    option_to_replace,
)

_EXPRESSION = re.compile(r"\$\{\{\s*((?:(?!\$\{\{)\S)+?)\s*\}\}")


class _Writers:
    """The output of a step that each output of a pipeline is bound to; each pipeline is searched once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, tuple[str, str]]] = {}

    def of(self, steps: Mapping[str, Step]) -> Mapping[str, tuple[str, str]]:
        """Output of the pipeline to step and output. The job keeps all ``steps`` alive, so ids are unique."""
        if id(steps) not in self._known:
            found: dict[str, tuple[str, str]] = {}
            for name, step in steps.items():
                for own, said in step.outputs.items():
                    if said.binding:
                        found.setdefault(said.binding.name, (name, own))
            self._known[id(steps)] = found
        return self._known[id(steps)]


@dataclass(slots=True)
class _Scope:
    """One level of the nested pipelines."""

    prefix: str
    steps: Mapping[str, Step]
    inputs: Mapping[str, Source]
    outputs: Mapping[str, str]
    """Output of this level to its place below the run's folder."""
    writers: _Writers
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Output of this level to its declared type."""
    assets: Mapping[str, str] = field(default_factory=dict)
    resolved: dict[tuple[str, str], Source | None] = field(default_factory=dict)
    """Step and input to what it is bound to, for inputs that others are bound to."""


def make_plan(job: PipelineJob) -> Plan:
    """The plan of a job. Raises UserError for a cycle of steps."""
    writers = _Writers()
    inputs = _given(job.inputs, job.values, writers)
    top = _Scope(
        prefix="",
        steps=job.steps,
        inputs=inputs,
        outputs={name: _place(port.path, f"outputs/{name}", name, "") for name, port in job.outputs.items()},
        writers=writers,
        kinds={name: port.type for name, port in job.outputs.items()},
        assets={name: asset for name, port in job.outputs.items() if (asset := _asset(port))},
    )
    problems: list[tuple[str, Problem]] = []
    notes: list[str] = []
    flat = list(_flatten(top, job, inputs, problems, notes))
    written = {}
    for name in job.outputs:
        made = _producer_of_output(job.steps, "", name, job.at, writers)
        if made:
            written[name] = made
    steps = _in_order({step.name: step for step in flat})
    return Plan(job, steps, inputs, written, tuple(dict.fromkeys(notes)), tuple(problems))


def _flatten(
    scope: _Scope,
    job: PipelineJob,
    given: Mapping[str, Source],
    problems: list[tuple[str, Problem]],
    notes: list[str],
) -> Iterator[PlannedStep]:
    for name, step in scope.steps.items():
        component = step.component
        full = scope.prefix + name
        runs_here = not isinstance(component, Unsupported)
        if isinstance(component, Unsupported):
            problems.append((full, _cannot_run(full, component, step)))
            component = _stand_in(step, component)
        inputs: dict[str, Source] = {}
        for port_name, port in component.inputs.items():
            value = step.inputs.get(port_name)
            source = _resolve(value, scope) if value is not None else None
            if source is None and port.default is not None:
                source = Text(str(port.default), port.at)
            if source is not None:
                inputs[port_name] = source
                if runs_here and isinstance(source, DataAsset | RemoteData):
                    option = option_to_replace(source, full, port_name, given)
                    found = _no_local_data(source, full, port_name, option)
                    problems += [(full, problem) for problem in found]
        if isinstance(component, PipelineComponent):
            yield from _flatten(_nested(scope, step, component, inputs), job, given, problems, notes)
            continue
        if step.distribution or component.distribution:
            notes.extend(_one_process(full, step.distribution or component.distribution or {}))
        yield PlannedStep(
            name=full,
            at=step.at,
            component=component,
            inputs=inputs,
            outputs=_targets(scope, step, component),
            needs=tuple(dict.fromkeys(need.step for source in inputs.values() for need in needs_of(source))),
            environment=step.environment or component.environment,
            environment_variables={
                **job.environment_variables,
                **component.environment_variables,
                **step.environment_variables,
            },
            distribution=step.distribution or component.distribution,
            timeout=step.timeout if step.timeout is not None else component.timeout,
            deterministic=component.is_deterministic and not job.force_rerun,
        )


def _nested(scope: _Scope, step: Step, component: PipelineComponent, inputs: Mapping[str, Source]) -> _Scope:
    places: dict[str, str] = {}
    kinds: dict[str, str] = {}
    assets: dict[str, str] = {}
    prefix = f"{scope.prefix}{step.name}."
    for name, port in component.outputs.items():
        said = step.outputs.get(name)
        binding = said.binding if said else None
        kinds[name] = (said.type if said else None) or port.type
        if binding and binding.name in scope.outputs:
            places[name] = scope.outputs[binding.name]
            if binding.name in scope.assets:
                assets[name] = scope.assets[binding.name]
            continue
        path = (said.path if said else None) or port.path
        places[name] = _place(path, f"steps/{scope.prefix}{step.name}/outputs/{name}", name, step.name)
        if asset := (_asset(said) if said else None) or _asset(port):
            assets[name] = asset
    return _Scope(prefix, component.steps, inputs, places, scope.writers, kinds, assets)


def _targets(scope: _Scope, step: Step, component: CommandComponent) -> dict[str, PlannedOutput]:
    targets: dict[str, PlannedOutput] = {}
    full = scope.prefix + step.name
    for name, port in component.outputs.items():
        said = step.outputs.get(name)
        binding = said.binding if said else None
        kind = (said.type if said else None) or port.type
        asset = (_asset(said) if said else None) or _asset(port)
        if binding and binding.name in scope.outputs:
            place = scope.outputs[binding.name]
            asset = scope.assets.get(binding.name, asset)
        else:
            path = (said.path if said else None) or port.path
            place = _place(path, f"steps/{full}/outputs/{name}", name, step.name)
        targets[name] = PlannedOutput(name, kind, place, asset)
    if not re.search(r"\boutputs\.artifacts\b", component.command):
        declared = targets.get(ARTIFACTS)
        place = declared.place if declared else f"steps/{full}/{ARTIFACTS}"
        said = step.outputs.get(ARTIFACTS)
        if said and said.binding and said.binding.name in scope.outputs:
            place = scope.outputs[said.binding.name]
        targets[ARTIFACTS] = PlannedOutput(ARTIFACTS, "uri_folder", place, implicit=True)
    return targets


def _resolve(value: Value, scope: _Scope) -> Source | None:
    """The source of a value; None if it is bound to an input without a value."""
    if isinstance(value, Literally):
        return Text(value.text, value.at)
    if isinstance(value, Binding):
        return _bound(value, scope)
    if isinstance(value, Template):
        parts: list[str | Text | Produced | DataPath | DataAsset | RemoteData] = []
        end = 0
        bound = [found for found in expressions(value.text) if target(found.body)]
        for binding, found in zip(value.bindings, bound, strict=True):
            parts.append(value.text[end : found.start])
            source = _bound(binding, scope)
            if isinstance(source, Joined):
                parts.extend(source.parts)
            elif source is not None:
                parts.append(source)
            end = found.end
        parts.append(value.text[end:])
        if all(isinstance(part, str | Text) for part in parts):
            return Text("".join(part if isinstance(part, str) else part.text for part in parts), value.at)  # type: ignore[union-attr]
        return Joined(tuple(part for part in parts if part != ""), value.at)
    return value


def _bound(binding: Binding, scope: _Scope) -> Source | None:
    if binding.kind == "parent_input":
        return scope.inputs.get(binding.name)
    if binding.kind == "parent_output":
        return _producer_of_output(scope.steps, scope.prefix, binding.name, binding.at, scope.writers)
    job = binding.job or ""
    if binding.kind == "job_output":
        return _producer(scope.steps, scope.prefix, job, binding.name, binding.at, scope.writers)
    key = (job, binding.name)
    if key not in scope.resolved:
        scope.resolved[key] = _input_of(scope.steps[job], binding, scope)
    return scope.resolved[key]


def _input_of(step: Step, binding: Binding, scope: _Scope) -> Source | None:
    """What another step's input is bound to."""
    value = step.inputs.get(binding.name)
    source = _resolve(value, scope) if value is not None else None
    if source is None and not isinstance(step.component, Unsupported):
        port = step.component.inputs.get(binding.name)
        if port and port.default is not None:
            return Text(str(port.default), port.at)
    return source


def _producer(
    steps: Mapping[str, Step], prefix: str, job: str, output: str, at: Position, writers: _Writers
) -> Produced | None:
    """The command step that writes ``output`` of ``job``, which may be a nested pipeline."""
    step = steps[job]
    if isinstance(step.component, PipelineComponent):
        return _producer_of_output(step.component.steps, f"{prefix}{job}.", output, at, writers)
    return Produced(prefix + job, output, at)


def _producer_of_output(
    steps: Mapping[str, Step], prefix: str, output: str, at: Position, writers: _Writers
) -> Produced | None:
    writer = writers.of(steps).get(output)
    return _producer(steps, prefix, *writer, at, writers) if writer else None


def _given(
    ports: Mapping[str, InputPort], values: Mapping[str, Value], writers: _Writers
) -> dict[str, Source]:
    """The values of a pipeline job's inputs."""
    sources: dict[str, Source] = {}
    top = _Scope("", {}, {}, {}, writers)
    for name in dict.fromkeys([*ports, *values]):
        value = values.get(name)
        source = _resolve(value, top) if value is not None else None
        port = ports.get(name)
        if source is None and port and port.default is not None:
            source = Text(str(port.default), port.at)
        if source is not None:
            sources[name] = source
    return sources


def _asset(said: StepOutput | OutputPort) -> str | None:
    if said.asset_name is None:
        return None
    return f"{said.asset_name}:{said.asset_version}" if said.asset_version else said.asset_name


def _place(path: str | None, otherwise: str, output: str, step: str) -> str:
    """The place of an output below the run's folder: ``otherwise``, or one that follows its explicit path.

    ``azureml://datastores/store/paths/a/b`` becomes ``datastores/store/a/b``. The server's expressions are
    filled in as Azure ML documents them. ``${{name}}`` is not documented; here it is the name of the step.
    """
    if not path or _EXPRESSION.fullmatch(path.strip()):
        return otherwise
    known = {"default_datastore": "workspaceblobstore", "output_name": output, "name": step or "pipeline"}
    text = _EXPRESSION.sub(lambda found: known.get(found.group(1), found.group(1)), path)
    text = re.sub(r"^azureml:(?=azureml://)", "", text)
    found = re.match(r"azureml://(?:.*/)?datastores/([^/]+)(?:/paths)?/?(.*)", text)
    text = f"{found.group(1)}/{found.group(2)}" if found else re.sub(r"^[a-z]+://", "", text)
    parts = [re.sub(r'[<>:"|?*\\]', "_", part) for part in text.split("/") if part not in ("", ".", "..")]
    return "/".join(["datastores", *parts]) if parts else otherwise


def _cannot_run(name: str, node: Unsupported, step: Step) -> Problem:
    if node.type == "registered":
        what = f'The component {node.reference} of step "{name}" was not found in a YAML file of this repo.'
        return Problem(node.at, "MR505", what, "Add its YAML file to the repo, or refer to a file.")
    what = f'The step "{name}" is of type {node.type}, which only Azure ML can run.'
    bindings = [binding for value in step.inputs.values() for binding in bindings_of(value)]
    before = sorted({binding.job for binding in bindings if binding.job})
    fix = "Replace it with a command step to try the rest here."
    if before:
        first = " ".join(f"--step {job}" for job in before)
        fix = f"Run what comes before it with {first}, or replace it with a command step."
    return Problem(node.at, "MR501", what, fix)


def _stand_in(step: Step, node: Unsupported) -> CommandComponent:
    """A component with the inputs that a step sets, which keeps the step in the graph."""
    inputs = {name: InputPort(name, "uri_folder", node.at, optional=True) for name in step.inputs}
    return CommandComponent(node.type, node.at, "", node.at, inputs, {})


def _no_local_data(source: DataAsset | RemoteData, step: str, name: str, option: str) -> Iterator[Problem]:
    if isinstance(source, DataAsset) and source.path is None:
        asset = f"azureml:{source.name}" + (f":{source.version}" if source.version else f"@{source.label}")
        if source.file is not None:
            what = f'The input "{name}" of step "{step}" is {asset}, and its data is not on this machine.'
            fix = f"Fetch it with `mlroad dataset fetch {source.name}:{source.version}`."
            yield Problem(source.at, "MR502", what, fix)
            return
        what = f'The input "{name}" of step "{step}" is {asset}, which is not in datasets/.'
        fix = f"Create it with `mlroad dataset add {source.name} PATH`, or pass {option}."
        yield Problem(source.at, "MR502", what, fix)
    elif isinstance(source, RemoteData) and not source.url.startswith(("https://", "http://")):
        what = f'The input "{name}" of step "{step}" is {source.url}, which needs a cloud account.'
        fix = f"Download it and pass {option}, or use a local path in the pipeline."
        yield Problem(source.at, "MR503", what, fix)
    elif isinstance(source, RemoteData) and source.type not in ("uri_file", ""):
        what = f'The input "{name}" of step "{step}" is the {source.type} {source.url}.'
        fix = f"Only single files can be downloaded: declare a uri_file, or download it and pass {option}."
        yield Problem(source.at, "MR503", what, fix)


def _one_process(step: str, distribution: Mapping[str, object]) -> Iterator[str]:
    count = distribution.get("process_count_per_instance", distribution.get("worker_count"))
    if isinstance(count, int) and count > 1:
        yield f"{step} runs as one process here, not {count}"


def _in_order(steps: dict[str, PlannedStep]) -> dict[str, PlannedStep]:
    """The steps, each after those that it needs; otherwise in the order of the file."""
    sorter = TopologicalSorter({name: step.needs for name, step in steps.items()})
    names = list(steps)
    number = {name: index for index, name in enumerate(names)}
    try:
        sorter.prepare()
    except CycleError as error:
        ring = error.args[1][1:]
        first = ring.index(min(ring, key=number.__getitem__))
        ring = [*ring[first:], *ring[:first], ring[first]]
        what = f"The steps {' → '.join(ring)} form a cycle."
        raise UserError(Problem(steps[ring[0]].at, "MR504", what, "Remove one of these bindings.")) from None
    ordered: dict[str, PlannedStep] = {}
    ready: list[int] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, number[name])
        name = names[heappop(ready)]
        ordered[name] = steps[name]
        sorter.done(name)
    return ordered
