"""Commands that work in a model factory only."""

from pathlib import Path

import click

from mlroad.core.problems import UserError
from mlroad.core.repo import find_root, is_factory


class FactoryCommand(click.Command):
    """A command that refuses to run in a prototyping repo. Its help can be read everywhere."""

    def invoke(self, ctx: click.Context) -> object:
        """Check the repo first, so that no command fails halfway."""
        require_factory(ctx.command_path)
        return super().invoke(ctx)


def in_prototype() -> bool:
    """Whether the working folder is in a repo that is not a factory."""
    root = find_root(Path.cwd())
    return root is not None and not is_factory(root)


def require_factory(command: str) -> None:
    """Raise UserError in a prototyping repo."""
    if in_prototype():
        raise UserError(
            f"`{command}` needs a model factory, and this repo is not one: it has no factory.yml.",
            "Run the command in your organization's factory repo. "
            "`mlroad --help` lists the commands that work here.",
        )
