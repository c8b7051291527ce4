"""`mlroad check`: everything that can be checked in a repo without running it."""

import gc
import sys
from pathlib import Path

import click

from mlroad.cli.output_options import format_option
from mlroad.core.problems import Problem
from mlroad.core.repo import is_factory, root_here
from mlroad.core.reporting import FORMATS, nothing_wrong, render
from mlroad.pipeline.check_repo import check_and_count
from mlroad.pipeline.checker import in_order
from mlroad.pipeline.repo_index import absolute

_UNSUITABLE = {"MR101", "MR130"}
"""The codes of a path that does not exist or cannot be checked."""


@click.command()
@click.argument(
    "paths",
    metavar="[PATH]...",
    nargs=-1,
    type=click.Path(path_type=Path),
    help="Model folders, YAML files or scripts (default: the whole repo).",
)
@format_option(*FORMATS)
def check(paths: tuple[Path, ...], form: str) -> None:
    """Find mistakes in models before Azure ML does.

    Checks pipelines, components, scripts and datasets. In a model factory also the gates, the inference
    tests, the data and the model card of each model, and factory.yml.

    \b
    mlroad check                         the whole repo
    mlroad check models/churn            one model
    mlroad check --format sarif          for code scanning

    Exit codes: 0 no errors (there may be warnings), 1 errors, 2 a wrong argument: a path that does not
    exist or cannot be checked. What is wrong in the other paths is printed all the same.
    """
    # A check takes a second and creates little garbage: collecting it would take a tenth of that time.
    gc.disable()
    problems, pipelines, steps = check_and_count(paths)
    if any(map(_in_factory, paths or [Path()])):
        from mlroad.gate.factory_rules import check_factory  # noqa: PLC0415 - 0.04 s, which only a factory needs

        problems = in_order([*problems, *check_factory(paths or [root_here()])])
    text = render(problems, form)
    if text:
        click.echo(text)
    elif form == "text":
        click.echo(nothing_wrong(pipelines, steps))
    sys.exit(_exit_code(paths, problems))


def _exit_code(paths: tuple[Path, ...], problems: list[Problem]) -> int:
    errors = [problem for problem in problems if problem.severity == "error"]
    named = set(map(absolute, paths))
    if any(problem.code in _UNSUITABLE and absolute(problem.at.file) in named for problem in errors):
        return 2
    return 1 if errors else 0


def _in_factory(path: Path) -> bool:
    whole = absolute(path)
    return any(map(is_factory, (whole, *whole.parents)))
