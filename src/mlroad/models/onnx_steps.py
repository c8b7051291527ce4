"""Steps of scikit-learn that skl2onnx converts wrongly or not at all, as converters of our own.

tests/unit/models/test_onnx_models.py compares each with scikit-learn.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from skl2onnx import update_registered_converter
from skl2onnx.common._registration import get_converter, get_shape_calculator
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

from mlroad.models.not_exportable import NotExportable


@cache
def register_steps() -> None:
    """Make skl2onnx use the converters below."""
    for kind, widths, converter in (
        (SimpleImputer, _width_of_imputer, _imputer),
        (FunctionTransformer, _same_width, _function),
        *((kind, _width_of_selection, _selection) for kind in (SelectFromModel, RFE, RFECV)),
    ):
        update_registered_converter(kind, f"MLRoad{kind.__name__}", _shape(widths), converter)
    # skl2onnx asks for its option `zipmap`, which it has not registered.
    svc = "SklearnLinearSVC"
    options = {name: [True, False] for name in ("zipmap", "nocl", "output_class_labels", "raw_scores")}
    converter_of_svc = get_converter(svc)

    def convert_svc(scope: Any, operator: Any, container: Any) -> None:
        converter_of_svc(scope, operator, container)

    update_registered_converter(LinearSVC, svc, get_shape_calculator(svc), convert_svc, options=options)


_DRIFTS: dict[type, str] = {
    KNNImputer: "finds other neighbours than scikit-learn for rows with missing values",
    TunedThresholdClassifierCV: "ignores the threshold that was tuned",
    LinearDiscriminantAnalysis: "gives other probabilities if there are two classes",
    OneVsOneClassifier: "gives the place of a class instead of the class",
    RadiusNeighborsClassifier: "writes a graph that fails for rows with few neighbours",
    RadiusNeighborsRegressor: "writes a graph that fails for rows with few neighbours",
    RFE: "gives the selected columns instead of the prediction",
}
"""What skl2onnx converts without a message, to a graph that answers otherwise."""


def known_drift(step: Any, function: str, is_last: bool) -> str:
    """Why a step of scikit-learn cannot be converted correctly; empty if nothing is known against it.

    ``function`` is what the model is served by; ``is_last``: the step gives the answer.
    """
    if isinstance(step, RFE) and not is_last:
        return ""
    if isinstance(step, OneVsOneClassifier) and np.array_equal(step.classes_, range(len(step.classes_))):
        return ""
    if isinstance(step, LinearDiscriminantAnalysis) and (function == "predict" or len(step.classes_) > 2):
        return ""
    if isinstance(step, TunedThresholdClassifierCV) and function != "predict":
        return ""
    return next((f"skl2onnx {why}" for kind, why in _DRIFTS.items() if isinstance(step, kind)), "")


def _shape(width: Callable[[Any], int]) -> Callable[[Any], None]:
    """What tells skl2onnx the type of the step's answer: that of its input, with its number of columns."""

    def calculate(operator: Any) -> None:
        kind = type(operator.inputs[0].type)
        operator.outputs[0].type = kind([None, width(operator)])

    return calculate


def _columns(operator: Any) -> int:
    return sum(int(given.type.shape[1]) for given in operator.inputs)


class Nodes(ABC):
    """Adds nodes to the graph of a step, with names of their own. ``number`` is the type of its numbers."""

    def __init__(self, number: int) -> None:
        self.number = number

    @abstractmethod
    def __call__(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node. Returns the name of its output."""

    @abstractmethod
    def initial(self, kind: int, shape: Sequence[int], values: Sequence[Any]) -> str:
        """Add a constant. Returns its name."""

    def constant(self, values: Any, kind: int | None = None) -> str:
        """As `initial`, with numbers unless ``kind`` says otherwise."""
        array = np.atleast_1d(np.asarray(values))
        flat = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
        return self.initial(kind or self.number, array.shape, flat)

    def columns(self, source: str, places: Any) -> str:
        """Some columns of a matrix."""
        return self("Gather", source, self.constant(places, TensorProto.INT64), axis=1)


class _NodesOfStep(Nodes):
    """For a converter of skl2onnx."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        kind = operator.inputs[0].type
        super().__init__(TensorProto.DOUBLE if isinstance(kind, DoubleTensorType) else TensorProto.FLOAT)
        self._scope, self._container = scope, container
        self.is_text = isinstance(kind, StringTensorType)
        self.out = str(operator.outputs[0].full_name)
        names = [str(given.full_name) for given in operator.inputs]
        self.input = names[0] if len(names) == 1 else self("Concat", *names, axis=1)

    def __call__(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or str(self._scope.get_unique_variable_name(kind.lower()))
        own = self._scope.get_unique_operator_name(kind)
        about = {"name": own, "op_version": 13, **attributes}
        self._container.add_node(kind, list(inputs), name, **about)
        return name

    def initial(self, kind: int, shape: Sequence[int], values: Sequence[Any]) -> str:
        name = str(self._scope.get_unique_variable_name("constant"))
        self._container.add_initializer(name, kind, list(shape), list(values))
        return name


class _NodesOfGraph(Nodes):
    """For a graph that skl2onnx has made."""

    def __init__(self, graph: Any, prefix: str, number: int) -> None:
        super().__init__(number)
        self._graph, self._prefix, self._made = graph, prefix, 0

    def _name(self) -> str:
        self._made += 1
        return f"{self._prefix}__{self._made}"

    def __call__(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or self._name()
        self._graph.node.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def initial(self, kind: int, shape: Sequence[int], values: Sequence[Any]) -> str:
        name = self._name()
        self._graph.initializer.append(helper.make_tensor(name, kind, list(shape), list(values)))
        return name


def _width_of_imputer(operator: Any) -> int:
    step = operator.raw_operator
    indicators = len(step.indicator_.features_) if step.indicator_ is not None else 0
    return len(_kept(step)) + indicators


def _kept(step: Any) -> Any:
    """The columns that the imputer keeps: those with a value in the training data."""
    if step.keep_empty_features or step.strategy == "constant" or step.statistics_.dtype.kind == "O":
        return np.arange(len(step.statistics_))
    return np.flatnonzero(~np.isnan(step.statistics_.astype(float)))


def _imputer(scope: Any, operator: Any, container: Any) -> None:
    """SimpleImputer, also in FP64, for texts, and with indicators.

    A request has no missing texts, so that an imputer for those changes nothing.
    """
    step, nodes = operator.raw_operator, _NodesOfStep(scope, operator, container)
    marker = step.missing_values
    if nodes.is_text and not isinstance(marker, str):
        nodes("Identity", nodes.input, out=nodes.out)
        return
    kind = TensorProto.STRING if nodes.is_text else nodes.number
    missing = _missing(nodes, marker)
    kept = _kept(step)
    source, gaps = nodes.input, missing
    if len(kept) < len(step.statistics_):
        source, gaps = nodes.columns(source, kept), nodes.columns(missing, kept)
    fill = nodes.constant(step.statistics_[kept].reshape(1, -1), kind)
    if step.indicator_ is None:
        nodes("Where", gaps, fill, source, out=nodes.out)
        return
    flags = nodes("Cast", nodes.columns(missing, step.indicator_.features_), to=kind)
    nodes("Concat", nodes("Where", gaps, fill, source), flags, axis=1, out=nodes.out)


def _missing(nodes: _NodesOfStep, marker: Any) -> str:
    if nodes.is_text:  # Equal of texts needs a newer opset than skl2onnx writes
        known: dict[str, Any] = {"keys_strings": [marker], "values_int64s": [1], "default_int64": 0}
        one = nodes("LabelEncoder", nodes.input, op_domain="ai.onnx.ml", op_version=2, **known)
        return nodes("Cast", one, to=TensorProto.BOOL)
    if marker is not None and np.isnan(marker):
        return nodes("IsNaN", nodes.input)
    return nodes("Equal", nodes.input, nodes.constant(marker))


def _same_width(operator: Any) -> int:
    return _columns(operator)


_FUNCTIONS: dict[Any, Callable[[Nodes, str, str], str]] = {
    None: lambda nodes, x, out: nodes("Identity", x, out=out),
    np.log: lambda nodes, x, out: nodes("Log", x, out=out),
    np.log1p: lambda nodes, x, out: nodes("Log", nodes("Add", x, nodes.constant(1.0)), out=out),
    np.exp: lambda nodes, x, out: nodes("Exp", x, out=out),
    np.expm1: lambda nodes, x, out: nodes("Sub", nodes("Exp", x), nodes.constant(1.0), out=out),
    np.sqrt: lambda nodes, x, out: nodes("Sqrt", x, out=out),
    np.square: lambda nodes, x, out: nodes("Mul", x, x, out=out),
    np.abs: lambda nodes, x, out: nodes("Abs", x, out=out),
    np.negative: lambda nodes, x, out: nodes("Neg", x, out=out),
}
"""Functions of NumPy in the graph."""


def _apply(nodes: Nodes, function: Any, source: str, out: str = "") -> str:
    if function not in _FUNCTIONS:
        known = ", ".join(f"numpy.{item.__name__}" for item in _FUNCTIONS if item)
        name = getattr(function, "__name__", "its function")
        raise ValueError(f"{name} is Python code; {known} can be exported")
    return _FUNCTIONS[function](nodes, source, out)


def _function(scope: Any, operator: Any, container: Any) -> None:
    """FunctionTransformer with a function of NumPy."""
    step, nodes = operator.raw_operator, _NodesOfStep(scope, operator, container)
    if step.kw_args:
        raise ValueError("its function has arguments")
    _apply(nodes, step.func, nodes.input, nodes.out)


def _width_of_selection(operator: Any) -> int:
    return int(operator.raw_operator.get_support().sum())


def _selection(scope: Any, operator: Any, container: Any) -> None:
    """The columns that the step has chosen."""
    nodes = _NodesOfStep(scope, operator, container)
    places = nodes.constant(operator.raw_operator.get_support(indices=True), TensorProto.INT64)
    nodes("Gather", nodes.input, places, axis=1, out=nodes.out)


def without_target(model: Any) -> tuple[Any, Any]:
    """A model without its TransformedTargetRegressor, and the transformer of its target, if there is one."""
    if isinstance(model, TransformedTargetRegressor):
        return model.regressor_, model.transformer_
    if isinstance(model, Pipeline) and isinstance(model.steps[-1][1], TransformedTargetRegressor):
        name, last = model.steps[-1]
        return Pipeline([*model.steps[:-1], (name, last.regressor_)]), last.transformer_
    return model, None


def add_inverse(graph: Any, transformer: Any, source: str, number: int) -> str:
    """Undo what a transformer did to the target. Returns the name of the result. Raises NotExportable."""
    nodes = _NodesOfGraph(graph, f"{source}__target", number)
    if isinstance(transformer, FunctionTransformer):
        try:
            return _apply(nodes, transformer.inverse_func, source)
        except ValueError as error:
            raise NotExportable(f"The target cannot be exported: {error}.") from None
    if isinstance(transformer, StandardScaler):
        scale, offset = transformer.scale_, transformer.mean_
    elif isinstance(transformer, MinMaxScaler) and not transformer.clip:
        scale, offset = 1 / transformer.scale_, -transformer.min_ / transformer.scale_
    else:
        raise NotExportable(
            f"The target cannot be exported: {type(transformer).__name__} has no inverse here."
        )
    scaled = nodes("Mul", source, nodes.constant(1.0 if scale is None else scale))
    return nodes("Add", scaled, nodes.constant(0.0 if offset is None else offset))
