"""Outputs and the job summary of a GitHub workflow. Outside a workflow, nothing happens."""

import os
from pathlib import Path


def tell_workflow(**values: str) -> None:
    """Set outputs of the step: GitHub reads ``name=value`` lines from the file that GITHUB_OUTPUT names.

    Raises ValueError for a value of several lines.
    """
    _append("GITHUB_OUTPUT", "".join(f"{name}={_one_line(value)}\n" for name, value in values.items()))


def add_to_summary(markdown: str) -> None:
    """Add to the page that GitHub shows for the job (GITHUB_STEP_SUMMARY)."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n")


def _append(variable: str, text: str) -> None:
    file = os.environ.get(variable)
    if file:
        with Path(file).open("a", encoding="utf-8", newline="\n") as out:
            out.write(text)


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError(f"an output of a step must be one line: {value!r}")
    return value
