"""Expressions: ``${{parent.inputs.x}}`` in pipelines, ``${{inputs.x}}`` and ``$[[…]]`` in commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

OPEN, CLOSE = "${" + "{", "}" + "}"
OPTIONAL_OPEN = "$[" + "["
SERVER_NAMES = frozenset({"default_datastore", "output_name", "name", "root_run_id", "experiment_name"})
"""Expressions that only the server fills in, mainly in paths of outputs."""
# A body ends at the next `${{`, so that a text full of them is read once and not once for each.
_EXPRESSION = re.compile(r"\$\{\{\s*((?:(?!\$\{\{)\S)+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """One ``${{ body }}`` and its position in the text."""

    body: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Target:
    """What an expression of a pipeline points at; ``job`` is set for the two ``job_`` kinds."""

    kind: Literal["parent_input", "parent_output", "job_input", "job_output"]
    name: str
    job: str | None = None


def expressions(text: str) -> list[Expression]:
    """All expressions in ``text``, from left to right."""
    return [Expression(found[1], found.start(), found.end()) for found in _EXPRESSION.finditer(text)]


def without_expressions(text: str) -> str:
    """``text`` with blanks in place of its expressions."""
    return _EXPRESSION.sub(lambda found: " " * len(found[0]), text)


def around(text: str) -> str:
    """What is in ``text`` beside its expressions."""
    return _EXPRESSION.sub("", text)


def is_whole(text: str, found: list[Expression]) -> bool:
    """Whether ``text`` is one expression and nothing else."""
    return len(found) == 1 and found[0].start == 0 and found[0].end == len(text)


def unclosed(text: str) -> int | None:
    """The position of the first ``${{`` that is not an expression: not closed, empty or with spaces."""
    starts = {expression.start for expression in expressions(text)}
    return next((at for at in positions(text, OPEN) if at not in starts), None)


def target(body: str) -> Target | None:
    """The target of ``parent.…`` in a pipeline, or None for anything else."""
    parts = body.split(".")
    if len(parts) < 3 or parts[0] != "parent" or not all(parts):
        return None
    if parts[1] == "inputs":
        return Target("parent_input", ".".join(parts[2:]))
    if parts[1] == "outputs":
        return Target("parent_output", ".".join(parts[2:]))
    if parts[1] == "jobs" and len(parts) >= 5:
        if parts[3] == "inputs":
            return Target("job_input", ".".join(parts[4:]), parts[2])
        if parts[3] == "outputs":
            return Target("job_output", ".".join(parts[4:]), parts[2])
    return None


def optional_spans(command: str) -> list[tuple[int, int]]:
    """Start and end of every ``$[[ … ]]`` in a command."""
    spans: list[tuple[int, int]] = []
    end = 0
    while (start := command.find(OPTIONAL_OPEN, end)) >= 0:
        close = command.find("]]", start + len(OPTIONAL_OPEN))
        if close < 0:
            break
        end = close + 2
        spans.append((start, end))
    return spans


def positions(text: str, part: str) -> Iterator[int]:
    """Where ``part`` is in ``text``, from left to right."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
