"""`mlroad hand-over` and `mlroad take-over`: runs travel from one job of a workflow to the next."""

from pathlib import Path

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.core.github_outputs import tell_workflow
from mlroad.core.repo import root_here
from mlroad.run import hand_over as handing
from mlroad.run.model_folder import find_model

_model = click.argument("model", help="The model's name.")


@click.command("hand-over", cls=FactoryCommand)
@_model
@click.argument("folder", type=click.Path(path_type=Path), help="A new folder.")
@click.option("--run", "runs", metavar="ID", multiple=True, required=True, help="A run; may be repeated.")
def hand_over(model: str, folder: Path, runs: tuple[str, ...]) -> None:
    """Copy runs for another machine.

    The other machine needs the digest, which is printed and set as the output `digest` of a workflow step.

    \b
    mlroad hand-over diabetes handed --run 20261124-101500-000000
    """
    chosen = [run for run in runs if run]
    digest = handing.hand_over(find_model(root_here(), model), chosen, folder)
    tell_workflow(digest=digest)
    click.echo(f"copied {', '.join(chosen)} to {folder}: {digest}")


@click.command("take-over", cls=FactoryCommand)
@_model
@click.argument("folder", type=click.Path(path_type=Path), help="What `mlroad hand-over` has written.")
@click.option("--digest", required=True, metavar="DIGEST", help="The digest that it printed.")
@click.option("--judged", is_flag=True, help="Also take the records of the gate.")
def take_over(model: str, folder: Path, digest: str, judged: bool) -> None:
    """Take over runs of another machine.

    \b
    mlroad take-over diabetes handed --digest sha256:…

    Exit codes: 0 done, 2 the folder is not what was handed over.
    """
    names = handing.take_over(find_model(root_here(), model), folder, digest, judged=judged)
    click.echo(f"took over {', '.join(names)} of {model}")
