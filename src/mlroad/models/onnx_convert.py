"""Convert a scikit-learn model to ONNX, in the process in which the model runs (see model_worker.py).

The graph has one input for each column of the model's signature, and the output of the model's pyfunc flavor.

skl2onnx converts the learned parameters. onnx_steps.py has steps of our own, onnx_text.py what a vectorizer
needs, and onnx_graph.py repairs what skl2onnx is known to get wrong. Numbers are FP64 if ONNX Runtime can run
that, as in scikit-learn: rounded to FP32, some rows take another branch of a tree.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_graph import ALL, DATATYPES, OPSET, Column, Output, finish, repair
from mlroad.models.onnx_steps import register_steps, without_target
from mlroad.models.onnx_text import check_vectorizer, token_expression

_FUNCTIONS = ("predict", "predict_proba")
_TYPES = {
    "tensor(float)": TensorProto.FLOAT,
    "tensor(double)": TensorProto.DOUBLE,
    "tensor(int64)": TensorProto.INT64,
    "tensor(int32)": TensorProto.INT32,
    "tensor(bool)": TensorProto.BOOL,
    "tensor(string)": TensorProto.STRING,
}


def convert(pyfunc: Any, name: str, shape: Sequence[int], boolean: bool) -> tuple[bytes, dict[str, Any]]:
    """The ONNX model of a pyfunc model, and what contract.json says of it. Raises NotExportable.

    ``name`` and ``shape`` are those of an answer of the pyfunc model.
    """
    logging.disable(logging.CRITICAL)
    about = pyfunc.metadata
    if "sklearn" not in about.flavors:
        known = (
            ", ".join(flavor for flavor in about.flavors if flavor != "python_function") or "python_function"
        )
        raise NotExportable(f"The model has the flavor {known}; only scikit-learn models can be exported.")
    function = about.flavors["python_function"].get("predict_fn", "predict")
    if function not in _FUNCTIONS:
        raise NotExportable(f"The model is served by {function}; ONNX models give predict or predict_proba.")
    inputs = about.signature.inputs if about.signature is not None else None
    if inputs is None or not inputs.has_input_names() or inputs.is_tensor_spec():
        raise NotExportable("The model has no signature with named columns.")
    columns = [_column(spec) for spec in inputs.inputs]
    model = pyfunc.get_raw_model()
    graph = to_onnx(model, columns, Output(name, function, tuple(shape), boolean))
    output = graph.graph.output[0]
    content = {
        "inputs": [column.json() for column in columns],
        "outputs": [
            {
                "name": name,
                "datatype": DATATYPES[output.type.tensor_type.elem_type],
                "shape": [-1, *shape[1:]],
                **_classes(model, function, shape, about.metadata or {}),
            }
        ],
        "opset": next(item.version for item in graph.opset_import if not item.domain),
    }
    return graph.SerializeToString(), content


def to_onnx(model: Any, columns: Sequence[Column], output: Output) -> Any:
    """The graph (onnx.ModelProto) of a fitted scikit-learn model. Raises NotExportable."""
    register_steps()
    model, target = without_target(model)
    for place, step in _steps(model):
        if isinstance(step, CountVectorizer):
            check_vectorizer(place, step)
    return finish(_first_that_runs(model, columns), columns, replace(output, target=target))


def _column(spec: Any) -> Column:
    kind = getattr(spec.type, "name", str(spec.type))
    if kind not in ("boolean", "integer", "long", "float", "double", "string"):
        raise NotExportable(f"The column {spec.name} is {kind}, which inference tests do not support.")
    return Column(str(spec.name), kind, bool(getattr(spec, "required", True)))


def _classes(model: Any, function: str, shape: Sequence[int], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The class or label of each column of probabilities, or the texts that a classifier may answer."""
    stated = metadata.get("classes") or metadata.get("labels")
    classes = stated if stated is not None else getattr(model, "classes_", None)
    if not isinstance(classes, list | np.ndarray) or np.ndim(classes) != 1:
        return {}
    texts = [str(item) for item in classes]
    if function == "predict_proba":
        return {"labels": texts} if len(shape) == 2 and shape[1] == len(texts) else {}
    return {"allowed": texts} if all(isinstance(item, str) for item in classes) else {}


def _steps(model: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """All steps, each with its place, such as ``columntransformer/pipeline/simpleimputer``."""
    found: Sequence[tuple[Any, ...]] = ()
    if isinstance(model, Pipeline):
        found = model.steps
    elif isinstance(model, ColumnTransformer):
        found = model.transformers_
    elif isinstance(model, FeatureUnion):
        found = model.transformer_list
    yield place.lstrip("/") or type(model).__name__, model
    for name, step, *_ in found:
        if step is not None and not isinstance(step, str):
            yield from _steps(step, f"{place}/{name}")


def _first_that_runs(model: Any, columns: Sequence[Column]) -> Any:
    """The graph with the most exact types that ONNX Runtime can run. Its outputs have the inferred types."""
    reason = ""
    booleans = [Int64TensorType, StringTensorType] if any(c.kind == "boolean" for c in columns) else [None]
    for number, widen in ((DoubleTensorType, True), (DoubleTensorType, False), (FloatTensorType, False)):
        for boolean in booleans:
            try:
                return _with_types(repair(_convert(model, columns, number, boolean), widen))
            except NotExportable:
                raise
            except Exception as error:  # whatever skl2onnx and ONNX Runtime raise
                reason = _reason(model, error)
    raise NotExportable(reason)


def _with_types(graph: Any) -> Any:
    for output in graph.graph.output:
        output.ClearField("type")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for output, found in zip(graph.graph.output, session.get_outputs(), strict=True):
        if found.type in _TYPES:  # the others are sequences, and removed
            output.type.tensor_type.elem_type = _TYPES[found.type]
    return graph


def _convert(model: Any, columns: Sequence[Column], number: Any, boolean: Any) -> Any:
    if _selects(model):
        types = [(column.name, _type_in(column, number, boolean)([None, 1])) for column in columns]
    else:  # the first step reads all columns as one matrix
        if named := [column.name for column in columns if column.kind == "string"]:
            raise NotExportable(
                f"The first step reads the text {named[0]} beside other columns. "
                "Put a ColumnTransformer before it."
            )
        types = [(ALL, number([None, len(columns)]))]
    options: dict[int, dict[str, Any]] = {
        id(step): {"tokenexp": token_expression(step.token_pattern), "locale": "C"}
        for _, step in _steps(model)
        if isinstance(step, CountVectorizer)
    }
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if hasattr(last, "classes_"):
        options[id(last)] = {"zipmap": False}
    with _plain_attributes(), _plain_steps(model):
        return convert_sklearn(model, initial_types=types, options=options, target_opset=OPSET)


def _type_in(column: Column, number: Any, boolean: Any) -> Any:
    return {"string": StringTensorType, "boolean": boolean}.get(column.kind, number)


def _selects(model: Any) -> bool:
    """Whether the model begins with a ColumnTransformer, which knows the columns by name."""
    while isinstance(model, Pipeline):
        model = model.steps[0][1]
    return isinstance(model, ColumnTransformer)


@contextmanager
def _plain_attributes() -> Iterator[None]:
    """Write truth values in lists as 0 and 1: onnx refuses those that skl2onnx gives for boosted trees."""
    make = helper.make_attribute

    def plain(key: str, value: Any, *more: Any, **named: Any) -> Any:
        if isinstance(value, list):
            value = [int(item) if isinstance(item, bool | np.bool_) else item for item in value]
        return make(key, value, *more, **named)

    helper.make_attribute = plain
    try:
        yield
    finally:
        helper.make_attribute = make


@contextmanager
def _plain_steps(model: Any) -> Iterator[None]:
    """With settings that skl2onnx converts, instead of others that give the same answers."""
    changed: list[tuple[Any, str, Any]] = []
    for _, step in _steps(model):
        if isinstance(step, KBinsDiscretizer) and step.encode == "onehot":
            changed.append((step, "encode", step.encode))
            step.encode = "onehot-dense"
        if isinstance(step, Pipeline):
            changed.append((step, "steps", step.steps))
            same = {"passthrough": FunctionTransformer(), None: FunctionTransformer()}
            step.steps = [
                (name, same[its] if its is None or isinstance(its, str) else its) for name, its in step.steps
            ]
        if isinstance(step, VotingClassifier):
            changed.append((step, "flatten_transform", step.flatten_transform))
            step.flatten_transform = False
    try:
        yield
    finally:
        for step, name, value in changed:
            setattr(step, name, value)


def _reason(model: Any, error: BaseException) -> str:
    """Why it cannot be converted, and which step is the reason."""
    places = {id(step): f"The step {place} ({type(step).__name__})" for place, step in _steps(model)}
    named = "The model"
    traced = error.__traceback__
    while traced is not None:
        operator = traced.tb_frame.f_locals.get("operator")
        named = places.get(id(getattr(operator, "raw_operator", None)), named)
        traced = traced.tb_next
    if type(error).__name__ in ("MissingShapeCalculator", "MissingConverter"):
        kind = re.search(r"type '<class '([\w.]+)'", str(error))
        what = f" {kind[1].rpartition('.')[2]}" if kind else ""
        return f"{named} cannot be converted: skl2onnx has no conversion of{what or ' it'}."
    said = " ".join(str(error.__cause__ or error).split()).partition(" You may raise an iss")[0].rstrip(".")
    short = said if len(said) <= 200 else f"{said[:199]}…"
    return f"{named} cannot be converted: {short}."
