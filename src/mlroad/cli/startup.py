"""How a command line of ours starts and ends: quickly, and without a traceback for a user's mistake."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING

from mlroad.core.problems import UserError

if TYPE_CHECKING:
    import typer


def start(app: typer.Typer) -> None:
    """Run the command that is asked for."""
    # A start makes many objects and no garbage; to look for some every 700 objects takes a tenth of its time.
    gc.set_threshold(50_000)
    with plain_endings():
        _with_only(app, sys.argv[1:2])()


@contextmanager
def plain_endings() -> Iterator[None]:
    """Leave with plain words and 2 on a `UserError`, with 130 on Ctrl-C, with 1 when nobody reads on."""
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has left (`mlroad … | head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _with_only(app: typer.Typer, asked: list[str]) -> typer.Typer:
    """The app with the command alone that is asked for, as Typer builds all it has; or as it is."""
    from typer.main import get_command_name

    commands = [
        command
        for command in app.registered_commands
        if [command.name or get_command_name(getattr(command.callback, "__name__", ""))] == asked
    ]
    groups = [g for g in app.registered_groups if g.typer_instance and [g.typer_instance.info.name] == asked]
    if not commands and not groups:
        return app
    small = copy(app)
    small.registered_commands, small.registered_groups = commands, groups
    return small
