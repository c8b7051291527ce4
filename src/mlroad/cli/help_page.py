"""`mlroad help`."""

from pathlib import Path

import click

from mlroad.core.doc_pages import find_page, page_names, page_source, pages_folder, read_page
from mlroad.core.repo import root_here


@click.command("help")
@click.argument("page", required=False, help="The page's name (default: list all pages).")
def help_page(page: str | None) -> None:
    """Print a page of the documentation.

    The pages are those of the version that this repo uses. The first time, git gets them from the template.
    Where the page comes from goes to stderr.

    \b
    mlroad help
    mlroad help reference/datasets
    mlroad help add-a-model

    Exit codes: 0 printed, 2 there is no such page, or the template cannot be reached.
    """
    repo = Path(root_here())
    docs = pages_folder(repo)
    if page is None:
        click.echo("\n".join(page_names(docs)))
        return
    name = find_page(docs, page)
    click.echo(f"From {page_source(repo, name)}", err=True)
    click.echo_via_pager(read_page(docs, name))
