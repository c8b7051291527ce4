"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(report)


def report(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    run: Annotated[str | None, typer.Option("--run", help="Which candidate; the newest if left out.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where the page goes; beside the verdict if left out."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Add the Markdown to the job summary of a workflow as well.")
    ] = False,
) -> None:
    """Write the page for the people who decide, from what the gate has found out.

    \b
    mlroad report diabetes                 the newest candidate
    mlroad report diabetes -o report.html  the page where you want it

    The page is one HTML file that loads nothing. report.md beside the verdict says the same for a
    pull request.
    Exit codes: 0 written (whatever the verdict is), 2 the gate has not judged this candidate.
    """
    from mlroad.core.github_outputs import add_to_summary
    from mlroad.core.repo import root_here
    from mlroad.report.make_report import make_report
    from mlroad.run.candidate import find_candidate
    from mlroad.run.model_folder import find_model

    candidate = find_candidate(find_model(root_here(), model), run)
    made = make_report(candidate, output)
    if summary:
        add_to_summary(made.markdown)
    print(f"{made.facts.model} {candidate.run}: {made.facts.shown}. {made.facts.verdict.get('headline', '')}")
    print(f"page      {made.page}\nMarkdown  {made.markdown_file}")
