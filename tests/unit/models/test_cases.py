"""cases.jsonl line by line: every mistake has a line and a code, and valid lines are read unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlroad.core.problems import UserError
from mlroad.models.cases import read_cases
from mlroad.models.suite import stated_tolerances
from mlroad.models.tensors import FAMILIES, TensorError, answer_tensors, frame_of
from mlroad.models.tolerance import Limit
from tests.support import REPO


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [51.5], **changes}


def case(**changes: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "kind": "golden",
        "request": {"inputs": [tensor()]},
        "expect": {"outputs": [tensor(name="prediction", shape=[1])]},
        **changes,
    }


def asks(**changes: Any) -> dict[str, Any]:
    return case(request={"inputs": [tensor(**changes)]})


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


INVALID = case(id="two", kind="invalid", expect={"error": True})
UNREADABLE = INVALID | {"id": "three", "request": {"inputs": [tensor(data=["many"])], "outputs": 7}}
BOUNDARY = case(kind="boundary", tags=["night"], tolerance={"outputs": {"prediction": {"absolute": 0.5}}})


def moved(**changes: Any) -> dict[str, Any]:
    """A directional case."""
    change = {"inputs": [tensor(data=[60.0])]}
    expect = {"holds": "increase", "output": "prediction", "at_least": 0.5}
    return case(**{"kind": "directional", "change": change, "expect": expect, **changes})


def same(**changes: Any) -> dict[str, Any]:
    return moved(**{"kind": "invariance", "expect": {"holds": "same"}, **changes})


ODD_LINES = REPO / "factory_template/harness/dotnet/Tests/odd_lines.jsonl"


@pytest.mark.parametrize("line", ODD_LINES.read_text(encoding="utf-8").splitlines())
def test_odd_lines_are_read_as_in_dotnet(tmp_path: Path, line: str) -> None:
    """The harness's tests read the same lines (CaseFileTests.cs)."""
    odd = json.loads(line)
    cases, problems = read(tmp_path, odd["line"])
    assert (len(cases), not problems) == (odd["is_case"], odd["is_case"]), problems
    for problem in problems:
        assert str(problem).encode(), "it can be printed"
        assert problem.at.line == 1


ODD_TOLERANCES = ODD_LINES.with_name("odd_tolerances.jsonl").read_text(encoding="utf-8").splitlines()
OF_YAML = {
    "{absolute: 1_000}": True, "{absolute: +1}": True, "{absolute: .5}": True, "{absolute: 1.0e-3}": True,
    "{absolute: &one 1, relative: *one}": True, "{absolute: 010}": False, "{absolute: 0x10}": False,
    "{absolute: 0b11}": False, "{absolute: 1:30}": False, "{absolute: yes}": False, "{absolute: .nan}": False,
    "{absolute: .inf}": False, "{absolute: 1e-3}": False, "{absolute: 2020-01-01}": False, "{yes: 1}": False,
    "{outputs: {1: {absolute: 1}}}": False, "{absolute: 1, absolute: 2}": False, "": False,
}  # fmt: skip


def test_odd_limits_are_read_as_in_dotnet(tmp_path: Path) -> None:
    """The harness's tests read the same limits as JSON. YAML has more ways to write a number."""
    file = tmp_path / "inference_tests/suite.yml"
    file.parent.mkdir()
    table = {odd["tolerance"]: odd["is_valid"] for odd in map(json.loads, ODD_TOLERANCES)} | OF_YAML
    found = {}
    for text in table:
        file.write_text(f"tolerance: {{absolute: 1}}\nretrained: {text}\n", encoding="utf-8")
        try:
            stated_tolerances(tmp_path, tmp_path)
            found[text] = True
        except UserError as error:
            found[text] = False
            assert "suite.yml:2" in str(error)
    assert found == table


def read(tmp_path: Path, *lines: object) -> tuple[list[Any], list[Any]]:
    file = tmp_path / "cases.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return read_cases(file)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("", "MI102", "This line is empty"),
        ("{", "MI102", "not JSON"),
        ("[]", "MI105", "JSON object"),
        ("{} {}", "MI102", "Extra data"),
        ('{"id": "a", "id": "b"}', "MI102", "duplicate key id"),
        (json.dumps(asks(data=[float("nan")])), "MI102", "JSON has no NaN; write it as a text"),
        (json.dumps(asks(data=[float("-inf")])), "MI102", "JSON has no -Infinity"),
        ("[" * 100_000, "MI102", "nested too deeply"),
        (case(kind="goldn"), "MI106", "Did you mean golden?"),
        (case(kind=["golden"]), "MI106", "not a kind of case"),
        (case(id=7), "MI105", "id of a case"),
        (case(id=" "), "MI105", "id of a case"),
        (without(case(), "expect"), "MI104", "A case needs the key expect"),
        (without(case(), "id"), "MI104", "A case needs the key id"),
        (case(note="x"), "MI103", "A case has no key note"),
        (case(expct=1), "MI103", "Did you mean expect?"),
        (case(request=[]), "MI105", "A request should be a JSON object"),
        (case(request={}), "MI104", "A request needs the key inputs"),
        (case(request={"inputs": {}}), "MI105", "inputs should be a list"),
        (case(request={"inputs": [tensor()], "id": 1}), "MI105", "id of a request"),
        (case(request={"inputs": [tensor()], "outputs": []}), "MI103", "A request has no key outputs"),
        (case(request={"inputs": [1]}), "MI105", "A tensor should be"),
        (case(request={"inputs": [tensor(), tensor()]}), "MI108", "Duplicate tensor in inputs: age"),
        (case(request={"inputs": [without(tensor(), "shape")]}), "MI104", "A tensor needs the key shape"),
        (asks(parameters={}), "MI103", "A tensor has no key parameters"),
        (asks(name=""), "MI108", "name"),
        (asks(datatype="FP16"), "MI108", 'the datatype of age is "FP16"'),
        (asks(datatype="fp64"), "MI108", "datatype"),
        (asks(datatype=["FP64"]), "MI108", "datatype"),
        (asks(shape=[2]), "MI108", "which is 2 values, but data has 1"),
        (asks(shape=[-1, -1]), "MI108", "shape"),
        (asks(shape=[True]), "MI108", "shape"),
        (asks(shape=1), "MI108", "shape"),
        (asks(data=51.5), "MI108", "should be a list"),
        (asks(data=[None]), "MI108", "age contains null, which is not a valid FP64"),
        (asks(data=["51"]), "MI108", 'age contains "51", which is not a valid FP64'),
        (asks(data=[True]), "MI108", "age contains true, which is not a valid FP64"),
        (asks(data=[10**400]), "MI108", "which is not a valid FP64"),
        (asks(datatype="FP32", data=[1e39]), "MI108", "which is not a valid FP32"),
        (asks(datatype="INT64", data=[1.0]), "MI108", "which is not a valid INT64"),
        (asks(datatype="INT8", data=[128]), "MI108", "which is not a valid INT8"),
        (asks(datatype="UINT8", data=[-1]), "MI108", "which is not a valid UINT8"),
        (asks(datatype="INT64", data=[2**63]), "MI108", "which is not a valid INT64"),
        (asks(datatype="BOOL", data=[1]), "MI108", "which is not a valid BOOL"),
        (asks(datatype="BYTES", data=[1]), "MI108", "which is not a valid BYTES"),
        (asks(datatype="BYTES", data=["\ud800"]), "MI108", "which is not a valid BYTES"),
        (asks(shape=[2, 1], data=[[1.0], [2.0, 3.0]]), "MI108", "nested data"),
        (asks(shape=[2, 1], data=[[1.0], 2.0]), "MI108", "nested data"),
        (case(expect={"error": True}), "MI103", "What a golden case expects has no key error"),
        (case(expect={"outputs": []}), "MI105", "without an expected value"),
        (case(expect={"outputs": [tensor(shape=[0], data=[])]}), "MI105", "without an expected value"),
        (case(expect={"outputs": [tensor(data=["x"])]}), "MI108", "In outputs"),
        (case(kind="invalid"), "MI103", "What an invalid case expects has no key outputs"),
        (case(kind="invalid", expect={"error": False}), "MI105", "expects that the model refuses"),
        (case(kind="invalid", expect={"error": 1}), "MI105", "expects that the model refuses"),
        (case(kind="invalid", expect={"error": True, "code": 1}), "MI103", "no key code"),
        (INVALID, "MI107", "Duplicate id: two is also in line 1"),
        (case(tags="night"), "MI105", "tags should be a list of texts"),
        (case(tags=[""]), "MI105", "tags should be a list of texts"),
        (case(tolerance={}), "MI104", "The tolerance is empty"),
        (case(tolerance=0.5), "MI105", "A tolerance should be a JSON object"),
        (case(tolerance={"absolut": 1}), "MI103", "Did you mean absolute?"),
        (case(tolerance={"absolute": -1}), "MI105", "absolute should be a finite number, 0 or more"),
        (case(tolerance={"absolute": True}), "MI105", "absolute should be a finite number, 0 or more"),
        (case(tolerance={"relative": 10**400}), "MI105", "relative should be a finite number, 0 or more"),
        (case(tolerance={"may_differ": 1}), "MI103", "no key may_differ"),
        (case(tolerance={"outputs": []}), "MI105", "outputs should be a JSON object"),
        (case(tolerance={"outputs": {"prediction": {}}}), "MI104", "The limit prediction is empty"),
        (case(tolerance={"outputs": {"predicton": {"absolute": 1}}}), "MI105", "Did you mean prediction?"),
        (INVALID | {"id": "x", "tolerance": {"absolute": 1}}, "MI103", "kind invalid has no tolerance"),
        (moved(tolerance={"absolute": 1}), "MI103", "kind directional has no tolerance"),
        (case(change={"inputs": [tensor()]}), "MI103", "kind golden has no change"),
        (without(same(), "change"), "MI104", "kind invariance needs the key change"),
        (same(change=[]), "MI105", "A change should be a JSON object"),
        (same(change={"inputs": []}), "MI105", "The change changes nothing"),
        (same(change={"inputs": [tensor()]}), "MI105", "The change changes nothing"),
        (same(change={"inputs": [tensor(name="agee")]}), "MI105", "Did you mean age?"),
        (same(change={"inputs": [tensor(shape=[2], data=[1.0, 2.0])]}), "MI108", "has 2 values"),
        (same(expect={"holds": "increase"}), "MI105", "Write same"),
        (same(expect={"holds": "same", "at_least": 1}), "MI103", "no key at_least"),
        (same(expect={"holds": "same", "output": ""}), "MI105", "output should be the name"),
        (moved(expect={"holds": "same"}), "MI105", "Write increase or decrease"),
        (moved(expect={"holds": "increase", "at_least": "1"}), "MI105", "at_least should be a finite number"),
        (moved(expect={}), "MI104", "needs the key holds"),
        (case(kind="boundary", expect={"outputs": []}), "MI105", "A boundary case without an expected value"),
        (case(expect={"outputs": [tensor(data=["NaN"])]}), "MI105", "such an answer never passes"),
        (asks(datatype="INT64", data=["NaN"]), "MI108", "which is not a valid INT64"),
        (asks(data=["nan"]), "MI108", "which is not a valid FP64"),
    ],
)
def test_mistakes(tmp_path: Path, line: object, code: str, words: str) -> None:
    """The lines before and after the mistake are still read."""
    cases, problems = read(tmp_path, INVALID, line, case(id="three"))
    assert problems
    assert (problems[0].at.line, problems[0].code) == (2, code), problems
    assert words in str(problems[0])
    assert str(problems[0]).startswith(f"{tmp_path / 'cases.jsonl'}:2")
    assert [found.id for found in cases if found.line != 2] == ["two", "three"]


def test_every_mistake_is_reported(tmp_path: Path) -> None:
    _, problems = read(tmp_path, case(kind="x"), case(), {**asks(data=["y"]), "id": 3}, "nothing")
    assert [(problem.at.line, problem.code) for problem in problems] == [
        (1, "MI106"),
        (3, "MI105"),
        (3, "MI108"),
        (4, "MI102"),
    ]


@pytest.mark.parametrize(
    ("datatype", "values", "dtype"),
    [
        ("BOOL", [True, False], "bool"),
        *(
            (f"INT{bits}", [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1], f"int{bits}")
            for bits in (8, 16, 32, 64)
        ),
        *((f"UINT{bits}", [0, 2**bits - 1], f"uint{bits}") for bits in (8, 16, 32, 64)),
        ("FP32", [0.5, -3], "float32"),
        ("FP64", [1e300, 3], "float64"),
        ("BYTES", ["Zürich", ""], "str"),
    ],
)
def test_every_datatype_round_trips(tmp_path: Path, datatype: str, values: list[Any], dtype: str) -> None:
    (found,), problems = read(tmp_path, asks(datatype=datatype, shape=[2, 1], data=[[v] for v in values]))
    assert not problems
    frame = frame_of(found.inputs)
    name = frame["age"].dtype.name.replace("object", "str")  # pandas 2 and 3
    assert (name, list(frame["age"])) == (dtype, values)
    (back,) = answer_tensors(frame)
    assert (back.datatype, list(back.data)) == (datatype, values)
    assert datatype in FAMILIES


def test_scalars_in_an_array_of_objects() -> None:
    scalars: list[tuple[list[Any], str]] = [
        ([np.float64(1.5)], "FP64"),
        ([np.int64(2)], "INT64"),
        ([np.str_("a")], "BYTES"),
    ]
    for wrapped, datatype in scalars:
        (found,) = answer_tensors(np.array(wrapped, dtype=object))
        assert (found.datatype, found.data) == (datatype, tuple(wrapped))
    with pytest.raises(TensorError, match="NoneType"):
        answer_tensors([1.5, None])
    with pytest.raises(TensorError, match="datetime64"):
        answer_tensors(np.array(["2026-01-31"], dtype="datetime64[D]"))


def test_a_case_is_written_as_it_was_read(tmp_path: Path) -> None:
    lines = [
        case(request={"id": "r", "inputs": [tensor()]}),
        INVALID,
        UNREADABLE,
        BOUNDARY | {"id": "four"},
        asks(data=["NaN"]) | {"id": "five", "tolerance": {"absolute": 1.0, "relative": 0.5}},
        moved(id="six"),
        same(id="seven", change={"inputs": [tensor(data=["-Infinity"])]}),
    ]
    cases, problems = read(tmp_path, *lines)
    assert not problems
    assert [json.loads(found.text()) for found in cases] == lines


@pytest.mark.parametrize(
    ("limit", "expected", "answer", "passes"),
    [
        (Limit(), 1.0, 1.0, True),
        (Limit(), 0.1 + 0.2, 0.3, False),
        (Limit(absolute=0.5), 10.0, 10.5, True),
        (Limit(absolute=0.5), 10.0, 9.4, False),
        (Limit(relative=0.1), -10.0, -11.0, True),
        (Limit(relative=0.1), -10.0, -11.1, False),
        (Limit(relative=0.1), 0.0, 1e-9, False),
        (Limit(absolute=0.5, relative=0.1), 10.0, 11.5, True),
        (Limit(absolute=1e9), 1.0, float("nan"), False),
        (Limit(absolute=1e9), 1.0, float("inf"), False),
        (Limit(), 2**60 + 1, 2**60, False),
        (Limit(absolute=1), 7, 8, True),
        (Limit(absolute=1), True, False, False),
        (Limit(absolute=1), "a", "b", False),
        (Limit(), "a", "a", True),
    ],
)
def test_limits(limit: Limit, expected: Any, answer: Any, passes: bool) -> None:
    assert limit.allows(expected, answer) is passes
