"""`mlroad new`, `mlroad sync` and `mlroad models`."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import click

from mlroad.core.repo import chosen_models, find_root, model_folders, root_here
from mlroad.steps.editor import write_launch
from mlroad.steps.new_model import new_model
from mlroad.steps.sync import check_sync
from mlroad.steps.sync import sync as write_all


@click.command()
@click.argument("model", help="The model's name: lowercase letters, digits and _.")
def new(model: str) -> None:
    """Create a model folder with a working baseline.

    The baseline has the steps prep, train, evaluate and predict. It runs as it is.

    \b
    mlroad new churn
    """
    folder = new_model(root_here(), model)
    _write_launch()
    click.echo(f"Created {folder}. Next: `mlroad run {folder.as_posix()}`, then use your own data and code.")


@click.command()
@click.argument(
    "models", nargs=-1, type=click.Path(path_type=Path), help="Model folders (default: all models)."
)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if files are out of date.")
def sync(models: tuple[Path, ...], check: bool) -> None:
    """Write the components of models from their steps.

    A step's signature becomes its Azure ML component; step_io.py is copied beside the steps.

    \b
    mlroad sync
    mlroad sync models/churn
    mlroad sync --check

    Exit codes: 0 done, 1 files are out of date (--check), 2 a step cannot be read, or a wrong argument.
    """
    folders = chosen_models(list(models))
    if check:
        problems = [problem for folder in folders for problem in check_sync(folder)]
        for problem in problems:
            click.echo(problem)
        sys.exit(1 if problems else 0)
    for change in write_all(folders):
        click.echo(f"{'deleted' if change.text is None else 'wrote'} {change.path}")
    _write_launch()


def _write_launch() -> None:
    """Create .vscode/launch.json if the repo has none."""
    root = find_root(Path.cwd())
    with suppress(OSError):  # a read-only folder: the models matter more
        if root and (written := write_launch(root)):
            click.echo(f"wrote {written.relative_to(root).as_posix()}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def models(as_json: bool) -> None:
    """List the models of this repo.

    \b
    mlroad models
    mlroad models --json
    """
    names = [folder.name for folder in model_folders(root_here())]
    click.echo(json.dumps(names) if as_json else "\n".join(names))
