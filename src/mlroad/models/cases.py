"""cases.jsonl: one case per line, read strictly. A key that was ignored would be a test that does nothing.

    {"id": "golden-1f0c…", "kind": "golden", "request": {"inputs": […]}, "expect": {"outputs": […]}}
    {"id": "no-age", "kind": "invalid", "request": {"inputs": […]}, "expect": {"error": true}}
    {"id": "older", "kind": "directional", "request": {"inputs": […]}, "change": {"inputs": […]},
     "expect": {"holds": "increase", "output": "risk", "at_least": 0.01}}

Codes: MI101 unreadable, MI102 not JSON, MI103 an unknown key, MI104 a missing key, MI105 a wrong value,
MI106 an unknown kind of case, MI107 a duplicate id, MI108 a wrong tensor.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem
from mlroad.core.text import did_you_mean
from mlroad.models.tensors import Tensor, TensorError, is_unicode, read_tensor
from mlroad.models.tolerance import CaseTolerance, Limit

KINDS = ("golden", "boundary", "invariance", "directional", "invalid")
ANSWERED = ("golden", "boundary")
"""The kinds that expect certain outputs. They are asked alone and in a batch."""
CHANGED = ("invariance", "directional")
"""The kinds that ask again after a change, and expect something of both answers."""
FROZEN = {"golden": "golden-", "boundary": "boundary-", "invalid": "frozen-invalid-"}
"""The prefixes of the ids of cases that `mlroad freeze` makes, and replaces each time."""
_MADE_BY = "`mlroad freeze` writes this file; see `mlroad help reference/inference-tests`."
_SMALL = 1 << 23
"""Bytes of a file whose cases are kept in memory once they are read."""
_TENSOR = ("name", "shape", "datatype", "data")
_DIRECTIONS = ("increase", "decrease")


@dataclass(frozen=True, slots=True)
class Case:
    """One request, and what is expected of the answer."""

    id: str
    kind: str
    inputs: tuple[Tensor, ...]
    expected: tuple[Tensor, ...] = ()
    """The outputs of a golden or boundary case."""
    line: int = 0
    request_id: str = ""
    tags: tuple[str, ...] = ()
    tolerance: CaseTolerance | None = None
    change: tuple[Tensor, ...] = ()
    """The inputs that are replaced in the second request of an invariance or directional case."""
    holds: str = ""
    """What must hold of the two answers: same, increase or decrease."""
    output: str = ""
    """The output of which it must hold. (default: all for an invariance case, the first for a directional)"""
    at_least: float = 0.0
    """The smallest change of that output."""
    unreadable: str = ""
    """Why the request of an invalid case does not even consist of tensors. Then there are no ``inputs``."""
    raw: str = ""
    """That request as JSON."""

    @property
    def is_frozen(self) -> bool:
        """Whether `mlroad freeze` made it, so that freezing again replaces it."""
        return self.kind in FROZEN and self.id.startswith(FROZEN[self.kind])

    @property
    def changed(self) -> list[Tensor]:
        """The request after the change."""
        others = {tensor.name: tensor for tensor in self.change}
        return [others.get(tensor.name, tensor) for tensor in self.inputs]

    def texts(self) -> list[str]:
        """What it says beside tensors."""
        limits = self.tolerance.outputs if self.tolerance else ()
        return [self.id, self.request_id, self.output, *self.tags, *limits]

    def text(self) -> str:
        """The case as a line of the file, without its line end."""
        request: dict[str, Any] = {"id": self.request_id} if self.request_id else {}
        request["inputs"] = [tensor.json() for tensor in self.inputs]
        content: dict[str, Any] = {"id": self.id, "kind": self.kind}
        if self.tags:
            content["tags"] = list(self.tags)
        content["request"] = json.loads(self.raw) if self.unreadable else request
        if self.change:
            content["change"] = {"inputs": [tensor.json() for tensor in self.change]}
        content["expect"] = self._expect()
        if self.tolerance is not None:
            content["tolerance"] = self.tolerance.json()
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    def _expect(self) -> dict[str, Any]:
        if self.kind == "invalid":
            return {"error": True}
        if self.kind in ANSWERED:
            return {"outputs": [tensor.json() for tensor in self.expected]}
        return {
            "holds": self.holds,
            **({"output": self.output} if self.output else {}),
            **({"at_least": self.at_least} if self.at_least else {}),
        }


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of a file without mistakes. A large file is read each time, to save memory."""

    file: Path
    kinds: Mapping[str, int]
    """The number of cases of each kind."""
    outputs: Mapping[str, None]
    """The names of the expected outputs."""
    kept: tuple[Case, ...] | None = None
    """The cases of a small file."""

    def __len__(self) -> int:
        return sum(self.kinds.values())

    def __iter__(self) -> Iterator[Case]:
        return each_case(self.file, []) if self.kept is None else iter(self.kept)

    @classmethod
    def read(cls, file: Path) -> tuple[CaseFile, list[Problem]]:
        """The file, and every mistake in it."""
        problems: list[Problem] = []
        kinds: Counter[str] = Counter()
        outputs: dict[str, None] = {}
        small = file.is_file() and file.stat().st_size <= _SMALL
        kept: list[Case] = []
        for case in each_case(file, problems):
            kinds[case.kind] += 1
            outputs.update(dict.fromkeys(tensor.name for tensor in case.expected))
            if small:
                kept.append(case)
        return cls(file, kinds, outputs, tuple(kept) if small else None), problems


def read_cases(file: Path) -> tuple[list[Case], list[Problem]]:
    """All cases of a file, and every mistake in it at its line. With mistakes, cases are missing."""
    problems: list[Problem] = []
    return list(each_case(file, problems)), problems


def each_case(file: Path, problems: list[Problem]) -> Iterator[Case]:
    """The cases of a file one by one, so that its size does not matter. Adds mistakes to ``problems``."""
    reader = _Reader(file, problems)
    seen: dict[str, int] = {}
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                case = reader.case(number, line)
                if case is None:
                    continue
                if case.id in seen:
                    what = f"Duplicate id: {case.id} is also in line {seen[case.id]}."
                    reader.wrong("MI107", what, "Give each case its own id.")
                seen.setdefault(case.id, number)
                yield case
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not written in UTF-8" if isinstance(error, ValueError) else error.strerror
        problems.append(Problem(Position(file), "MI101", f"This file cannot be read: {reason}.", _MADE_BY))


class _Reader:
    """Reads lines, and collects problems at the current line."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.problems = problems
        self._file = file
        self._line = 0

    def wrong(self, code: str, what: str, fix: str, column: int = 0) -> None:
        shown = what.encode("utf-8", "replace").decode()  # JSON can escape half of a character
        self.problems.append(Problem(Position(self._file, self._line, column), code, shown, fix))

    def case(self, number: int, line: str) -> Case | None:
        """The case in a line, or None after adding a problem."""
        self._line = number
        try:
            return self._case(line)
        except RecursionError:
            self.wrong("MI102", "This JSON cannot be a case: it is nested too deeply.", _MADE_BY)
            return None

    def _case(self, line: str) -> Case | None:
        before = len(self.problems)
        content = self._json(line)
        if content is None or not self._keys(
            content, ("id", "kind", "request", "expect"), "a case", ("tags", "tolerance", "change")
        ):
            return None
        identity, kind = content["id"], content["kind"]
        if not isinstance(identity, str) or not identity.strip():
            self.wrong("MI105", "The id of a case should be text.", "Give it an id that people can refer to.")
        if kind not in KINDS:
            hint = did_you_mean(str(kind), KINDS, f"Choose one of: {', '.join(KINDS)}.")
            self.wrong("MI106", f"{json.dumps(kind, ensure_ascii=False)} is not a kind of case.", hint)
            return None
        made = self._made(identity, kind, content)
        if "\\u" in line and not all(map(is_unicode, made.texts())):
            self.wrong("MI105", "A name in this case contains half of a character.", "Write it in UTF-8.")
        return made if len(self.problems) == before else None

    def _made(self, identity: str, kind: str, content: Mapping[str, Any]) -> Case:
        inputs, request_id, unreadable = self._request(kind, content["request"])
        tags, tolerance = self._tags(content.get("tags", [])), self._tolerance(kind, content)
        raw = json.dumps(content["request"]) if unreadable else ""
        change = self._change(kind, content, inputs)
        expect = content["expect"]
        expected: list[Tensor] = []
        holds, output, at_least = "", "", 0.0
        if kind == "invalid":
            self._refusal(expect)
        elif kind in ANSWERED:
            expected = self._outputs(kind, expect, tolerance)
        else:
            holds, output, at_least = self._held(kind, expect)
        return Case(
            identity, kind, tuple(inputs), tuple(expected), self._line, request_id, tags, tolerance,
            tuple(change), holds, output, at_least, unreadable, raw,
        )  # fmt: skip

    def _json(self, line: str) -> Mapping[str, Any] | None:
        if not line.strip():
            self.wrong("MI102", "This line is empty.", "Delete it.")
            return None
        try:
            content = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            self.wrong("MI102", f"This is not JSON: {error.msg}.", _MADE_BY, error.colno)
            return None
        except ValueError as error:
            self.wrong("MI102", f"This JSON cannot be a case: {error}.", _MADE_BY)
            return None
        if not isinstance(content, dict):
            self.wrong("MI105", "A case should be a JSON object.", _MADE_BY)
            return None
        return content

    def _keys(
        self, content: object, required: Sequence[str], what: str, optional: Iterable[str] = ()
    ) -> bool:
        """Whether ``content`` is an object with these keys and no others. If not, problems are added."""
        if not isinstance(content, dict):
            self.wrong("MI105", f"{what.capitalize()} should be a JSON object.", _MADE_BY)
            return False
        if tuple(content) == required:
            return True
        known = (*required, *optional)
        for name in content:
            if name not in known:
                hint = did_you_mean(name, known, f"Known here: {', '.join(known)}.")
                self.wrong("MI103", f"{what.capitalize()} has no key {name}.", hint)
        missing = [name for name in required if name not in content]
        for name in missing:
            self.wrong("MI104", f"{what.capitalize()} needs the key {name}.", "Write it.")
        return not missing

    def _request(self, kind: str, request: object) -> tuple[list[Tensor], str, str]:
        """Inputs, id, and why they are not tensors: an invalid case may have any request."""
        if kind == "invalid":
            attempt = _Reader(self._file, [])
            inputs, identity, _ = attempt._request("golden", request)
            why = attempt.problems[0].what.rstrip(".") if attempt.problems else ""
            return ([], "", why) if why else (inputs, identity, "")
        if not self._keys(request, ("inputs",), "a request", optional=("id",)):
            return [], "", ""
        assert isinstance(request, dict)
        identity = request.get("id", "")
        if not isinstance(identity, str):
            self.wrong("MI105", "The id of a request should be text.", "Write one, or leave it out.")
        return self._tensors(request["inputs"], "inputs"), identity, ""

    def _tensors(self, content: object, where: str) -> list[Tensor]:
        if not isinstance(content, list):
            self.wrong("MI105", f"{where} should be a list of tensors.", _MADE_BY)
            return []
        found: list[Tensor] = []
        names: set[str] = set()
        for item in content:
            if not self._keys(item, _TENSOR, "a tensor"):
                continue
            try:
                tensor = read_tensor(item)
            except TensorError as error:
                self.wrong("MI108", f"In {where}, {error}.", "Fix it, or freeze the case again.")
                continue
            if tensor.name in names:
                self.wrong("MI108", f"Duplicate tensor in {where}: {tensor.name}.", "Keep one of them.")
            names.add(tensor.name)
            found.append(tensor)
        return found

    def _tags(self, tags: object) -> tuple[str, ...]:
        if isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() for tag in tags):
            return tuple(map(sys.intern, tags))
        self.wrong("MI105", "tags should be a list of texts.", 'Write them as ["vip", "night"].')
        return ()

    def _tolerance(self, kind: str, content: Mapping[str, Any]) -> CaseTolerance | None:
        if "tolerance" not in content:
            return None
        if kind not in (*ANSWERED, "invariance"):
            self.wrong("MI103", f"A case of the kind {kind} has no tolerance.", "Delete it.")
            return None
        tolerance = content["tolerance"]
        if not self._keys(tolerance, (), "a tolerance", ("absolute", "relative", "outputs")):
            return None
        outputs = tolerance.get("outputs", {})
        if not isinstance(outputs, dict):
            self.wrong("MI105", "outputs should be a JSON object with a limit for each output.", _MADE_BY)
            return None
        limits = {name: self._limit(name, below) for name, below in outputs.items()}
        own = {key: value for key, value in tolerance.items() if key != "outputs"}
        if not own and not outputs:
            self.wrong("MI104", "The tolerance is empty.", 'Write {"absolute": 0} if nothing may differ.')
        return CaseTolerance(self._limit("tolerance", own) if own else None, limits)

    def _limit(self, name: str, content: object) -> Limit:
        if not self._keys(content, (), f"the limit {name}", ("absolute", "relative")):
            return Limit()
        assert isinstance(content, dict)
        if not content:
            self.wrong("MI104", f"The limit {name} is empty.", 'Write {"absolute": 0}.')
        return Limit(*(self._number(key, content.get(key, 0)) for key in ("absolute", "relative")))

    def _number(self, name: str, value: object) -> float:
        if type(value) in (int, float):
            assert isinstance(value, int | float)
            if 0 <= value <= sys.float_info.max:
                return float(value)
        self.wrong("MI105", f"{name} should be a finite number, 0 or more.", "Correct it.")
        return 0.0

    def _change(self, kind: str, content: Mapping[str, Any], inputs: Sequence[Tensor]) -> list[Tensor]:
        if kind not in CHANGED:
            if "change" in content:
                self.wrong("MI103", f"A case of the kind {kind} has no change.", "Delete it.")
            return []
        if "change" not in content:
            self.wrong("MI104", f"A case of the kind {kind} needs the key change.", "Write it.")
            return []
        if not self._keys(content["change"], ("inputs",), "a change"):
            return []
        change = self._tensors(content["change"]["inputs"], "change")
        named = {tensor.name: tensor for tensor in inputs}
        for tensor in change:
            before = named.get(tensor.name)
            if before is None:
                hint = did_you_mean(tensor.name, tuple(named), f"The request has {', '.join(named)}.")
                self.wrong("MI105", f"The change names {tensor.name}, which the request lacks.", hint)
            elif math.prod(before.shape) != math.prod(tensor.shape):
                what = f"The change of {tensor.name} has {len(tensor.data)} values, but the request "
                self.wrong("MI108", f"{what}has {len(before.data)}.", "Write as many.")
        if all(named.get(tensor.name) == tensor for tensor in change):
            self.wrong("MI105", "The change changes nothing.", "Give an input another value.")
        return change

    def _refusal(self, expect: object) -> None:
        if self._keys(expect, ("error",), "what an invalid case expects"):
            assert isinstance(expect, dict)
            if expect["error"] is not True:
                what = "An invalid case expects that the model refuses."
                self.wrong("MI105", what, 'Write {"error": true}.')

    def _outputs(self, kind: str, expect: object, tolerance: CaseTolerance | None) -> list[Tensor]:
        if not self._keys(expect, ("outputs",), f"what a {kind} case expects"):
            return []
        assert isinstance(expect, dict)
        before = len(self.problems)
        outputs = self._tensors(expect["outputs"], "outputs")
        if len(self.problems) > before:
            return outputs
        if not any(tensor.data for tensor in outputs):
            self.wrong("MI105", f"A {kind} case without an expected value tests nothing.", "Freeze it again.")
        for tensor in outputs:
            if any(isinstance(value, float) and not math.isfinite(value) for value in tensor.data):
                what = f"{tensor.name} expects NaN or infinity, and such an answer never passes."
                self.wrong("MI105", what, "Expect a number, or delete the case.")
        names = [tensor.name for tensor in outputs]
        for name in tolerance.outputs if tolerance else ():
            if name not in names:
                hint = did_you_mean(name, names, f"The outputs are {', '.join(names)}.")
                self.wrong("MI105", f"The tolerance names the output {name}, which is not expected.", hint)
        return outputs

    def _held(self, kind: str, expect: object) -> tuple[str, str, float]:
        """What must hold of both answers, of which output, and by how much."""
        optional = ("output", "at_least") if kind == "directional" else ("output",)
        if not self._keys(expect, ("holds",), f"what a case of the kind {kind} expects", optional):
            return "", "", 0.0
        assert isinstance(expect, dict)
        holds, output = expect["holds"], expect.get("output", "")
        known = _DIRECTIONS if kind == "directional" else ("same",)
        if holds not in known:
            self.wrong("MI105", f"holds is {json.dumps(holds)}.", f"Write {' or '.join(known)}.")
        if "output" in expect and (not isinstance(output, str) or not output):
            self.wrong("MI105", "output should be the name of an output.", "Write it, or leave it out.")
        return holds, output, self._number("at_least", expect.get("at_least", 0))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counts.items() if times > 1)
        raise ValueError(f"duplicate key {twice}")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f'JSON has no {name}; write it as a text, such as "NaN"')
