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

    `mlroad check` looks at pipelines and components, and this command at what a factory asks beyond them.

    Exit codes: 0 nothing wrong (there may be warnings), 1 errors, 2 a mistake on the command line.
    """
    from mlroad.core.problems import UserError
    from mlroad.core.repo import root_here
    from mlroad.core.reporting import FORMATS, render
    from mlroad.gate.check_factory import check as find

    if form not in FORMATS:
        raise UserError(f"There is no format {form}.", f"Choose one of {', '.join(FORMATS)}.")
    problems = find(root_here(), models or [])
    text = render(problems, form)
    if text:
        typer.echo(text)
    raise typer.Exit(int(any(problem.severity == "error" for problem in problems)))
