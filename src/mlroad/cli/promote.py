"""`mlroad promote`."""

import sys
from pathlib import Path

import click

from mlroad.cli.finite_number import FiniteNumber
from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import result
from mlroad.core.problems import UserError
from mlroad.core.repo import is_model, root_here
from mlroad.promote.conflicts import Conflicts, abort
from mlroad.promote.promote_here import promote_here
from mlroad.promote.promotion import promote as promote_model
from mlroad.promote.promotion import resume
from mlroad.promote.promotion_plan import TOLERANCE, Promoted, PromoteOptions
from mlroad.promote.promotion_status import promotion_status
from mlroad.promote.pull_request import open_pull_request


@click.command(cls=FactoryCommand)
@click.argument(
    "source",
    metavar="REPO@TAG",
    required=False,
    help="The prototype: a path or a git URL, and a tag. Or a model folder of this repo.",
)
@click.argument("model", required=False, help="The model's name in the prototype.")
@click.option("--as", "name", metavar="NAME", default="", help="The model's name here (default: the same).")
@click.option("--target", metavar="COLUMN", default="", help="The column that the model predicts.")
@click.option(
    "--run/--no-run", "run", default=True, help="Run the pipeline and compare its metrics (default), or not."
)
@click.option(
    "--tolerance",
    type=FiniteNumber(min=0),
    default=TOLERANCE,
    show_default=True,
    metavar="SHARE",
    help="How far a metric may be from the prototype's, as a fraction of it.",
)
@click.option("--pr", "open_pr", is_flag=True, help="Push the branch and open a pull request with gh.")
@click.option("--continue", "go_on", is_flag=True, help="Complete a promotion whose conflicts are resolved.")
@click.option("--abort", "undo", is_flag=True, help="Undo a promotion that has conflicts.")
@click.option("--status", "status", is_flag=True, help="Show each model's tag, newer tags, and edits here.")
def promote(
    source: str | None,
    model: str | None,
    name: str,
    target: str,
    run: bool,
    tolerance: float,
    open_pr: bool,
    go_on: bool,
    undo: bool,
    status: bool,
) -> None:
    """Promote a model from a prototype's tag to a branch.

    Takes the model's code, datasets and inference tests, drafts what a factory needs beyond them, runs the
    model without credentials, and compares its metrics with the prototype's. A newer tag is merged with the
    edits made here. Your files and your branch stay as they are, unless there are conflicts to resolve.

    \b
    mlroad promote ../prototypes@churn-v1 churn
    mlroad promote https://github.com/my-org/prototypes@churn-v2 churn --pr
    mlroad promote experimentation/churn             an experiment in this repo
    mlroad promote models/churn                      a model of a prototype that became this factory
    mlroad promote --continue                        after you resolved and staged conflicts
    mlroad promote --status

    Exit codes: 0 done, 1 there are conflicts to resolve, 2 something prevents it.
    With 2, nothing has changed, unless the message says that the branch is complete.
    """
    root = root_here()
    chosen = [bool(source), go_on, undo, status].count(True)
    here = _model_here(source) if source and not model else None
    if chosen != 1 or bool(source) != bool(model or here):
        what = "Name a tag and a model, or a model folder, or use one of --continue, --abort and --status."
        raise UserError(what, "Such as: mlroad promote ../prototypes@churn-v1 churn")
    if status:
        _show_status(root)
    elif undo:
        click.echo(f"Undone: {abort(root)} is checked out as it was.")
    elif source:
        options = PromoteOptions(name, target, run, tolerance)
        if here:
            _finish(root, promote_here(root, here, options, click.echo), open_pr, here=False)
            return
        assert model
        _finish(root, promote_model(root, source, model, options, click.echo), open_pr, here=False)
    else:
        _finish(root, resume(root, click.echo), open_pr, here=True)


def _model_here(source: str) -> Path | None:
    """The model folder of this repo that a path names; None for REPO@TAG. Raises UserError."""
    folder = Path(source)
    if folder.resolve().is_relative_to(root_here().resolve()) and is_model(folder):
        return folder
    if "@" in source:
        return None
    what = f"{source} is not a model folder of this repo." if folder.exists() else f"There is no {source}."
    raise UserError(what, "Name a model folder, such as models/churn, or a tag and a model.")


def _show_status(root: Path) -> None:
    found = promotion_status(root)
    result(models=[it.json() for it in found])
    click.echo(
        "\n".join(line for it in found for line in it.lines()) or "No model here came from a prototype."
    )


def _finish(root: Path, done: Promoted | Conflicts, open_pr: bool, *, here: bool) -> None:
    result(branch=done.branch)
    if isinstance(done, Conflicts):
        _show_conflicts(done)
        sys.exit(1)
    result(model=done.model, commit=done.commit, body=done.body.as_posix())
    if here:
        click.echo(f"The branch {done.branch} is complete.")
    else:
        click.echo(f"Created the branch {done.branch}. Your files and your branch are as they were.")
    if open_pr:
        address = open_pull_request(root, done.branch, f"Promote {done.model} {done.tag}", done.body)
        result(pull_request=address)
        click.echo(f"Opened {address}")
        return
    switch = "" if here else f"  git switch {done.branch}\n"
    click.echo(f"The text for its pull request is in .mlroad/{done.body.name}. Next:\n")
    click.echo(f"{switch}  git push -u origin {done.branch}")


def _show_conflicts(done: Conflicts) -> None:
    result(conflicts=done.files)
    click.echo(f"The prototype and the factory changed the same lines. {done.branch} is checked out:")
    click.echo("\n".join(f"  {name}" for name in done.files))
    click.echo("Choose between the markers, stage each file (git add FILE), then: mlroad promote --continue")
    click.echo("To undo everything: mlroad promote --abort")
