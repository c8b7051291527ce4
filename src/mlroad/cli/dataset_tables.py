"""The commands of `mlroad dataset` that read tables."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from mlroad.cli.output_options import result
from mlroad.core.files import write_output
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.core.reporting import record
from mlroad.core.text import quoted
from mlroad.data.compatible import compare_all, compare_versions
from mlroad.data.diff_text import print_diff
from mlroad.data.diff_versions import diff_versions
from mlroad.data.overlap import find_overlap, overlap_text
from mlroad.data.schema_commands import SchemaResult, check_schemas, infer_schema
from mlroad.data.sql import TableEngine
from mlroad.data.version_tables import open_pair
from mlroad.report.dataset_diff import Origin, diff_html

_WIDTH = 140
_key = click.option(
    "--key", metavar="COLUMN", multiple=True, help="A column that identifies a row. Repeatable."
)


@click.group()
def schema() -> None:
    """Write and check schemas of tables.

    A schema says what the columns of a dataset hold.
    """


@schema.command()
@click.argument("reference", metavar="NAME:VERSION", help="A version, such as diabetes:1.")
@_key
@click.option("--bounds", is_flag=True, help="Make the smallest and largest values the limits.")
@click.option(
    "--file", default="schema.yml", show_default=True, help="The name of the file beside the version."
)
def infer(reference: str, key: tuple[str, ...], bounds: bool, file: str) -> None:
    """Write a first schema from the data.

    Or use the schema that is there, if the data matches it.

    \b
    mlroad dataset schema infer churn:1 --key customer_id

    Exit codes: 0 done, 1 the data does not match the schema that is there, 2 a wrong argument.
    """
    _finish(infer_schema(root_here(), reference, file, key, bounds))


@schema.command()
@click.argument(
    "references", metavar="[NAME:VERSION]...", nargs=-1, help="Versions (default: all with a schema)."
)
def check(references: Sequence[str]) -> None:
    """Check that data matches its schema.

    \b
    mlroad dataset schema check
    mlroad dataset schema check churn:1

    Exit codes: 0 it matches, 1 it does not, 2 a wrong argument.
    """
    _finish(check_schemas(root_here(), references))


def _finish(outcome: SchemaResult) -> None:
    result(problems=[record(problem) for problem in outcome.problems])
    for line in (*outcome.problems, *outcome.lines):
        click.echo(line)
    sys.exit(1 if outcome.problems else 0)


@click.command()
@click.argument("before", metavar="NAME:VERSION", help="The older version.")
@click.argument("after", metavar="NAME:VERSION", help="The newer version.")
@_key
@click.option("--html", type=click.Path(path_type=Path), help="Also write a report: one HTML file.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if the versions differ, as git diff does.")
def diff(before: str, after: str, key: tuple[str, ...], html: Path | None, exit_code: bool) -> None:
    """Show what differs between two versions.

    Columns, their statistics and shifts, and, with a key, rows.

    \b
    mlroad dataset diff churn:1 churn:2 --key customer_id --html churn.html

    Exit codes: 0 done, 1 the versions differ (--exit-code), 2 a wrong argument.
    """
    if html is not None and not html.absolute().parent.is_dir():
        raise UserError(f"{html.parent} does not exist.", "Create the folder first, or choose another path.")
    compared = diff_versions(root_here(), before, after, key)
    found = compared.diff
    console = Console(highlight=False)
    # Without a terminal, the line width is unknown, and rich would use 80: too narrow for a table.
    print_diff(found, console if console.is_terminal else Console(highlight=False, width=_WIDTH))
    if html is not None:
        flags = "".join(f" --key {quoted(column)}" for column in key)
        flags += f" --html {quoted(html.name)}"
        command = f"mlroad dataset diff {found.before.label} {found.after.label}{flags}"
        made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        write_output(html, diff_html(found, Origin(compared.before, compared.after, command, made_at)))
        click.echo(f"\nWrote {html}: open it in a browser, or mail it.")
    sys.exit(1 if exit_code and not found.is_same else 0)


@click.command()
@click.argument("first", metavar="NAME:VERSION", help="Such as the training data.")
@click.argument("second", metavar="NAME:VERSION", help="Such as the holdout.")
@_key
@click.option(
    "--ignore", metavar="COLUMN", multiple=True, help="A column to ignore, such as a row number. Repeatable."
)
@click.option(
    "--allow",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Exit with 0 for up to N shared rows.",
)
def overlap(first: str, second: str, key: tuple[str, ...], ignore: tuple[str, ...], allow: int) -> None:
    """Find rows that two versions share.

    \b
    mlroad dataset overlap churn_train:1 churn_holdout:1 --key customer_id

    Exit codes: 0 none (or up to --allow), 1 they share rows, 2 a wrong argument.
    """
    with TableEngine() as engine:
        pair = open_pair(engine, root_here(), first, second)
        found = find_overlap(engine, *pair.tables, key, ignore)
    result(columns=found.columns, shared=found.shared, repeated=found.repeated)
    click.echo(overlap_text(found))
    sys.exit(1 if found.count > allow else 0)


@click.command()
@click.argument(
    "dev", metavar="[NAME:VERSION", required=False, help="The dev version (default: all datasets)."
)
@click.argument("prod", metavar="NAME:VERSION]", required=False, help="The prod version.")
def compatible(dev: str | None, prod: str | None) -> None:
    """Check that dev and prod versions fit together.

    Their schemas must agree.

    \b
    mlroad dataset compatible
    mlroad dataset compatible churn:2 churn:1

    Exit codes: 0 they agree, 1 they do not, 2 a wrong argument.
    """
    if bool(dev) != bool(prod):
        raise UserError("One version cannot be compared.", "Name two versions, or none for all datasets.")
    reports = [compare_versions(root_here(), dev, prod)] if dev and prod else compare_all(root_here())
    result(problems=[record(problem) for report in reports for problem in report.problems])
    for report in reports:
        click.echo(report.text())
    if not reports:
        click.echo("No dataset has both a dev and a prod version.")
    sys.exit(0 if all(report.good for report in reports) else 1)
