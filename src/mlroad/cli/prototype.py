"""The command line. Every command imports what it needs when it is called, so that a start stays fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlroad.cli.dataset import dataset_app
from mlroad.cli.startup import start
from mlroad.core.problems import UserError

app = typer.Typer(
    name="mlroad",
    help="Make, check and run model folders on this machine, from the files that Azure ML runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(dataset_app)


def _version(wanted: bool) -> None:
    if wanted:
        from mlroad import __version__

        typer.echo(f"mlroad {__version__}")
        raise typer.Exit


@app.callback()
def _mlroad(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Make, check and run model folders on this machine, from the files that Azure ML runs."""


@app.command()
def new(model: Annotated[str, typer.Argument(help="The model's name: small letters, digits and _.")]) -> None:
    """Make a model folder with a working baseline: prep, train, evaluate and predict."""
    from mlroad.core.repo import root_here
    from mlroad.steps.new_model import new_model

    folder = new_model(root_here(), model)
    typer.echo(
        f"Made {folder}. Next: mlroad run {folder.as_posix()}, then put your data and code in its place."
    )


@app.command()
def sync(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Model folders; all of the repo if none.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if out of step.")] = False,
) -> None:
    """Write the components and step_io.py of models from the signatures of their steps."""
    from mlroad.core.repo import chosen_models
    from mlroad.steps.sync import check_sync
    from mlroad.steps.sync import sync as write_all

    folders = chosen_models(models or [])
    if check:
        problems = [problem for folder in folders for problem in check_sync(folder)]
        for problem in problems:
            typer.echo(problem)
        raise typer.Exit(1 if problems else 0)
    for change in write_all(folders):
        typer.echo(f"{'deleted' if change.text is None else 'wrote'} {change.path}")


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", help="Model folders, YAML files, scripts; the whole repo if none."
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="text|json|github|sarif", help="How to print what is found.")
    ] = "text",
) -> None:
    """Find what is wrong with pipelines, components and scripts before Azure ML does.

    Exit codes: 0 nothing wrong (there may be warnings), 1 errors, 2 a mistake on the command line.
    """
    from mlroad.core.reporting import FORMATS, render
    from mlroad.pipeline.check_repo import check as find

    if form not in FORMATS:
        raise UserError(f"There is no format {form}.", f"Choose one of {', '.join(FORMATS)}.")
    problems = find(paths or [])
    text = render(problems, form)
    if text:
        typer.echo(text)
    raise typer.Exit(any(problem.severity == "error" for problem in problems))


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="As one JSON list.")] = False) -> None:
    """List the models of this repo by name."""
    import json

    from mlroad.core.repo import model_folders, root_here

    names = [folder.name for folder in model_folders(root_here())]
    typer.echo(json.dumps(names) if as_json else "\n".join(names))


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
def guard(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[FILES]... | --all")] = None,
) -> None:
    """Find secrets, unclean notebooks, large files and conflict markers (see guard --help)."""
    from mlroad.cli.guard import main as run_guard

    raise typer.Exit(run_guard(arguments or []))


@app.command()
def setup() -> None:
    """Make this folder a git repo if it is none, and install the hooks that guard its commits."""
    from mlroad.guard.hooks import set_up

    for done in set_up(Path.cwd()):
        typer.echo(done)


@app.command()
def run(
    pipeline: Annotated[Path, typer.Argument(help="A model folder, or a pipeline's YAML file.")],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Set a value for this run; see the examples. Repeatable."
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=VALUE",
            help="Give an input of the pipeline: a path or a value. Repeatable.",
        ),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option(
            "--step", metavar="NAME", help="Run this step, and of the others only what it needs. Repeatable."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many steps may run at once.")
    ] = None,
    no_reuse: Annotated[
        bool, typer.Option("--no-reuse", help="Run steps even when nothing has changed.")
    ] = False,
    isolated: Annotated[
        bool,
        typer.Option("--isolated", help="Run each step with the requirements it declares, installed by uv."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the steps and commands, and run nothing.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Afterwards delete all but the newest N runs of this pipeline."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Without a terminal: leave the steps' logs out.")
    ] = False,
) -> None:
    """Run a pipeline on this machine as Azure ML would.

    \b
    mlroad run models/iris                                   the whole pipeline
    mlroad run models/iris --set jobs.train.inputs.max_depth=3
    mlroad run models/iris --input raw=data/small.csv        other data
    mlroad run models/iris --step train --no-reuse           one step and what it needs, all anew

    Exit codes: 0 done, 1 a step failed, 2 a mistake in the pipeline or on the command line, 130 Ctrl-C.
    """
    from mlroad.run.launch import Options
    from mlroad.run.launch import run as launch

    options = Options(
        sets=tuple(sets or ()),
        inputs=tuple(inputs or ()),
        steps=tuple(steps or ()),
        jobs=jobs,
        dry_run=dry_run,
        reuse=not no_reuse,
        isolated=isolated,
        keep=keep,
        quiet=quiet,
    )
    raise typer.Exit(launch(pipeline, options))


@app.command()
def graph(
    pipeline: Annotated[Path, typer.Argument(help="A model folder, or a pipeline's YAML file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a file instead: .md or .mmd."),
    ] = None,
) -> None:
    """Print a Mermaid diagram of a pipeline, with the states and durations of its last run."""
    from mlroad.run.graph import graph_command

    typer.echo(graph_command(pipeline, output))


@app.command()
def freeze(
    model: Annotated[Path, typer.Argument(help="A model folder, such as models/iris.")],
    *,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="A run; by default the newest that finished.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many golden cases.")] = 20,
    dataset: Annotated[
        str,
        typer.Option(metavar="NAME:VERSION", help="Where the rows come from; else what the run read."),
    ] = "",
    absolute: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="What an answer may differ, trained on the same data."),
    ] = None,
    retrained: Annotated[
        float | None, typer.Option(min=0, metavar="X", help="The same, trained on other data.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Ask no model: take cases.jsonl as it was edited.")
    ] = False,
) -> None:
    """Write inference tests: what a run's model answers to rows of a dataset, and what it must refuse."""
    from mlroad.models.freeze import Order
    from mlroad.models.freeze import accept as take
    from mlroad.models.freeze import freeze as ask

    order = Order(run_id, rows, dataset, absolute, retrained)
    if accept and order != Order():
        raise UserError("--accept asks no model.", "Leave the other options out.")
    typer.echo("\n".join(take(model) if accept else ask(model, order)))


@app.command()
def test(
    model: Annotated[Path, typer.Argument(help="A model folder, such as models/iris.")],
    *,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="A run; by default the newest that finished.")
    ] = None,
    runtime: Annotated[str, typer.Option(metavar="python", help="What runs the model.")] = "python",
    form: Annotated[str, typer.Option("--format", metavar="text|json", help="How to print.")] = "text",
) -> None:
    """Run a model's inference tests on the model of a run, and write the verdict beside the run.

    Exit codes: 0 all passed, 1 a case failed or the tests cannot be trusted, 2 there is nothing to test.
    """
    from mlroad.models.verdict import as_json, run_tests, told

    if form not in {"text", "json"}:
        raise UserError(f"There is no format {form}.", "Choose text or json.")
    verdict = run_tests(model, run_id, runtime)
    typer.echo(as_json(verdict) if form == "json" else told(verdict, model))
    raise typer.Exit(0 if verdict.passed else 1)


def main() -> None:
    """Entry point of the console script."""
    start(app)
