"""`python -m tests.templates.questions_page` writes docs/reference/questions.md from copier.yml."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support import REPO

PAGE = REPO / "docs" / "reference" / "questions.md"
HEAD = """# The questions

`start.py new` and `copier copy` ask these questions. This page is generated from `copier.yml`. Answer on the
command line with `--data name=value`, or accept all defaults with `--defaults`. Change an answer later with
`mlroad update --data name=value`.
"""
FOOT = """
Copier records the answers in `.copier-answers.yml`. Standards (lint rules, hooks, workflows, versions of
tools) are not questions: they are part of the template, and `mlroad update` brings their newest version.

Without a terminal or with `--defaults`, `start.py new` chooses two answers for your machine: `python_version`
is the Python that runs it, and `dotnet` is `false` where there is no .NET SDK.
"""


def questions() -> dict[str, Any]:
    """What copier.yml asks, without its settings and what it computes."""
    content = yaml.safe_load((REPO / "copier.yml").read_text(encoding="utf-8"))
    return {name: it for name, it in content.items() if name[0] != "_" and it.get("when") is not False}


def _default(question: dict[str, Any]) -> str:
    default = question.get("default")
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "made from the folder's name" if "{%" in default else f"`{default}`"


def _rows() -> Iterator[str]:
    for name, question in questions().items():
        what = question["help"].rstrip(".")
        what += "" if what.endswith("?") else "."
        choices = question.get("choices", [])
        if isinstance(choices, dict):
            answers = "; ".join(
                f"`{value}`: {label[0].lower()}{label[1:]}" for label, value in choices.items()
            )
        else:
            answers = ", ".join(f"`{value}`" for value in choices)
        what += f" {answers}." if answers else ""
        if when := question.get("when"):
            what += f" (asked only if {when.strip('{}= ').replace(' == ', ' is ').replace(chr(39), '`')})"
        yield f"| `{name}` | {_default(question)} | {what} |"


def page() -> str:
    return "\n".join([HEAD, "| question | default | what it asks |", "|---|---|---|", *_rows(), FOOT])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {PAGE}\n")
