"""`mlroad backport`."""

from pathlib import Path

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.core.files import unwritable, write_bytes
from mlroad.core.repo import cache_folder, root_here
from mlroad.core.text import count, quoted
from mlroad.promote.patch_for_prototype import backport as make_patch
from mlroad.run.model_folder import find_model


@click.command(cls=FactoryCommand)
@click.argument("model", help="A model of this factory that came from a prototype.")
@click.option(
    "--from",
    "repo",
    metavar="REPO",
    default="",
    help="The prototype's path or address (default: that of provenance.yml).",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="The file (default: .mlroad/backport-MODEL.patch).",
)
def backport(model: str, repo: str, output: Path | None) -> None:
    """Write the factory's edits as a patch for the prototype.

    The patch has the committed edits since the promotion, without what only a factory has (gates.yml and the
    like). It applies with `git am`.

    \b
    mlroad backport churn
    mlroad backport churn --from ../prototypes -o churn.patch

    Exit codes: 0 written, or nothing to bring back, 2 the model has no prototype, or it cannot be fetched.
    """
    root = root_here()
    name = find_model(root, model).name
    made = make_patch(root, name, repo)
    if not made.patch:
        click.echo(f"models/{name} has no edits that its prototype does not have (since {made.tag}).")
        return
    file = output or cache_folder(root) / f"backport-{name}.patch"
    try:
        write_bytes(file, made.patch)
    except OSError as error:
        raise unwritable(file, error) from None
    click.echo(f"Wrote {file.as_posix()}: {count(len(made.files), 'file')} changed since {made.tag}.")
    click.echo("\n".join(f"  {name}" for name in made.files))
    for name in made.kept:
        click.echo(f"{name}: in lines that both sides changed, the prototype's stay.")
    click.echo(f"next, in the prototype: git am --3way {quoted(file.resolve())}")
