"""A pipeline as a flat plan: each command step with the sources of its inputs and places of its outputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import nearest
from mlroad.pipeline.model import (
    CommandComponent,
    DataAsset,
    DataPath,
    Environment,
    PipelineJob,
    RemoteData,
)

ARTIFACTS = "artifacts"
"""The output that every step has without declaring it: what it leaves in ./outputs."""


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
    """Text that is joined from literal parts and values."""

    parts: tuple[str | Text | Produced | DataPath | DataAsset | RemoteData, ...]
    at: Position


Source = Text | Produced | Joined | DataPath | DataAsset | RemoteData
"""Where the value of an input comes from."""


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """An output: its type, its place below the run's folder, and the asset that Azure ML would register."""

    name: str
    type: str
    place: str
    asset: str | None = None
    implicit: bool = False
    """Whether it is the output ``artifacts``, made of what the step leaves in ./outputs."""

    @property
    def is_file(self) -> bool:
        return self.type == "uri_file"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A command step, ready to run once the steps in ``needs`` have finished."""

    name: str
    at: Position
    component: CommandComponent
    inputs: Mapping[str, Source]
    """Inputs that have a value; optional inputs without one are absent."""
    outputs: Mapping[str, PlannedOutput]
    needs: tuple[str, ...]
    environment: Environment | None
    environment_variables: Mapping[str, str]
    distribution: Mapping[str, object] | None
    timeout: float | None
    deterministic: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, each after the steps that it needs."""

    job: PipelineJob
    steps: Mapping[str, PlannedStep]
    inputs: Mapping[str, Source]
    outputs: Mapping[str, Produced]
    notes: tuple[str, ...]
    """What differs here from Azure ML."""
    problems: tuple[tuple[str, Problem], ...]
    """Steps that cannot run on this machine, and why."""

    @property
    def parameters(self) -> dict[str, str]:
        """The literal inputs of the pipeline."""
        return {name: source.text for name, source in self.inputs.items() if isinstance(source, Text)}

    def refuse(self) -> None:
        """Raise UserError with all problems if a step of the plan cannot run here."""
        found = [problem for step, problem in self.problems if step in self.steps]
        once: dict[tuple[Position, str], Problem] = {}
        for problem in found:
            once.setdefault((problem.at, problem.code), problem)
        if once:
            raise UserError(once.values())


def selected(plan: Plan, wanted: list[str]) -> Plan:
    """The part of ``plan`` with the ``wanted`` steps and all that they need.

    The name of a nested pipeline means all its steps. Raises UserError for an unknown name.
    """
    chosen: set[str] = set()
    for name in wanted:
        found = [step for step in plan.steps if step == name or step.startswith(name + ".")]
        if not found:
            raise unknown("step", name, plan.steps)
        chosen.update(found)
    for name in reversed(list(plan.steps)):  # a step comes after what it needs
        if name in chosen:
            chosen.update(plan.steps[name].needs)
    steps = {name: step for name, step in plan.steps.items() if name in chosen}
    outputs = {name: made for name, made in plan.outputs.items() if made.step in chosen}
    return Plan(plan.job, steps, plan.inputs, outputs, plan.notes, plan.problems)


def unknown(kind: str, name: str, known: Mapping[str, object] | list[str], option: str = "") -> UserError:
    """The error for a name that does not exist; ``option`` is where it was given."""
    where = f"{option}: " if option else ""
    last = {
        item.rpartition("/")[2]: item for item in known
    }  # what all paths have in common makes none similar
    near = nearest(name.rpartition("/")[2], last)
    listed = f"Choose one of: {', '.join(known)}." if known else ""
    fix = f"Did you mean {last[near]}?" if near else listed
    return UserError(f'{where}There is no {kind} "{name}".', fix)


def parts_of(step: PlannedStep) -> Iterator[object]:
    """All the parts of a step's inputs."""
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


def option_to_replace(source: object, step: str, port: str, given: Mapping[str, Source]) -> str:
    """The option of `mlroad run` that replaces ``source``, the value of the input ``port`` of ``step``.

    ``given``: the values of the pipeline's inputs. A value written in a step is not one of them.
    """
    for name, value in given.items():
        if value is source:
            return f"--input {name}=PATH"
    return f"--set jobs.{step.replace('.', '.jobs.')}.inputs.{port}=PATH"
