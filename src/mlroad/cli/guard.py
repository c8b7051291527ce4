"""`mlroad guard`. The git hook calls it, so it imports as little as possible."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from mlroad.cli.lazy import Entry, load
from mlroad.cli.output_options import result
from mlroad.core.problems import Problem, UserError
from mlroad.core.reporting import record
from mlroad.core.text import count as number_of
from mlroad.guard.commits import check_commits, commits_since
from mlroad.guard.committed_models import check_models
from mlroad.guard.guard_settings import find_root, load_settings
from mlroad.guard.guarded_files import all_files, named_files
from mlroad.guard.run_guards import GUARDS, check, conflicts_in_settings

_MORE = {
    "allow": Entry("mlroad.cli.guard_more:allow", "Record a false alarm of the secret scan."),
    "selftest": Entry("mlroad.cli.guard_more:selftest", "Check that every guard works."),
}


class Guard(click.Command):
    """Takes files, or one of two commands instead."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the subcommand that the first argument names, or else of this command."""
        if args and (entry := _MORE.get(args[0])):
            return load(entry.target).make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The two other commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in _MORE.items()])


@click.command(cls=Guard)
@click.argument("files", metavar="[FILE]...", nargs=-1, help="Files or folders to check.")
@click.option("--all", "everything", is_flag=True, help="Check every file that git tracks or would add.")
@click.option(
    "--commits",
    metavar="BASE",
    help="Check every commit since BASE, including changes that a later commit removed.",
)
@click.option("--only", metavar="GUARDS", help=f"Some of {','.join(GUARDS)} (default: all).")
@click.option("--models", is_flag=True, help="Also check the models of these files, as `mlroad check` does.")
@click.option("--fix", is_flag=True, help="Clean notebooks in place.")
def guard(
    files: tuple[str, ...], everything: bool, commits: str | None, only: str | None, models: bool, fix: bool
) -> None:
    """Find secrets, unclean notebooks and large files.

    Also merge conflict markers and rejected patches. The git hook runs this command on every commit.

    \b
    mlroad guard --all
    mlroad guard notebooks/explore.ipynb --fix
    mlroad guard --commits origin/main
    mlroad guard allow tests/sample.env:3 --reason "a made-up token"

    Exit codes: 0 clean, 1 problems found, 2 a wrong argument, or a guard that cannot work.
    """
    wanted = only.split(",") if only else list(GUARDS)
    if unknown := sorted(set(wanted) - set(GUARDS)):
        raise UserError(f"--only: unknown guard {', '.join(unknown)}.", f"Choose from {', '.join(GUARDS)}.")
    if (everything, bool(files), commits is not None).count(True) != 1:
        raise UserError(
            "There is nothing to check, or too much.",
            "Name files or folders, or use --all or --commits: only one of these.",
        )
    if commits is not None and (only or models or fix):
        raise UserError(
            "--commits checks secrets and large files only.", "Leave out --only, --models and --fix."
        )
    root = find_root(Path.cwd())
    try:
        settings = load_settings(root)
        if commits is not None:
            found = commits_since(root, commits)
            checked = number_of(len(found), "commit")
            _finish(check_commits(settings, found), checked, ("secrets", "large-files"))
        sources = all_files(root) if everything else named_files(root, files)
        problems = check(sources, settings, wanted, fix)
    except UserError:
        # An update may leave conflict markers in the settings of the guards: then report these.
        if not (conflicts := conflicts_in_settings(root)):
            raise
        _finish(conflicts, "the settings of the guards", ())
    if models:
        problems += check_models(root, sources)
    _finish(problems, number_of(len(sources), "file"), wanted if everything else ())


def _finish(problems: Sequence[Problem], checked: str, told: Sequence[str]) -> NoReturn:
    """Print the problems, or, if there are none, what was checked (unless it is a commit's own files)."""
    result(problems=[record(problem) for problem in problems])
    for problem in problems:
        click.echo(problem)
    count = sum(problem.severity == "error" for problem in problems)
    if count:
        click.echo(f"mlroad guard: {number_of(count, 'problem')} in {checked}.", err=True)
    elif told:
        verb = "is" if checked.startswith("1 ") else "are"
        click.echo(f"mlroad guard: {checked} {verb} clean ({', '.join(told)}).")
    sys.exit(1 if count else 0)
