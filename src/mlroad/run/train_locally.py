"""Training on this machine, with the data versions of a stage."""

from pathlib import Path

from mlroad.core.files import write_json
from mlroad.core.github_outputs import tell_workflow
from mlroad.run.candidate import TRAIN
from mlroad.run.launch import run
from mlroad.run.model_folder import ModelFolder, Stage
from mlroad.run.model_packages import installed_packages
from mlroad.run.run_options import RunOptions


def train_locally(model: ModelFolder, stage: Stage, *, reuse: bool = True) -> int:
    """Run the pipeline on the data of ``stage``. Returns the exit code of the command. Raises UserError."""
    inputs = tuple(f"{name}={version}" for name, version in model.data(stage).items())
    ended = run(model.path, RunOptions(inputs=inputs, reuse=reuse))
    if ended.code == 0 and ended.folder:
        note_candidate(model, ended.folder, stage, target="local")
    return ended.code


def note_candidate(
    model: ModelFolder, folder: Path, stage: Stage, *, target: str, job: dict[str, str] | None = None
) -> None:
    """Make a finished run a candidate, and print its id for people and the workflow."""
    # Later commands may run on a machine that has not installed what the model needs.
    packages = installed_packages(folder / "outputs" / "model") if target == "local" else {}
    about = {
        "schema": 1, "model": model.name, "data": stage, "target": target, "run": folder.name, "job": job,
        "packages": packages,
    }  # fmt: skip
    write_json(folder / TRAIN, about)
    tell_workflow(run=folder.name)
    print(f"\ncandidate {model.name} {folder.name}, trained on {stage} data")
