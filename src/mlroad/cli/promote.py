"""`mlroad promote`."""

from __future__ import annotations

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import quiet_option
from mlroad.core.repo import root_here
from mlroad.promote.promotion import promote as promote_model
from mlroad.promote.promotion_plan import Promoted, PromoteOptions
from mlroad.promote.pull_request import open_pull_request


@click.command(cls=FactoryCommand)
@click.argument("source", metavar="REPO@TAG", help="The prototype: a path or an address of git, and a tag.")
@click.argument("model", help="The model's name in the prototype.")
@click.option("--as", "name", metavar="NAME", default="", help="The model's name here (default: the same).")
@click.option("--target", metavar="COLUMN", default="", help="The column that the model predicts.")
@click.option(
    "--run/--no-run", "run", default=True, help="Run the pipeline and compare its metrics (default), or not."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="How far a metric may be from the prototype's, as a part of it.",
)
@click.option("--pr", "open_pr", is_flag=True, help="Push the branch and open a pull request with gh.")
@quiet_option
def promote(
    source: str,
    model: str,
    name: str,
    target: str,
    run: bool,
    tolerance: float,
    open_pr: bool,
    quiet: bool,
) -> None:
    """Promote a model from a prototype's tag to a branch.

    \b
    mlroad promote ../prototypes@churn-1 churn
    mlroad promote https://github.com/my-org/prototypes@churn-2 churn --pr

    Exit codes: 0 done, 2 something prevents it, and nothing has changed.
    """
    root = root_here()
    options = PromoteOptions(name, target, run, tolerance)
    promoted = promote_model(root, source, model, options, _silent if quiet else click.echo)
    _done(promoted)
    if open_pr:
        title = f"Promote {model} {source.rpartition('@')[2]}"
        click.echo(open_pull_request(root, promoted.branch, title, promoted.body))


def _silent(_: str) -> None:
    """Tell nothing."""


def _done(promoted: Promoted) -> None:
    click.echo(f"Created the branch {promoted.branch}. Your files and your branch are as they were.")
    click.echo(f"The text for its pull request is in {promoted.body.name}, in .mlroad/. Next:\n")
    click.echo(f"  git switch {promoted.branch}\n  git push -u origin {promoted.branch}")
