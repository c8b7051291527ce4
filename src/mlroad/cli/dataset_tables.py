"""The commands of `mlroad dataset` that look into tables; each imports what it needs when it is called."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

schema_app = typer.Typer(name="schema", help="What the columns of a dataset hold.", no_args_is_help=True)
_WIDTH = 140
Key = Annotated[list[str] | None, typer.Option("--key", help="A column that names a row. May be repeated.")]


def add_table_commands(app: typer.Typer) -> None:
    """Add schema, diff, overlap and compatible to `mlroad dataset`."""
    app.add_typer(schema_app)
    app.command()(diff)
    app.command()(overlap)
    app.command()(compatible)


@schema_app.command("infer")
def infer(
    reference: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="A version, such as diabetes:1.")],
    *,
    key: Key = None,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Make limits of the least and greatest values that there are.")
    ] = False,
    file: Annotated[str, typer.Option(help="What to call the file beside the version.")] = "schema.yml",
) -> None:
    """Write a first schema from a version's data, or adopt the one that is there if the data fits it."""
    from mlroad.core.repo import root_here
    from mlroad.data.schema_commands import infer as infer_schema

    outcome = infer_schema(root_here(), reference, file, key or (), bounds)
    for line in (*map(str, outcome.problems), *outcome.lines):
        typer.echo(line)
    raise typer.Exit(1 if outcome.problems else 0)


@schema_app.command("check")
def check(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME:VERSION]...", help="All with a schema if none.")
    ] = None,
) -> None:
    """Check that the data of versions is what their schemas say; exit 1 if it is not."""
    from mlroad.core.repo import root_here
    from mlroad.data.schema_commands import check as check_schemas

    outcome = check_schemas(root_here(), references or [])
    for line in (*map(str, outcome.problems), *outcome.lines):
        typer.echo(line)
    raise typer.Exit(1 if outcome.problems else 0)


def diff(
    before: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="The older version.")],
    after: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="The newer version.")],
    *,
    key: Key = None,
    html: Annotated[Path | None, typer.Option(help="Also write a report, one file to pass on.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 if the versions differ, as git diff does.")
    ] = False,
) -> None:
    """Show what differs between two versions: columns, their figures and shifts, and rows by key."""
    from rich.console import Console

    from mlroad.core.problems import UserError
    from mlroad.core.repo import root_here
    from mlroad.data.declared_schema import write_text
    from mlroad.data.diff_text import print_diff
    from mlroad.data.diff_versions import diff_versions
    from mlroad.report.dataset_diff import Origin, diff_html

    if html is not None and not html.absolute().parent.is_dir():
        raise UserError(f"{html.parent} does not exist.", "Create the folder first, or choose another path.")
    compared = diff_versions(root_here(), before, after, key or ())
    found = compared.diff
    console = Console(highlight=False)
    # Without a terminal nothing says how wide lines may be, and rich would take 80: too little for a table.
    print_diff(found, console if console.is_terminal else Console(highlight=False, width=_WIDTH))
    if html is not None:
        flags = "".join(f" --key {column}" for column in key or ())
        command = f"mlroad dataset diff {found.before.label} {found.after.label}{flags} --html {html.name}"
        made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        write_text(html, diff_html(found, Origin(compared.before, compared.after, command, made_at)))
        typer.echo(f"\nWrote {html}: open it in a browser, or mail it.")
    raise typer.Exit(1 if exit_code and not found.is_same else 0)


def overlap(
    first: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="Such as the training data.")],
    second: Annotated[str, typer.Argument(metavar="NAME:VERSION", help="Such as the holdout.")],
    *,
    key: Key = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A column that does not count, such as a row number.")
    ] = None,
    allow: Annotated[int, typer.Option(min=0, help="Exit 0 up to as many shared rows.")] = 0,
) -> None:
    """Find rows that two versions share, such as training data in a holdout; exit 1 if there are any."""
    from mlroad.core.repo import root_here
    from mlroad.data.overlap import find_overlap, overlap_text
    from mlroad.data.sql import TableEngine
    from mlroad.data.version_tables import open_pair

    with TableEngine() as engine:
        pair = open_pair(engine, root_here(), first, second)
        found = find_overlap(engine, *pair.tables, key or (), ignore or ())
    typer.echo(overlap_text(found))
    raise typer.Exit(1 if found.count > allow else 0)


def compatible(
    dev: Annotated[
        str, typer.Argument(metavar="[NAME:VERSION", help="The dev version; all datasets if none.")
    ] = "",
    prod: Annotated[str, typer.Argument(metavar="NAME:VERSION]", help="The prod version.")] = "",
) -> None:
    """Check that dev and prod versions agree on the schema, and say what differs; exit 1 if they do not."""
    from mlroad.core.problems import UserError
    from mlroad.core.repo import root_here
    from mlroad.data.compatible import compare_all, compare_versions

    if bool(dev) != bool(prod):
        raise UserError("One version alone agrees with nothing.", "Name two, or none for all datasets.")
    reports = [compare_versions(root_here(), dev, prod)] if dev else compare_all(root_here())
    for report in reports:
        typer.echo(report.text())
    if not reports:
        typer.echo("No dataset has both a dev and a prod version.")
    raise typer.Exit(0 if all(report.good for report in reports) else 1)
