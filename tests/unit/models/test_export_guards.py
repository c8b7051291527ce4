"""What freeze, export and the runtime onnx refuse that no other test reaches, and look-alikes that pass."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow.onnx
import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model, infer_signature
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression

from mlroad.core.problems import UserError
from mlroad.models.cases import Case
from mlroad.models.freeze import _check_batches, _invalid
from mlroad.models.model_process import Answer, ColumnSpec, ModelBroken
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_convert import convert, to_onnx
from mlroad.models.onnx_flavor import from_flavor
from mlroad.models.onnx_graph import OPSET, Column, Output
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Limit, Tolerance

NUMBER = TensorProto.FLOAT
ANSWER = Output("y", 0, (2,), is_boolean=False)
COLUMNS = [Column("a", "double", required=True), Column("b", "double", required=True)]


class Function:
    """A model that answers with a function of the rows of column a."""

    def __init__(self, of: Callable[[Sequence[float]], Answer]) -> None:
        self.of = of

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        return self.of([float(value) for value in inputs[0].data])


def numbers(values: Sequence[float]) -> Answer:
    return Answer((Tensor("y", "FP64", (len(values),), tuple(values)),))


def column(name: str, *values: float, datatype: str = "FP64") -> Tensor:
    return Tensor(name, datatype, (len(values), 1), values)


# freeze ---------------------------------------------------------------------------------------------------


def test_a_model_whose_answer_depends_on_the_other_rows_cannot_be_frozen() -> None:
    cases = [
        Case(f"golden-{value}", "golden", (column("a", value),), (Tensor("y", "FP64", (1,), (value,)),))
        for value in (1.0, 2.0)
    ]
    tolerance = Tolerance(Limit(absolute=0.01))
    _check_batches(Function(numbers), cases, tolerance)  # type: ignore[arg-type]
    ranks = Function(lambda rows: numbers([row - min(rows) + 1 if len(rows) > 1 else row for row in rows]))
    _check_batches(ranks, cases[:1], tolerance)  # type: ignore[arg-type]
    centred = Function(lambda rows: numbers([row if len(rows) == 1 else row - 1 for row in rows]))
    with pytest.raises(UserError, match=r"answers a row \(a=1 …\) otherwise if others are asked with it"):
        _check_batches(centred, cases, tolerance)  # type: ignore[arg-type]


def test_a_model_that_ends_its_process_cannot_be_frozen() -> None:
    columns, request = [ColumnSpec("a", "double", required=True)], [column("a", 1.0)]
    refuses = SimpleNamespace(answer=lambda _: Answer(refused="no"))
    cases, accepted = _invalid(refuses, columns, request)  # type: ignore[arg-type]
    assert ([case.id for case in cases], accepted) == (
        ["frozen-invalid-missing-a", "frozen-invalid-text-for-a"],
        [],
    )
    ends = SimpleNamespace(answer=lambda _: Answer(refused="it ended with code 3", ended=True))
    with pytest.raises(UserError, match="ends its process when it gets a request without a: it ended with"):
        _invalid(ends, columns, request)  # type: ignore[arg-type]


# export ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "outputs", "words"),
    [
        ("predict_log_proba", [ANSWER], "served by predict_log_proba; ONNX models give predict or"),
        ("predict", [ANSWER, Output("z", 1, (2,), is_boolean=False)], r"several tables \(y, z\)"),
    ],
)
def test_answers_that_scikit_learns_converter_does_not_give(
    function: str, outputs: list[Output], words: str
) -> None:
    model = LinearRegression().fit(np.arange(8.0).reshape(4, 2), np.arange(4.0))
    assert to_onnx(model, COLUMNS, "predict", [ANSWER]).graph.output[0].name == "y"
    with pytest.raises(NotExportable, match=words):
        to_onnx(model, COLUMNS, function, outputs)


@pytest.mark.parametrize(
    ("flavors", "signature", "words"),
    [
        (["xgboost", "python_function"], pd.DataFrame({"a": [1.0]}), "has the flavor xgboost; the flavors"),
        (["python_function"], pd.DataFrame({"a": [1.0]}), "has the flavor python_function; the flavors"),
        (["sklearn"], None, "no signature with named columns"),
        (["sklearn"], np.ones((2, 2)), "no signature with named columns"),
        (["sklearn"], pd.DataFrame({"a": [b"1"]}), "column a is binary, which inference tests do not"),
    ],
)
def test_models_that_cannot_be_converted_at_all(
    flavors: list[str], signature: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "disable", lambda _: None)  # it would hold for this whole process
    about = Model(
        flavors={name: {} for name in flavors},
        signature=None if signature is None else infer_signature(signature),
    )
    with pytest.raises(NotExportable, match=words):
        convert(SimpleNamespace(metadata=about), "", [])


def graph(inputs: Sequence[str], opset: int = OPSET[""], sequence: bool = False) -> Any:
    """y = the sum of the inputs, or a sequence of one of them."""
    given = [helper.make_tensor_value_info(name, NUMBER, [None]) for name in inputs]
    node = helper.make_node("SequenceConstruct" if sequence else "Sum", list(inputs), ["y"])
    kind = helper.make_tensor_type_proto(NUMBER, [None])
    answer = helper.make_value_info("y", helper.make_sequence_type_proto(kind) if sequence else kind)
    made = helper.make_graph([node], "sum", given, [answer])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


@pytest.mark.parametrize(
    ("model", "output", "words"),
    [
        (
            graph("ab", OPSET[""] + 1),
            "y",
            f"version {OPSET[''] + 1} of the operators of ONNX; convert",
        ),
        (graph("ab"), "z", "The graph has no output z"),
        (graph("ac"), "y", "inputs of the graph are a, c, and not the signature's columns"),
        (graph("abc"), "y", "inputs of the graph are a, b, c, and not"),
        (graph("ab", sequence=True), "y", "output y is not a tensor of numbers, texts or truth values"),
        (graph("ab"), "", ""),
        (graph("ba"), "", ""),
    ],
    ids=["opset", "output", "other column", "one too many", "sequence", "fine", "fine in another order"],
)
def test_graphs_that_are_onnx_already(
    model: Any, output: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow.onnx, "load_model", lambda _: model)
    outputs = [Output(output or "y", 0, (2,), is_boolean=False)]
    if not words:
        assert [item.name for item in from_flavor("", COLUMNS, outputs).graph.input] == ["a", "b"]
        return
    with pytest.raises(NotExportable, match=words):
        from_flavor("", COLUMNS, outputs)


# the runtime onnx -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with an FP64 column that the graph reads as FP32, and optional INT64, BOOL and FP64 ones."""
    kinds = {"a": NUMBER, "whole": TensorProto.INT64, "truth": TensorProto.BOOL, "maybe": NUMBER}
    inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in kinds.items()]
    nodes = [helper.make_node("Identity", ["a"], ["y"])]
    answer = helper.make_tensor_value_info("y", NUMBER, [None, 1])
    made = helper.make_graph(nodes, "same", inputs, [answer])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    datatypes = {"a": "FP64", "whole": "INT64", "truth": "BOOL", "maybe": "FP64"}
    contract = {
        "schema": 1,
        "inputs": [
            {"name": n, "datatype": of, "shape": [-1, 1], "required": n == "a"} for n, of in datatypes.items()
        ],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
    }
    (tmp_path / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    return tmp_path


def test_requests_that_the_graph_cannot_hold(folder: Path) -> None:
    whole = column("whole", 2, datatype="INT64")
    truth = column("truth", True, datatype="BOOL")
    with OnnxSession(folder) as session:
        for value, answer in ((3.4e38, 3.4e38), (float("inf"), float("inf")), (-1.5, -1.5)):
            found = session.answer([column("a", value), whole, truth])
            assert found.outputs, found.refused
            assert found.outputs[0].data[0] == pytest.approx(answer)
        for inputs, why in (
            (
                [column("a", 1e39), whole, truth],
                "a contains a value that is too large for the model's FP32",
            ),
            ([column("a", -1e39), whole, truth], "too large for the model's FP32"),
            ([column("a", 1.0), truth], "the input whole is missing, and INT64 has no missing value"),
            ([column("a", 1.0), whole], "the input truth is missing, and BOOL has no missing value"),
            ([whole, truth], "the input a is missing"),
            ([column("a", float("nan")), whole, truth], "a has a missing value, but the model needs one"),
        ):
            assert why in session.answer(inputs).refused


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"truth"', '"lie"', r"The inputs are a, whole, truth, maybe, but contract.json says a, whole, lie,"),
        ('"BOOL"', '"BYTES"', r"truth is a tensor\(bool\), but BYTES in contract.json"),
        ('"y"', '"z"', r"The outputs are y, but contract.json says z"),
        ('{"schema"', '{"sch', "contract.json: This is not JSON: (Unterminated|Expecting)"),
        ('"schema": 1', '"schema": 2', "contract.json: schema 2 is not known to this version of mlroad"),
        ('"outputs"', '"output"', "contract.json: outputs should be a list of columns"),
        ('"FP32"', "7", "In outputs, y has the datatype 7, which is not known"),
    ],
)
def test_a_contract_of_another_graph(folder: Path, old: str, new: str, words: str) -> None:
    file = folder / "contract.json"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelBroken, match=words):
        OnnxSession(folder)
