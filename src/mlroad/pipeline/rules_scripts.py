"""The scripts that a command starts, and what they import from the code folder, are valid Python."""

from __future__ import annotations

import re
from dataclasses import replace

from mlroad.pipeline.findings import Findings
from mlroad.pipeline.model import CommandComponent
from mlroad.pipeline.repo_index import RepoIndex, is_folder
from mlroad.pipeline.rules_options import check_options
from mlroad.steps.scripts import read_script

_STARTS = re.compile(r"\s*python3?\s+(?:-u\s+)?(?:\./)?(?P<script>[\w/-]+\.py)(?=\s|$)")
_EXPRESSION = re.compile(r"\$\{\{(?:(?!\$\{\{).)*?\}\}|\$\[\[|\]\]", re.DOTALL)


def check_scripts(component: CommandComponent, repo: RepoIndex, out: Findings) -> None:
    """Report scripts with a syntax error, which would show when the step starts."""
    if component.code is None or not is_folder(component.code):
        return
    command = _EXPRESSION.sub("data", component.command)
    names = repo.started_files(command, component.code)
    started = _STARTS.match(command)
    if started and started["script"] in names:
        check_options(component, started["script"], command, out)
    for name in names:
        problem = read_script(component.code / name).problem
        if problem is not None:
            out.add([replace(problem, at=replace(problem.at, file=repo.shown(problem.at.file)))])
