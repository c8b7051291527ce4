"""The command line. Every command imports what it needs when it is called, so that a start stays fast."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from modelkit.startup import start

app = typer.Typer(
    name="factory",
    help="From a pull request to a registered model: train, gate, register, and know why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from factory import __version__

        typer.echo(f"factory {__version__}")
        raise typer.Exit


@app.callback()
def _factory(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """From a pull request to a registered model: train, gate, register, and know why."""


# In the order in which a model meets them; each area has its own commands.
for _area in ("check", "affected", "train", "gate", "report", "registry", "selftest"):
    importlib.import_module(f"factory.{_area}.commands").add_commands(app)


def main() -> None:
    """Entry point of the console script."""
    start(app)
