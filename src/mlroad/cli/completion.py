"""`mlroad completion`."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), help="The shell.")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell's completion script.

    Add the line to ~/.bashrc or ~/.zshrc, and open a new terminal. There is no script for PowerShell.

    \b
    eval "$(mlroad completion bash)"
    eval "$(mlroad completion zsh)"
    mlroad completion fish > ~/.config/fish/completions/mlroad.fish
    """
    root = ctx.find_root().command
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(root, {}, "mlroad", "_MLROAD_COMPLETE").source())
