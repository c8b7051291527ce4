"""Convert a model to ONNX, in the process in which the model runs (see model_worker.py).

The graph has one input for each column of the model's signature, and the outputs of its pyfunc flavor.

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
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

from mlroad.core.text import cut
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_flavor import from_flavor, with_types
from mlroad.models.onnx_graph import ALL, DATATYPES, OPSET, Column, Output, finish, repair
from mlroad.models.onnx_steps import known_drift, register_steps, without_target
from mlroad.models.onnx_text import check_vectorizer, token_expression

_FUNCTIONS = ("predict", "predict_proba")


def convert(pyfunc: Any, path: str, answers: Sequence[Mapping[str, Any]]) -> tuple[bytes, dict[str, Any]]:
    """The ONNX model of a pyfunc model, and what contract.json says of it. Raises NotExportable.

    ``path`` is its folder, and ``answers`` the ``name``, ``shape`` and ``boolean`` of each of its outputs.
    """
    logging.disable(logging.CRITICAL)
    about = pyfunc.metadata
    inputs = about.signature.inputs if about.signature is not None else None
    if inputs is None or not inputs.has_input_names() or inputs.is_tensor_spec():
        raise NotExportable("The model has no signature with named columns.")
    columns = [_column(spec) for spec in inputs.inputs]
    outputs = [
        Output(its["name"], place, tuple(its["shape"]), its["boolean"]) for place, its in enumerate(answers)
    ]
    labels: list[dict[str, Any]] = [{} for _ in outputs]
    if "sklearn" in about.flavors:
        function = about.flavors["python_function"].get("predict_fn", "predict")
        model = pyfunc.get_raw_model()
        graph = to_onnx(model, columns, function, outputs)
        labels[0] = _classes(model, function, outputs[0].shape, about.metadata or {})
    elif "onnx" in about.flavors:
        graph = from_flavor(path, columns, outputs)
    else:
        known = [flavor for flavor in about.flavors if flavor != "python_function"] or ["python_function"]
        raise NotExportable(
            f"The model has the flavor {', '.join(known)}; the flavors sklearn and onnx can be exported."
        )
    said = [
        {
            "name": output.name,
            "datatype": DATATYPES[item.type.tensor_type.elem_type],
            "shape": [-1, *output.shape[1:]],
            **more,
        }
        for output, item, more in zip(outputs, graph.graph.output, labels, strict=True)
    ]
    opset = next(item.version for item in graph.opset_import if not item.domain)
    content = {"inputs": [column.json() for column in columns], "outputs": said, "opset": opset}
    return graph.SerializeToString(), content


def to_onnx(model: Any, columns: Sequence[Column], function: str, outputs: Sequence[Output]) -> Any:
    """The graph (onnx.ModelProto) of a fitted scikit-learn model. Raises NotExportable."""
    if function not in _FUNCTIONS:
        raise NotExportable(f"The model is served by {function}; ONNX models give predict or predict_proba.")
    if len(outputs) > 1:
        names = ", ".join(output.name for output in outputs)
        raise NotExportable(
            f"The model answers with several tables ({names}); scikit-learn's converter has one."
        )
    register_steps()
    model, target = without_target(model)
    for place, step in _steps(model):
        if isinstance(step, CountVectorizer):
            check_vectorizer(place, step)
        if why := known_drift(step, function, step is _last(model)):
            kind = type(step).__name__
            raise NotExportable(f"The step {place} ({kind}) cannot be converted correctly: {why}.")
    graph = _first_that_runs(model, columns)
    wanted = len(graph.graph.output) - 1 if function == "predict_proba" else 0
    return finish(graph, columns, [replace(outputs[0], place=wanted, target=target)])


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
                return with_types(repair(_convert(model, columns, number, boolean), widen))
            except NotExportable:
                raise
            except Exception as error:  # whatever skl2onnx and ONNX Runtime raise
                reason = _reason(model, error)
    raise NotExportable(reason)


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
    last = _last(model)
    if hasattr(last, "classes_"):
        options[id(last)] = {"zipmap": False}
    with _plain_attributes(), _plain_steps(model):
        return convert_sklearn(model, initial_types=types, options=options, target_opset=OPSET)


def _last(model: Any) -> Any:
    """The step that gives the answer."""
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


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
    return f"{named} cannot be converted: {cut(said, 200)}."
