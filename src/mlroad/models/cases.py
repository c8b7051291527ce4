"""cases.jsonl: one case per line, read strictly. A key that was ignored would be a test that does nothing.

    {"id": "golden-1f0c…", "kind": "golden", "request": {"inputs": […]}, "expect": {"outputs": […]}}
    {"id": "no-age", "kind": "invalid", "request": {"inputs": […]}, "expect": {"error": true}}

Codes: MI101 unreadable, MI102 not JSON, MI103 an unknown key, MI104 a missing key, MI105 a wrong value,
MI106 a kind of case that is unknown or not supported, MI107 a duplicate id, MI108 a wrong tensor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem
from mlroad.core.text import did_you_mean
from mlroad.models.tensors import Tensor, TensorError, read_tensor

KINDS = ("golden", "invalid")
PLANNED = ("boundary", "invariance", "directional")
FROZEN_INVALID = "frozen-invalid-"
"""The prefix of the ids of invalid cases that `mlroad freeze` makes, and replaces each time."""
_MADE_BY = "`mlroad freeze` writes this file; see `mlroad help reference/inference-tests`."
_TENSOR = ("name", "shape", "datatype", "data")


@dataclass(frozen=True, slots=True)
class Case:
    """One request and the expected answer. ``expected`` is empty if the model must refuse."""

    id: str
    kind: str
    inputs: tuple[Tensor, ...]
    expected: tuple[Tensor, ...] = ()
    line: int = 0
    request_id: str = ""

    @property
    def is_frozen(self) -> bool:
        """Whether `mlroad freeze` made it, so that freezing again replaces it."""
        return self.kind == "golden" or self.id.startswith(FROZEN_INVALID)

    def text(self) -> str:
        """The case as a line of the file, without its line end."""
        request: dict[str, Any] = {"id": self.request_id} if self.request_id else {}
        request["inputs"] = [tensor.json() for tensor in self.inputs]
        expect: dict[str, Any] = (
            {"error": True}
            if self.kind == "invalid"
            else {"outputs": [tensor.json() for tensor in self.expected]}
        )
        content = {"id": self.id, "kind": self.kind, "request": request, "expect": expect}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)


def read_cases(file: Path) -> tuple[list[Case], list[Problem]]:
    """All cases of a file, and every mistake in it at its line. With mistakes, cases are missing."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not written in UTF-8" if isinstance(error, ValueError) else error.strerror
        return [], [Problem(Position(file), "MI101", f"This file cannot be read: {reason}.", _MADE_BY)]
    reader = _Reader(file)
    cases: list[Case] = []
    seen: dict[str, int] = {}
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line:
            break
        case = reader.case(number, line)
        if case is None:
            continue
        if case.id in seen:
            what = f"Duplicate id: {case.id} is also in line {seen[case.id]}."
            reader.wrong("MI107", what, "Give each case its own id.")
        seen.setdefault(case.id, number)
        cases.append(case)
    return cases, reader.problems


class _Reader:
    """Reads lines, and collects problems at the current line."""

    def __init__(self, file: Path) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._line = 0

    def wrong(self, code: str, what: str, fix: str, column: int = 0) -> None:
        self.problems.append(Problem(Position(self._file, self._line, column), code, what, fix))

    def case(self, number: int, line: str) -> Case | None:
        """The case in a line, or None after adding a problem."""
        self._line = number
        before = len(self.problems)
        content = self._json(line)
        if content is None or not self._keys(content, ("id", "kind", "request", "expect"), "a case"):
            return None
        identity, kind = content["id"], content["kind"]
        if not isinstance(identity, str) or not identity.strip():
            self.wrong("MI105", "The id of a case should be text.", "Give it an id that people can refer to.")
        if not self._is_known(kind):
            return None
        request = content["request"]
        inputs: list[Tensor] = []
        if self._keys(request, ("inputs",), "a request", optional=("id",)):
            if not isinstance(request.get("id", ""), str):
                self.wrong("MI105", "The id of a request should be text.", "Write one, or leave it out.")
            inputs = self._tensors(request["inputs"], "inputs")
        expected = self._expected(kind, content["expect"])
        if len(self.problems) > before:
            return None
        return Case(identity, kind, tuple(inputs), tuple(expected), number, request.get("id", ""))

    def _json(self, line: str) -> Mapping[str, Any] | None:
        if not line.strip():
            self.wrong("MI102", "This line is empty.", "Delete it.")
            return None
        try:
            content = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            self.wrong("MI102", f"This is not JSON: {error.msg}.", _MADE_BY, error.colno)
            return None
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
            self.wrong("MI102", f"This JSON cannot be a case: {said}.", _MADE_BY)
            return None
        if not isinstance(content, dict):
            self.wrong("MI105", "A case should be a JSON object.", _MADE_BY)
            return None
        return content

    def _is_known(self, kind: object) -> bool:
        if kind in KINDS:
            return True
        if kind in PLANNED:
            what = f"The kind {kind} is not supported by this version of mlroad yet."
            self.wrong("MI106", what, "Remove the case: a case that is never run tests nothing.")
            return False
        hint = did_you_mean(str(kind), KINDS, f"Choose one of: {', '.join(KINDS)}.")
        self.wrong("MI106", f"{json.dumps(kind, ensure_ascii=False)} is not a kind of case.", hint)
        return False

    def _keys(
        self, content: object, required: Sequence[str], what: str, optional: Iterable[str] = ()
    ) -> bool:
        """Whether ``content`` is an object with these keys and no others. If not, problems are added."""
        if not isinstance(content, dict):
            self.wrong("MI105", f"{what.capitalize()} should be a JSON object.", _MADE_BY)
            return False
        known = (*required, *optional)
        for name in content:
            if name not in known:
                hint = did_you_mean(name, known, f"Known here: {', '.join(known)}.")
                self.wrong("MI103", f"{what.capitalize()} has no key {name}.", hint)
        missing = [name for name in required if name not in content]
        for name in missing:
            self.wrong("MI104", f"{what.capitalize()} needs the key {name}.", "Write it.")
        return not missing

    def _tensors(self, content: object, where: str) -> list[Tensor]:
        if not isinstance(content, list):
            self.wrong("MI105", f"{where} should be a list of tensors.", _MADE_BY)
            return []
        found: list[Tensor] = []
        for item in content:
            if not self._keys(item, _TENSOR, "a tensor"):
                continue
            try:
                tensor = read_tensor(item)
            except TensorError as error:
                self.wrong("MI108", f"In {where}, {error}.", "Fix it, or freeze the case again.")
                continue
            if any(other.name == tensor.name for other in found):
                self.wrong("MI108", f"Duplicate tensor in {where}: {tensor.name}.", "Keep one of them.")
            found.append(tensor)
        return found

    def _expected(self, kind: str, expect: object) -> list[Tensor]:
        if kind == "invalid":
            if self._keys(expect, ("error",), "what an invalid case expects"):
                assert isinstance(expect, dict)
                if expect["error"] is not True:
                    what = "An invalid case expects that the model refuses."
                    self.wrong("MI105", what, 'Write {"error": true}.')
            return []
        if not self._keys(expect, ("outputs",), "what a golden case expects"):
            return []
        assert isinstance(expect, dict)
        before = len(self.problems)
        outputs = self._tensors(expect["outputs"], "outputs")
        if len(self.problems) == before and not any(tensor.data for tensor in outputs):
            self.wrong("MI105", "A golden case without an expected value tests nothing.", "Freeze it again.")
        return outputs


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {twice}")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")
