"""`python -m tests.unit.cli.cli_page` writes docs/reference/cli.md from the commands' own help."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from mlroad.cli.lazy import load
from mlroad.cli.main import COMMANDS
from tests.support import REPO

PAGE = REPO / "docs" / "reference" / "cli.md"
WIDTH = 88
HEAD = """# Commands

What `mlroad COMMAND --help` prints, for every command. This page is generated from the code.

Every command that writes a result also takes [`--json` and `--quiet`](output.md). The exit code is 0 if
all is well, 1 if a check failed, and 2 if the command or a file has a mistake.
"""


def commands(name: str, command: click.Command, level: int) -> Iterator[str]:
    """The help of a command and of its subcommands, each under its own heading."""
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    yield f"{'#' * level} `{name}`\n\n```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None, f"{name} {below}"
            yield from commands(f"{name} {below}", found, level + 1)


def page() -> str:
    """The page: a part for each section of `mlroad --help`."""
    parts = [HEAD.strip()]
    section = ""
    for name, entry in COMMANDS.items():
        if entry.section != section:
            section = entry.section
            parts.append(f"## {section}")
        parts += commands(f"mlroad {name}", load(entry.target), level=3)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {PAGE}\n")
