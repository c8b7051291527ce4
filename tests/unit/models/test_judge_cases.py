"""One judge for all runtimes: each kind of case right and wrong, alone, after a change and in a batch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from mlroad.models.case_answers import CaseAnswers, ask_cases, read_case_answers
from mlroad.models.cases import Case, CaseFile, read_cases
from mlroad.models.inference_verdict import InferenceVerdict, Latency
from mlroad.models.judge_cases import judge_case, judge_cases
from mlroad.models.model_process import Answer
from mlroad.models.suite import Suite
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import CaseTolerance, Limit, Tolerance
from tests.support import REPO
from tests.unit.models.judged_corpus import CORPUS, corpus
from tests.unit.models.test_cases import BOUNDARY, INVALID, UNREADABLE, asks, case, moved, same

TOLERANCE = Tolerance(Limit(absolute=0.1))
NO = Answer(refused="ValueError: no")
ENDED = Answer(refused="its process ended with code 1", ended=True)


def value(*values: float | str, name: str = "y") -> Answer:
    kind = "BYTES" if isinstance(values[0], str) else "FP64"
    return Answer((Tensor(name, kind, (len(values),), values),))


def of(kind: str, **more: Any) -> Case:
    x = Tensor("x", "FP64", (1, 1), (1.0,))
    if kind in ("golden", "boundary"):
        more = {"expected": value(5.0).outputs, **more}
    if kind in ("invariance", "directional"):
        held = "same" if kind == "invariance" else "increase"
        more = {"change": (replace(x, data=(2.0,)),), "holds": held, **more}
    return Case("a", kind, (x,), **more)


OWN = CaseTolerance(Limit(absolute=2))


@pytest.mark.parametrize(
    ("tested", "answers", "code", "words"),
    [
        (of("golden"), CaseAnswers(value(5.05), batch=value(4.95)), "", ""),
        (
            of("golden"),
            CaseAnswers(value(6.0), batch=value(6.0)),
            "MI201",
            "y[0] is 6, expected 5: differs by 1",
        ),
        (
            of("golden"),
            CaseAnswers(value(5.0), batch=value(6.0)),
            "MI207",
            "Right alone, but wrong in a batch: y",
        ),
        (
            of("golden"),
            CaseAnswers(value(6.0), batch=value(5.0)),
            "MI207",
            "Right in a batch, but wrong alone: y",
        ),
        (
            of("golden"),
            CaseAnswers(value(6.0), batch=value(7.0)),
            "MI207",
            "In a batch, it answers otherwise",
        ),
        (of("golden"), CaseAnswers(value(5.0), batch=NO), "MI207", "Right alone, but refused in a batch"),
        (of("golden"), CaseAnswers(value(5.0)), "MI202", "no answer to this case in a batch"),
        (of("golden"), CaseAnswers(NO), "MI202", "The model refused: ValueError: no."),
        (of("golden"), CaseAnswers(None, batch=value(5.0)), "MI202", "There is no answer to this case"),
        (of("golden"), None, "MI202", "There is no answer to this case"),
        (of("golden", tolerance=OWN), CaseAnswers(value(6.0), batch=value(6.0)), "", ""),
        (of("golden", tolerance=OWN), CaseAnswers(value(8.0), batch=value(8.0)), "MI201", "allowed is 2"),
        (of("boundary"), CaseAnswers(value(5.0), batch=value(5.0)), "", ""),
        (of("boundary"), CaseAnswers(value("a"), batch=value("a")), "MI201", "y is BYTES, but FP64"),
        (of("invariance"), CaseAnswers(value(7.0), value(7.05)), "", ""),
        (
            of("invariance"),
            CaseAnswers(value(7.0), value(7.5)),
            "MI208",
            "The change moves the answer: y[0] is",
        ),
        (of("invariance", tolerance=OWN), CaseAnswers(value(7.0), value(8.5)), "", ""),
        (of("invariance", output="z"), CaseAnswers(value(7.0), value(7.0)), "MI208", "There is no output z"),
        (of("invariance"), CaseAnswers(value(7.0)), "MI202", "no answer to the changed request"),
        (of("invariance"), CaseAnswers(value(7.0), NO), "MI202", "refused the changed request"),
        (of("directional"), CaseAnswers(value(7.0), value(7.5)), "", ""),
        (
            of("directional"),
            CaseAnswers(value(7.0), value(7.0)),
            "MI208",
            "y[0] should increase, but goes from 7",
        ),
        (
            of("directional", at_least=1),
            CaseAnswers(value(7.0), value(7.5)),
            "MI208",
            "increase by 1 or more",
        ),
        (of("directional", holds="decrease"), CaseAnswers(value(7.0), value(6.0)), "", ""),
        (of("directional"), CaseAnswers(value(7.0), value(float("nan"))), "MI208", "to nan"),
        (
            of("directional"),
            CaseAnswers(value("a"), value("b")),
            "MI208",
            "y is BYTES, which cannot increase",
        ),
        (of("directional"), CaseAnswers(value(1.0, 2.0), value(2.0, 1.0)), "MI208", "y[1] should increase"),
        (of("invalid"), CaseAnswers(NO), "", ""),
        (of("invalid"), CaseAnswers(value(7.0)), "MI203", "should refuse this request, but answered y [7]"),
        (of("invalid"), CaseAnswers(ENDED), "MI202", "did not refuse, but failed: its process ended"),
        (of("invalid"), CaseAnswers(Answer(refused=" ")), "MI203", "refused without saying why"),
    ],
)
def test_each_kind(tested: Case, answers: CaseAnswers | None, code: str, words: str) -> None:
    result = judge_case(tested, answers, TOLERANCE)
    assert (result.code, result.passed) == (code, not code), result
    assert words in result.what


def test_the_judges_in_python_and_dotnet_give_the_same_results() -> None:
    """The harness's own tests (JudgeTests.cs) compare its judge with this file."""
    text = CORPUS.read_text(encoding="utf-8")
    assert text == corpus(), (
        "run `python -m tests.unit.models.judged_corpus`, and then the tests of the harness"
    )
    cases = [case for line in text.splitlines() for case in json.loads(line)["cases"]]
    assert {case["code"] for case in cases} == {"", "MI201", "MI202", "MI203", "MI207", "MI208"}
    assert any("allowed: " in case["what"] for case in cases)


def suite_of(tmp_path: Path, cases: list[Case], **more: Any) -> Suite:
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(f"{its.text()}\n" for its in cases), encoding="utf-8")
    read, problems = CaseFile.read(file)
    assert not problems
    about = {"tolerance": TOLERANCE, "retrained": TOLERANCE, **more}
    return Suite(tmp_path / "suite.yml", "m", "d:1", "sha256:0", read, **about)


def test_thresholds_of_a_retrained_model_may_move(tmp_path: Path) -> None:
    """Golden cases only up to the share that may differ, boundary cases in any case."""
    cases = [replace(of("golden"), id=f"g{number}") for number in range(4)]
    cases += [replace(of("boundary"), id=f"b{number}") for number in range(3)]
    suite = suite_of(tmp_path, cases, retrained=Tolerance(Limit(), may_differ=0.25))
    right, wrong = CaseAnswers(value(5.0), batch=value(5.0)), CaseAnswers(value(9.0), batch=value(9.0))
    verdict = InferenceVerdict("m", "r")

    def passed(wrongs: set[str], datasets: dict[str, str]) -> set[str]:
        answers = {its.id: wrong if its.id in wrongs else right for its in cases}
        return {r.id for r in judge_cases(suite, datasets, answers, verdict).results if not r.passed}

    assert passed({"g0", "b0", "b1", "b2"}, {}) == set()
    assert passed({"g0", "g1", "b0"}, {}) == {"g0", "g1"}
    assert passed({"b0"}, {"d:1": "sha256:0"}) == {"b0"}


def test_the_latency_budget(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, [of("golden")], p95_ms=2.0)
    answers = {"a": CaseAnswers(value(5.0), batch=value(5.0))}
    verdict = judge_cases(suite, {}, answers, InferenceVerdict("m", "r"))
    assert verdict.passed
    assert replace(verdict, latency=Latency(1, 2, 9)).passed
    slow = replace(verdict, latency=Latency(1, 2.5, 9))
    assert not slow.passed
    assert slow.json()["reason"] == "One row takes 2.5 ms (95th percentile), and suite.yml allows 2 ms."


class _Doubled:
    """A model that answers 2x, one row at a time; of several rows, it forgets the last."""

    def __init__(self, is_careless: bool = False) -> None:
        self.asked: list[int] = []
        self._is_careless = is_careless

    def answer(self, inputs: Any) -> Answer:
        (x,) = inputs
        self.asked.append(len(x.data))
        if min(x.data) < 0:
            return Answer(refused="ValueError: negative")
        doubled = [2 * its for its in x.data]
        if self._is_careless and len(doubled) > 1:
            doubled[-1] = 0.0
        return Answer((Tensor("y", "FP64", (len(doubled),), tuple(doubled)),), milliseconds=1.0)


def at(number: int, x: float, kind: str = "golden") -> Case:
    made = of(kind, expected=value(2 * x).outputs) if kind == "golden" else of(kind)
    return replace(made, id=f"c{number}", inputs=(Tensor("x", "FP64", (1, 1), (x,)),))


def test_asking_alone_and_in_batches(tmp_path: Path) -> None:
    cases = [at(number, float(number)) for number in range(262)]
    cases += [at(262, -1.0), at(263, -2.0, "invalid"), at(264, 1.0, "directional")]
    suite = suite_of(tmp_path, cases)
    model = _Doubled()
    answers = ask_cases(model, suite.cases)
    assert sorted(model.asked) == [1] * 266 + [6, 256]  # a change is a second request
    assert list(answers) == [its.id for its in cases]
    file = tmp_path / "case_answers.jsonl"
    file.write_text("".join(its.line(id_) for id_, its in answers.items()), encoding="utf-8")
    assert read_case_answers(file) == answers
    verdict = judge_cases(suite, {}, answers, InferenceVerdict("m", "r"))
    assert [result.id for result in verdict.failed] == ["c262"]

    answers = ask_cases(_Doubled(is_careless=True), suite.cases)
    verdict = judge_cases(suite, {}, answers, InferenceVerdict("m", "r"))
    wrong = {result.id: result.code for result in verdict.failed}
    assert wrong == {"c255": "MI207", "c261": "MI207", "c262": "MI202"}


def test_a_single_case_is_asked_in_a_batch_too(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, [at(1, 3.0)])
    model = _Doubled(is_careless=True)
    verdict = judge_cases(suite, {}, ask_cases(model, suite.cases), InferenceVerdict("m", "r"))
    assert (model.asked, verdict.failed[0].code) == ([1, 2], "MI207")


def _schema(name: str) -> Any:
    file = REPO / f"docs/reference/inference-{name}.schema.json"
    return jsonschema.Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("line", "is_valid"),
    [
        (case(), True),
        (INVALID, True),
        (UNREADABLE, True),
        (BOUNDARY, True),
        (moved(), True),
        (same(), True),
        (asks(data=["NaN"]), True),
        (asks(shape=[2, 1], data=[[1], [2.5]]), True),
        (case(tags=["a"], tolerance={"absolute": 1}), True),
        (case(kind="other"), False),
        (case(note=1), False),
        (case(expect={"error": True}), False),
        (case(tolerance={}), False),
        (case(expect={"outputs": [{"name": "y", "shape": [1], "datatype": "FP64", "data": ["NaN"]}]}), False),
        (case(change={"inputs": []}), False),
        (same(expect={"holds": "increase"}), False),
        (moved(expect={"holds": "increase", "at_least": -1}), False),
        (moved(tolerance={"absolute": 1}), False),
        (INVALID | {"expect": {"error": False}}, False),
        (asks(datatype="FP16"), False),
        (asks(data=["nan"]), False),
        (asks(datatype="INT64", data=[1.5]), False),
        (asks(datatype="BOOL", data=[1]), False),
        ({"id": "a", "kind": "golden"}, False),
    ],
)
def test_the_schema_and_the_reader_agree(tmp_path: Path, line: dict[str, Any], is_valid: bool) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert (not read_cases(file)[1]) is is_valid
    assert _schema("case").is_valid(line) is is_valid


def test_verdicts_have_the_published_form(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, [of("golden")])
    verdict = judge_cases(suite, {}, {"a": CaseAnswers(NO)}, InferenceVerdict("m", "r", runtime="onnx"))
    for made in (verdict, replace(verdict, latency=Latency(1, 2, 3)), replace(verdict, reason="no")):
        _schema("verdict").validate(made.json())
    assert not _schema("verdict").is_valid({**verdict.json(), "runtime": "java"})
