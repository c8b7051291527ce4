"""`mlroad run --dry-run`: the steps and commands of a run, without running them."""

from collections.abc import Iterator

from mlroad.run.command import fill
from mlroad.run.plan import Joined, Plan, Produced, Source, Text


def describe(plan: Plan) -> Iterator[str]:
    """The steps in the order in which they start, with their commands. Paths of outputs are shown in < >."""
    for number, (name, step) in enumerate(plan.steps.items(), start=1):
        needs = f" (after {', '.join(step.needs)})" if step.needs else ""
        yield f"{number}. {name}{needs}"
        inputs = {port: _shown(source) for port, source in step.inputs.items()}
        outputs = {port: f"<{target.place}>" for port, target in step.outputs.items()}
        command = fill(step.component.command, inputs, outputs, frozenset()).rstrip("\n")
        yield from (f"     {line}" for line in command.splitlines())
        yield f"     code: {step.component.code or 'none'}"
    for name, made in plan.outputs.items():
        yield f"output {name}: from {made.step}"
    yield from (f"note: {note}" for note in plan.notes)


def _shown(source: str | Source) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, Text):
        return source.text
    if isinstance(source, Produced):
        return f"<{source.step}.{source.output}>"
    if isinstance(source, Joined):
        return "".join(map(_shown, source.parts))
    return str(getattr(source, "path", None) or getattr(source, "url", ""))
