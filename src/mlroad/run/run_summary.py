"""The texts that describe a run: its first line, the results of steps and the summary."""

from collections.abc import Iterator
from pathlib import Path

from mlroad.core.text import count, duration
from mlroad.run.log_reader import last_lines
from mlroad.run.run_state import RunState, StepState
from mlroad.steps.imported_packages import advice_on_import_error

_LINES_OF_A_FAILURE = 20


def headline(run: RunState) -> str:
    """The first line of a run."""
    return f"Run {run.id} of {run.title}: {count(len(run.steps), 'step')}, up to {run.jobs} at a time"


def outcome(step: StepState) -> str:
    """The result of a step."""
    if step.state == "reused":
        return f"reused from run {step.reused_from}, which took {duration(step.saved)}"
    if step.state == "completed":
        return f"completed in {duration(step.seconds)}"
    if step.state in ("skipped", "cancelled"):
        return f"{step.state}: {step.reason}"
    return f"{step.state} after {duration(step.seconds)}: {step.reason}"


def ending(run: RunState) -> Iterator[str]:
    """The last lines of failed steps, and the summary."""
    for step in run.steps.values():
        if step.state not in ("failed", "timed out"):
            continue
        yield ""
        yield f"{step.name} {step.state}: {step.reason}"
        lines = last_lines(step.log, _LINES_OF_A_FAILURE)
        yield from (f"  | {line}" for line in lines)
        if advice := advice_on_import_error(lines[-1] if lines else ""):
            yield f"  {advice}"
        if step.log.exists():
            yield f"  {'full log' if lines else 'log (empty)'}: {short(step.log)}"
            work = run.folder / "steps" / step.name / "work"
            if work.exists():
                yield f"  working folder: {short(work)}"
                yield f"  command: {step.command.strip()}"
    yield ""
    yield from summary(run)


def summary(run: RunState) -> Iterator[str]:
    """A table of the steps with their durations, and where the outputs are."""
    width = max([len(step.name) for step in run.steps.values()], default=4)
    for step in run.steps.values():
        ran = step.state not in ("waiting", "skipped")
        time = duration(step.saved if step.state == "reused" else step.seconds) if ran else ""
        about = step.reason if step.state not in ("completed", "reused") else ""
        if step.state == "reused":
            time = f"({time})"
        yield f"{step.name:{width}}  {step.state:9}  {time:>10}  {about}".rstrip()
    outputs = sorted(path.name for path in (run.folder / "outputs").iterdir()) if run.folder.exists() else []
    if outputs:
        yield f"outputs: {', '.join(outputs)} in {short(run.folder / 'outputs')}"
    if (run.folder / "datastores").exists():
        yield f"outputs with a path of their own: in {short(run.folder / 'datastores')}"
    yield f"{run.state} in {duration(run.seconds)}; everything is in {short(run.folder)}"


def short(path: Path, root: Path | None = None) -> str:
    """A path relative to ``root`` (default: the working folder), if it is below it."""
    try:
        return path.relative_to(root or Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
