"""Notebooks: the text in their cells and outputs, with positions; and checks of their format and outputs."""

import bisect
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import write_text
from mlroad.core.problems import Position, Problem
from mlroad.core.text import quoted, some
from mlroad.guard.guarded_files import GuardedFile, unix_lines

# Outputs that are images, videos or packed numbers, not text.
_NO_TEXT = re.compile(
    r"image/|video/|audio/|font/|application/(?:pdf|octet-stream|vnd\.jupyter\.widget-view)"
)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
# Keys whose values are arrays in Base64 (plotly, bokeh) or identifiers.
_PACKED_KEYS = frozenset({"bdata", "__ndarray__", "model_id"})
_CELL_TYPES = ("code", "markdown", "raw")
# Metadata about when and how a cell was run.
_RUN_METADATA = ("ExecuteTime", "collapsed", "execution", "scrolled")


@dataclass(frozen=True, slots=True)
class NotebookText:
    """The text of a notebook. ``starts[i]`` is the first line (from 0) of the part ``labels[i]``."""

    lines: list[str]
    starts: list[int]
    labels: list[str]
    kinds: list[str]  # as a file ending: .py for code, .md, .txt

    def parts(self) -> Iterator[tuple[str, int, int]]:
        """The kind of each part, its first line (from 0) and the line after its last."""
        ends = [*self.starts[1:], len(self.lines)]
        return zip(self.kinds, self.starts, ends, strict=True)

    def place(self, line: int) -> str:
        """The position of line ``line`` (from 1) in the notebook: ``cell 3, line 2``."""
        part = bisect.bisect_right(self.starts, line - 1) - 1
        return f"{self.labels[part]}, line {line - self.starts[part]}"


class BrokenNotebookError(Exception):
    """Jupyter cannot open the file; the message says why, ``line`` where."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def parse(text: str) -> dict[str, Any]:
    """The notebook as JSON. Raises BrokenNotebookError if Jupyter cannot open it."""
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise BrokenNotebookError(f"It is not valid JSON: {error.msg}", error.lineno) from error
    except ValueError as error:  # a number of more than 4,300 digits, which Jupyter cannot read either
        raise BrokenNotebookError(f"It is not valid JSON: {str(error).partition(':')[0]}") from error
    except RecursionError as error:
        raise BrokenNotebookError("It is nested too deeply") from error
    if not isinstance(notebook, dict):
        raise BrokenNotebookError("It is JSON, but not a notebook")
    if notebook.get("nbformat") in (1, 2, 3) or "worksheets" in notebook:
        raise BrokenNotebookError(
            "It has a format from before 2015; convert it with `jupyter nbconvert --to notebook`"
        )
    if notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        raise BrokenNotebookError("It lacks `nbformat: 4` or its list of cells")
    for number, cell in enumerate(notebook["cells"], start=1):
        _check_cell(number, cell)
    return notebook


def _check_cell(number: int, cell: object) -> None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _CELL_TYPES:
        raise BrokenNotebookError(f"The cell_type of cell {number} is not code, markdown or raw")
    if not isinstance(cell.get("metadata"), dict):
        raise BrokenNotebookError(f"Cell {number} has no metadata")
    if not _is_text(cell.get("source")):
        raise BrokenNotebookError(f"The source of cell {number} is not text")
    if cell["cell_type"] == "code":
        outputs = cell.get("outputs")
        if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
            raise BrokenNotebookError(f"Cell {number} has no list of outputs")


def _is_text(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def decode(notebook: dict[str, Any]) -> NotebookText:
    """All text in a notebook: sources, text outputs, attachments, metadata."""
    lines: list[str] = []
    starts: list[int] = []
    labels: list[str] = []
    kinds: list[str] = []

    def add(label: str, kind: str, text: str) -> None:
        starts.append(len(lines))
        labels.append(label)
        kinds.append(kind)
        lines.extend(unix_lines(text).split("\n"))

    for number, cell in enumerate(notebook["cells"], start=1):
        add(
            f"cell {number}",
            {"code": ".py", "markdown": ".md"}.get(cell["cell_type"], ".txt"),
            _joined(cell["source"]),
        )
        for output in cell.get("outputs", ()):
            add(f"output of cell {number}", ".txt", "\n".join(_output_texts(output)))
        rest = {
            key: value for key, value in cell.items() if key not in ("source", "outputs", "cell_type", "id")
        }
        add(f"metadata of cell {number}", ".txt", "\n".join(_texts(rest)))
    add(
        "metadata",
        ".txt",
        "\n".join(_texts({key: value for key, value in notebook.items() if key != "cells"})),
    )
    return NotebookText(lines, starts, labels, kinds)


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _output_texts(output: dict[str, Any]) -> Iterator[str]:
    for key, value in output.items():
        if key == "traceback" and _is_text(value):
            yield "\n".join(value) if isinstance(value, list) else value
        elif key in ("text", "evalue") and _is_text(value):
            yield _joined(value)
        elif key not in ("output_type", "execution_count", "name", "ename"):
            yield from _texts({key: value})


def _texts(value: object, key: str = "") -> Iterator[str]:
    """The strings in a JSON value, with their keys (``"password": "..."``) but without images."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not _NO_TEXT.match(name) and name not in _PACKED_KEYS:
                yield from _texts(item, name)
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value) and "/" in key:
            yield "".join(value)  # the lines of a MIME bundle
        else:
            for item in value:
                yield from _texts(item, key)
    elif isinstance(value, str):
        yield value if "/" in key or not key else f'"{key}": "{value}"'


def json_lines(text: str, decoded: NotebookText) -> list[int]:
    """For each decoded line, the line of the .ipynb file that holds it (0: not found)."""
    found: dict[str, list[int]] = {}
    line, end = 1, 0
    for string in _STRING.finditer(text):
        line, end = line + text.count("\n", end, string.start()), string.start()
        for part in json.loads(string[0], strict=False).split("\n"):
            found.setdefault(part, []).append(line)
    waiting = {part: iter(numbers) for part, numbers in found.items()}  # of equal lines, the first is first
    return [next(waiting.get(part, iter(())), 0) for part in decoded.lines]


def check_notebook(source: GuardedFile, strip: bool, fix: bool) -> list[Problem]:
    """Check that a notebook can be opened and diffed, and has no outputs if the team strips them.

    With ``fix`` the file is corrected in place; the order of keys and the indent do not change.
    """
    text = source.text()
    try:
        if text is None:
            raise BrokenNotebookError("It is a binary file")
        notebook = parse(text)
    except BrokenNotebookError as error:
        fixing = "Repair it in a text editor, or restore the last version with `git checkout -- FILE`."
        return [Problem(Position(source.shown, error.line), "notebook-broken", f"{error}.", fixing)]
    one_line = text.strip().count("\n") < 2
    changed = strip_outputs(notebook) if strip else []
    if not one_line and not changed:
        return []
    if fix:
        write(source.path, notebook, _indent(text))
    remedy = _remedy(source.shown.as_posix(), fix)
    problems: list[Problem] = []
    if one_line:
        what = "The notebook is written on one line, so its diffs are unreadable."
        problems.append(Problem(Position(source.shown, 1), "notebook-form", what, remedy))
    if changed:
        what = f"Cells {some(list(map(str, changed)), 8)} have outputs, execution counts or run times."
        keep = " To keep the outputs of a cell, tag it with `keep_output`."
        problems.append(Problem(Position(source.shown), "notebook-outputs", what, remedy + keep))
    return problems


def _remedy(name: str, fixed: bool) -> str:
    by_hand = f"`mlroad guard --fix {'-- ' if name.startswith('-') else ''}{quoted(name)}`"
    if not fixed:
        return f"Run {by_hand}."
    remedy = "It was corrected: stage it again."
    if "PRE_COMMIT" in os.environ:
        # While hooks run, prek puts aside the edits that are not staged. It undoes a correction that they
        # conflict with.
        remedy += (
            f" If it also has edits that are not staged, run {by_hand} first: prek may undo the correction."
        )
    return remedy


def strip_outputs(notebook: dict[str, Any]) -> list[int]:
    """Remove outputs, execution counts and run metadata; return the numbers of the cells that had any.

    Cells with the tag ``keep_output``, which nbstripout also uses, keep their outputs.
    """
    changed: list[int] = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] != "code" or _keeps(cell["metadata"]):
            continue
        run = [key for key in _RUN_METADATA if key in cell["metadata"]]
        if cell["outputs"] or cell.get("execution_count") is not None or run:
            changed.append(number)
        cell["outputs"] = []
        cell["execution_count"] = None
        for key in run:
            del cell["metadata"][key]
    return changed


def _keeps(metadata: dict[str, Any]) -> bool:
    tags = metadata.get("tags")
    return bool(metadata.get("keep_output")) or (isinstance(tags, list) and "keep_output" in tags)


def write(path: Path, notebook: dict[str, Any], indent: int) -> None:
    """Write a notebook as Jupyter does, completely or not at all."""
    try:
        write_text(path, json.dumps(notebook, ensure_ascii=False, indent=indent) + "\n")
    except UnicodeEncodeError:  # half of a surrogate pair in an output
        write_text(path, json.dumps(notebook, indent=indent) + "\n")


def _indent(text: str) -> int:
    found = re.match(r"\s*\{\r?\n( +)", text)
    return len(found[1]) if found else 1
