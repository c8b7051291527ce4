"""`python -m mlroad.run.debug_in_editor SCRIPT [STEP]`: runs a step's script in this process, for a debugger.

.vscode/launch.json starts it with the open file. The script gets the inputs of the step's last run. It runs
from its own place, so that breakpoints in the editor work; its working folder is a copy of the code.
"""

import os
import runpy
import shlex
import sys
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.run.debug_step import prepare, tracking_variables
from mlroad.run.last_inputs import given_inputs, plan_of
from mlroad.run.plan import Plan, PlannedStep


def main(arguments: list[str]) -> None:
    """Run the script. Exits with 2 if it is not the script of a step, or the step has no run yet."""
    try:
        script, words = _prepared(Path(arguments[0]).absolute(), arguments[1:])
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    sys.argv = [str(script), *words]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


def _prepared(script: Path, steps: list[str]) -> tuple[Path, list[str]]:
    """The script and its arguments; the working folder and the environment variables are set."""
    file = next((it for it in (folder / "pipeline.yml" for folder in script.parents) if it.is_file()), None)
    if file is None:
        raise UserError(f"{script} is not in a model folder.", "Open a script in models/NAME/steps/.")
    plan = plan_of(file)
    step = _step_of(script, plan, steps)
    inputs = {
        name: Path(given["path"]).as_posix() if "path" in given else str(given["value"])
        for name, given in given_inputs(file, step).items()
    }
    prepared = prepare(file, step, inputs)
    words = shlex.split(prepared.command)
    at = next(i for i, word in enumerate(words) if Path(word).name == script.name)
    os.environ.update(tracking_variables(file, plan) | dict(step.environment_variables))
    os.chdir(prepared.folder)
    print(f"{step.name}: {shlex.join(words)}", flush=True)
    return script, words[at + 1 :]


def _step_of(script: Path, plan: Plan, steps: list[str]) -> PlannedStep:
    for name, step in plan.steps.items():
        words = step.component.command.split()
        if (steps and name != steps[0]) or step.component.code is None:
            continue
        if any(word.endswith(".py") and (step.component.code / word).absolute() == script for word in words):
            return step
    raise UserError(f"No step of {plan.job.file} runs {script.name}.", f"Its steps: {', '.join(plan.steps)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
