"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
