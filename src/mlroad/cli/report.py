"""`mlroad report`."""

from pathlib import Path

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.core.github_outputs import add_to_summary
from mlroad.core.repo import root_here
from mlroad.report.make_report import make_report
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model


@click.command(cls=FactoryCommand)
@click.argument("model", help="The model's name.")
@click.option("--run", metavar="ID", help="A run that was judged (default: the newest).")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to write the page (default: beside the verdict).",
)
@click.option("--summary", is_flag=True, help="Also add the Markdown to the job summary of the workflow.")
def report(model: str, run: str | None, output: Path | None, summary: bool) -> None:
    """Write the report on a judged candidate.

    The report is one HTML page that loads nothing from the network, and report.md beside the verdict with
    the same content for a pull request.

    \b
    mlroad report diabetes                 the newest candidate
    mlroad report diabetes -o report.html  choose where the page goes

    Exit codes: 0 written (whatever the verdict is), 2 this candidate was not judged yet.
    """
    candidate = find_candidate(find_model(root_here(), model), run)
    made = make_report(candidate, output)
    if summary:
        add_to_summary(made.markdown)
    data = made.data
    click.echo(f"{data.model} {candidate.run}: {data.word}. {data.verdict.get('headline', '')}")
    click.echo(f"page      {made.page}\nMarkdown  {made.markdown_file}")
