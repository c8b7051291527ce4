"""The graph of an exported model: its inputs and outputs, and repairs of what skl2onnx gets wrong.

Each repair names the fault. tests/unit/models/test_onnx_models.py compares the answers with scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from onnx import TensorProto, checker, helper

from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_steps import add_inverse
from mlroad.models.onnx_text import lower_tokens, pad_apart

OPSET = {"": 19, "ai.onnx.ml": 3}
"""What Microsoft.ML.OnnxRuntime 1.17 and later run; harness/dotnet/Directory.Packages.props has it."""
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
DATATYPES = dict(_KINDS.values())
"""The protocol's datatype of each ONNX type."""
_SINGLE = {"TreeEnsembleRegressor", "TreeEnsembleClassifier", "SVMRegressor", "SVMClassifier"}
"""Operators that calculate in FP32."""


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
    shape: tuple[int, ...]
    """Of one of its answers: (rows,) or (rows, columns)."""
    is_boolean: bool
    target: Any = None
    """The transformer of the target, whose inverse the graph lacks."""


def repair(model: Any, widen: bool) -> Any:
    """Replace what is known to be wrong or not to run. Returns the same model.

    ``widen``: the rest of the graph expects FP64 from the operators that calculate in FP32.
    """
    graph = model.graph
    nodes: list[Node] = []
    logs = {node.input[0]: node for node in graph.node if node.op_type == "Log"}
    adds = {node.output[0]: node for node in graph.node if _adds_one(node) and node.output[0] in logs}
    makers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type == "Add" and node.output[0] in adds:
            continue  # with its Log, below
        if node.op_type == "Log" and node.input[0] in adds:
            nodes += _sublinear(node, adds[node.input[0]])
        elif node.op_type in _SINGLE:
            nodes += _single(node, widen)
        elif node.op_type == "TfIdfVectorizer":
            nodes += [*(lower_tokens(node) if _is_lowered(node, makers) else ()), node]
        else:
            nodes.append(pad_apart(node))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    for domain in model.opset_import:
        if domain.domain == "ai.onnx.ml":
            domain.version = OPSET[domain.domain]  # skl2onnx writes the oldest that its own nodes need
    return model


def _is_lowered(vectorizer: Node, makers: Mapping[str, Node]) -> bool:
    """Whether a TfIdfVectorizer reads words in lower case."""
    name = vectorizer.input[0]
    while name in makers:
        if makers[name].op_type == "StringNormalizer":
            return True
        name = makers[name].input[0]
    return False


def _adds_one(node: Node) -> bool:
    return bool(node.op_type == "Add" and node.input[1].startswith("ones"))


def _sublinear(log: Node, add: Node) -> list[Node]:
    """1 + log(count) of counts above 0, for TfidfVectorizer(sublinear_tf=True).

    skl2onnx writes log(1 + count).
    """
    counts, ones = add.input
    name = log.output[0]
    return [
        helper.make_node("Max", [counts, ones], [f"{name}_or_one"]),
        helper.make_node("Log", [f"{name}_or_one"], [f"{name}_log"]),
        helper.make_node("Min", [counts, ones], [f"{name}_there"]),
        helper.make_node("Add", [f"{name}_log", f"{name}_there"], [name]),
    ]


def _single(node: Node, widen: bool) -> list[Node]:
    """Round to FP32 before an operator that calculates in FP32, as scikit-learn's trees do.

    The thresholds of trees in the graph are FP32 as well.
    """
    out = len(node.output) - 1  # a classifier has the label first
    name, rounded = node.output[out], f"{node.input[0]}__fp32_{node.output[out]}"
    before = helper.make_node("Cast", [node.input[0]], [rounded], to=TensorProto.FLOAT)
    node.input[0] = rounded
    if not widen:
        return [before, node]
    node.output[out] = f"{name}__fp32"
    return [before, node, helper.make_node("Cast", [f"{name}__fp32"], [name], to=TensorProto.DOUBLE)]


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
        if ALL not in inside and column.name not in inside:
            continue  # no step reads it
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
    _prune(graph)
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
    if not kind:
        raise NotExportable("The model gives a list of arrays, which is not a tensor.")
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    source = wanted.name
    if output.name in taken:
        _rename(graph, output.name, f"{output.name}__inside")
        source = f"{output.name}__inside" if source == output.name else source
    if output.target is not None:
        source = add_inverse(graph, output.target, source, kind)
    # Not Squeeze: its axis has moved from an attribute to an input, and skl2onnx may lower the opset.
    shape, shaped = f"{output.name}__shape", f"{output.name}__shaped"
    lengths = [-1, *output.shape[1:]]
    graph.initializer.append(helper.make_tensor(shape, TensorProto.INT64, [len(lengths)], lengths))
    graph.node.append(helper.make_node("Reshape", [source, shape], [shaped]))
    if output.is_boolean:
        kind = TensorProto.BOOL
    graph.node.append(helper.make_node("Cast", [shaped], [output.name], to=kind))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(output.name, kind, [None, *output.shape[1:]]))


def _prune(graph: Any) -> None:
    """Remove what the output does not need, such as labels beside probabilities."""
    needed = {graph.output[0].name}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    kept = [item for item in graph.initializer if item.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(kept)


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
