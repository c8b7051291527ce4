"""`mlroad codegen csharp`: names that C# accepts, and sources that the harness's tests compile and run."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mlroad.cli.main import mlroad
from mlroad.core.problems import UserError
from mlroad.models.csharp_names import comment, is_namespace, pascal_case, string_literal, unique_names
from tests.unit.models.generated_csharp import FOLDER, ODD, TINY, column, sources


@pytest.mark.parametrize("name", ["Tiny.g.cs", "OddModels.g.cs"])
def test_the_harness_compiles_what_is_generated_today(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == sources()[name], "run `python -m tests.unit.models.generated_csharp`"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("age", "Age"),
        ("sepal length (cm)", "SepalLengthCm"),
        ("area_m2", "AreaM2"),
        ("ownedBy", "OwnedBy"),
        ("1st", "_1st"),
        ("größe", "Größe"),
        ("ßtraße", "ßtraße"),
        ("%", "Column"),
        ("", "Column"),
        ("🙂", "Column"),
        ("e\u0301tat", "État"),
        ("x" * 1000, f"X{'x' * 199}"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert pascal_case(text) == name


@given(st.lists(st.text(max_size=12), max_size=8, unique=True))
def test_names_are_different_identifiers(texts: list[str]) -> None:
    names = unique_names(texts, ["Example", "Column"])
    assert len({*names, "Example", "Column"}) == len(texts) + 2
    letters = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"}
    for name in names:
        assert name[0] == "_" or unicodedata.category(name[0]) in letters
        assert all(unicodedata.category(sign) in letters | {"Mn", "Mc", "Nd"} for sign in name[1:])
        assert all(ord(sign) <= 0xFFFF for sign in name)


@given(st.text())
def test_no_text_leaves_its_literal_or_its_comment(text: str) -> None:
    literal = string_literal(text)
    assert re.fullmatch(r'"([^"\\]|\\["\\nrt]|\\U[0-9a-f]{8})*"', literal)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", literal + comment(text))
    assert "<" not in comment(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("A", True),
        ("My.App_2", True),
        ("@class.A", True),
        ("", False),
        ("A.", False),
        ("a b", False),
        ("A.class", False),
    ],
)
def test_namespaces(text: str, is_one: bool) -> None:
    assert is_namespace(text) is is_one


def run(folder: Path, contract: Any, *arguments: str) -> str:
    """The output, or the message of the mistake."""
    text = contract if isinstance(contract, str) else json.dumps(contract)
    (folder / "contract.json").write_text(text, encoding="utf-8")
    said = CliRunner().invoke(mlroad, ["codegen", "csharp", str(folder), *arguments])
    if isinstance(said.exception, UserError):
        return str(said.exception)
    assert said.exit_code in (0, 2), said
    return said.output


def test_the_file_is_beside_the_contract_and_its_example_is_the_first_golden_case(tmp_path: Path) -> None:
    case = {"kind": "golden", "request": {"inputs": [{"name": "age", "data": [41.5]}]}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case) + "\n", encoding="utf-8")
    said = run(tmp_path, TINY)
    text = (tmp_path / "Tiny.g.cs").read_text(encoding="utf-8")
    assert "Age = 41.5d," in text
    assert "namespace InferenceModels;" in text
    assert "model.Predict(TinyRequest.Example)" in said
    assert "Tiny.g.cs" in said


def test_the_file_and_the_namespace_can_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "Other.cs"
    run(tmp_path, ODD, "--namespace", "My.App", "--out", str(file))
    assert "namespace My.App;" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("contract", "what"),
    [
        ("{", "is not JSON"),
        ("[]", "A contract should be a JSON object"),
        ("{}", "should have the key schema"),
        ({**TINY, "schema": 2}, "schema 2 is not known"),
        ({**TINY, "inputs": [{"name": "age"}]}, "In inputs, age has the datatype null"),
        ({**TINY, "inputs": [column("age", "FP16")]}, """age has the datatype "FP16\""""),
        ({**TINY, "inputs": [column("age", "FP32", -1)]}, "only the number of rows may be open"),
        ({**TINY, "outputs": []}, "outputs should be a list of columns"),
        ({**TINY, "inputs": [column("age", "FP64")] * 2}, "In inputs, age is there twice"),
        ({**TINY, "inputs": [column("age", "FP64", required="no")]}, "required of age is not true or false"),
        ("[" * 100_000, "is not JSON"),
        ({**TINY, "inputs": [column("age", "FP64", minimum="a", maximum="b")]}, "is not a contract"),
    ],
)
def test_a_contract_that_cannot_be_used_is_named_and_nothing_is_written(
    tmp_path: Path, contract: Any, what: str
) -> None:
    said = run(tmp_path, contract)
    assert what in said
    assert "contract.json" in said
    assert [file.name for file in tmp_path.iterdir()] == ["contract.json"]


def test_a_wrong_namespace_and_a_missing_folder(tmp_path: Path) -> None:
    assert "is not a namespace" in run(tmp_path, TINY, "--namespace", "a b")
    assert "cannot be read" in str(
        CliRunner().invoke(mlroad, ["codegen", "csharp", str(tmp_path / "none")]).exception
    )
