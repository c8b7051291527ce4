"""The command line's side of `mlroad dataset register --from-etl`: what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from mlroad.azure.delivery import Delivery, deliver, outcome
from mlroad.azure.delivery_pull_request import pr_body, title
from mlroad.core.files import write_output
from mlroad.core.problems import UserError


def take_in(
    root: Path, names: Sequence[str], delivery: Delivery, body: Path | None, outcome_file: Path | None
) -> int:
    """Take in what a job delivers for the dataset ``names[0]``; 1 if it was refused, 0 if not.

    Raises UserError for a wrong call.
    """
    if len(names) != 1 or ":" in names[0]:
        raise UserError("--from-etl wants the name of one dataset.", "Leave the version out: it is made.")
    for file in (body, outcome_file):
        if file and not file.absolute().parent.is_dir():
            raise UserError(f"{file.parent} is no folder.", "Make it first, or choose another place.")
    delivered = deliver(root, replace(delivery, name=names[0]))
    if body and delivered.made:
        write_output(body, pr_body(root, delivered))
    if outcome_file:
        said = outcome(delivered)
        said["title"] = title(delivered.made.version) if delivered.made else None
        write_output(outcome_file, json.dumps(said, ensure_ascii=False, indent=2) + "\n")
    for line in (*map(str, delivered.problems), *delivered.lines):
        click.echo(line)
    if not delivered.problems:
        return 0
    click.echo(f"{names[0]}: the data was refused, and nothing was made.", err=True)
    return 1
