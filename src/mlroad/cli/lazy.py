"""A click group that imports a command only when it is called.

This is the pattern of click's documentation, "Lazily loading subcommands": a table says where each command's
code is. The help reads only the table, so `mlroad --help` imports no command.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from mlroad.cli.output_options import with_output_options


class Entry(NamedTuple):
    """One command of a `LazyGroup`."""

    target: str
    """Where the command is: ``module:attribute``."""
    help: str
    """Its line in the help of the group; the first line of the command's own help."""
    section: str = "Commands"
    """The heading that it is listed under."""
    in_prototype: str = ""
    """Where the command is in a prototyping repo, if it is another one there."""


class LazyGroup(click.Group):
    """A group with a table of commands. Each is imported when it is called."""

    def __init__(self, *arguments: Any, table: Mapping[str, Entry], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        entry = self.table.get(cmd_name)
        return entry and load(entry.target)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but suggestions come from the table."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(name, possibilities=self.table, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without importing them."""
        for section in dict.fromkeys(entry.section for entry in self.table.values()):
            rows = [(name, entry.help) for name, entry in self.table.items() if entry.section == section]
            with formatter.section(self.heading(section)):
                formatter.write_dl(rows, col_max=12)

    def heading(self, section: str) -> str:
        """The heading of a section in the help."""
        return section


def load(target: str) -> click.Command:
    """The command at ``module:attribute``."""
    module, _, attribute = target.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command), target
    return with_output_options(command)
