"""`mlroad affected`."""

import json

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import json_option
from mlroad.core.github_outputs import add_to_summary, tell_workflow
from mlroad.core.repo import root_here
from mlroad.core.text import some
from mlroad.pipeline.affected import Affected
from mlroad.pipeline.affected import affected as find

_SHOWN = 3


@click.command(cls=FactoryCommand)
@click.option(
    "--base",
    metavar="REF",
    required=True,
    help="What to compare with: a commit or a branch; zeros for a first push.",
)
@click.option("--head", metavar="REF", default="HEAD", show_default=True, help="The commit with the change.")
@json_option
@click.option("--explain", is_flag=True, help="Also print why (with --json: to stderr).")
def affected(base: str, head: str, as_json: bool, explain: bool) -> None:
    """List the models that a change affects.

    A model is affected by changes of its own folder, of the dataset versions that it names, and of files
    that all models share. Changes that are not committed do not count. In a workflow, the command sets the
    output `models` and adds the reasons to the summary.

    \b
    mlroad affected --base origin/main --explain

    Exit codes: 0 done (even if no model is affected), 2 this clone does not have the commit.
    """
    found = find(root_here(), base, head)
    names = json.dumps(found.models)
    if as_json:
        click.echo(names)
    if explain:
        click.echo("\n".join(_lines(found)), err=as_json)
    elif not as_json:
        click.echo("".join(f"{name}\n" for name in found.models), nl=False)
    tell_workflow(models=names)
    add_to_summary("### Affected models\n\n" + "".join(f"- {line}\n" for line in _lines(found)))


def _lines(found: Affected) -> list[str]:
    """Each model with its first reasons, then the changes that affect no model."""
    lines = []
    for name in found.models:
        reasons = found.reasons[name]
        more = f" (and {len(reasons) - _SHOWN} more reasons)" if len(reasons) > _SHOWN else ""
        lines.append(f"{name}: {'; '.join(reasons[:_SHOWN])}{more}")
    if not lines:
        lines.append("no model is affected")
    if found.harmless:
        lines.append(f"affecting no model: {some(found.harmless, _SHOWN)}")
    return lines
