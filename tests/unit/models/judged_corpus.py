"""Cases, answers and their results, which the judges in Python and in .NET must both give.

`python -m tests.unit.models.judged_corpus` writes factory_template/harness/dotnet/Tests/judged_cases.jsonl: a
line for each suite. test_judge_cases.py and the harness's JudgeTests.cs compare both judges with it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlroad.models.case_answers import CaseAnswers
from mlroad.models.cases import Case
from mlroad.models.inference_verdict import InferenceVerdict
from mlroad.models.judge_cases import judge_each
from mlroad.models.model_process import Answer
from mlroad.models.suite import Suite
from mlroad.models.tensors import Tensor, Value
from mlroad.models.tolerance import CaseTolerance, Limit, Tolerance
from tests.support import REPO

CORPUS = REPO / "factory_template/harness/dotnet/Tests/judged_cases.jsonl"
_COMPACT = (",", ":")
_REFUSALS = ("it is late", "Ends itself.", " ", "")
_VALUES: dict[str, tuple[Value, ...]] = {
    "FP64": (1.0, 1.0005, -2.5, 1e-7, 123456789.25, float("nan"), float("inf"), 0.0),
    "FP32": (0.1, 0.5, 1.0, -3.25, 1e20, float("-inf")),
    "INT64": (0, 1, -7, 2**60, 2**60 + 1),
    "BYTES": ("yes", "no", "ß" * 70, ""),
    "BOOL": (True, False),
}
_LIMITS = (Limit(), Limit(0.001), Limit(0.01, 0.1), Limit(relative=1e-6))


def corpus() -> str:
    """The lines of the file: the results are those of the judge in Python."""
    return "".join(
        f"{json.dumps(suite, ensure_ascii=False, separators=_COMPACT)}\n" for suite in map(_judged, _suites())
    )


def _suites() -> Iterator[tuple[Tolerance, list[tuple[Case, CaseAnswers]]]]:
    made = random.Random(13)
    for number in range(18):
        named = {"score": made.choice(_LIMITS)} if made.random() < 0.5 else {}
        tolerance = Tolerance(made.choice(_LIMITS), named, made.choice((0.0, 0.0, 0.3, 0.75)))
        yield tolerance, [_asked(made, f"case-{number}-{place}") for place in range(10)]


def _asked(made: random.Random, name: str) -> tuple[Case, CaseAnswers]:
    kind = made.choice(("golden", "golden", "golden", "boundary", "invalid", "invariance", "directional"))
    inputs = (Tensor("age", "FP64", (1, 1), (20.0,)),)
    expected = _outputs(made)
    alone = _answer(made, expected)
    if kind == "invalid":
        return Case(name, kind, inputs), CaseAnswers(alone)
    own = CaseTolerance(Limit(0.5), {}) if made.random() < 0.1 and kind != "directional" else None
    if kind in ("golden", "boundary"):
        batch = None if made.random() < 0.05 else _answer(made, alone.outputs or expected)
        return Case(name, kind, inputs, expected, tolerance=own), CaseAnswers(alone, batch=batch)
    holds = "same" if kind == "invariance" else made.choice(("increase", "decrease"))
    changed = None if made.random() < 0.05 else _answer(made, alone.outputs or expected)
    case = Case(
        name, kind, inputs, tolerance=own, change=(Tensor("age", "FP64", (1, 1), (30.0,)),), holds=holds,
        output=made.choice(("", "score", "label")),
        at_least=made.choice((0.0, 0.25)) if kind == "directional" else 0.0,
    )  # fmt: skip
    return case, CaseAnswers(alone, changed=changed)


def _outputs(made: random.Random) -> tuple[Tensor, ...]:
    return tuple(_tensor(made, name) for name in ("score", "label")[: made.choice((1, 2))])


def _tensor(made: random.Random, name: str) -> Tensor:
    datatype = made.choice(list(_VALUES))
    shape = made.choice(((1,), (1, 1), (1, 3)))
    finite = [value for value in _VALUES[datatype] if not isinstance(value, float) or abs(value) < 1e30]
    return _read(Tensor(name, datatype, shape, tuple(made.choice(finite) for _ in range(shape[-1]))))


def _read(tensor: Tensor) -> Tensor:
    """As it is after it was written as JSON."""
    return Tensor.from_json(tensor.json())


def _answer(made: random.Random, expected: tuple[Tensor, ...]) -> Answer:
    """The expected answer, or one that is wrong in some way."""
    chance = made.random()
    if chance < 0.15:
        return Answer(refused=made.choice(_REFUSALS), ended=made.random() < 0.3)
    if chance < 0.55:
        return Answer(expected)
    if chance < 0.6:
        return Answer((*expected, Tensor("more", "INT64", (1,), (1,))))
    if chance < 0.65:
        return Answer((Tensor("other", "FP64", (1,), (1.0,)),))
    if chance < 0.7:
        return Answer(tuple(_tensor(made, its.name) for its in expected))
    return Answer(tuple(_moved(made, its) for its in expected))


def _moved(made: random.Random, tensor: Tensor) -> Tensor:
    data = list(tensor.data)
    place = made.randrange(len(data))
    value = data[place]
    if isinstance(value, float) and made.random() < 0.6:
        data[place] = value + made.choice((1e-9, 0.0004, 0.3, -0.3))
    else:
        data[place] = made.choice(_VALUES[tensor.datatype])
    return _read(replace(tensor, data=tuple(data)))


def _judged(suite: tuple[Tolerance, list[tuple[Case, CaseAnswers]]]) -> dict[str, Any]:
    tolerance, asked = suite
    about = Suite(Path("suite.yml"), "m", "d:1", "x", None, tolerance, tolerance)  # type: ignore[arg-type]
    verdict = judge_each(about, {"d:1": "x"}, asked, InferenceVerdict("m", "r"))
    limits = {name: limit.json() for name, limit in tolerance.outputs.items()}
    return {
        "tolerance": {**tolerance.limit.json(), "outputs": limits, "may_differ": tolerance.may_differ},
        "cases": [
            {
                "case": json.loads(case.text()), "answers": json.loads(its.line(case.id)),
                "passed": result.passed, "what": result.what, "code": result.code,
            }
            for (case, its), result in zip(asked, verdict.results, strict=True)
        ],
    }  # fmt: skip


if __name__ == "__main__":
    CORPUS.write_text(corpus(), encoding="utf-8", newline="\n")
