"""`mlroad fleet`: all repos of an organization, and their updates."""

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import click

from mlroad.cli.output_options import json_option, result
from mlroad.core.files import write_output
from mlroad.core.problems import UserError
from mlroad.core.text import count, one_line
from mlroad.fleet.ask_github import GitHub
from mlroad.fleet.find_repos import Place, find_repos
from mlroad.fleet.read_repo import Reader, Row
from mlroad.fleet.show_fleet import Lines, as_csv, as_document, behind_in_words, summary
from mlroad.report.fleet_page import fleet_html

_AT_ONCE = 12
_WORKFLOW = "update.yml"

_places = click.argument("places", metavar="[PLACE]...", nargs=-1)
_organization = click.option(
    "--org", "organization", metavar="NAME", help="All repos of an organization, by `gh`."
)


class _WithDefault(click.Group):
    """A group whose command `show` needs no name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WithDefault)
def fleet() -> None:
    """Show all repos made from the template, and start their updates.

    A PLACE is a clone, a folder of clones, a file with one git address per line, or a git address.

    \b
    mlroad fleet ../clones               the same as `mlroad fleet show ../clones`
    mlroad fleet update --org my-org     list what would be updated
    """


@fleet.command()
@_places
@_organization
@click.option("--drift", is_flag=True, help="Also count changed standard files. It renders each template.")
@click.option("--csv", "as_table", is_flag=True, help="Print CSV and nothing else.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write a page."
)
@click.option("--strict", is_flag=True, help="Exit with 1 if a repo is behind or has a problem.")
@json_option
def show(
    places: tuple[str, ...],
    organization: str | None,
    drift: bool,
    as_table: bool,
    html: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Show one row per repo.

    Its version, last update, CI, step contract, and models with their champions. Clones are read as they are:
    fetch them first. A repo that cannot be read is a row with the reason. In a folder or an organization,
    repos that were not made from the template are left out. CI needs `gh`.

    \b
    mlroad fleet show ../clones
    mlroad fleet show repos.txt --drift --html fleet.html
    mlroad fleet show --org my-org --csv > fleet.csv

    Exit codes: 0 shown, 1 a repo is behind or has a problem (--strict), 2 wrong arguments.
    """
    if as_table and as_json:
        raise UserError("--csv and --json exclude each other.", "Choose one.")
    github = GitHub()
    found = find_repos(places, organization, github)
    lines = Lines([place.name for place in found])
    streams = not (as_table or as_json)
    if streams:
        click.echo(lines.head)
    rows, left_out = [], []
    for place, row in _read(found, Reader(github, drift=drift)):
        if row is None:
            left_out.append(place.name)
            continue
        rows.append(row)
        if streams:
            click.echo(lines.row(row))
    rows.sort(key=lambda row: (row.name, row.place))
    left_out.sort()
    if html:
        write_output(html, fleet_html(rows, left_out))
    if as_json:
        click.echo(json.dumps(as_document(rows, left_out), indent=2, ensure_ascii=False))
    else:
        click.echo(as_csv(rows) if as_table else summary(rows, left_out), nl=not as_table)
    sys.exit(1 if strict and any(row.is_behind or row.problem for row in rows) else 0)


@fleet.command()
@_places
@_organization
@click.option("--apply", is_flag=True, help="Start the updates. Without it, the command only lists them.")
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    show_default=True,
    help="Start N workflows at a time.",
)
def update(places: tuple[str, ...], organization: str | None, apply: bool, at_once: int) -> None:
    """Start the update of each repo that is behind.

    The workflow update.yml on GitHub opens or refreshes its pull request. Nothing is started without --apply.

    \b
    mlroad fleet update ../clones
    mlroad fleet update --org my-org --apply --at-once 5

    Exit codes: 0 done, 1 a repo cannot be read or its workflow cannot be started, 2 wrong arguments.
    """
    github = GitHub()
    if apply:
        github.refuse_signed_out()
    found = find_repos(places, organization, github)
    rows = [row for _, row in _read(found, Reader(github)) if row]
    rows.sort(key=lambda row: (row.name, row.place))
    failed = False
    behind = [row for row in rows if row.is_behind]
    for row in rows:
        if row.problem:
            failed = True
            click.echo(one_line(f"{row.name}: {row.problem}"))
    for row, problem in _start(behind, github, at_once, apply=apply):
        failed = failed or bool(problem)
        what = f"{row.version} to {row.newest} ({behind_in_words(row)} behind)"
        click.echo(one_line(f"{row.name}: {problem or ('started' if apply else 'would start')}: {what}"))
    result(behind=[row.name for row in behind])
    if not behind:
        click.echo(f"Nothing to do: none of {count(len(rows), 'repo')} is known to be behind.")
    elif not apply:
        click.echo(f"Nothing was started. Start {count(len(behind), 'update')}: add --apply.")
    sys.exit(1 if failed else 0)


def _read(places: Sequence[Place], reader: Reader) -> Iterator[tuple[Place, Row | None]]:
    """Each repo as soon as it is read."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            waiting = {pool.submit(reader.row, place): place for place in places}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C


def _start(rows: Sequence[Row], github: GitHub, at_once: int, *, apply: bool) -> Iterator[tuple[Row, str]]:
    """Start the workflow in each repo; yields why it could not be started, or nothing."""

    def start(row: Row) -> str:
        if not row.server:
            return "cannot be started, because its remote origin is not on GitHub"
        reason = github.start_workflow(row.server, _WORKFLOW) if apply else ""
        return f"cannot be started: {reason}" if reason else ""

    with ThreadPoolExecutor(at_once) as pool:
        yield from zip(rows, pool.map(start, rows), strict=True)
