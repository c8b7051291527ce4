"""`mlroad dataset …`: every command imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlroad.cli.dataset_tables import add_table_commands

dataset_app = typer.Typer(
    name="dataset",
    help="Datasets: immutable versions, what they were derived from, and what they trained.",
    no_args_is_help=True,
)

Description = Annotated[str, typer.Option("--description", "-m", help="What the data is.")]
Full = Annotated[bool, typer.Option("--full", help="Read every byte, also of files that look untouched.")]
Reference = Annotated[str, typer.Argument(metavar="NAME:VERSION", help="A version, such as diabetes:1.")]
Stage = Annotated[Literal["dev", "prod"], typer.Option("--stage", help="What the version is for.")]
add_table_commands(dataset_app)


@dataset_app.command()
def add(
    name: Annotated[str, typer.Argument(help="The dataset's name: letters, digits, - and _.")],
    path: Annotated[str, typer.Argument(help="A file or a folder.")],
    *,
    stage: Stage = "dev",
    type_: Annotated[
        Literal["uri_file", "uri_folder", "mltable"] | None,
        typer.Option("--type", help="Azure ML's type; by default what PATH looks like."),
    ] = None,
    description: Description = "",
    address: Annotated[
        str, typer.Option("--at", metavar="URL", help="Where the same data lies in the cloud: azureml://…")
    ] = "",
    no_table: Annotated[
        bool, typer.Option("--no-table", help="Take the files as they are, even if they are broken tables.")
    ] = False,
) -> None:
    """Make a version of a file or folder: the first of a new dataset, or the next."""
    from mlroad.core.repo import root_here
    from mlroad.data.add import add_data

    made = add_data(
        root_here(),
        name,
        path,
        stage=stage,
        kind=type_,
        description=description,
        address=address,
        is_table=not no_table,
    )
    typer.echo(made)


@dataset_app.command("list")
def list_() -> None:
    """Show all datasets and their versions."""
    from mlroad.core.repo import root_here
    from mlroad.data.version_list import overview

    typer.echo(overview(root_here()))


@dataset_app.command()
def verify(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME[:VERSION]]...", help="All of the repo if none.")
    ] = None,
    full: Full = False,
    base: Annotated[
        str,
        typer.Option(metavar="REF", help="Also: versions that git has at REF must be as they were there."),
    ] = "",
) -> None:
    """Check that every version's data is, to the byte, what it was when the version was made."""
    from mlroad.core.repo import root_here
    from mlroad.data.verify import verify_all

    report = verify_all(root_here(), references or [], full=full, base=base)
    for problem in report.problems:
        typer.echo(str(problem))
    typer.echo(report.summary)
    raise typer.Exit(0 if report.good else 1)


@dataset_app.command()
def derive(
    name: Annotated[str, typer.Argument(help="The dataset to make a version of.")],
    *,
    parents: Annotated[
        list[str],
        typer.Option("--from", metavar="[INPUT=]NAME:VERSION", help="What the step reads."),
    ],
    step: Annotated[Path, typer.Option(help="The step's script, such as models/m/steps/clean.py.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="A value for the step.")
    ] = None,
    output: Annotated[str, typer.Option(help="The output to take, if the step has several.")] = "",
    file: Annotated[str, typer.Option(help="What to call the file, if the output is one.")] = "",
    stage: Annotated[
        Literal["dev", "prod"] | None, typer.Option("--stage", help="By default that of the parent.")
    ] = None,
    description: Description = "",
) -> None:
    """Run a step on a version, and make a version of what it writes, with all that is needed to repeat it."""
    from mlroad.core.repo import root_here
    from mlroad.data.add import told
    from mlroad.run.derive import DeriveOptions, StepFailedError
    from mlroad.run.derive import derive as run_step

    order = DeriveOptions(name, step, parents, settings or (), output, file, stage, description)
    try:
        typer.echo(told(root_here(), run_step(root_here(), order)))
    except StepFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@dataset_app.command()
def repeat(reference: Reference) -> None:
    """Derive a version again: the same digest must come out, or the reason why not."""
    from mlroad.core.repo import root_here
    from mlroad.run.derive import StepFailedError
    from mlroad.run.derive import repeat as run_again

    try:
        result = run_again(root_here(), reference)
    except StepFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo("\n".join(result.lines))
    raise typer.Exit(0 if result.same else 1)


@dataset_app.command()
def register(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME[:VERSION]]...", help="Which versions.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All versions of the repo.")] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from-etl",
            metavar="PATH|URL",
            help="New data for NAME (a file, a folder, azureml://…): check, make a version, register.",
        ),
    ] = None,
    stage: Annotated[
        Literal["dev", "prod"] | None, typer.Option(help="With --from-etl; by default as the version before.")
    ] = None,
    max_loss: Annotated[
        float, typer.Option(metavar="SHARE", help="With --from-etl: how many rows fewer are right.")
    ] = 0.5,
    local: Annotated[bool, typer.Option("--local", help="With --from-etl: leave Azure ML alone.")] = False,
    pr_body: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --from-etl: write the pull request's text there."),
    ] = None,
    outcome: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --from-etl: write what came of it there, as JSON."),
    ] = None,
    description: Description = "",
) -> None:
    """Register versions as data assets in Azure ML, or take in the data that a job delivers (--from-etl).

    What is registered already stays as it is, so the command may be repeated. Exit 1: the data was refused.
    """
    from mlroad.core.repo import root_here

    if source is not None:
        from mlroad.azure.deliver import take_in
        from mlroad.azure.delivery import Delivery

        delivery = Delivery("", source, stage, description, max_loss, local)
        raise typer.Exit(take_in(root_here(), references or [], delivery, pr_body, outcome))
    from mlroad.azure.register_data import register_versions

    for line in register_versions(root_here(), references or [], everything):
        typer.echo(line)


@dataset_app.command()
def fetch(
    references: Annotated[list[str], typer.Argument(metavar="NAME:VERSION...", help="Which versions.")],
) -> None:
    """Bring data that lies in the cloud to this machine, and check that it is the right data."""
    from mlroad.azure.fetch_data import fetch as fetch_one
    from mlroad.core.repo import root_here
    from mlroad.data.store import find

    root = root_here()
    for version in [find(root, reference) for reference in references]:
        path, is_new = fetch_one(root, version)
        typer.echo(f"{'Fetched' if is_new else 'Here already:'} {version.id}: {path.as_posix()}")


@dataset_app.command()
def split(
    reference: Reference,
    *,
    share: Annotated[
        float | None, typer.Option(help="Of the rows, for the holdout: 0.2 if nothing is said.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A column that names a row; its rows stay together. May be repeated."),
    ] = None,
    train: Annotated[str, typer.Option(help="What to call the training data, if not NAME_train.")] = "",
    holdout: Annotated[str, typer.Option(help="What to call the holdout, if not NAME_holdout.")] = "",
    stage: Annotated[
        Literal["dev", "prod"] | None,
        typer.Option("--stage", help="What both are for; by default what NAME:VERSION is for."),
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Freeze a new holdout in place of the old.")] = False,
) -> None:
    """Divide a version into training data and a holdout, which stays frozen for later versions."""
    from mlroad.core.repo import root_here
    from mlroad.data.split import SplitOptions
    from mlroad.data.split import split as divide

    typer.echo(
        divide(
            root_here(), SplitOptions(reference, share, key or (), train, holdout, renew, stage or "")
        ).text()
    )


@dataset_app.command()
def lineage(
    reference: Reference,
    format_: Annotated[
        Literal["text", "mermaid", "json"], typer.Option("--format", help="How to show it.")
    ] = "text",
) -> None:
    """Show what a version came from, and what was made and trained from it."""
    from mlroad.core.repo import root_here
    from mlroad.data.lineage import DatasetLineage

    graph = DatasetLineage(root_here(), reference)
    typer.echo({"text": graph.text, "mermaid": graph.mermaid, "json": graph.json}[format_]())
    for problem in graph.problems:
        typer.echo(str(problem), err=True)
    raise typer.Exit(1 if graph.problems else 0)


@dataset_app.command()
def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only say what would be.")] = False,
    copies: Annotated[
        bool, typer.Option("--copies", help="Also local copies of data that lies in the cloud.")
    ] = False,
) -> None:
    """Free the disk of data that no version names on any branch."""
    from mlroad.core.repo import root_here
    from mlroad.data.gc import find_garbage, remove, told

    garbage = find_garbage(root_here(), copies)
    if yes:
        remove(garbage)
    typer.echo(told(garbage, removed=yes))
