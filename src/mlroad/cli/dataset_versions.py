"""The commands of `mlroad dataset` that create and check versions."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from mlroad.cli.finite_number import FiniteNumber
from mlroad.cli.output_options import format_option, result
from mlroad.core.repo import root_here
from mlroad.core.reporting import record
from mlroad.data.add import add_data, created_text
from mlroad.data.gc import find_garbage, garbage_text, remove
from mlroad.data.lineage import DatasetLineage
from mlroad.data.split import SplitOptions, split_version
from mlroad.data.verify import verify_all
from mlroad.data.version_list import all_versions, versions_json, versions_text
from mlroad.run.derive import DeriveOptions, StepFailedError, derive_version, repeat_derivation

_STAGES = click.Choice(("dev", "prod"))
_reference = click.argument("reference", metavar="NAME:VERSION", help="A version, such as diabetes:1.")
_description = click.option("--description", "-m", default="", help="What the data is.")


@click.command()
@click.argument("name", help="The dataset's name: letters, digits, - and _.")
@click.argument("path", help="A file or a folder.")
@click.option("--stage", type=_STAGES, default="dev", show_default=True, help="What the version is for.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(("uri_file", "uri_folder", "mltable")),
    help="Azure ML's type (default: what PATH looks like).",
)
@_description
@click.option(
    "--at", "address", metavar="URL", default="", help="Where the same data is in the cloud: azureml://…"
)
@click.option(
    "--no-table", is_flag=True, help="Accept the files as they are, even if they are broken tables."
)
@click.option("--delimiter", metavar="CHARACTER", help="What separates the values of a CSV file.")
@click.option("--decimal", type=click.Choice((",", ".")), help="The decimal point of a CSV file.")
@click.option("--encoding", metavar="NAME", help="The encoding of a CSV file, such as cp1252.")
@click.option("--licence", metavar="TEXT", help="The licence of the data, such as CC-BY-4.0.")
def add(
    name: str,
    path: str,
    stage: str,
    kind: str | None,
    description: str,
    address: str,
    no_table: bool,
    **others: str | None,
) -> None:
    """Create a version from a file or folder.

    The first version of a new dataset, or the next one.

    \b
    mlroad dataset add churn data/churn.csv -m "Customers of 2025"
    mlroad dataset add umsatz umsatz.csv --delimiter ";" --decimal , --encoding cp1252
    mlroad dataset add churn data/all.parquet --stage prod --at azureml://datastores/…
    """
    made = add_data(
        root_here(),
        name,
        path,
        stage=stage,
        kind=kind,
        description=description,
        address=address,
        is_table=not no_table,
        tags={tag: value for tag, value in others.items() if value},
    )
    click.echo(made)


@click.command("list")
def list_datasets() -> None:
    """List all datasets and versions.

    \b
    mlroad dataset list
    """
    versions = all_versions(root_here())
    result(versions=versions_json(versions))
    click.echo(versions_text(versions))


@click.command()
@click.argument(
    "references", metavar="[NAME[:VERSION]]...", nargs=-1, help="Datasets or versions (default: all)."
)
@click.option("--full", is_flag=True, help="Read every byte, even of files that look unchanged.")
@click.option(
    "--base", metavar="REF", default="", help="Also check that versions are as they are in git at REF."
)
def verify(references: tuple[str, ...], full: bool, base: str) -> None:
    """Check that data has not changed.

    Every byte must be as it was when the version was made.

    \b
    mlroad dataset verify
    mlroad dataset verify churn:1 --full
    mlroad dataset verify --base origin/main

    Exit codes: 0 unchanged, 1 problems found, 2 a wrong argument.
    """
    report = verify_all(root_here(), references, full=full, base=base)
    result(problems=[record(problem) for problem in report.problems], verified=report.verified)
    for problem in report.problems:
        click.echo(problem)
    click.echo(report.summary)
    sys.exit(0 if report.good else 1)


@click.command()
@_reference
@click.option(
    "--share",
    type=FiniteNumber(min=0, max=1, min_open=True, max_open=True),
    metavar="SHARE",
    help="The holdout's share of the rows (default: 0.2).",
)
@click.option(
    "--key", multiple=True, metavar="COLUMN", help="Keep rows with the same value together. Repeatable."
)
@click.option(
    "--stratify", metavar="COLUMN", default="", help="Give both sides the same share of each value of COLUMN."
)
@click.option(
    "--by-time", metavar="COLUMN", default="", help="Make the newest rows the holdout; COLUMN has their time."
)
@click.option("--train", metavar="NAME", default="", help="The training data's name (default: NAME_train).")
@click.option("--holdout", metavar="NAME", default="", help="The holdout's name (default: NAME_holdout).")
@click.option("--stage", type=_STAGES, help="What both are for (default: what NAME:VERSION is for).")
@click.option("--renew", is_flag=True, help="Replace the frozen holdout with a new one.")
def split(
    reference: str,
    share: float | None,
    key: tuple[str, ...],
    stratify: str,
    by_time: str,
    train: str,
    holdout: str,
    stage: str | None,
    renew: bool,
) -> None:
    """Split off a frozen holdout.

    A version becomes training data and a holdout. The holdout stays the same when later versions are split.

    \b
    mlroad dataset split churn:1
    mlroad dataset split churn:1 --share 0.3 --key customer_id
    mlroad dataset split churn:1 --stratify label
    mlroad dataset split sales:1 --by-time day
    """
    options = SplitOptions(
        reference, share, key, stratify, by_time, train, holdout, renew=renew, stage=stage or ""
    )
    click.echo(split_version(root_here(), options).text())


@click.command()
@click.argument("name", help="The dataset to create a version of.")
@click.option(
    "--from",
    "parents",
    metavar="[INPUT=]NAME:VERSION",
    multiple=True,
    required=True,
    help="What the step reads. Repeatable.",
)
@click.option(
    "--step",
    type=click.Path(path_type=Path),
    required=True,
    help="The step's script, such as models/m/steps/clean.py.",
)
@click.option(
    "--set", "settings", metavar="PARAMETER=VALUE", multiple=True, help="Set a parameter. Repeatable."
)
@click.option("--output", default="", help="Which output to use, if the step has several.")
@click.option("--file", default="", help="The file's name, if the output is a file.")
@click.option("--stage", type=_STAGES, help="What the version is for (default: what its parent is for).")
@_description
def derive(
    name: str,
    parents: tuple[str, ...],
    step: Path,
    settings: tuple[str, ...],
    output: str,
    file: str,
    stage: str | None,
    description: str,
) -> None:
    """Create a version with a step.

    The step reads one or more versions. Everything that is needed to repeat it is recorded.

    \b
    mlroad dataset derive churn_clean --from churn:1 --step models/churn/steps/clean.py

    Exit codes: 0 done, 1 the step failed, 2 a wrong argument.
    """
    options = DeriveOptions(name, step, parents, settings, output, file, stage, description)
    try:
        click.echo(created_text(root_here(), derive_version(root_here(), options)))
    except StepFailedError as error:
        click.echo(error, err=True)
        sys.exit(1)


@click.command()
@_reference
def repeat(reference: str) -> None:
    """Derive a version again, and compare.

    The digests must be equal. If they are not, the command says why.

    \b
    mlroad dataset repeat churn_clean:1

    Exit codes: 0 the same data, 1 other data or the step failed, 2 the version cannot be derived again.
    """
    try:
        result = repeat_derivation(root_here(), reference)
    except StepFailedError as error:
        click.echo(error, err=True)
        sys.exit(1)
    click.echo("\n".join(result.lines))
    sys.exit(0 if result.same else 1)


@click.command()
@_reference
@format_option("text", "mermaid", "json")
def lineage(reference: str, form: str) -> None:
    """Show what a version came from.

    And what was made and trained from it.

    \b
    mlroad dataset lineage churn_clean:1
    mlroad dataset lineage churn_clean:1 --format mermaid

    Exit codes: 0 complete, 1 a version cannot be read, 2 a wrong argument.
    """
    graph = DatasetLineage(root_here(), reference)
    click.echo({"text": graph.text, "mermaid": graph.mermaid, "json": graph.json}[form]())
    for problem in graph.problems:
        click.echo(problem, err=True)
    sys.exit(1 if graph.problems else 0)


@click.command()
@click.option("--yes", is_flag=True, help="Delete. Without it, the command only shows what it would delete.")
@click.option("--copies", is_flag=True, help="Also delete local copies of data that is in the cloud.")
def gc(yes: bool, copies: bool) -> None:
    """Delete data that no version names.

    No version on any branch.

    \b
    mlroad dataset gc
    mlroad dataset gc --copies --yes
    """
    garbage = find_garbage(root_here(), copies)
    if yes:
        remove(garbage)
    result(deleted=yes, garbage=[asdict(item) for item in garbage])
    click.echo(garbage_text(garbage, removed=yes))
