"""The graph of an exported model: its inputs and outputs, and repairs of what skl2onnx gets wrong.

Each repair names the fault. tests/unit/models/test_onnx_export.py compares the answers with scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

Node = Any
"""An onnx.NodeProto: onnx has no types that mypy can read."""
ALL = "all__columns"
"""The input of a graph that reads all columns as one matrix."""
_KINDS = {
    "boolean": (TensorProto.BOOL, "BOOL"),
    "integer": (TensorProto.INT32, "INT32"),
    "long": (TensorProto.INT64, "INT64"),
    "float": (TensorProto.FLOAT, "FP32"),
    "double": (TensorProto.DOUBLE, "FP64"),
    "string": (TensorProto.STRING, "BYTES"),
}
_TREES = {"TreeEnsembleRegressor", "TreeEnsembleClassifier"}


@dataclass(frozen=True, slots=True)
class Column:
    """An input of the model: a column of its MLflow signature."""

    name: str
    kind: str
    """The type in the signature, such as double."""
    required: bool

    def json(self) -> dict[str, Any]:
        """As contract.json has it."""
        return {
            "name": self.name,
            "datatype": _KINDS[self.kind][1],
            "shape": [-1, 1],
            "required": self.required,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """The output of the model's pyfunc flavor."""

    name: str
    function: str
    """predict or predict_proba."""
    flat: bool
    """Whether there is one value for each row."""
    is_boolean: bool


def repair(model: Any, fills: Iterable[Any]) -> Any:
    """Replace what is known to be wrong or not to run. Returns the same model.

    ``fills`` are the values of the model's SimpleImputers in FP64: the graph has them rounded to FP32.
    """
    fills = list(fills)
    nodes: list[Node] = []
    logs = {node.input[0]: node for node in model.graph.node if node.op_type == "Log"}
    for node in model.graph.node:
        if node.op_type == "Add" and node.output[0] in logs and node.input[1].startswith("ones"):
            continue  # with its Log, below
        if node.op_type == "Log" and (before := _made_by(model, node.input[0])) is not None:
            nodes += _sublinear(node, before)
        elif node.op_type == "Imputer":
            nodes += _imputer(node, model, fills)
        elif node.op_type in _TREES:
            nodes += _tree(node)
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    _single_outputs(model)
    return model


def _made_by(model: Any, name: str) -> Node | None:
    return next(
        (
            node
            for node in model.graph.node
            if node.op_type == "Add" and node.output[0] == name and node.input[1].startswith("ones")
        ),
        None,
    )


def _sublinear(log: Node, add: Node) -> list[Node]:
    """1 + log(count) of counts above 0, for TfidfVectorizer(sublinear_tf=True): skl2onnx writes log(1 + count)."""
    counts, ones = add.input
    name = log.output[0]
    return [
        helper.make_node("Max", [counts, ones], [f"{name}_or_one"]),
        helper.make_node("Log", [f"{name}_or_one"], [f"{name}_log"]),
        helper.make_node("Min", [counts, ones], [f"{name}_there"]),
        helper.make_node("Add", [f"{name}_log", f"{name}_there"], [name]),
    ]


def _tree(node: Node) -> list[Node]:
    """Round to FP32 before a tree, as scikit-learn's trees do; the thresholds in the graph are FP32 as well."""
    rounded = f"{node.input[0]}__fp32_{node.output[0]}"
    cast = helper.make_node("Cast", [node.input[0]], [rounded], to=TensorProto.FLOAT)
    node.input[0] = rounded
    return [cast, node]


def _imputer(node: Node, model: Any, fills: Iterable[Any]) -> list[Node]:
    """SimpleImputer for FP64: ONNX Runtime has an Imputer for FP32 and whole numbers only."""
    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    values, missing = given.get("imputed_value_floats"), given.get("replaced_value_float")
    if values is None or missing is None or not np.isnan(missing):
        return [node]
    name = node.output[0]
    kind = _type_of(model, node.input[0])
    rounded = np.asarray(values, dtype=np.float32)
    exact = next((known for known in fills if np.array_equal(known.astype(np.float32), rounded)), rounded)
    fill = exact.astype(np.float64 if kind == TensorProto.DOUBLE else np.float32).reshape(1, -1)
    model.graph.initializer.append(numpy_helper.from_array(fill, f"{name}_fill"))
    return [
        helper.make_node("IsNaN", [node.input[0]], [f"{name}_missing"]),
        helper.make_node("Where", [f"{name}_missing", f"{name}_fill", node.input[0]], [name]),
    ]


def _type_of(model: Any, name: str) -> int:
    """The element type of a value that comes from inputs of the graph by concatenation and the like."""
    kinds = {item.name: item.type.tensor_type.elem_type for item in model.graph.input}
    makers = {output: node for node in model.graph.node for output in node.output}
    while name not in kinds and name in makers:
        name = makers[name].input[0]
    return int(kinds.get(name, TensorProto.FLOAT))


def _single_outputs(model: Any) -> None:
    """Declare what trees give: FP32, also for FP64 inputs, where skl2onnx declares FP64."""
    makers = {output: node for node in model.graph.node for output in node.output}
    for output in model.graph.output:
        name = output.name
        while name in makers and makers[name].op_type in {
            "Identity",
            "Reshape",
            "Mul",
            "Div",
            "Add",
            "Concat",
            "Sub",
        }:
            name = makers[name].input[0]
        if name in makers and makers[name].op_type in _TREES:
            if output.type.tensor_type.elem_type == TensorProto.DOUBLE:
                output.type.tensor_type.elem_type = TensorProto.FLOAT


def finish(model: Any, columns: Iterable[Column], output: Output) -> Any:
    """Give the graph the inputs of the signature and the output of the pyfunc flavor."""
    graph = model.graph
    before: list[Node] = []
    inside = {item.name: item.type.tensor_type.elem_type for item in graph.input}
    rename: dict[str, str] = {}
    inputs = []
    for column in columns:
        kind, _ = _KINDS[column.kind]
        inputs.append(helper.make_tensor_value_info(column.name, kind, [None, 1]))
        wanted = inside[ALL if ALL in inside else column.name]
        rename[column.name] = column.name
        if wanted != kind:
            rename[column.name] = f"{column.name}__as_{TensorProto.DataType.Name(wanted).lower()}"
            before += _cast(column, kind, wanted, rename[column.name], graph)
    if ALL in inside:
        before.append(helper.make_node("Concat", list(rename.values()), [ALL], axis=1))
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = rename.get(name, name)
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.input[:]
    graph.input.extend(inputs)
    _set_output(graph, output)
    checker.check_model(model)
    return model


def _cast(column: Column, kind: int, wanted: int, name: str, graph: Any) -> list[Node]:
    if kind == TensorProto.BOOL and wanted == TensorProto.STRING:
        # The names that NumPy gives the categories of a column of truth values.
        for text in ("True", "False"):
            graph.initializer.append(
                helper.make_tensor(f"{name}_{text}", TensorProto.STRING, [1], [text.encode()])
            )
        return [helper.make_node("Where", [column.name, f"{name}_True", f"{name}_False"], [name])]
    return [helper.make_node("Cast", [column.name], [name], to=wanted)]


def _set_output(graph: Any, output: Output) -> None:
    """Keep one output, under the name and in the shape of the pyfunc flavor."""
    wanted = graph.output[-1] if output.function == "predict_proba" else graph.output[0]
    kind = wanted.type.tensor_type.elem_type
    shape: list[int | None] = [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in wanted.type.tensor_type.shape.dim
    ]
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    source = wanted.name
    if output.name in taken:
        _rename(graph, output.name, f"{output.name}__inside")
        source = f"{output.name}__inside" if source == output.name else source
    if output.function == "predict" and output.flat and len(shape) == 2:
        # Not Squeeze: its axis has moved from an attribute to an input, and skl2onnx may lower the opset.
        flat = f"{output.name}__shape"
        graph.initializer.append(helper.make_tensor(flat, TensorProto.INT64, [1], [-1]))
        graph.node.append(helper.make_node("Reshape", [source, flat], [f"{output.name}__flat"]))
        source, shape = f"{output.name}__flat", [None]
    if output.is_boolean:
        kind = TensorProto.BOOL
    graph.node.append(helper.make_node("Cast", [source], [output.name], to=kind))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(output.name, kind, shape))


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
