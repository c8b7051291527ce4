"""`mlroad runs` and `mlroad runs diff`."""

import json

import click

from mlroad.cli.output_options import json_option
from mlroad.core.repo import root_here
from mlroad.core.text import quoted
from mlroad.run.model_folder import find_model
from mlroad.run.run_diff import diff_text, find_run, runs_diff
from mlroad.run.run_list import runs_json, runs_table


class _Runs(click.Group):
    """`runs MODEL` is short for `runs list MODEL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Runs)
def runs() -> None:
    """List the runs of a model, or compare two runs.

    \b
    mlroad runs models/churn                 newest first, with what differs and the metrics
    mlroad runs models/churn --json
    mlroad runs diff 20261128-101500-123456 20261128-104200-654321
    """


@runs.command("list")
@click.argument("model", help="The model's name or folder.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N runs.")
@json_option
def list_runs(model: str, limit: int | None, as_json: bool) -> None:
    """List the runs of a model on this machine, newest first.

    The table has the parameters that differ between the runs, and the metrics that the steps logged with
    MLflow. In a factory also the data, commit and verdict of candidates. A + after the commit: there were
    changes that were not committed.

    \b
    mlroad runs list models/churn            or shorter: mlroad runs models/churn
    mlroad runs list models/churn --limit 5
    mlroad runs list models/churn --json
    """
    folder = find_model(root_here(), model)
    found = runs_json(folder.runs, limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        click.echo(runs_table(found))
    else:
        click.echo(f"There is no run of {folder.name} here. Start one: mlroad run {quoted(folder.path)}")


@runs.command()
@click.argument("before", help="The id of a run, or its first or last digits.")
@click.argument("after", help="The id of the other run.")
@json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Show what differs between two runs: parameters, data, code, environment, metrics and steps.

    \b
    mlroad runs diff 20261128-101500-123456 20261128-104200-654321
    mlroad runs diff 123456 654321 --json
    """
    root = root_here()
    old, new = find_run(root, before), find_run(root, after)
    found = runs_diff(old, new, root)
    if as_json:
        click.echo(json.dumps({"before": old.name, "after": new.name, **found}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(diff_text(found, old, new)))
