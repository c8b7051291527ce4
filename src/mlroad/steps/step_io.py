"""The step contract: a step's command line comes from one typed function.

`mlroad sync` copies this file beside every model's steps and writes each step's Azure ML component from the
same function signature. It needs only Python 3.11 or newer and typer, here and in Azure ML.

    from step_io import InputFolder, OutputFile, OutputModel, run

    def train(prepared: InputFolder, model: OutputModel, metrics: OutputFile, max_depth: int = 6) -> None:
        ...

    if __name__ == "__main__":
        run(train)

Data arrives as a `pathlib.Path` on this machine's disk, wherever it came from. Everything else is a plain
value: int, float, bool, str, a `Literal` or an `Enum`. `x: InputFile | None = None` may be left out.
"""

from __future__ import annotations

import functools
import inspect
import sys
import sysconfig
import traceback
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer

CONTRACT = 1
"""The version of this contract. It changes only when steps that were written for it no longer run."""


@dataclass(frozen=True)
class DataType:
    """The content of a path (its Azure ML type) and its direction."""

    azure: str
    output: bool
    is_file: bool = False


InputFolder = Annotated[Path, DataType("uri_folder", output=False)]
InputFile = Annotated[Path, DataType("uri_file", output=False, is_file=True)]
InputModel = Annotated[Path, DataType("mlflow_model", output=False)]
InputTable = Annotated[Path, DataType("mltable", output=False)]
OutputFolder = Annotated[Path, DataType("uri_folder", output=True)]
OutputFile = Annotated[Path, DataType("uri_file", output=True, is_file=True)]
OutputModel = Annotated[Path, DataType("mlflow_model", output=True)]
OutputTable = Annotated[Path, DataType("mltable", output=True)]


def run(step: Callable[..., None]) -> None:
    """Call ``step`` with the values of the command line, and exit.

    The exit code is 0, or 1 with a traceback of the step's own lines if it raised, or 2 with one line if the
    command line was wrong.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(help=inspect.getdoc(step) or "")(_command(step))
    app()


def _command(step: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``step`` in a function with the same signature in typer's types."""
    hints = typing.get_type_hints(step, include_extras=True)
    parameters: list[inspect.Parameter] = []
    converters: dict[str, Callable[[Any], Any]] = {}
    for name, parameter in inspect.signature(step).parameters.items():
        if name not in hints:
            raise TypeError(f"{step.__name__}: parameter {name} has no type hint")
        hint, options, converters[name] = _option(hints[name])
        # The name as components write it. Older copies of this file made it lower-case, which still works.
        options.param_decls = [f"--{it.replace('_', '-')}" for it in dict.fromkeys((name, name.lower()))]
        optional = _without_none(hints[name]) is not hints[name]
        shown: Any = Annotated[hint | None if optional else hint, options]
        default = _shown(parameter.default)
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=shown, default=default)
        )

    def command(**values: Any) -> None:
        sys.excepthook = functools.partial(_show_error, step)
        # In Azure ML `$[[...]]` omits an optional input; typer then passes its default.
        step(**{name: converters[name](value) for name, value in values.items() if value is not None})

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _show_error(
    step: Callable[..., None], _kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback of the step's own lines: without those that called it, and few of libraries."""
    while trace is not None and trace.tb_frame.f_code is not step.__code__:
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace
    shown = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = shown
    while part is not None:
        part.stack = _own_frames(part.stack)
        part = part.__cause__ or part.__context__
    sys.stderr.write("".join(shown.format()))


def _own_frames(stack: traceback.StackSummary) -> traceback.StackSummary:
    """The frames of the user's files, and the last one, which raised the error."""
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    files = [frame for frame in stack if Path(frame.filename).is_file()]  # compiled code has none
    own = [frame for frame in files if not frame.filename.startswith(libraries)]
    last = [frame for frame in stack[-1:] if frame not in own]
    return traceback.StackSummary.from_list([*own, *last])


def _option(hint: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """The type that typer reads for a hint, its settings, and the conversion to the step's value."""
    hint = _without_none(hint)
    if typing.get_origin(hint) is Annotated:
        data = next((note for note in hint.__metadata__ if isinstance(note, DataType)), None)
        if data is None:
            return _option(typing.get_args(hint)[0])
        return _path_option(data)
    if hint is bool:
        # Azure ML passes str(value): `--flag True`, never a bare `--flag`.
        choices = {"True": True, "False": False}
        return _choice_option(choices, "True|False", case_sensitive=False)
    if typing.get_origin(hint) is typing.Literal:
        return _choice_option({str(value): value for value in typing.get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice_option({str(member.value): member for member in hint})
    return hint, typer.Option(), lambda value: value


def _path_option(data: DataType) -> tuple[Any, Any, Callable[[Any], Any]]:
    kind = "file" if data.is_file else "folder"
    about = f"{'writes' if data.output else 'reads'} {data.azure}"
    if not data.output:
        option = typer.Option(
            metavar=kind.upper(),
            help=about,
            exists=True,
            file_okay=data.azure != "uri_folder",
            dir_okay=not data.is_file,
        )
        return Path, option, lambda value: value

    def prepared(path: Path) -> Path:
        (path.parent if data.is_file else path).mkdir(parents=True, exist_ok=True)
        return path

    return Path, typer.Option(metavar=kind.upper(), help=about), prepared


def _choice_option(
    choices: dict[str, Any], metavar: str | None = None, case_sensitive: bool = True
) -> tuple[Any, Any, Callable[[Any], Any]]:
    by_text = choices if case_sensitive else {text.lower(): value for text, value in choices.items()}
    hint: Any = typing.Literal.__getitem__(tuple(choices))
    option = typer.Option(metavar=f"[{metavar or '|'.join(choices)}]", case_sensitive=case_sensitive)
    return hint, option, lambda value: by_text[value if case_sensitive else value.lower()]


def _without_none(hint: Any) -> Any:
    """`X` for `X | None`; any other hint unchanged."""
    members = typing.get_args(hint)
    if type(None) not in members or typing.get_origin(hint) is typing.Literal:
        return hint
    return next(member for member in members if member is not type(None))


def _shown(default: Any) -> Any:
    """A default as the text that it would be on the command line."""
    if isinstance(default, Enum):
        return str(default.value)
    return str(default) if isinstance(default, bool) else default
