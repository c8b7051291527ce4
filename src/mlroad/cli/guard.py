"""`mlroad guard`: the command line of the guards, light enough for a git hook."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import load_settings
from mlroad.guard.guarded_files import all_files, named_files
from mlroad.guard.run_guards import GUARDS, check


def main(argv: Sequence[str] | None = None, prog: str = "mlroad guard") -> int:
    """Run the guards. Returns 0 for clean, 1 for findings, 2 for a user's mistake or a guard out of order."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a file may have a name that the terminal cannot show
    try:
        if arguments[:1] == ["selftest"]:
            from mlroad.guard.guard_selftest import main as selftest

            return selftest(arguments[1:], f"{prog} selftest")
        if arguments[:1] == ["allow"]:
            from mlroad.guard.allow_secret import main as allow

            return allow(arguments[1:], f"{prog} allow")
        return _check(arguments, prog)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _check(arguments: list[str], prog: str) -> int:
    options = _parser(prog).parse_args(arguments)
    settings = load_settings(Path.cwd())
    wanted = options.only.split(",") if options.only else list(GUARDS)
    if unknown := sorted(set(wanted) - set(GUARDS)):
        raise UserError(f"--only: unknown guard {', '.join(unknown)}.", f"Choose from {', '.join(GUARDS)}.")
    if options.all == bool(options.files):
        raise UserError("Nothing to check, or too much.", "Name files or folders, or say --all; not both.")
    sources = all_files(settings.root) if options.all else named_files(settings.root, options.files)
    problems = check(sources, settings, wanted, options.fix)
    if options.models:
        from mlroad.guard.committed_models import check_models

        problems += check_models(settings.root, sources)
    for problem in problems:
        print(problem)
    count = sum(problem.severity == "error" for problem in problems)
    if count:
        print(
            f"mlroad guard: {count} problem{'s' if count > 1 else ''} in {len(sources)} files.",
            file=sys.stderr,
        )
    elif options.all:
        print(f"mlroad guard: {len(sources)} files are clean ({', '.join(wanted)}).")
    return 1 if count else 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Guard commits: secrets, notebooks, large files, conflict markers and rejected patches.",
        epilog="`selftest` proves the guards alive; `allow FILE:LINE --reason WHY` records a false alarm.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="files or folders to check")
    parser.add_argument("--all", action="store_true", help="every file that git tracks or would add")
    parser.add_argument("--only", metavar="GUARDS", help=f"some of {','.join(GUARDS)}")
    parser.add_argument("--models", action="store_true", help="check the models of these files too")
    parser.add_argument("--fix", action="store_true", help="put notebooks right in place")
    return parser


if __name__ == "__main__":
    sys.exit(main())
