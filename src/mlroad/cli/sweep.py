"""`mlroad sweep`."""

import json
import math
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from mlroad.cli.output_options import json_option
from mlroad.core.files import write_text
from mlroad.core.run_folders import runs_of
from mlroad.core.text import did_you_mean, number, table
from mlroad.report.sweep_page import sweep_html
from mlroad.run.launch import pipeline_file
from mlroad.run.run_summary import short
from mlroad.run.sweep import Sweep, SweepRun
from mlroad.run.sweep_points import sweep_points


@click.command()
@click.argument(
    "pipeline", type=click.Path(path_type=Path), help="A model folder, or a pipeline's YAML file."
)
@click.option(
    "--set",
    "sets",
    metavar="PATH=VALUES",
    multiple=True,
    required=True,
    help="Values separated by commas, or with --random uniform(A,B), loguniform(A,B) or randint(A,B). "
    "Repeatable.",
)
@click.option(
    "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Set an input of the pipeline. Repeatable."
)
@click.option("--random", "count", type=click.IntRange(min=1), metavar="N", help="Run N points at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of --random.")
@click.option("--metric", metavar="NAME", help="Sort the table by this metric, best first.")
@click.option("--maximize", is_flag=True, help="The largest value of --metric is the best, not the smallest.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Run at most N points at once.")
@json_option
def sweep(
    pipeline: Path,
    sets: tuple[str, ...],
    inputs: tuple[str, ...],
    count: int | None,
    seed: int,
    metric: str | None,
    maximize: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Run a pipeline with many values and compare the metrics.

    Without --random, every combination of the values runs. Steps that do not depend on them run once. The
    end is a table of all runs, and a page with plots.

    \b
    mlroad sweep models/churn --set jobs.train.inputs.alpha=0.1,1,10
    mlroad sweep models/churn --set inputs.learner=ridge,forest --set jobs.train.inputs.alpha=1,10
    mlroad sweep models/churn --set "jobs.train.inputs.alpha=loguniform(0.01,100)" --random 20 --metric mae

    Exit codes: 0 done, 1 a run failed, 2 a mistake in the pipeline or a wrong argument, 130 Ctrl-C.
    """
    file = pipeline_file(pipeline)
    started = datetime.now()
    planned = Sweep(file, sweep_points(sets, count, seed), inputs, jobs)
    code = planned.run(lambda line: click.echo(line, err=as_json))
    runs = best_first(planned.runs, metric, maximize=maximize)
    page = runs_of(file) / ".sweeps" / f"{started:%Y%m%d-%H%M%S}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    about = f"{started:%Y-%m-%d %H:%M}: mlroad sweep {short(pipeline)} --set {' --set '.join(sets)}"
    write_text(page, sweep_html(runs_of(file).name, [asdict(run) for run in runs], about))
    if as_json:
        click.echo(json.dumps([_plain(run) for run in runs], indent=2, ensure_ascii=False))
    else:
        click.echo(f"\n{sweep_table(runs)}\n\nplots: {short(page)}")
    sys.exit(code)


def best_first(runs: list[SweepRun], metric: str | None, *, maximize: bool) -> list[SweepRun]:
    """By a metric, the best first and runs without it last; as they are if no run has it."""
    if metric is None:
        return runs
    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if metric not in known:
        listed = f"Choose one of: {', '.join(known)}." if known else ""
        message = f"No run logged the metric {metric}. {did_you_mean(metric, known, listed)}"
        click.echo(message.rstrip(), err=True)
        return runs

    def rank(run: SweepRun) -> tuple[bool, float]:
        value = run.metrics.get(metric, math.nan)
        return math.isnan(value), -value if maximize else value

    return sorted(runs, key=rank)


def sweep_table(runs: list[SweepRun]) -> str:
    """Values, state and metrics of each run."""
    parameters = list(dict.fromkeys(name for run in runs for name in run.values))
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    rows = [[*parameters, "state", *metrics, "run"]]
    for run in runs:
        found = ["-" if name not in run.metrics else number(run.metrics[name]) for name in metrics]
        rows.append([*(run.values.get(name, "-") for name in parameters), run.state, *found, run.run or "-"])
    return table(rows)


def _plain(run: SweepRun) -> dict[str, object]:
    metrics = {name: value if math.isfinite(value) else None for name, value in run.metrics.items()}
    return {
        "run": run.run,
        "state": run.state,
        "seconds": run.seconds,
        "values": run.values,
        "metrics": metrics,
    }
