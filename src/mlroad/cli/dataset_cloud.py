"""The commands of `mlroad dataset` that use Azure ML."""

import json
import sys
from pathlib import Path

import click

from mlroad.azure.delivery import Delivery, deliver, outcome_record
from mlroad.azure.delivery_pull_request import pr_body, title
from mlroad.azure.fetch_data import fetch_version
from mlroad.azure.register_data import register_versions
from mlroad.cli.finite_number import FiniteNumber
from mlroad.core.files import write_output
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.data.delivery_limits import KINDS
from mlroad.data.store import find


@click.command()
@click.argument("references", metavar="[NAME[:VERSION]]...", nargs=-1, help="Datasets or versions.")
@click.option("--all", "everything", is_flag=True, help="Register all versions of the repo.")
@click.option(
    "--from-etl",
    "source",
    metavar="PATH|URL",
    help="New data for NAME (a file, a folder, azureml://…): check it, create a version, register it.",
)
@click.option(
    "--stage",
    type=click.Choice(("dev", "prod")),
    help="With --from-etl: what it is for (default: that of the previous version).",
)
@click.option(
    "--max-loss",
    type=FiniteNumber(min=0, max=1, max_open=True),
    metavar="SHARE",
    help="With --from-etl: largest acceptable loss of rows, a share (default: that of the schema, or 0.3).",
)
@click.option(
    "--accept",
    type=click.Choice(KINDS),
    multiple=True,
    help="With --from-etl: accept a delivery that exceeds this limit. Repeatable.",
)
@click.option("--local", is_flag=True, help="With --from-etl: do not register it in Azure ML.")
@click.option(
    "--pr-body",
    "body",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --from-etl: write the text for a pull request to FILE.",
)
@click.option(
    "--outcome",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --from-etl: write the outcome to FILE, as JSON.",
)
@click.option("--description", "-m", default="", help="What the data is.")
def register(
    references: tuple[str, ...],
    everything: bool,
    source: str | None,
    stage: str | None,
    max_loss: float | None,
    accept: tuple[str, ...],
    local: bool,
    body: Path | None,
    outcome: Path | None,
    description: str,
) -> None:
    """Register versions as data assets.

    With --from-etl, also take in the data that a job delivers. Versions that are already registered stay as
    they are, so the command can be repeated.

    \b
    mlroad dataset register churn:1
    mlroad dataset register --all
    mlroad dataset register churn --from-etl azureml://datastores/etl/paths/churn/

    Exit codes: 0 registered, 1 the data is wrong, 2 a wrong argument, or Azure ML cannot be reached, 3 the
    data differs more from earlier versions than the limits allow.
    """
    if source is not None:
        if len(references) != 1 or ":" in references[0]:
            raise UserError("--from-etl needs the name of one dataset.", "Leave the version out.")
        delivery = Delivery(references[0], source, stage, description, max_loss, accept, local)
        _deliver(delivery, body, outcome)
    for line in register_versions(root_here(), references, everything):
        click.echo(line)


def _deliver(delivery: Delivery, body: Path | None, outcome: Path | None) -> None:
    root = root_here()
    for file in (body, outcome):
        if file and not file.absolute().parent.is_dir():
            raise UserError(f"{file.parent} does not exist.", "Create the folder, or choose another path.")
    delivered = deliver(root, delivery)
    created = delivered.created
    if body and created:
        write_output(body, pr_body(root, delivered))
    if outcome:
        record = {**outcome_record(delivered), "title": title(created.version) if created else None}
        write_output(outcome, json.dumps(record, ensure_ascii=False, indent=2) + "\n")
    for line in (*delivered.problems, *delivered.lines):
        click.echo(line)
    if delivered.problems:
        click.echo(f"{delivery.name}: the data was rejected, and nothing was created.", err=True)
    sys.exit(delivered.exit_code)


@click.command()
@click.argument("references", metavar="NAME:VERSION...", nargs=-1, required=True, help="Versions.")
def fetch(references: tuple[str, ...]) -> None:
    """Download data that is in the cloud.

    The download is compared with the version's digest.

    \b
    mlroad dataset fetch churn:2
    """
    root = root_here()
    for version in [find(root, reference) for reference in references]:
        path, is_new = fetch_version(root, version)
        click.echo(f"{'Downloaded' if is_new else 'Already here:'} {version.id}: {path.as_posix()}")
