"""The options --json, --format and --quiet, which mean the same in every command.

`with_output_options` adds --json and --quiet to a command that does not declare them itself. With --json such
a command prints one document: its exit code, the lines that it would have printed, and what it has passed to
`result`. With --quiet a command prints only failures.
"""

import contextlib
import functools
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print only failures.")

WITHOUT = {
    "ui": "it runs a server until Ctrl-C",
    "completion": "the shell reads its output",
}
"""Commands without --json and --quiet, and why."""

_RESULT, _KEPT_BACK = "mlroad.result", "mlroad.kept_back"


def format_option(*forms: str) -> Callable[[_Function], _Function]:
    """--format with these forms, and --json for the form json. The command gets ``form``."""

    def add(function: _Function) -> _Function:
        @functools.wraps(function)
        def called(*arguments: Any, form: str, as_json: bool, **options: Any) -> Any:
            return function(*arguments, form="json" if as_json else form, **options)

        choice = click.Choice(forms)
        option = click.option(
            "--format",
            "form",
            type=choice,
            default="text",
            show_default=True,
            help="How to print the result.",
        )
        return option(json_option(called))  # type: ignore[return-value]

    return add


def result(**values: object) -> None:
    """Add values to the JSON document of the command that runs."""
    context = click.get_current_context(silent=True)
    if context:
        context.meta.setdefault(_RESULT, {}).update(values)


def is_kept_back() -> bool:
    """Whether what the command prints does not reach the terminal while it runs."""
    return bool(click.get_current_context().meta.get(_KEPT_BACK))


def with_output_options(command: click.Command) -> click.Command:
    """The command, or the commands of a group, with --json and --quiet."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            with_output_options(each)
    elif command.callback and command.name not in WITHOUT and not hasattr(command.callback, "has_options"):
        own = {str(parameter.name) for parameter in command.params}
        command.callback = _with_output(command.callback, own)
        for name, option in (("as_json", json_option), ("quiet", quiet_option)):
            if name not in own:
                option(command)
    return command


def _with_output(callback: Callable[..., Any], own: set[str]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def called(*arguments: Any, **options: Any) -> Any:
        quiet = options["quiet"] if "quiet" in own else options.pop("quiet")
        if "as_json" not in own and options.pop("as_json"):
            return _as_document(functools.partial(callback, *arguments, **options))
        if quiet and not (options.get("as_json") or options.get("form", "text") != "text"):
            return _only_failures(functools.partial(callback, *arguments, **options))
        return callback(*arguments, **options)

    called.has_options = True  # type: ignore[attr-defined]
    return called


def _as_document(call: Callable[[], object]) -> None:
    import json  # noqa: PLC0415 - every command imports this module, and few need it

    code = 0
    with _printed() as lines:
        try:
            call()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        except BaseException:
            click.echo("".join(f"{line}\n" for line in lines()), err=True, nl=False)
            raise
        printed = lines()
    values = click.get_current_context().meta.get(_RESULT, {})
    document = {"exit_code": code, "lines": printed, **values}
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
    sys.exit(code)


def _only_failures(call: Callable[[], object]) -> None:
    failure: list[str] = []
    try:
        with _printed() as lines:
            try:
                call()
            except BaseException as left:
                if not (isinstance(left, SystemExit) and left.code in (0, None)):
                    failure = lines()
                raise
    finally:
        if failure:
            click.echo("\n".join(failure))


@contextlib.contextmanager
def _printed() -> Iterator[Callable[[], list[str]]]:
    """Keep back what this process and the programs that it starts print. Yields a function for the lines."""
    import tempfile  # noqa: PLC0415 - it imports random and shutil, and every command imports this module

    click.get_current_context().meta[_KEPT_BACK] = True
    with tempfile.TemporaryFile() as file, os.fdopen(os.dup(file.fileno()), "wb", buffering=0) as raw:
        stream = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)

        def lines() -> list[str]:
            file.seek(0)
            return file.read().decode("utf-8", "replace").splitlines()

        terminal = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with contextlib.redirect_stdout(stream):
                yield lines
        finally:
            os.dup2(terminal, 1)
            os.close(terminal)
