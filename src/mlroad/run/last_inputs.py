"""The inputs of a step in its last run: for a notebook, a debugger, or a look at the data.

In a notebook:

    from mlroad.run.last_inputs import last_inputs
    from train import train     # with models/churn/steps in sys.path

    train(**last_inputs("models/churn", "train"), model=Path("scratch"))
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.core.run_folders import all_runs, read_record, runs_of
from mlroad.core.text import quoted
from mlroad.pipeline.loader import load_pipeline
from mlroad.pipeline.ports import coerce
from mlroad.run.launch import pipeline_file
from mlroad.run.make_plan import make_plan
from mlroad.run.plan import Plan, PlannedStep, unknown

Given = Mapping[str, Mapping[str, Any]]
"""Input to its entry in run.json: ``path``, or ``value``."""


def last_inputs(model: str | Path, step: str) -> dict[str, Any]:
    """The inputs of ``step`` in its last run: data as a Path, values with their declared types.

    ``model``: a model folder, from the working folder or from the root of the repo. Raises UserError.
    """
    path = Path(model)
    file = pipeline_file(path if path.exists() else root_here() / path)
    planned = planned_step(plan_of(file), step)
    ports = planned.component.inputs
    return {
        name: Path(about["path"]) if "path" in about else _typed(ports[name].type, about["value"])
        for name, about in given_inputs(file, planned).items()
        if name in ports
    }


def plan_of(file: Path) -> Plan:
    """The plan of a pipeline. Raises UserError if the pipeline cannot be read."""
    loaded = load_pipeline(file)
    if loaded.job is None or loaded.errors:
        raise UserError(loaded.errors or loaded.problems)
    return make_plan(loaded.job)


def planned_step(plan: Plan, step: str) -> PlannedStep:
    """The step of that name. Raises UserError if there is none."""
    if step not in plan.steps:
        raise unknown("step", step, plan.steps)
    return plan.steps[step]


def given_inputs(file: Path, step: PlannedStep) -> Given:
    """The inputs of the newest run in which the step started and whose data is still there."""
    for folder in reversed(all_runs(runs_of(file))):
        about = ((read_record(folder) or {}).get("steps") or {}).get(step.name) or {}
        inputs: Given = about.get("inputs") or {}
        paths = [Path(given["path"]) for given in inputs.values() if "path" in given]
        if about.get("started") and all(path.exists() for path in paths):
            return inputs
    what = f"There is no run of {file.parent.as_posix()} here in which {step.name} has started."
    raise UserError(what, f"Run it: mlroad run {quoted(file.parent)} --step {step.name}")


def _typed(kind: str, value: object) -> object:
    fitting = coerce(kind, value)
    return value if fitting is None else fitting
