"""The scripts that a command starts, and what they import from the code folder, are valid Python."""

import re

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
    code = repo.shown(component.code)  # without `components/..`, so that each script is parsed once
    names = repo.started_files(command, code)
    started = _STARTS.match(command)
    if started and started["script"] in names:
        check_options(component, code / started["script"], command, out)
    out.add(problem for name in names if (problem := read_script(code / name).problem) is not None)
