"""`mlroad sync` and `mlroad models`."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import click

from mlroad.cli.output_options import json_option, result
from mlroad.core.repo import chosen_models, find_root, model_folders, root_here
from mlroad.core.reporting import record
from mlroad.steps.editor import write_launch
from mlroad.steps.sync import check_sync
from mlroad.steps.sync import sync as write_all


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
        result(problems=[record(problem) for problem in problems])
        for problem in problems:
            click.echo(problem)
        sys.exit(1 if problems else 0)
    changes = write_all(folders)
    result(changed=[change.path.as_posix() for change in changes])
    for change in changes:
        click.echo(f"{'deleted' if change.text is None else 'wrote'} {change.path}")
    write_launch_here()


def write_launch_here() -> None:
    """Create .vscode/launch.json if the repo has none."""
    root = find_root(Path.cwd())
    with suppress(OSError):  # a read-only folder: the models matter more
        if root and (written := write_launch(root)):
            click.echo(f"wrote {written.relative_to(root).as_posix()}")


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the models of this repo.

    \b
    mlroad models
    mlroad models --json
    """
    names = [folder.name for folder in model_folders(root_here())]
    click.echo(json.dumps(names) if as_json else "\n".join(names))
