"""Convert a scikit-learn model that MLflow saved to ONNX. Run as ``python -m mlroad.models.onnx_convert``.

It unpickles the model, which is code, so it runs in a process of its own (see onnx_export.py). The graph has
one input for each column of the model's signature, and the outputs of the model's pyfunc flavor.

skl2onnx converts the learned parameters; onnx_graph.py repairs what it is known to get wrong. Numbers are
converted as FP64 if ONNX Runtime can run that, since the thresholds of trees are FP64 in scikit-learn:
rounded to FP32, some rows take another branch.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from mlroad.models.onnx_graph import ALL, Column, Output, finish, repair

OPSET = {"": 19, "ai.onnx.ml": 3}
"""What Microsoft.ML.OnnxRuntime 1.17 and later run. harness/dotnet/Directory.Packages.props names the version."""
_WORDS = r"[\pL\pN_]{2,}"
"""scikit-learn's default token_pattern, (?u)\\b\\w\\w+\\b, for the RE2 of ONNX Runtime, whose \\w is ASCII."""


class NotExportable(Exception):
    """Why a model has no ONNX form, as a sentence that names the step."""


def convert(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """The ONNX model of an MLflow model folder, and what contract.json says of it. Raises NotExportable."""
    import mlflow.models
    import mlflow.sklearn

    about = mlflow.models.get_model_info(str(folder))
    if "sklearn" not in about.flavors:
        known = ", ".join(name for name in about.flavors if name != "python_function") or "python_function"
        raise NotExportable(f"The model has the flavor {known}; only scikit-learn models can be exported.")
    function = about.flavors["python_function"].get("predict_fn", "predict")
    if function not in ("predict", "predict_proba"):
        raise NotExportable(
            f"The model is served by {function}; only predict and predict_proba have a graph."
        )
    if (
        about.signature is None
        or about.signature.inputs is None
        or not about.signature.inputs.has_input_names()
    ):
        raise NotExportable("The model has no signature with named columns.")
    columns = [_column(spec) for spec in about.signature.inputs.inputs]
    outputs = about.signature.outputs.inputs if about.signature.outputs else []
    name = str(outputs[0].name) if len(outputs) == 1 and outputs[0].name else "prediction"
    model = mlflow.sklearn.load_model(str(folder))
    _check_steps(model)
    graph = _first_that_runs(model, columns)
    kind = getattr(outputs[0].type, "name", "") if outputs and function == "predict" else ""
    output = Output(name, function, _is_flat(model), kind == "boolean")
    finished = finish(graph, columns, output)
    return finished.SerializeToString(), {
        "inputs": [column.json() for column in columns],
        "outputs": [_output_of(finished, name)],
        "opset": OPSET[""],
    }


def _column(spec: Any) -> Column:
    kind = getattr(spec.type, "name", str(spec.type))
    if kind not in ("boolean", "integer", "long", "float", "double", "string"):
        raise NotExportable(f"The column {spec.name} is {kind}, which inference tests do not support.")
    return Column(str(spec.name), kind, bool(getattr(spec, "required", True)))


def _is_flat(model: Any) -> bool:
    """Whether the model gives one value for each row, not a row of values."""
    target = getattr(model, "n_outputs_", None)
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    coefficients = getattr(last, "coef_", None)
    if target is None and coefficients is not None and not hasattr(last, "classes_"):
        return bool(np.ndim(coefficients) < 2 or np.shape(coefficients)[0] == 1)
    return not (isinstance(getattr(last, "n_outputs_", 1), int) and getattr(last, "n_outputs_", 1) > 1)


def _check_steps(model: Any) -> None:
    """Refuse steps whose conversion is known to be wrong without a message."""
    for place, step in _steps(model):
        if isinstance(step, CountVectorizer) and step.analyzer != "word":
            raise NotExportable(
                f"The step {place} splits by {step.analyzer}; only analyzer='word' has a graph."
            )
        if isinstance(step, CountVectorizer) and step.preprocessor is not None:
            raise NotExportable(f"The step {place} has a preprocessor of its own, which has no graph.")
        if isinstance(step, CountVectorizer) and step.tokenizer is not None:
            raise NotExportable(f"The step {place} has a tokenizer of its own, which has no graph.")


def _steps(model: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(model, Pipeline):
        for name, step in model.steps:
            yield from _steps(step, f"{place}{name}/")
    elif isinstance(model, ColumnTransformer):
        for name, step, _ in getattr(model, "transformers_", model.transformers):
            yield from _steps(step, f"{place}{name}/")
    else:
        yield place.rstrip("/") or type(model).__name__, model


def _first_that_runs(model: Any, columns: Sequence[Column]) -> Any:
    """The graph with the most exact types that ONNX Runtime can run."""
    reasons: list[str] = []
    booleans = [Int64TensorType, StringTensorType] if any(c.kind == "boolean" for c in columns) else [None]
    for number in (DoubleTensorType, FloatTensorType):
        for boolean in booleans:
            try:
                graph = repair(_convert(model, columns, number, boolean), _fills(model))
                onnxruntime.InferenceSession(
                    graph.SerializeToString(), _quiet(), providers=["CPUExecutionProvider"]
                )
            except Exception as error:
                reasons.append(_reason(model, error))
            else:
                return graph
    raise NotExportable(reasons[-1])


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
        id(step): {
            "tokenexp": _WORDS if step.token_pattern == r"(?u)\b\w\w+\b" else step.token_pattern,
            "locale": "C",
        }
        for _, step in _steps(model)
        if isinstance(step, CountVectorizer | TfidfVectorizer)
    }
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if getattr(last, "classes_", None) is not None:
        options[id(last)] = {"zipmap": False}
    with _plain_attributes():
        return convert_sklearn(model, initial_types=types, options=options or None, target_opset=OPSET)


def _type_in(column: Column, number: Any, boolean: Any) -> Any:
    return {"string": StringTensorType, "boolean": boolean}.get(column.kind, number)


def _selects(model: Any) -> bool:
    """Whether the model begins with a ColumnTransformer, which knows the columns by name."""
    while isinstance(model, Pipeline):
        model = model.steps[0][1]
    return isinstance(model, ColumnTransformer)


@contextmanager
def _plain_attributes() -> Iterator[None]:
    """Write truth values in lists as 0 and 1: skl2onnx gives them for gradient boosting, and onnx refuses them."""
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


def _fills(model: Any) -> Iterator[Any]:
    for _, step in _steps(model):
        if isinstance(step, SimpleImputer) and getattr(step, "statistics_", np.array("")).dtype.kind == "f":
            yield step.statistics_


def _reason(model: Any, error: Exception) -> str:
    said = " ".join(str(error).split())
    if error.__cause__ is not None:
        said = " ".join(str(error.__cause__).split())
    named = next(
        (f"The step {place}" for place, step in _steps(model) if type(step).__name__ in said), "The model"
    )
    short = said if len(said) <= 200 else f"{said[:199]}…"
    return f"{named} cannot be converted: {type(error).__name__}: {short}"


def _output_of(model: Any, name: str) -> dict[str, Any]:
    about = model.graph.output[0].type.tensor_type
    datatype = {
        onnx.TensorProto.FLOAT: "FP32",
        onnx.TensorProto.DOUBLE: "FP64",
        onnx.TensorProto.INT64: "INT64",
        onnx.TensorProto.STRING: "BYTES",
        onnx.TensorProto.BOOL: "BOOL",
    }[about.elem_type]
    shape = [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else -1 for dim in about.shape.dim
    ]
    return {"name": name, "datatype": datatype, "shape": shape}


def _quiet() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def main(arguments: Sequence[str]) -> int:
    """``MODEL FOLDER``: write model.onnx and about.json into FOLDER, or print why not."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        content, about = convert(Path(arguments[0]))
    except NotExportable as error:
        print(error, file=sys.stderr)
        return 1
    folder = Path(arguments[1])
    (folder / "model.onnx").write_bytes(content)
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
