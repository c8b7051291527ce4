"""Which estimators of scikit-learn become ONNX models that answer alike.

``python -m tests.unit.models.onnx_survey`` renews the table in docs/reference/export.md.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.decomposition import DictionaryLearning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_convert import to_onnx
from mlroad.models.onnx_graph import Column, Output
from tests.support import REPO

PAGE = REPO / "docs/reference/export.md"
BEGIN, END = "<!-- begin: tests.unit.models.onnx_survey -->\n", "<!-- end -->\n"
NAMES = ("a", "b", "c")
COLUMNS = [Column(name, "double", required=True) for name in NAMES]
SMALL: dict[str, Any] = {
    "n_estimators": 3, "max_iter": 20, "n_components": 2, "n_neighbors": 3, "n_clusters": 2,
    "random_state": 0, "n_quantiles": 10, "n_init": 1, "cv": 2, "Cs": 2,
}  # fmt: skip
"""Settings that let an estimator fit little data quickly, where it has them."""


def rows(count: int, seed: int) -> pd.DataFrame:
    """Positive numbers that FP32 holds exactly."""
    drawn = np.random.default_rng(seed).uniform(0.25, 4, (count, len(NAMES)))
    return pd.DataFrame(drawn.astype(np.float32).astype(float), columns=list(NAMES))


ROWS, OTHERS = rows(60, 0), rows(60, 1)
NUMBERS = np.asarray(ROWS["a"] * 3 + ROWS["b"] - np.log(ROWS["c"])).round(2)
CLASSES = np.asarray(pd.qcut(NUMBERS, 3, labels=["low", "middle", "high"]).astype(object))
TWO_CLASSES = np.where(np.quantile(NUMBERS, 0.6) < NUMBERS, "high", "low").astype(object)
SEVERAL = {
    "regressor": np.column_stack([NUMBERS, -NUMBERS]),
    "classifier": np.column_stack([TWO_CLASSES == "low", NUMBERS > 4]).astype(int),
}
"""Targets for estimators that refuse a single one."""
GIVEN: dict[str, dict[str, Any]] = {
    "CCA": {"n_components": 1},
    "PLSCanonical": {"n_components": 1},
    "LocalOutlierFactor": {"novelty": True},
    "RadiusNeighborsClassifier": {"radius": 5.0},
    "RadiusNeighborsRegressor": {"radius": 2.0},
    "ColumnTransformer": {"transformers": [("scaled", StandardScaler(), ["a", "b"])]},
    "FeatureUnion": {"transformer_list": [("scaled", StandardScaler())]},
    "Pipeline": {"steps": [("scaled", StandardScaler())]},
    "SparseCoder": {"estimator": DictionaryLearning(2), "dictionary": np.eye(3)},
}
"""What an estimator must be given, if it is not another estimator."""


def made(name: str, kind: Any) -> Any:
    """An unfitted estimator."""
    parts = {"Regressor": Ridge(), "Classifier": LogisticRegression()}
    inner = next((its for end, its in parts.items() if end in name), Ridge())
    several = [("one", inner), ("two", inner)]
    required = getattr(kind, "_required_parameters", None) or _required(kind)
    known = {"estimator": inner, "base_estimator": inner, "estimators": several, "param_grid": {}}
    known |= {"param_distributions": {}}
    given = GIVEN.get(name) or {key: known[key] for key in required if key in known}
    estimator = kind(**given)
    settings = estimator.get_params(deep=False)
    small = {key: value for key, value in SMALL.items() if key in settings and key not in given}
    return estimator.set_params(**small)


def _required(kind: Any) -> list[str]:
    from inspect import Parameter, signature

    return [its.name for its in signature(kind).parameters.values() if its.default is Parameter.empty]


def served(name: str, kind: Any, sort: str) -> Iterator[tuple[str, Any]]:
    """What can be exported of an estimator: a function that serves it, and the fitted model."""
    if not hasattr(kind, "predict"):
        yield "predict", make_pipeline(made(name, kind), Ridge()).fit(ROWS, NUMBERS)
        return
    targets = [CLASSES, TWO_CLASSES] if sort == "classifier" else [NUMBERS]
    fitted = [its for its in (_fitted(made(name, kind), target) for target in targets) if its]
    if not fitted:
        fitted = [made(name, kind).fit(ROWS, SEVERAL[sort])]
    for model in fitted:
        yield "predict", model
        if sort == "classifier" and hasattr(model, "predict_proba"):
            yield "predict_proba", model


def _fitted(estimator: Any, target: Any) -> Any:
    try:
        estimator.fit(ROWS, target).predict(ROWS)
    except Exception:
        return None
    return estimator


def compared(model: Any, function: str, expected: Any) -> str:
    """How far the ONNX model's answers are: empty if they agree, else a few words."""
    output = Output("y", 0, expected.shape, is_boolean=expected.dtype == bool)
    graph = to_onnx(model, COLUMNS, function, [output])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    kinds = {"tensor(double)": np.float64, "tensor(float)": np.float32}
    feed = {its.name: OTHERS[[its.name]].to_numpy().astype(kinds[its.type]) for its in session.get_inputs()}
    try:
        answer = np.asarray(session.run(None, feed)[0])
    except Exception as error:
        return f"the graph fails: {str(error).partition(' : ')[2][:60]}"
    if answer.shape != expected.shape:
        return f"another shape, {list(answer.shape)}"
    if expected.dtype.kind in "OUSib":
        flips = int((answer.astype(str) != expected.astype(str)).sum())
        return f"{flips} of {len(expected)} rows have another label" if flips else ""
    far = ~np.isclose(answer, expected, rtol=1e-5, atol=1e-6)
    far = far.reshape(len(far), -1).any(axis=1)
    return f"{int(far.sum())} of {len(far)} rows differ" if far.any() else ""


def sorts() -> dict[str, str]:
    """The names of the regressors and classifiers, each with its sort. The others are transformers."""
    return {
        name: sort for sort in ("regressor", "classifier") for name, _ in all_estimators(type_filter=sort)
    }


def survey() -> Iterator[tuple[str, str]]:
    """The name and the verdict of each estimator."""
    known = sorts()
    for name, kind in all_estimators():
        yield name, verdict(name, kind, known.get(name, "transformer"))


def verdict(name: str, kind: Any, sort: str) -> str:
    """``agrees``, ``drifts: …``, ``refused: …`` or ``no model: …``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            models = [
                (function, model, np.asarray(getattr(model, function)(OTHERS)))
                for function, model in served(name, kind, sort)
            ]
        except Exception as error:
            return f"no model: {' '.join(str(error).split())[:100]}"
        said = []
        for function, model, expected in models:
            try:
                apart = compared(model, function, expected)
            except NotExportable as error:
                return f"refused: {error}"
            said += [f"drifts: {function}: {apart}"] if apart else []
        return said[0] if said else "agrees"


def table(found: list[tuple[str, str]]) -> str:
    """The verdicts in groups, as the page shows them."""
    groups: dict[str, list[str]] = {"the same answers": [], "skl2onnx has no conversion": []}
    for name, said in found:
        what, _, why = said.partition(": ")
        if what == "agrees":
            groups["the same answers"].append(name)
        elif what == "refused" and f"no conversion of {name}" in why:
            groups["skl2onnx has no conversion"].append(name)
        elif what != "no model":
            reason = re.sub(r".*cannot be converted( correctly)?: ", "", why).rstrip(".")
            groups.setdefault(f"{what}: {reason}", []).append(name)
    lines = [f"| {what} | {', '.join(names)} |" for what, names in groups.items()]
    return "\n".join(["| Result | Estimators |", "|---|---|", *lines]) + "\n"


def renewed(text: str, made: str) -> str:
    """The page with another table."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(page, table(list(survey()))), encoding="utf-8", newline="\n")
