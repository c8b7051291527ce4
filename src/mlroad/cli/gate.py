"""`mlroad gate`."""

import json
import os
import sys

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import format_option
from mlroad.core.github_outputs import tell_workflow
from mlroad.core.repo import root_here
from mlroad.core.verdict_words import verdict_word
from mlroad.gate.base_gate import gate_by_base
from mlroad.gate.own_measures import Spending
from mlroad.gate.run_gate import gate as judge
from mlroad.gate.show_verdict import show, workflow_errors
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model


@click.command(cls=FactoryCommand)
@click.argument("model", help="The model's name.")
@click.option("--run", metavar="ID", help="A run of `mlroad train` (default: the newest).")
@click.option(
    "--base", metavar="COMMIT", help="Also judge by this commit's gates.yml, waivers.yml and evaluation.py."
)
@format_option("text", "json")
def gate(model: str, run: str | None, base: str | None, form: str) -> None:
    """Judge a candidate by the model's gates.yml.

    The candidate is measured on the frozen holdout and compared with the champion.

    \b
    mlroad gate diabetes                        the newest candidate
    mlroad gate diabetes --run 20260131-101500-000000
    mlroad gate diabetes --format json          the content of gate/verdict.json
    mlroad gate diabetes --base origin/main     a changed gates.yml must not make a bad model pass

    Exit codes: 0 passed, 1 a check failed, 2 a mistake in gates.yml or a wrong argument.
    """
    candidate = find_candidate(find_model(root_here(), model), run)
    spent: Spending = {}
    verdict = judge(candidate, spent=spent)
    before = gate_by_base(candidate, base, spent) if base else None
    if form == "json":
        click.echo(json.dumps(verdict, indent=1, ensure_ascii=False))
    else:
        if before:
            click.echo(f"By the gates of {base}, which this change edits:\n")
            show(before)
            click.echo("\nBy the gates as they are now:\n")
        show(verdict)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # GitHub reads them from both streams. Standard output may be reserved for JSON.
        for line in (*workflow_errors(before or {"checks": []}), *workflow_errors(verdict)):
            click.echo(line, err=form == "json")
    word = verdict_word(verdict["verdict"], verdict["champion"])
    tell_workflow(verdict=word, passed=str(verdict["passed"]).lower())
    sys.exit(0 if verdict["passed"] and (before is None or before["passed"]) else 1)
