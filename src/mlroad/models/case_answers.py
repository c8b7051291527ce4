"""What a model answers to the cases of a suite. Judging comes later, and without the model: judge_cases.py.

case_answers.jsonl is the same for every runtime. It has a line for each case:

    {"id": "…", "alone": A}                    an invalid case, or one that was refused
    {"id": "…", "batch": A}                    a golden case after the first 256 of them, in pyfunc
    {"id": "…", "alone": A, "changed": A}      an invariance or directional case: before and after the change
    {"id": "…", "alone": A, "batch": A}        a golden or boundary case

A is ``{"outputs": [tensor…], "ms": 0.4}``, or ``{"refused": "why", "ended": false}``. ``ended`` says that the
model ended its process, or that it failed in another way that does not count as a refusal.

``batch`` is the part of the answer to one request that joins up to 256 such cases, of the same columns.
A case without another of its columns is joined with itself. A Python model takes a millisecond or more for a
single row, so of many golden cases only the first 256 are asked alone there.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from mlroad.models.cases import ANSWERED, CHANGED, Case
from mlroad.models.http_model import HttpModel
from mlroad.models.model_process import Answer, ModelProcess
from mlroad.models.tensor_batches import join, rows_of
from mlroad.models.tensors import Tensor

CASE_ANSWERS = "case_answers.jsonl"
TOGETHER = 256
"""The most cases of one batch."""
ALONE = 256
"""So many golden cases are asked alone, if it is a Python process that answers."""
_SENT = 4 * TOGETHER
"""Cases that are sent to a Python process before the first of them is answered."""


class Asked(Protocol):
    """A model in some runtime."""

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        """Its answer to one inference request. Raises ModelBroken if it cannot be asked."""


@dataclass(frozen=True, slots=True)
class CaseAnswers:
    """The answers to one case."""

    alone: Answer | None
    changed: Answer | None = None
    """To the request after the change."""
    batch: Answer | None = None
    """The case's part of an answer to several cases at once."""

    def line(self, identity: str) -> str:
        """A line of case_answers.jsonl, with its line end."""
        asked = {"alone": self.alone, "changed": self.changed, "batch": self.batch}
        said = {way: _as_json(answer) for way, answer in asked.items() if answer is not None}
        return json.dumps({"id": identity, **said}, ensure_ascii=False, allow_nan=False) + "\n"


def ask_cases(model: Asked, cases: Iterable[Case]) -> dict[str, CaseAnswers]:
    """The model's answers to each case, by the id of the case. Raises ModelBroken if it cannot be asked."""
    return {case.id: answers for case, answers in each_answer(model, cases)}


def each_answer(model: Asked, cases: Iterable[Case]) -> Iterator[tuple[Case, CaseAnswers]]:
    """The same, one case after the other, in their order. Few of them are in memory at a time."""
    rest, golden = iter(cases), 0
    while some := list(islice(rest, _SENT if isinstance(model, ModelProcess) else TOGETHER)):
        skipped: set[str] = set()
        if isinstance(model, ModelProcess):
            named = [case.id for case in some if case.kind == "golden"]
            skipped = set(named[max(0, ALONE - golden) :])
            golden += len(named)
        answers = _ask(model, some, skipped)
        refused = {
            case.id
            for case, its in zip(some, answers, strict=True)
            if its.batch and its.batch.outputs is None
        }
        if skipped & refused:
            answers = _ask(model, some, skipped - refused)  # to know which of the cases is the reason
        yield from zip(some, answers, strict=True)


def read_case_answers(file: Path) -> dict[str, CaseAnswers]:
    """The answers in a file by the ids of the cases.

    Raises OSError, and KeyError, TypeError, ValueError or AttributeError for what `CaseAnswers` never writes.
    """
    with file.open(encoding="utf-8", newline="\n") as lines:
        return dict(map(_read_line, lines))


def _ask(model: Asked, cases: Sequence[Case], skipped: Set[str]) -> list[CaseAnswers]:
    """The answers to some cases; those of ``skipped`` are not asked alone."""
    single = {case.id: case.inputs for case in cases if case.id not in skipped and not case.unreadable}
    said = dict(zip(single, _each(model, list(single.values())), strict=True))
    said |= {case.id: _unreadable(model, case) for case in cases if case.unreadable}
    moved = {case.id: case.changed for case in cases if case.kind in CHANGED and said[case.id].outputs}
    changed = dict(zip(moved, _each(model, list(moved.values())), strict=True))
    # A request that is refused alone would make the model refuse the others of its batch.
    batches = _in_batches(model, [case for case in cases if case.id in skipped or said[case.id].outputs])
    return [CaseAnswers(said.get(its.id), changed.get(its.id), batches.get(its.id)) for its in cases]


def _each(model: Asked, requests: Sequence[Sequence[Tensor]]) -> list[Answer]:
    if isinstance(model, ModelProcess):
        return model.answers(requests) if requests else []
    return [model.answer(request) for request in requests]


def _unreadable(model: Asked, case: Case) -> Answer:
    """Only a server can get a request that does not consist of tensors. Elsewhere, reading it refuses it."""
    return model.post(case.raw) if isinstance(model, HttpModel) else Answer(refused=case.unreadable)


def _in_batches(model: Asked, answered: Sequence[Case]) -> dict[str, Answer]:
    alike: dict[tuple[Any, ...], list[Case]] = {}
    for case in answered:
        if case.kind in ANSWERED and len({tensor.shape[:1] for tensor in case.inputs}) == 1:
            columns = tuple((its.name, its.datatype, its.shape[1:]) for its in case.inputs)
            alike.setdefault(columns, []).append(case)
    batches = [
        cases[first : first + TOGETHER]
        for cases in alike.values()
        for first in range(0, len(cases), TOGETHER)
    ]
    batches = [cases if len(cases) > 1 else cases * 2 for cases in batches]
    asked = _each(model, [join([case.inputs for case in together]) for together in batches])
    found: dict[str, Answer] = {}
    for together, answer in zip(batches, asked, strict=True):
        total = sum(case.inputs[0].shape[0] for case in together)
        first = 0
        for case in together:
            rows = case.inputs[0].shape[0]
            outputs = answer.outputs and rows_of(answer.outputs, first, rows, total)
            found[case.id] = Answer(outputs, answer.refused, answer.ended, answer.milliseconds)
            first += rows
    return found


def _as_json(answer: Answer) -> dict[str, Any]:
    if answer.outputs is None:
        return {"refused": answer.refused, "ended": answer.ended}
    outputs = [tensor.json() for tensor in answer.outputs]
    return {"outputs": outputs, "ms": round(answer.milliseconds, 4)}


def _read_line(line: str) -> tuple[str, CaseAnswers]:
    said = json.loads(line)
    ways = ("alone", "changed", "batch")
    return str(said["id"]), CaseAnswers(*(_answer(said[way]) if way in said else None for way in ways))


def _answer(said: Mapping[str, Any]) -> Answer:
    if "outputs" in said:
        outputs = tuple(map(Tensor.from_json, said["outputs"]))
        return Answer(outputs, milliseconds=float(said.get("ms", 0)))
    return Answer(refused=str(said["refused"]), ended=said["ended"] is not False)
