"""`mlroad ready`."""

import gc
import sys
from pathlib import Path

import click

from mlroad.cli.output_options import json_option, quiet_option
from mlroad.core.github_outputs import tell_workflow
from mlroad.promote import ready_text
from mlroad.promote.ready import examine, find_prototype
from mlroad.promote.ready_tag import tag as tag_it


@click.command()
@click.argument("model", type=click.Path(path_type=Path), help="A model folder, such as models/iris.")
@click.option("--fix", is_flag=True, help="Do what needs no decision, commit it, and tag the result.")
@click.option("--tag", is_flag=True, help="Tag this commit as the next version, if nothing else is left.")
@json_option
@quiet_option
def ready(model: Path, fix: bool, tag: bool, as_json: bool, quiet: bool) -> None:
    """List what is left to do before a model can be promoted.

    The step contract, components, datasets, requirements, inference tests, metrics, model card, licence of
    the data, secrets, commit and tag. --fix writes components, dataset versions, inference tests and
    metrics.json, commits only what it wrote, and makes the tag MODEL-v1, MODEL-v2 and so on.

    \b
    mlroad ready models/iris
    mlroad ready models/iris --fix
    mlroad ready models/iris --tag
    mlroad ready models/iris --json

    Exit codes: 0 ready, 1 something is left, 2 a wrong argument.
    """
    gc.disable()
    root, folder = find_prototype(model)
    if fix:
        from mlroad.promote.ready_fix import fix as fix_all  # noqa: PLC0415 - it imports NumPy

        found = fix_all(root, folder)
    else:
        found = examine(root, folder)
    if tag:
        found = tag_it(found)
    click.echo(ready_text.as_json(found) if as_json else ready_text.as_text(found, quiet=quiet))
    if not found.left:
        tell_workflow(tag=found.tag)
    sys.exit(1 if found.left else 0)
