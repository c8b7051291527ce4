"""`mlroad` and `python -m mlroad`: starts what must be fast without the command line library.

Typer costs about 0.2 s before it has read one argument, which is more than most checks take. So the plain
forms of `mlroad check` are read here; everything else, `--help` and mistakes too, goes to the full one.
"""

from __future__ import annotations

import gc
import io
import sys
from pathlib import Path

from mlroad.cli.startup import plain_endings


def main() -> None:
    """Entry point of the console script."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["check"]:
        plain = _plain(arguments[1:])
        if plain is not None:
            sys.exit(_check(*plain))
    if arguments[:1] == ["guard"]:
        from mlroad.cli.guard import main as guard

        sys.exit(guard(arguments[1:]))
    from mlroad.cli.main import main as full

    full()


def _plain(arguments: list[str]) -> tuple[list[Path], str] | None:
    """The paths and the format of a `check`, or None for anything out of the ordinary."""
    from mlroad.core.reporting import FORMATS

    paths: list[Path] = []
    form = "text"
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--format":
            form = next(waiting, "")
        elif argument.startswith("--format="):
            form = argument.removeprefix("--format=")
        elif argument.startswith("-"):
            return None
        else:
            paths.append(Path(argument))
    return (paths, form) if form in FORMATS else None


def _check(paths: list[Path], form: str) -> int:
    # A check lives for a second at most and makes no waste: looking for it costs a tenth of the time.
    gc.disable()
    from mlroad.core.reporting import render
    from mlroad.pipeline.check_repo import check

    with plain_endings():
        problems = check(paths)
        found = render(problems, form)
        if found:
            _print(found)
    return int(any(problem.severity == "error" for problem in problems))


def _print(text: str) -> None:
    """Programs get UTF-8 on every system, a terminal gets what it can show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
    print(text, flush=True)


if __name__ == "__main__":
    main()
