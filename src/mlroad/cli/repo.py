"""`mlroad setup`."""

from __future__ import annotations

from pathlib import Path

import click

from mlroad.guard.hooks import set_up


@click.command()
def setup() -> None:
    """Set up this repo after a copy or a clone."""
    for done in set_up(Path.cwd()):
        click.echo(done)
