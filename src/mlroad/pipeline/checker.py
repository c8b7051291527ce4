"""The checker: problems in a pipeline that azure-ai-ml or the cloud would find, some of them too late.

The loader reports mistakes in single files; the checker reports parts that do not fit together.
"""

import os
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.pipeline.component_reader import LoadedComponent
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.loader import Loaded, Loader
from mlroad.pipeline.model import CommandComponent, PipelineComponent, PipelineJob, Unsupported
from mlroad.pipeline.repo_index import RepoIndex
from mlroad.pipeline.rules_command import check_command
from mlroad.pipeline.rules_scripts import check_scripts
from mlroad.pipeline.rules_values import check_given, check_values, follow_defaults
from mlroad.pipeline.rules_wiring import check_compute, check_optional, check_wiring
from mlroad.pipeline.scope import Scope, commands, nested
from mlroad.pipeline.shapes import CONTROL_FLOW

CLOUD_ONLY = frozenset({"MR118", "MR251", "MR407"})
"""Errors that matter in Azure ML and not in a run on this machine."""

_PREVIEW = "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED"


def check_pipeline(file: Path) -> list[Problem]:
    """All problems of the pipeline job in ``file`` and of what it refers to."""
    loader = Loader(RepoIndex(file.parent))
    return check_loaded(loader.pipeline(file), loader.repo)


def check_loaded(loaded: Loaded, repo: RepoIndex) -> list[Problem]:
    """The loader's problems and the checker's, in the order of the files."""
    found = [*loaded.problems]
    if loaded.job is not None:
        found += check_job(loaded.job, repo)
    return in_order(found)


def check_job(job: PipelineJob, repo: RepoIndex) -> list[Problem]:
    """What the checker finds in a pipeline job that is loaded."""
    out = Findings()
    check_wiring(job, out)
    check_compute(job, out)
    check_values(job, repo, out)
    _below(job, repo, out)
    return out.problems


def check_loaded_component(loaded: LoadedComponent, repo: RepoIndex, *, alone: bool) -> list[Problem]:
    """The loader's problems and the checker's on a component; ``alone``: it will be registered by itself."""
    out = Findings()
    out.add(loaded.problems)
    if alone:
        out.add(loaded.registering)
    component = loaded.component
    if isinstance(component, CommandComponent):
        check_command(component, out)
        check_scripts(component, repo, out)
    elif isinstance(component, PipelineComponent):
        _level(component, repo, out)
        follow_defaults(component, out)
        _below(component, repo, out)
    return in_order(out.problems)


def in_order(problems: list[Problem]) -> list[Problem]:
    """Each problem once, by file and from top to bottom."""
    once = dict.fromkeys(problems)
    return sorted(once, key=lambda problem: (str(problem.at.file), problem.at.line, problem.at.column))


def _below(scope: Scope, repo: RepoIndex, out: Findings) -> None:
    _not_public(scope, out)
    for component in nested(scope):
        _level(component, repo, out)
        _not_public(component, out)
    for command in commands(scope):
        check_command(command, out)
        check_scripts(command, repo, out)


def _level(component: PipelineComponent, repo: RepoIndex, out: Findings) -> None:
    check_wiring(component, out)
    check_optional(component, out)
    check_given(component, repo, out)


def _not_public(scope: Scope, out: Findings) -> None:
    """azure-ai-ml accepts control flow only with private features on."""
    if os.environ.get(_PREVIEW, "").lower() in {"true", "1"}:
        return
    for step in scope.steps.values():
        component = step.component
        if isinstance(component, Unsupported) and component.type in {*CONTROL_FLOW, "finetuning"}:
            what = f"Azure ML accepts a step of type {component.type} only with its private features on."
            out.error(step.at, "MR118", what, f"Set {_PREVIEW}=True if they are on, or remove the step.")
