"""The graph of an exported model: its inputs and outputs, and repairs of what skl2onnx gets wrong.

Each repair names the fault. tests/unit/models/test_onnx_models.py compares the answers with scikit-learn's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import TensorProto, checker, compose, helper

from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_steps import add_inverse
from mlroad.models.onnx_text import lower_tokens, pad_apart

OPSET = {"": 19, "ai.onnx.ml": 3}
"""What Microsoft.ML.OnnxRuntime 1.17 and later run; harness/dotnet/Directory.Packages.props has it."""
Node = Any
"""An onnx.NodeProto: onnx has no types that mypy can read."""
_INSIDE = "inside/"
"""What the names of all values in the graph begin with: those of columns and outputs can be any text."""
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
    """An output of the model's pyfunc flavor."""

    name: str
    place: int
    """Which of the graph's outputs it is."""
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


def finish(model: Any, columns: Sequence[Column], outputs: Sequence[Output]) -> Any:
    """Give the graph the inputs of the signature and the outputs of the pyfunc flavor.

    It reads the columns in their order, or all of them as the matrix `ALL`. Raises NotExportable.
    """
    names = [*(column.name for column in columns), *(output.name for output in outputs)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise NotExportable(
            f"{twice} is the name of an input and of an output; name the output differently in the signature."
        )
    compose.add_prefix(model, _INSIDE, rename_nodes=False, rename_functions=False, inplace=True)
    graph = model.graph
    inside = list(graph.input)
    before: list[Node] = []
    if [item.name for item in inside] == [f"{_INSIDE}{ALL}"]:
        parts = [f"{_INSIDE}column/{place}" for place in range(len(columns))]
        kind = inside[0].type.tensor_type.elem_type
        for column, part in zip(columns, parts, strict=True):
            before += _cast(column, kind, part, graph)
        before.append(helper.make_node("Concat", parts, [inside[0].name], axis=1))
    else:
        for column, item in zip(columns, inside, strict=True):
            before += _cast(column, item.type.tensor_type.elem_type, item.name, graph)
    nodes = [*before, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(
        helper.make_tensor_value_info(column.name, _KINDS[column.kind][0], [None, 1]) for column in columns
    )
    found = list(graph.output)
    del graph.output[:]
    for output in outputs:
        _add_output(graph, found[output.place], output)
    _prune(graph)
    checker.check_model(model)
    return model


def _cast(column: Column, wanted: int, name: str, graph: Any) -> list[Node]:
    if column.kind == "boolean" and wanted == TensorProto.STRING:
        # The names that NumPy gives the categories of a column of truth values.
        for text in ("True", "False"):
            graph.initializer.append(
                helper.make_tensor(f"{name}_{text}", TensorProto.STRING, [1], [text.encode()])
            )
        return [helper.make_node("Where", [column.name, f"{name}_True", f"{name}_False"], [name])]
    return [helper.make_node("Cast", [column.name], [name], to=wanted)]


def _add_output(graph: Any, found: Any, output: Output) -> None:
    """Give an output of the graph the name and the shape that it has in the pyfunc flavor."""
    kind = found.type.tensor_type.elem_type
    if kind not in DATATYPES:
        raise NotExportable(f"The output {output.name} is not a tensor of numbers, texts or truth values.")
    source = found.name
    if output.target is not None:
        source = add_inverse(graph, output.target, source, kind)
    # Not Squeeze: its axis has moved from an attribute to an input, and skl2onnx may lower the opset.
    shape, shaped = f"{source}/shape", f"{source}/shaped"
    lengths = [-1, *output.shape[1:]]
    graph.initializer.append(helper.make_tensor(shape, TensorProto.INT64, [len(lengths)], lengths))
    graph.node.append(helper.make_node("Reshape", [source, shape], [shaped]))
    if output.is_boolean:
        kind = TensorProto.BOOL
    graph.node.append(helper.make_node("Cast", [shaped], [output.name], to=kind))
    graph.output.append(helper.make_tensor_value_info(output.name, kind, [None, *output.shape[1:]]))


def _prune(graph: Any) -> None:
    """Remove what no output needs, such as labels beside probabilities."""
    needed = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    kept = [item for item in graph.initializer if item.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(kept)
