"""The options --json, --format and --quiet, which mean the same in every command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print no progress, only results.")


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
