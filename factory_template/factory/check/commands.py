"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(check)


def check(
    models: Annotated[list[str] | None, typer.Argument(help="Names of models; all if none.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="text|json|github|sarif", help="How to print what is found.")
    ] = "text",
) -> None:
    """Check all that can be known of model folders without training: data, gates, tests, model cards.

    `modelkit check` looks at pipelines and components, and this command at what a factory asks beyond them.

    Exit codes: 0 nothing wrong (there may be warnings), 1 errors, 2 a mistake on the command line.
    """
    from factory.check.run import check as find
    from modelkit.problems import UserError
    from modelkit.repo import root_here
    from modelkit.reporting import FORMATS, render

    if form not in FORMATS:
        raise UserError(f"There is no format {form}.", f"Choose one of {', '.join(FORMATS)}.")
    problems = find(root_here(), models or [])
    text = render(problems, form)
    if text:
        typer.echo(text)
    raise typer.Exit(int(any(problem.severity == "error" for problem in problems)))
