"""`mlroad new`."""

import sys
from pathlib import Path

import click

from mlroad.cli.models import write_launch_here
from mlroad.core.problems import UserError
from mlroad.core.repo import is_factory, root_here
from mlroad.core.reporting import nothing_wrong, render
from mlroad.core.text import quoted
from mlroad.pipeline.check_repo import check_and_count
from mlroad.steps.new_from_notebook import new_from_notebook
from mlroad.steps.new_model import KINDS, new_model
from mlroad.steps.notebook_cells import STEPS, Cell
from mlroad.steps.notebook_decisions import BEFORE


@click.command()
@click.argument("model", help="The model's name: lowercase letters, digits and _.")
@click.option(
    "--kind",
    type=click.Choice(tuple(KINDS)),
    default="regression",
    show_default=True,
    help="What the model predicts: a number, a class (two or more), the class of a text, or the next values "
    "of a series.",
)
@click.option(
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set an input of the pipeline, such as raw=azureml:churn:1 (the data) or target=plan (the column).",
)
@click.option(
    "--from",
    "notebook",
    type=click.Path(path_type=Path),
    metavar="NOTEBOOK",
    help="Make the steps from the cells of this notebook with the tags prep, train and evaluate.",
)
@click.pass_context
def new(ctx: click.Context, model: str, kind: str, inputs: tuple[str, ...], notebook: Path | None) -> None:
    """Create a model folder with a working baseline.

    The baseline has the steps prep, train, evaluate and predict. It runs as it is, on made-up data, or on the
    data that --input names.

    In a model factory, it also splits the data into training data and a frozen holdout, and writes data.yml,
    gates.yml, tests and a model card, so that `mlroad check` has no errors.

    --from takes the steps from a notebook, which is read and not run. Without tags it asks for each cell, if
    it runs in a terminal. What a person must decide is written to TODO.md. It ends with `mlroad check`.

    \b
    mlroad new rents
    mlroad new churn --kind binary
    mlroad new plans --kind multiclass --input raw=azureml:plans:1 --input target=plan
    mlroad new churn --from notebooks/eda.ipynb

    Exit codes: 0 created, 1 created from a notebook and something must be fixed before it runs, 2 a mistake.
    """
    if notebook is None:
        folder = _create(root_here(), model, kind, dict(map(_pair, inputs)))
        write_launch_here()
        click.echo(f"Created {folder}. {_next(folder)}")
        return
    if inputs or ctx.get_parameter_source("kind") is not click.core.ParameterSource.DEFAULT:
        other = "--input" if inputs else "--kind"
        raise UserError(f"--from and {other} exclude each other.", "Leave out one of them.")
    ask = _ask if _on_a_terminal() else None
    folder, decisions = new_from_notebook(root_here(), model, notebook, ask)
    write_launch_here()
    click.echo(f"Created {folder} from {notebook}.")
    problems, pipelines, steps = check_and_count([folder])
    click.echo(render(problems, "text") or nothing_wrong(pipelines, steps))
    click.echo(f"To decide ({folder / 'TODO.md'}):")
    click.echo("\n".join(f"  - {it}" for it in decisions))
    must = [it for it in decisions if it.startswith(BEFORE)]
    if must or any(problem.severity == "error" for problem in problems):
        click.echo("It does not run yet: fix what is named above first.")
        sys.exit(1)
    click.echo(f"Next: `mlroad run {quoted(folder)}`")


def _create(root: Path, model: str, kind: str, inputs: dict[str, str]) -> Path:
    if not is_factory(root):
        return new_model(root, model, kind, inputs)
    from mlroad.gate.new_in_factory import new_in_factory  # noqa: PLC0415 - pandas, which only a factory needs

    return new_in_factory(root, model, kind, inputs)


def _next(folder: Path) -> str:
    if not is_factory(root_here()):
        return f"Next: `mlroad run {quoted(folder)}`, then use your own data and code."
    name = folder.name
    return (
        "It and its datasets are complete, except for the inference tests. Next:\n\n"
        f"  git add --all && git commit -m 'Add {name}'\n"
        f"  mlroad train {name}\n"
        f"  mlroad freeze {quoted(folder)}     # the model's answers become its inference tests\n"
        f"  mlroad gate {name}\n\n"
        "Then read gates.yml and MODEL_CARD.md, which are drafts: `mlroad help how-to/add-a-model`."
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--input {text} is not NAME=VALUE.", "Write it as in: --input target=plan")
    return name, value


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ask(cell: Cell) -> str:
    """The step of a cell, asked on the terminal."""
    click.echo(f"\nCell {cell.number}:\n" + "\n".join(f"    {line}" for line in cell.source.splitlines()[:6]))
    choice = click.prompt("Which step is it?", type=click.Choice([*STEPS, "none"]), default="none")
    return "" if choice == "none" else str(choice)
