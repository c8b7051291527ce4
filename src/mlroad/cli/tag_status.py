"""`mlroad promote` in a prototyping repo, where it only shows where the tags are used."""

import sys

import click

from mlroad.cli.needs_factory import require_factory
from mlroad.cli.output_options import json_option
from mlroad.core.repo import root_here
from mlroad.promote.prototype_status import named_factories, status_json, status_text, uses_of_tags


@click.command()
@click.argument("arguments", metavar="", nargs=-1, help="For a factory: REPO@TAG and a model.")
@click.option("--status", is_flag=True, help="Show where each tag is candidate or champion.")
@click.option(
    "--factory",
    "factories",
    metavar="REPO",
    multiple=True,
    help="A factory's path or address (default: `factories` below [tool.mlroad]). Repeatable.",
)
@json_option
def promote(arguments: tuple[str, ...], status: bool, factories: tuple[str, ...], as_json: bool) -> None:
    """Promote a model from a prototype's tag to a branch.

    That works in a factory: `mlroad promote REPO@TAG MODEL`. This repo is a prototype, where --status shows
    where its tags are candidate or champion.

    \b
    mlroad promote --status
    mlroad promote --status --factory ../factory

    Exit codes: 0 done, 1 a factory cannot be read, 2 a wrong argument, or this needs a factory.
    """
    if not status or arguments:
        require_factory("mlroad promote")
    root = root_here()
    found = uses_of_tags(root, named_factories(root, factories))
    click.echo(status_json(*found) if as_json else status_text(*found))
    sys.exit(1 if found[2] else 0)
