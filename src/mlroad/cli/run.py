"""`mlroad run`, `mlroad graph` and `mlroad inputs`."""

import json
import sys
from pathlib import Path

import click

from mlroad.cli.output_options import is_kept_back, json_option, quiet_option, result
from mlroad.core.problems import UserError
from mlroad.core.run_folders import read_record
from mlroad.run.graph import graph_command
from mlroad.run.last_inputs import last_inputs
from mlroad.run.launch import run as launch
from mlroad.run.run_options import RunOptions

_pipeline = click.argument(
    "pipeline", type=click.Path(path_type=Path), help="A model folder, or a pipeline's YAML file."
)


@click.command()
@_pipeline
@click.option(
    "--set", "sets", metavar="PATH=VALUE", multiple=True, help="Override a value for this run. Repeatable."
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set an input of the pipeline: a path or a value. Repeatable.",
)
@click.option(
    "--step",
    "steps",
    metavar="NAME",
    multiple=True,
    help="Run only this step and the steps that it depends on. Repeatable.",
)
@click.option(
    "--debug",
    is_flag=True,
    help="Run the step of --step attached to this terminal, so that it stops at breakpoint().",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Run at most N steps at once.")
@click.option("--no-reuse", is_flag=True, help="Run steps even if nothing changed.")
@click.option(
    "--isolated", is_flag=True, help="Run each step with the requirements it declares, installed by uv."
)
@click.option("--dry-run", is_flag=True, help="Show the steps and commands, and run nothing.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Afterwards, delete all but the newest N runs of this pipeline.",
)
@click.option("--events", is_flag=True, hidden=True, help="Print events as JSON lines, for `mlroad sweep`.")
@quiet_option
def run(
    pipeline: Path,
    sets: tuple[str, ...],
    inputs: tuple[str, ...],
    steps: tuple[str, ...],
    debug: bool,
    jobs: int | None,
    no_reuse: bool,
    isolated: bool,
    dry_run: bool,
    keep: int | None,
    events: bool,
    quiet: bool,
) -> None:
    """Run a pipeline on this machine as Azure ML would.

    Run it again, and only steps whose code, inputs or parameters changed run.

    \b
    mlroad run models/iris                                   the whole pipeline
    mlroad run models/iris --set jobs.train.inputs.max_depth=3
    mlroad run models/iris --input raw=data/small.csv        other data
    mlroad run models/iris --step train --no-reuse           one step and what it depends on
    mlroad run models/iris --step train --debug              stop at breakpoint() in train.py

    Exit codes: 0 done, 1 a step failed, 2 a mistake in the pipeline or a wrong argument, 130 Ctrl-C.
    """
    if debug and is_kept_back():
        raise UserError("--debug needs the terminal.", "Leave out --quiet and --json.")
    options = RunOptions(
        sets=sets,
        inputs=inputs,
        steps=steps,
        debug=debug,
        jobs=jobs,
        dry_run=dry_run,
        reuse=not no_reuse,
        isolated=isolated,
        keep=keep,
        events=events,
        quiet=quiet,
    )
    ended = launch(pipeline, options)
    result(run=read_record(ended.folder) if ended.folder else None)
    sys.exit(ended.code)


@click.command()
@_pipeline
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Write the diagram to a file that ends in .md or .mmd.",
)
def graph(pipeline: Path, output: Path | None) -> None:
    """Print a pipeline and its last run as a diagram.

    The diagram is Mermaid, which GitHub and VS Code render.

    \b
    mlroad graph models/iris
    mlroad graph models/iris -o pipeline.md
    """
    click.echo(graph_command(pipeline, output))


@click.command()
@_pipeline
@click.argument("step", help="The name of the step.")
@json_option
def inputs(pipeline: Path, step: str, as_json: bool) -> None:
    """Print the inputs of a step in its last run.

    These are the paths of its data, and its values.

    \b
    mlroad inputs models/iris train
    mlroad inputs models/iris train --json
    """
    found = last_inputs(pipeline, step)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str, ensure_ascii=False))
    else:
        width = max(map(len, found), default=0)
        click.echo("\n".join(f"{name:{width}}  {value}" for name, value in found.items()))
