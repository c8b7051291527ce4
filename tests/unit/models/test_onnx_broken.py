"""Exported models that are broken in typical ways: their inference tests say which case, where and how."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlroad.models.case_answers import ask_cases
from mlroad.models.inference_verdict import InferenceVerdict
from mlroad.models.judge_cases import judge_cases
from mlroad.models.model_process import ModelBroken
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.suite import load_suite
from tests.unit.models.saved_models import RUN, called, frozen, save_run

pytestmark = pytest.mark.slow
MOMENT = 1.7e9
"""Seconds since 1970, as a model may read them: FP32 has steps of two minutes there."""


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repo with an exported model and its inference tests."""
    root = tmp_path_factory.mktemp("broken") / "repo"
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "width": random.uniform(1, 9, 80),
            "height": random.uniform(1, 9, 80),
            "moment": MOMENT + random.uniform(0, 999, 80).round(),
            "place": random.choice(["here", "there"], 80),
        }
    )
    value = 3 * rows["width"] - rows["height"] + (rows["moment"] - MOMENT) / 100
    numbers = (StandardScaler(), ["width", "height", "moment"])
    steps = make_column_transformer(numbers, (OneHotEncoder(), ["place"]))
    save_run(root, "shop", make_pipeline(steps, LinearRegression()).fit(rows, value), rows)
    frozen(root, "shop")
    done = called(root, "export", "models/shop")
    assert done.exit_code == 0, done.output
    return root


def judged(repo: Path, folder: Path) -> InferenceVerdict:
    suite, problems = load_suite(repo / "models/shop", repo)
    assert suite is not None, problems
    with OnnxSession(folder) as session:
        answers = ask_cases(session, suite.cases)
    return judge_cases(suite, {suite.dataset: suite.digest}, answers, InferenceVerdict("shop", RUN))


@pytest.fixture
def exported(repo: Path, tmp_path: Path) -> Path:
    """A copy of the export that a test may break."""
    return Path(shutil.copytree(repo / ".runs/shop" / RUN / "export", tmp_path / "export"))


def test_the_export_as_it_is(repo: Path, exported: Path) -> None:
    assert judged(repo, exported).passed


def _between(graph: Any, name: str, *nodes: Any) -> None:
    """Let all that reads an input read ``<name>_new``, which the nodes make of it."""
    for node in graph.node:
        for place, read in enumerate(node.input):
            node.input[place] = f"{name}_new" if read == name else read
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def _after(graph: Any, *nodes: Any) -> None:
    """Let the nodes make ``prediction`` of ``before``."""
    graph.node[-1].output[0] = "before"
    graph.node.extend(nodes)


def _number(graph: Any, name: str, value: float, kind: int = TensorProto.DOUBLE) -> str:
    graph.initializer.append(helper.make_tensor(name, kind, [1], [value]))
    return name


def swapped_columns(graph: Any) -> None:
    other = {"width": "height", "height": "width"}
    for node in graph.node:
        for place, read in enumerate(node.input):
            node.input[place] = other.get(read, read)


def wrong_scaling(graph: Any) -> None:
    factor = _number(graph, "factor", 1.1)
    _between(graph, "width", helper.make_node("Mul", ["width", factor], ["width_new"]))


def one_weight(graph: Any) -> None:
    weights = next(item for item in graph.initializer if "coef" in item.name)
    values = numpy_helper.to_array(weights).copy()
    values.flat[0] += 0.5
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))


def single_precision(graph: Any) -> None:
    rounded = helper.make_node("Cast", ["moment"], ["rounded"], to=TensorProto.FLOAT)
    _between(
        graph, "moment", rounded, helper.make_node("Cast", ["rounded"], ["moment_new"], to=TensorProto.DOUBLE)
    )


def wrong_shape(graph: Any) -> None:
    shape = helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1])
    graph.initializer.append(shape)
    _after(graph, helper.make_node("Reshape", ["before", "column"], ["prediction"]))
    graph.output[0].CopyFrom(helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, [None, 1]))


def _only_if(graph: Any, compare: str) -> None:
    """Add 1 to the answers to a single row, or to those to several rows."""
    one = _number(graph, "one", 1, TensorProto.INT64)
    wrong = ("Shape", ["before"], "rows"), (compare, ["rows", one], "is_wrong")
    nodes = [helper.make_node(kind, given, [made]) for kind, given, made in wrong]
    cast = helper.make_node("Cast", ["is_wrong"], ["extra"], to=TensorProto.DOUBLE)
    _after(graph, *nodes, cast, helper.make_node("Add", ["before", "extra"], ["prediction"]))


def wrong_alone(graph: Any) -> None:
    _only_if(graph, "Equal")


def wrong_in_a_batch(graph: Any) -> None:
    _only_if(graph, "Greater")


def not_a_number(graph: Any) -> None:
    zero = _number(graph, "zero", 0)
    nothing = helper.make_node("Div", [zero, zero], ["nothing"])
    _after(graph, nothing, helper.make_node("Add", ["before", "nothing"], ["prediction"]))


DIFFERS = r"prediction\[\d*\] is [-\d.e+]+, expected [-\d.e+]+: differs by [\d.e+-]+, allowed is [\d.]+"


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (swapped_columns, DIFFERS),
        (wrong_scaling, DIFFERS),
        (one_weight, DIFFERS),
        (single_precision, DIFFERS),
        (wrong_shape, r"prediction has the shape \[1, 1\], but \[1\] was expected"),
        (wrong_alone, f"Right in a batch, but wrong alone: {DIFFERS}"),
        (wrong_in_a_batch, f"Right alone, but wrong in a batch: {DIFFERS}"),
        (not_a_number, r"prediction\[0\] is (nan|NaN), expected [-\d.e+]+"),
    ],
    ids=lambda its: getattr(its, "__name__", ""),
)
def test_a_broken_graph(repo: Path, exported: Path, break_it: Callable[[Any], None], what: str) -> None:
    model = onnx.load(exported / "model.onnx")
    break_it(model.graph)
    onnx.save(model, exported / "model.onnx")
    failed = judged(repo, exported).failed
    assert failed
    assert failed[0].id.startswith("golden-")
    assert re.search(what, failed[0].what), failed[0].what


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _changed(change: Callable[[Any], None]) -> Callable[[Path], None]:
    def apply(file: Path) -> None:
        model = onnx.load(file)
        change(model)
        onnx.save(model, file)

    return apply


def _newer_opset(model: Any) -> None:
    model.opset_import[0].version = 999


def _renamed_output(model: Any) -> None:
    model.graph.node[-1].output[0] = model.graph.output[0].name = "price"


def _text_input(model: Any) -> None:
    given = next(item for item in model.graph.input if item.name == "width")
    given.type.tensor_type.elem_type = TensorProto.STRING
    cast = helper.make_node("Cast", ["width"], ["width_new"], to=TensorProto.DOUBLE)
    _between(model.graph, "width", cast)


def _whole_output(model: Any) -> None:
    cast = helper.make_node("Cast", ["before"], ["prediction"], to=TensorProto.INT64)
    _after(model.graph, cast)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (_truncated, "INVALID_PROTOBUF|Protobuf parsing failed"),
        (_changed(_newer_opset), "[Oo]pset"),
        (_changed(_renamed_output), "The outputs are price, but contract.json says prediction"),
        (_changed(_text_input), r"width is a tensor\(string\), but FP64 in contract.json"),
        (_changed(_whole_output), r"prediction is a tensor\(int64\), but FP64 in contract.json"),
        (Path.unlink, "model.onnx"),
    ],
    ids=["truncated", "opset", "renamed", "text", "whole", "missing"],
)
def test_a_model_that_does_not_fit_its_contract(
    repo: Path, exported: Path, break_it: Callable[[Path], None], what: str
) -> None:
    break_it(exported / "model.onnx")
    with pytest.raises(ModelBroken, match=rf"export.*({what})"):
        judged(repo, exported)
