"""`mlroad check`: everything that can be known of a repo without running it."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import click

from mlroad.core.reporting import FORMATS, render
from mlroad.pipeline.check_repo import check as find


@click.command()
@click.argument(
    "paths",
    metavar="[PATH]...",
    nargs=-1,
    type=click.Path(path_type=Path),
    help="Model folders, YAML files or scripts (default: the whole repo).",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", help="How to print the problems."
)
def check(paths: tuple[Path, ...], form: str) -> None:
    """Find mistakes in models before Azure ML does.

    Checks pipelines, components, scripts and datasets. In a model factory also the gates, the inference
    tests, the data and the model card of each model, and factory.yml.

    \b
    mlroad check                         the whole repo
    mlroad check models/churn            one model
    mlroad check --format sarif          for code scanning

    Exit codes: 0 no errors (there may be warnings), 1 errors, 2 a wrong argument.
    """
    # A check lives for a second at most and leaves little garbage: to collect it takes a tenth of the time.
    gc.disable()
    problems = find(paths)
    text = render(problems, form)
    if text:
        click.echo(text)
    sys.exit(any(problem.severity == "error" for problem in problems))
