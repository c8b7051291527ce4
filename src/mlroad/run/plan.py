"""From a pipeline to a flat plan: every command step with where its inputs come from and its outputs go.

Pipeline components are dissolved: the step ``fit`` of the nested pipeline ``inner`` becomes ``inner.fit``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlroad.core.problems import Position, Problem, UserError
from mlroad.pipeline.model import (
    Binding,
    CommandComponent,
    DataAsset,
    DataPath,
    Environment,
    InputPort,
    Literally,
    OutputPort,
    PipelineComponent,
    PipelineJob,
    RemoteData,
    Scalar,
    Step,
    StepOutput,
    Template,
    Unsupported,
    Value,
)

ARTIFACTS = "artifacts"
"""The output that every step has without declaring it: what it leaves under ./outputs."""

_FILE_TYPES = ("uri_file",)
_EXPRESSION = re.compile(r"\$\{\{\s*(\S+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A literal value as the command receives it."""

    text: str
    at: Position


@dataclass(frozen=True, slots=True)
class Produced:
    """An output of another step."""

    step: str
    output: str
    at: Position


@dataclass(frozen=True, slots=True)
class Joined:
    """Text put together from literal parts and values."""

    parts: tuple[str | Text | Produced | DataPath | DataAsset | RemoteData, ...]
    at: Position


Source = Text | Produced | Joined | DataPath | DataAsset | RemoteData


@dataclass(frozen=True, slots=True)
class Target:
    """An output: its type, its place below the run's folder, and the asset that Azure ML would register."""

    name: str
    type: str
    place: str
    asset: str | None = None
    implicit: bool = False
    """Whether it is the output ``artifacts``, made of what the step leaves under ./outputs."""

    @property
    def is_file(self) -> bool:
        return self.type in _FILE_TYPES


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A command step, ready to run once ``needs`` have finished."""

    name: str
    at: Position
    component: CommandComponent
    inputs: Mapping[str, Source]
    """Inputs that have a value; optional ones without are absent."""
    outputs: Mapping[str, Target]
    needs: tuple[str, ...]
    environment: Environment | None
    environment_variables: Mapping[str, str]
    distribution: Mapping[str, object] | None
    timeout: float | None
    deterministic: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in an order in which none comes before what it needs."""

    job: PipelineJob
    steps: Mapping[str, PlannedStep]
    inputs: Mapping[str, Source]
    outputs: Mapping[str, Produced]
    notes: tuple[str, ...]
    """What this machine does otherwise than Azure ML would."""
    problems: tuple[tuple[str, Problem], ...]
    """Steps that this machine cannot run, and why."""

    def refuse(self) -> None:
        """Raise UserError if a step of the plan cannot run here, with all of them at once."""
        found = [problem for step, problem in self.problems if step in self.steps]
        once: dict[tuple[Position, str], Problem] = {}
        for problem in found:
            once.setdefault((problem.at, problem.code), problem)
        if once:
            raise UserError(once.values())


@dataclass(slots=True)
class _Scope:
    """One level of the nested pipelines while it is dissolved."""

    prefix: str
    steps: Mapping[str, Step]
    inputs: Mapping[str, Source]
    outputs: Mapping[str, str]
    """Outputs of this level to their places below the run's folder."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Declared types of the outputs of this level."""
    assets: Mapping[str, str] = field(default_factory=dict)


def make_plan(job: PipelineJob) -> Plan:
    """Dissolve ``job`` into a plan. Raises UserError for cycles."""
    inputs = _given(job.inputs, job.values)
    top = _Scope(
        prefix="",
        steps=job.steps,
        inputs=inputs,
        outputs={name: _place(port.path, f"outputs/{name}", name, "") for name, port in job.outputs.items()},
        kinds={name: port.type for name, port in job.outputs.items()},
        assets={name: asset for name, port in job.outputs.items() if (asset := _asset(port))},
    )
    problems: list[tuple[str, Problem]] = []
    notes: list[str] = []
    flat = list(_dissolve(top, job, inputs, problems, notes))
    written = {}
    for name in job.outputs:
        made = _producer_of_output(job.steps, "", name, job.at)
        if made:
            written[name] = made
    steps = _ordered({step.name: step for step in flat})
    return Plan(job, steps, inputs, written, tuple(dict.fromkeys(notes)), tuple(problems))


def selected(plan: Plan, wanted: list[str]) -> Plan:
    """The part of ``plan`` that ``wanted`` steps need, with them. A nested pipeline's name means all of it.

    Raises UserError for a name that is no step.
    """
    chosen: set[str] = set()
    for name in wanted:
        found = [step for step in plan.steps if step == name or step.startswith(name + ".")]
        if not found:
            raise UserError(no_such("step", name, plan.steps))
        chosen.update(found)
    waiting = list(chosen)
    while waiting:
        for need in plan.steps[waiting.pop()].needs:
            if need not in chosen:
                chosen.add(need)
                waiting.append(need)
    steps = {name: step for name, step in plan.steps.items() if name in chosen}
    outputs = {name: made for name, made in plan.outputs.items() if made.step in chosen}
    return Plan(plan.job, steps, plan.inputs, outputs, plan.notes, plan.problems)


def no_such(kind: str, name: str, known: Mapping[str, object] | list[str]) -> str:
    """A message for a name that does not exist, with the nearest one that does.

    Of paths only the last part counts: what all have in common makes none near.
    """
    from difflib import get_close_matches

    last = {item.rpartition("/")[2]: item for item in known}
    near = get_close_matches(name.rpartition("/")[2], last, n=1)
    if near:
        return f'There is no {kind} "{name}". Did you mean "{last[near[0]]}"?'
    return f'There is no {kind} "{name}". There are: {", ".join(known) or "none"}.'


def parts_of(step: PlannedStep) -> Iterator[object]:
    """All that the inputs of a step are made of."""
    for source in step.inputs.values():
        yield from source.parts if isinstance(source, Joined) else (source,)


def needs_of(source: Source) -> Iterator[Produced]:
    """The outputs of other steps that a value is made from."""
    if isinstance(source, Produced):
        yield source
    elif isinstance(source, Joined):
        for part in source.parts:
            if isinstance(part, Produced):
                yield part


def how_to_give(source: object, step: str, port: str, given: Mapping[str, Source]) -> str:
    """The option that puts something else in the place of ``source``, which an input of ``step`` has.

    ``given``: the values of the pipeline's inputs. What stands in a step is no input of the pipeline.
    """
    for name, value in given.items():
        if value is source:
            return f"--input {name}=PATH"
    return f"--set jobs.{step.replace('.', '.jobs.')}.inputs.{port}=PATH"


def _dissolve(
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
            problems.append((full, _cannot_run(full, component)))
            component = _stand_in(step, component)
        inputs: dict[str, Source] = {}
        for port_name, port in component.inputs.items():
            value = step.inputs.get(port_name)
            source = _resolve(value, scope) if value is not None else None
            if source is None and port.default is not None:
                source = Text(_text(port.default), port.at)
            if source is not None:
                inputs[port_name] = source
                if runs_here:
                    giving = how_to_give(source, full, port_name, given)
                    found = _no_local_data(source, full, port_name, giving)
                    problems += [(full, problem) for problem in found]
        if isinstance(component, PipelineComponent):
            yield from _dissolve(_nested(scope, step, component, inputs), job, given, problems, notes)
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
    return _Scope(prefix, component.steps, inputs, places, kinds, assets)


def _targets(scope: _Scope, step: Step, component: CommandComponent) -> dict[str, Target]:
    targets: dict[str, Target] = {}
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
        targets[name] = Target(name, kind, place, asset)
    if not re.search(r"\boutputs\.artifacts\b", component.command):
        declared = targets.get(ARTIFACTS)
        place = declared.place if declared else f"steps/{full}/{ARTIFACTS}"
        said = step.outputs.get(ARTIFACTS)
        if said and said.binding and said.binding.name in scope.outputs:
            place = scope.outputs[said.binding.name]
        targets[ARTIFACTS] = Target(ARTIFACTS, "uri_folder", place, implicit=True)
    return targets


def _resolve(value: Value, scope: _Scope) -> Source | None:
    """Where a value really comes from; None when it is bound to an input without a value."""
    if isinstance(value, Literally):
        return Text(value.text, value.at)
    if isinstance(value, Binding):
        return _bound(value, scope)
    if isinstance(value, Template):
        parts: list[str | Text | Produced | DataPath | DataAsset | RemoteData] = []
        end = 0
        for binding, found in zip(value.bindings, _EXPRESSION.finditer(value.text), strict=True):
            parts.append(value.text[end : found.start()])
            source = _bound(binding, scope)
            if isinstance(source, Joined):
                parts.extend(source.parts)
            elif source is not None:
                parts.append(source)
            end = found.end()
        parts.append(value.text[end:])
        if all(isinstance(part, str | Text) for part in parts):
            return Text("".join(part if isinstance(part, str) else part.text for part in parts), value.at)  # type: ignore[union-attr]
        return Joined(tuple(part for part in parts if part != ""), value.at)
    return value


def _bound(binding: Binding, scope: _Scope) -> Source | None:
    if binding.kind == "parent_input":
        return scope.inputs.get(binding.name)
    if binding.kind == "parent_output":
        return _producer_of_output(scope.steps, scope.prefix, binding.name, binding.at)
    job = binding.job or ""
    if binding.kind == "job_output":
        return _producer(scope.steps, scope.prefix, job, binding.name, binding.at)
    step = scope.steps[job]
    value = step.inputs.get(binding.name)
    source = _resolve(value, scope) if value is not None else None
    if source is None and not isinstance(step.component, Unsupported):
        port = step.component.inputs.get(binding.name)
        if port and port.default is not None:
            return Text(_text(port.default), port.at)
    return source


def _producer(steps: Mapping[str, Step], prefix: str, job: str, output: str, at: Position) -> Produced | None:
    """The command step that really writes ``output`` of ``job``, which may be a nested pipeline."""
    step = steps[job]
    if isinstance(step.component, PipelineComponent):
        return _producer_of_output(step.component.steps, f"{prefix}{job}.", output, at)
    return Produced(prefix + job, output, at)


def _producer_of_output(steps: Mapping[str, Step], prefix: str, output: str, at: Position) -> Produced | None:
    for name, step in steps.items():
        for own, said in step.outputs.items():
            if said.binding and said.binding.name == output:
                return _producer(steps, prefix, name, own, at)
    return None


def _given(ports: Mapping[str, InputPort], values: Mapping[str, Value]) -> dict[str, Source]:
    """The values of a pipeline job's inputs."""
    sources: dict[str, Source] = {}
    top = _Scope("", {}, {}, {})
    for name in dict.fromkeys([*ports, *values]):
        value = values.get(name)
        source = _resolve(value, top) if value is not None else None
        port = ports.get(name)
        if source is None and port and port.default is not None:
            source = Text(_text(port.default), port.at)
        if source is not None:
            sources[name] = source
    return sources


def _text(value: Scalar) -> str:
    return str(value)


def _asset(said: StepOutput | OutputPort) -> str | None:
    if said.asset_name is None:
        return None
    return f"{said.asset_name}:{said.asset_version}" if said.asset_version else said.asset_name


def _place(path: str | None, otherwise: str, output: str, step: str) -> str:
    """Where an output goes below the run's folder: a place of its own, or one that mirrors its explicit path.

    ``azureml://datastores/store/paths/a/b`` becomes ``datastores/store/a/b``. The server's expressions are
    filled in as Azure ML documents them; ``${{name}}``, which it does not, is taken to be the step's name.
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


def _cannot_run(name: str, node: Unsupported) -> Problem:
    if node.type == "registered":
        what = f'The component {node.reference} of step "{name}" is in no YAML file of this repo.'
        return Problem(node.at, "MR505", what, "Put its YAML into the repo, or refer to a file.")
    what = f'The step "{name}" is of type {node.type}, which only Azure ML can run.'
    fix = "Run what comes before it by --step, or replace it by a command step to try the rest here."
    return Problem(node.at, "MR501", what, fix)


def _stand_in(step: Step, node: Unsupported) -> CommandComponent:
    """A component with the inputs that a step gives, so that its place in the graph is known."""
    inputs = {name: InputPort(name, "uri_folder", node.at, optional=True) for name in step.inputs}
    return CommandComponent(node.type, node.at, "", node.at, inputs, {})


def _no_local_data(source: Source, step: str, name: str, giving: str) -> Iterator[Problem]:
    if isinstance(source, DataAsset) and source.path is None:
        asset = f"azureml:{source.name}" + (f":{source.version}" if source.version else f"@{source.label}")
        if source.file is not None:
            what = f'The input "{name}" of step "{step}" is {asset}, and its data is not on this machine.'
            fix = f"Fetch it: mlroad dataset fetch {source.name}:{source.version}."
            yield Problem(source.at, "MR502", what, fix)
            return
        what = f'The input "{name}" of step "{step}" is {asset}, and datasets/ has no such data.'
        fix = f"Make it with `mlroad dataset add {source.name} PATH`, or pass {giving}."
        yield Problem(source.at, "MR502", what, fix)
    elif isinstance(source, RemoteData) and not source.url.startswith(("https://", "http://")):
        what = f'The input "{name}" of step "{step}" is {source.url}, which needs a cloud account.'
        fix = f"Download it and pass {giving}, or put a local path into the pipeline."
        yield Problem(source.at, "MR503", what, fix)
    elif isinstance(source, RemoteData) and source.type not in ("uri_file", ""):
        what = (
            f'The input "{name}" of step "{step}" is the {source.type} {source.url}; the web has no folders.'
        )
        fix = f"Download it and pass {giving}, or declare a uri_file."
        yield Problem(source.at, "MR503", what, fix)


def _one_process(step: str, distribution: Mapping[str, object]) -> Iterator[str]:
    count = distribution.get("process_count_per_instance", distribution.get("worker_count"))
    if isinstance(count, int) and count > 1:
        yield f"{step} runs as one process here, not as {count}"


def _ordered(steps: dict[str, PlannedStep]) -> dict[str, PlannedStep]:
    """Topological order that keeps the written order where it can (Kahn's algorithm, linear)."""
    from heapq import heapify, heappop, heappush

    number = {name: index for index, name in enumerate(steps)}
    names = list(steps)
    waiting = {name: len(step.needs) for name, step in steps.items()}
    dependents: dict[str, list[str]] = {name: [] for name in steps}
    for name, step in steps.items():
        for need in step.needs:
            dependents[need].append(name)
    ready = [number[name] for name, count in waiting.items() if not count]
    heapify(ready)
    order: dict[str, PlannedStep] = {}
    while ready:
        name = names[heappop(ready)]
        order[name] = steps[name]
        for dependent in dependents[name]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                heappush(ready, number[dependent])
    if len(order) < len(steps):
        ring = [name for name in steps if name not in order]
        what = f"The steps {', '.join(ring)} wait for one another."
        raise UserError(Problem(steps[ring[0]].at, "MR504", what, "Remove one of the bindings between them."))
    return order
