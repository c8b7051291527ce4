"""`mlroad gate`."""

from __future__ import annotations

import json
import os
import sys

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import format_option
from mlroad.core.github_outputs import tell_workflow
from mlroad.core.repo import root_here
from mlroad.gate.run_gate import gate as judge
from mlroad.gate.show_verdict import show, workflow_errors
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model


@click.command(cls=FactoryCommand)
@click.argument("model", help="The model's name.")
@click.option("--run", metavar="ID", help="A run of `mlroad train` (default: the newest).")
@format_option("text", "json")
def gate(model: str, run: str | None, form: str) -> None:
    """Judge a candidate by the model's gates.yml.

    The candidate is measured on the frozen holdout and compared with the champion.

    \b
    mlroad gate diabetes                        the newest candidate
    mlroad gate diabetes --run 20260131-101500-000000
    mlroad gate diabetes --format json          the content of gate/verdict.json

    Exit codes: 0 passed, 1 a check failed, 2 a mistake in gates.yml or a wrong argument.
    """
    candidate = find_candidate(find_model(root_here(), model), run)
    verdict = judge(candidate)
    if form == "json":
        click.echo(json.dumps(verdict, indent=1, ensure_ascii=False))
    else:
        show(verdict)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # GitHub reads them from both streams. Standard output may be reserved for JSON.
        for line in workflow_errors(verdict):
            click.echo(line, err=form == "json")
    tell_workflow(verdict=str(verdict["verdict"]), passed=str(verdict["passed"]).lower())
    sys.exit(0 if verdict["passed"] else 1)
