"""`mlroad guard allow` and `mlroad guard selftest`."""

import sys
from pathlib import Path

import click

from mlroad.guard.allow_secret import allow_secret
from mlroad.guard.guard_selftest import run_trials
from mlroad.guard.guard_settings import load_settings


@click.command()
@click.argument("place", metavar="FILE:LINE", help="The place, as the problem names it.")
@click.option("--reason", required=True, help="Why this is not a secret; a reviewer reads it.")
@click.option("--commit", metavar="COMMIT", help="The commit that holds it (default: the file as it is now).")
def allow(place: str, reason: str, commit: str | None) -> None:
    """Record a false alarm of the secret scan.

    For files that cannot hold a comment. The entry goes to the team's own rules file.

    \b
    mlroad guard allow notebooks/explore.ipynb:12 --reason "a made-up token"
    """
    for line in allow_secret(load_settings(Path.cwd()), place, reason, commit):
        click.echo(line)


@click.command()
def selftest() -> None:
    """Check that every guard works.

    It plants what each guard must stop, in a temporary folder.

    \b
    mlroad guard selftest

    Exit codes: 0 every guard works, 1 one does not.
    """
    failed = False
    for name, faults in run_trials(load_settings(Path.cwd())):
        click.echo(f"{'FAILED' if faults else 'ok'}: {name}")
        for fault in faults:
            click.echo(f"  {fault}")
        failed = failed or bool(faults)
    sys.exit(1 if failed else 0)
