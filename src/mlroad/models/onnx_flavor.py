"""Models that are ONNX already: MLflow's flavor onnx, as other libraries than scikit-learn can save it.

The graph is kept. It gets the inputs and outputs that `finish` gives every exported model.
"""

from collections.abc import Sequence
from typing import Any

import onnxruntime
from onnx import TensorProto, helper

from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_graph import ALL, DATATYPES, OPSET, Column, Output, finish
from mlroad.models.tensors import ONNX_TYPES

_ELEMENTS = {datatype: kind for kind, datatype in DATATYPES.items()}


def from_flavor(path: str, columns: Sequence[Column], outputs: Sequence[Output]) -> Any:
    """The graph (onnx.ModelProto) of a model that MLflow saved in the flavor onnx. Raises NotExportable."""
    import mlflow.onnx

    model = mlflow.onnx.load_model(path)
    for item in model.opset_import:
        if item.version > OPSET.get(item.domain, item.version):
            name = item.domain or "ONNX"
            raise NotExportable(
                f"The model has version {item.version} of the operators of {name}; "
                f"convert it with {OPSET[item.domain]} at most."
            )
    graph = with_types(model).graph
    constants = {item.name for item in graph.initializer}
    inputs = {item.name: item for item in graph.input if item.name not in constants}
    places = {item.name: place for place, item in enumerate(graph.output)}
    if unknown := [output.name for output in outputs if output.name not in places]:
        raise NotExportable(f"The graph has no output {unknown[0]}.")
    del graph.input[:]
    if len(inputs) == 1:  # MLflow gives it all columns as one matrix
        [item] = inputs.values()
        _read_instead(graph, item.name, ALL)
        item.name = ALL
        graph.input.append(item)
    elif inputs.keys() != {column.name for column in columns}:
        raise NotExportable(
            f"The inputs of the graph are {', '.join(inputs)}, and not the signature's columns."
        )
    else:  # MLflow gives each input its column, as a vector
        _read_vectors(graph, list(inputs))
        graph.input.extend(inputs[column.name] for column in columns)
    chosen = [Output(its.name, places[its.name], its.shape, its.is_boolean) for its in outputs]
    return finish(model, columns, chosen)


def with_types(model: Any) -> Any:
    """The model with the types of its outputs that ONNX Runtime infers. Raises its exceptions."""
    for output in model.graph.output:
        output.ClearField("type")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for output, found in zip(model.graph.output, session.get_outputs(), strict=True):
        if found.type in ONNX_TYPES:  # the others are sequences, which `finish` refuses
            output.type.tensor_type.elem_type = _ELEMENTS[ONNX_TYPES[found.type]]
    return model


def _read_instead(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = new if name == old else name


def _read_vectors(graph: Any, names: Sequence[str]) -> None:
    graph.initializer.append(helper.make_tensor("mlroad/flat", TensorProto.INT64, [1], [-1]))
    for name in names:
        _read_instead(graph, name, f"{name}/flat")
    nodes = [helper.make_node("Reshape", [name, "mlroad/flat"], [f"{name}/flat"]) for name in names]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
