"""`mlroad run`: from a file and options to a finished run. Everything is checked before anything starts."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlroad.core.problems import Problem, UserError
from mlroad.core.repo import find_root, is_model, model_folders
from mlroad.core.run_folders import root_of
from mlroad.pipeline.checker import CLOUD_ONLY, check_job, in_order
from mlroad.pipeline.loader import Loader
from mlroad.pipeline.model import PipelineJob, RemoteData
from mlroad.pipeline.repo_index import RepoIndex
from mlroad.pipeline.scope import commands
from mlroad.run.dataset_inputs import verified_data, with_versions
from mlroad.run.debug_step import debug_step
from mlroad.run.dry_run import describe
from mlroad.run.isolated_environments import isolated_environments
from mlroad.run.make_plan import make_plan
from mlroad.run.overrides import override
from mlroad.run.pipeline_run import PipelineRun
from mlroad.run.plan import parts_of, selected, unknown
from mlroad.run.run_options import RunOptions
from mlroad.run.step_environment import own_environment
from mlroad.steps.script_rules import check_steps
from mlroad.steps.sync import check_sync


def pipeline_file(path: Path) -> Path:
    """The pipeline.yml of a model folder, or the file itself. Raises UserError."""
    if path.is_dir():
        file = path / "pipeline.yml"
        if not file.is_file():
            what = f"{path} has no pipeline.yml."
            raise UserError(what, "Name a model folder such as models/my_model, or a pipeline's YAML file.")
        return file
    if not path.is_file():
        root = find_root(Path.cwd()) or Path()
        beside = sorted(folder for folder in path.parent.glob("*") if is_model(folder))
        known = beside or model_folders(Path() if root == Path.cwd() else root)
        raise unknown("pipeline", path.as_posix(), [folder.as_posix() for folder in known])
    if path.suffix not in (".yml", ".yaml"):
        raise UserError(f"{path} is not a YAML file.", "Name a model folder, or its pipeline.yml.")
    return path


class Ended(NamedTuple):
    """The exit code of the command, and the folder of the run that was made."""

    code: int
    folder: Path | None = None


def run(path: Path, options: RunOptions) -> Ended:
    """Run a pipeline. Raises UserError before anything starts."""
    file = pipeline_file(path)
    plan = make_plan(checked(file, options))
    if options.steps:
        plan = selected(plan, list(options.steps))
    if options.debug and (len(options.steps) != 1 or options.steps[0] not in plan.steps):
        raise UserError("--debug runs one step.", f"Name it: --step with one of {', '.join(plan.steps)}.")
    plan.refuse()
    root = root_of(file)
    plan = with_versions(plan, root)
    data = verified_data(plan, root)
    if options.dry_run:
        print("\n".join(describe(plan)))
        return Ended(0)
    if any(isinstance(part, RemoteData) for step in plan.steps.values() for part in parts_of(step)):
        from mlroad.run.web_inputs import with_local_files  # urllib.request takes 20 ms to import

        plan = with_local_files(plan, root)
    if options.isolated:
        environments = isolated_environments(plan, root, print)
    else:
        environments = dict.fromkeys(plan.steps, own_environment())
    if options.debug:
        return Ended(debug_step(file, plan, environments, options, data))
    made = PipelineRun(file, plan, environments, options, data)
    return Ended(made.run(), made.folder)


def checked(file: Path, options: RunOptions) -> PipelineJob:
    """The pipeline with the options' values. Raises UserError if `mlroad check` finds an error in it."""
    loader = Loader(RepoIndex(file.parent))
    loaded = loader.pipeline(file)
    _refuse(loaded.errors)
    if loaded.job is None:
        raise UserError(loaded.problems)
    job = override(loaded.job, options.sets, options.inputs)
    found = in_order([*check_job(job, loader.repo), *_in_models(job, file, loader.repo)])
    for problem in found:
        if problem.code == "MR234":  # the step gets another text than the one that is written
            print(problem, file=sys.stderr)
    # An isolated step has only what its environment file lists, as on Azure ML.
    harmless = CLOUD_ONLY - {"MR407"} if options.isolated else CLOUD_ONLY
    _refuse([it for it in found if it.severity == "error" and it.code not in harmless])
    return job


def _in_models(job: PipelineJob, file: Path, repo: RepoIndex) -> Iterator[Problem]:
    """What is wrong with the scripts and components of the models whose steps the pipeline uses."""
    codes = [component.code for component in commands(job) if component.code]
    models = [file.parent, *(code.parent for code in codes if code.name == "steps")]
    for model in dict.fromkeys(map(repo.shown, models)):
        if (model / "steps").is_dir():
            yield from check_steps(model)
            yield from check_sync(model)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise UserError(problems)
