"""`mlroad run … --step NAME --debug`: one step with its real inputs, attached to the terminal."""

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.files import remove
from mlroad.core.run_folders import root_of, runs_of
from mlroad.data.store import VerifiedVersion
from mlroad.run.code_snapshot import take_snapshot
from mlroad.run.command import fill
from mlroad.run.pipeline_run import PipelineRun
from mlroad.run.plan import Plan, PlannedStep, Text, selected
from mlroad.run.processes import find_bash
from mlroad.run.run_options import RunOptions
from mlroad.run.run_summary import short
from mlroad.run.step_environment import PythonEnvironment, step_environment
from mlroad.run.step_inputs import input_text
from mlroad.run.tracking_address import file_store, is_database, tracking_uri


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step that is ready to be debugged."""

    command: str
    folder: Path
    """The copy of the code, its working folder."""
    outputs: Path


def debug_step(
    file: Path,
    plan: Plan,
    environments: Mapping[str, PythonEnvironment],
    options: RunOptions,
    data: Mapping[str, VerifiedVersion],
) -> int:
    """Run or reuse the steps before it, then the step itself. Returns the exit code of the command."""
    step = plan.steps[options.steps[0]]
    folder = Path()
    if step.needs:
        before = PipelineRun(
            file, selected(plan, [*step.needs]), environments, replace(options, steps=()), data
        )
        if code := before.run():
            return code
        folder = before.folder
    inputs = {name: input_text(source, plan, folder) for name, source in step.inputs.items()}
    prepared = prepare(file, step, inputs)
    print(f"\ndebugging {step.name}: {prepared.command.strip()}\n", flush=True)
    python, tracking = environments[step.name], tracking_variables(file, plan)
    if not python.is_own and is_database(tracking["MLFLOW_TRACKING_URI"]):
        tracking |= file_store(prepared.outputs.with_name("mlflow"))
    variables = step_environment(python, step.environment_variables, step.distribution, tracking)
    code = _attached(prepared, variables)
    print(f"\n{step.name} ended with exit code {code}; its outputs are in {short(prepared.outputs)}")
    return 1 if code else 0


def prepare(file: Path, step: PlannedStep, inputs: Mapping[str, str]) -> Prepared:
    """Copy the code of a step, make the places for its outputs, and fill in its command. Raises UserError."""
    folder = runs_of(file) / ".debug" / step.name
    remove(folder)
    component = step.component
    take_snapshot(component.code, component.additional_includes, component.at, folder / "work")
    (folder / "work" / "outputs").mkdir(exist_ok=True)
    outputs = {name: folder / "outputs" / name for name, it in step.outputs.items() if not it.implicit}
    (folder / "outputs").mkdir()
    for name, path in outputs.items():
        if not step.outputs[name].is_file:
            path.mkdir()
    data = [f"inputs.{name}" for name, source in step.inputs.items() if not isinstance(source, Text)]
    paths = frozenset([*data, *(f"outputs.{name}" for name in outputs)])
    command = fill(
        component.command, inputs, {name: path.as_posix() for name, path in outputs.items()}, paths
    )
    return Prepared(command, folder / "work", folder / "outputs")


def tracking_variables(file: Path, plan: Plan) -> dict[str, str]:
    """What the step logs goes to an experiment of its own, apart from real runs."""
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(root_of(file)),
        "MLFLOW_EXPERIMENT_NAME": f"{plan.job.experiment_name or runs_of(file).name} (debug)",
    }


def _attached(prepared: Prepared, variables: Mapping[str, str]) -> int:
    """The exit code of the command, which has the terminal. Ctrl-C is for its debugger, not for mlroad."""
    with subprocess.Popen(
        [find_bash(), "-c", prepared.command], cwd=prepared.folder, env=dict(variables)
    ) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
