"""Models of scikit-learn as ONNX: steps that we convert or repair, others, and random pipelines.

In this process, without MLflow: the command is tested in test_export.py.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from mlroad.models import onnx_convert
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_convert import to_onnx
from mlroad.models.onnx_graph import Column, Output
from mlroad.models.onnx_parity import Parity, parity_of
from mlroad.models.tensors import answer_tensors
from mlroad.models.tolerance import Limit, Tolerance

ROWS = 300
NUMPY = {"double": np.float64, "long": np.int64, "string": np.object_, "boolean": np.bool_}
COLUMNS = [
    Column("size", "double", required=False),
    Column("rate", "double", required=True),
    Column("rooms", "long", required=True),
    Column("city", "string", required=True),
    Column("new", "boolean", required=True),
]


def table(seed: int = 0) -> pd.DataFrame:
    """Numbers of different sizes, some of them missing, categories and truth values."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "size": random.normal(50, 10, ROWS),
            "rate": random.exponential(1e-3, ROWS),
            "rooms": random.integers(0, 9, ROWS),
            "city": random.choice(["Rom", "Köln", "x"], ROWS),
            "new": random.choice([True, False], ROWS),
        }
    )
    rows.loc[::7, "size"] = np.nan
    return rows


FEATURES = table()
VALUE = (
    FEATURES["size"].fillna(40)
    + 3 * FEATURES["rooms"]
    + 1000 * FEATURES["rate"]
    + 9 * (FEATURES["city"] == "Rom")
).to_numpy()
CLASSES = np.where(VALUE > 68, "high", np.where(VALUE > 58, "middle", "low"))
NUMBERS = ["size", "rate", "rooms"]


def columns(numbers: Any = None, categories: Any = None) -> Any:
    return make_column_transformer(
        (numbers or make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (categories or OneHotEncoder(handle_unknown="ignore"), ["city", "new"]),
    )


def parity(
    model: Any, rows: pd.DataFrame, specs: list[Column] = COLUMNS, function: str = "predict"
) -> Parity:
    """Export a fitted model, and compare the answers."""
    answer = np.asarray(getattr(model, function)(rows))
    is_boolean = answer.dtype == np.bool_
    graph = to_onnx(model, specs, function, [Output("prediction", 0, answer.shape, is_boolean)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    assert [given.name for given in session.get_inputs()] == [column.name for column in specs]
    assert "ZipMap" not in {node.op_type for node in graph.graph.node}
    feed: dict[str, Any] = {
        column.name: rows[column.name].to_numpy().astype(NUMPY[column.kind]).reshape(-1, 1)
        for column in specs
    }
    [said] = session.run(None, feed)
    found = parity_of(
        [(answer_tensors(answer), answer_tensors(said))], Tolerance(Limit(relative=1e-5, absolute=1e-6))
    )
    one = {name: values[:1] for name, values in feed.items()}
    assert session.run(None, one)[0].shape == answer[:1].shape
    return found


def agrees(found: Parity) -> None:
    assert (found.flips, found.far) == (0, 0), found


REGRESSORS = [
    LinearRegression(),
    SVR(),
    DecisionTreeRegressor(),
    HistGradientBoostingRegressor(max_iter=9),
    BaggingRegressor(n_estimators=5, random_state=0),
    AdaBoostRegressor(n_estimators=5, random_state=0),
    StackingRegressor([("line", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3))]),
    TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    TransformedTargetRegressor(DecisionTreeRegressor(max_depth=4), transformer=StandardScaler()),
    TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
]
CLASSIFIERS = [
    LogisticRegression(max_iter=300),
    LinearDiscriminantAnalysis(),
    GaussianNB(),
    KNeighborsClassifier(),
    MLPClassifier(max_iter=30, random_state=0),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingClassifier(n_estimators=3),
    HistGradientBoostingClassifier(max_iter=5),
    BaggingClassifier(n_estimators=5, random_state=0),
    VotingClassifier([("line", LogisticRegression()), ("tree", RandomForestClassifier(3))], voting="soft"),
]


def on_texts(step: Any) -> Any:
    chosen = make_column_transformer((clone(step), "text"))
    return make_pipeline(chosen, LogisticRegression()).fit(TEXTS, TOPICS)


def _name(value: object) -> str:
    return type(value).__name__ if isinstance(value, BaseEstimator) else str(value)


@pytest.mark.parametrize("learner", REGRESSORS, ids=_name)
def test_regressors(learner: Any) -> None:
    agrees(parity(make_pipeline(columns(), clone(learner)).fit(FEATURES, VALUE), FEATURES))


@pytest.mark.parametrize("learner", CLASSIFIERS, ids=_name)
def test_classifiers(learner: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline(columns(), clone(learner)).fit(FEATURES, CLASSES)
    agrees(parity(model, FEATURES))
    agrees(parity(model, FEATURES, function="predict_proba"))


@pytest.mark.parametrize("learner", [LinearSVC(), RidgeClassifier(), SVC()], ids=_name)
def test_classifiers_without_probabilities(learner: Any) -> None:
    agrees(parity(make_pipeline(columns(), clone(learner)).fit(FEATURES, CLASSES), FEATURES))


STEPS = [
    SimpleImputer(strategy="median"),
    SimpleImputer(strategy="constant", fill_value=-1),
    SimpleImputer(add_indicator=True),
    make_pipeline(SimpleImputer(), RobustScaler()),
    make_pipeline(SimpleImputer(), QuantileTransformer(n_quantiles=20)),
    make_pipeline(SimpleImputer(), PowerTransformer()),
    make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(2)),
    make_pipeline(SimpleImputer(), KBinsDiscretizer(4)),
    make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p)),
    make_pipeline(SimpleImputer(), FunctionTransformer(np.sqrt)),
    make_pipeline(SimpleImputer(), FunctionTransformer()),
    make_pipeline(SimpleImputer(), StandardScaler(), PCA(2)),
    make_pipeline(SimpleImputer(), FeatureUnion([("scale", StandardScaler()), ("few", PCA(1))])),
    make_pipeline(SimpleImputer(), SelectKBest(k=2)),
    make_pipeline(SimpleImputer(), SelectFromModel(DecisionTreeRegressor(max_depth=3, random_state=0))),
    make_pipeline(SimpleImputer(), RFE(Ridge(), n_features_to_select=2)),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join(re.findall(r"[A-Z]\w+(?=\()", repr(step))))
def test_steps(step: Any) -> None:
    agrees(parity(make_pipeline(columns(clone(step)), Ridge()).fit(FEATURES, VALUE), FEATURES))


@pytest.mark.parametrize(
    "step",
    [
        OneHotEncoder(sparse_output=False),
        OneHotEncoder(drop="first"),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
    ids=str,
)
def test_categories(step: Any) -> None:
    agrees(parity(make_pipeline(columns(categories=clone(step)), Ridge()).fit(FEATURES, VALUE), FEATURES))


def test_an_imputer_of_texts_replaces_its_marker() -> None:
    rows = FEATURES.replace({"city": {"x": "unknown"}})
    step = make_pipeline(
        SimpleImputer(missing_values="unknown", strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    used = make_column_transformer((step, ["city"]), (SimpleImputer(), ["rooms"]))
    specs = [column for column in COLUMNS if column.name in ("rooms", "city")]
    agrees(parity(make_pipeline(used, Ridge()).fit(rows, VALUE), rows, specs))


def test_a_column_that_no_step_reads_is_an_input_all_the_same() -> None:
    used = make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop")
    agrees(parity(make_pipeline(used, Ridge()).fit(FEATURES, VALUE), FEATURES))


@pytest.mark.parametrize(
    ("learner", "target"),
    [
        (LinearRegression(), np.c_[VALUE, -VALUE, VALUE]),
        (LinearRegression(), VALUE.reshape(-1, 1)),
        (DecisionTreeRegressor(max_depth=4), np.c_[VALUE, -VALUE]),
        (MultiOutputRegressor(Ridge()), np.c_[VALUE, -VALUE]),
        (MultiOutputClassifier(LogisticRegression()), np.c_[VALUE > 60, VALUE > 70].astype(int)),
        (LogisticRegression(), VALUE > 60),
        (LogisticRegression(), np.where(VALUE > 60, 1, -1)),
    ],
    ids=str,
)
def test_shapes_and_types_of_answers(learner: Any, target: Any) -> None:
    agrees(parity(make_pipeline(columns(), clone(learner)).fit(FEATURES, target), FEATURES))


def test_labels_of_several_classifiers_as_probabilities() -> None:
    model = make_pipeline(columns(), OneVsRestClassifier(LogisticRegression()))
    model.fit(FEATURES, np.c_[VALUE > 60, VALUE > 70].astype(int))
    agrees(parity(model, FEATURES, function="predict_proba"))


def test_a_model_that_reads_a_matrix() -> None:
    rows = FEATURES[["rate", "rooms"]]
    specs = [column for column in COLUMNS if column.name in rows]
    agrees(parity(make_pipeline(StandardScaler(), Ridge()).fit(rows, VALUE), rows, specs))


WORDS = [
    *(
        "The",
        "quick",
        "brown",
        "fox",
        "can't",
        "jump",
        "Über",
        "den",
        "FLUSS",
        "naïve",
        "Café",
        "ÜBER",
        "straße",
    ),
    *("x", "12", "3.5", "e-mail", "hello,world", "#", "a_b"),
]
TEXT = [Column("text", "string", required=True)]


def texts() -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = [" ".join(random.choice(WORDS, random.integers(0, 9))) for _ in range(ROWS)]
    rows[:4] = [
        "",
        "tab\tnew\nline  two",
        "日本語 テスト 日本語",
        "ΣΊΣΥΦΟΣ und Σίσυφος, привет ПРИВЕТ Привет",
    ]
    return pd.DataFrame({"text": rows})


TEXTS = texts()
TOPICS = np.where(
    TEXTS["text"].str.contains("fox"), "fox", np.where(TEXTS["text"].str.contains("x"), "x", "none")
)


@pytest.mark.parametrize(
    "step",
    [
        TfidfVectorizer(),
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        TfidfVectorizer(lowercase=False, norm=None),
        TfidfVectorizer(token_pattern=r"\w+", norm="l1", use_idf=False),
        TfidfVectorizer(token_pattern=r"\S+"),
        TfidfVectorizer(token_pattern="[a-z]+", max_features=9),
        TfidfVectorizer(stop_words=["the", "den"], binary=True),
        CountVectorizer(ngram_range=(2, 2), min_df=3),
        make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0)),
    ],
    ids=str,
)
def test_texts(step: Any) -> None:
    model = make_pipeline(make_column_transformer((clone(step), "text")), LogisticRegression()).fit(
        TEXTS, TOPICS
    )
    agrees(parity(model, TEXTS, TEXT, "predict_proba"))
    agrees(parity(model, TEXTS, TEXT))


def test_texts_beside_numbers() -> None:
    rows = pd.concat([TEXTS, FEATURES[["rooms"]]], axis=1)
    both = make_column_transformer((CountVectorizer(), "text"), (MinMaxScaler(), ["rooms"]))
    model = make_pipeline(both, MultinomialNB()).fit(rows, TOPICS)
    agrees(parity(model, rows, [*TEXT, COLUMNS[2]]))


def plus_one(value: Any) -> Any:
    return value + 1


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (TfidfVectorizer(analyzer="char_wb"), "splits by char_wb"),
        (TfidfVectorizer(analyzer=str.split), "splits by a function"),
        (TfidfVectorizer(tokenizer=str.split, token_pattern=None), "has a tokenizer of its own"),
        (TfidfVectorizer(preprocessor=str.upper), "has a preprocessor of its own"),
        (TfidfVectorizer(strip_accents="unicode"), "strips accents"),
        (TfidfVectorizer(stop_words=["the"], ngram_range=(1, 2)), "removes stop words"),
        (TfidfVectorizer(token_pattern=r"(\w\w+)'?"), "has the token_pattern"),
        (TfidfVectorizer(token_pattern=r"\b[a-z]+\b"), "has the token_pattern"),
        (HashingVectorizer(n_features=8), "no conversion of HashingVectorizer"),
    ],
    ids=str,
)
def test_vectorizers_that_cannot_be_exported(step: Any, why: str) -> None:
    model = on_texts(step)
    kind = type(step).__name__
    with pytest.raises(NotExportable, match=rf"The step columntransformer/{kind.lower()} \({kind}\) .*{why}"):
        parity(model, TEXTS, TEXT)


@pytest.mark.parametrize(
    ("model", "place", "why"),
    [
        (make_pipeline(SimpleImputer(), SplineTransformer()), "pipeline/splinetransformer", "no conversion"),
        (FunctionTransformer(plus_one), "functiontransformer", "plus_one is Python code; numpy.log,"),
    ],
)
def test_what_cannot_be_exported_names_the_step(model: Any, place: str, why: str) -> None:
    learner = HistGradientBoostingRegressor(max_iter=2)
    fitted = make_pipeline(columns(model), learner).fit(FEATURES, VALUE)
    with pytest.raises(NotExportable, match=rf"^The step columntransformer/{place} \(\w+\) .*{why}"):
        parity(fitted, FEATURES)


def test_other_models_that_cannot_be_exported() -> None:
    with pytest.raises(NotExportable, match=r"^The step dummyregressor \(DummyRegressor\) cannot"):
        parity(make_pipeline(columns(), DummyRegressor()).fit(FEATURES, VALUE), FEATURES)
    target = TransformedTargetRegressor(Ridge(), func=plus_one, inverse_func=plus_one, check_inverse=False)
    with pytest.raises(NotExportable, match="The target cannot be exported: plus_one is Python code"):
        parity(make_pipeline(columns(), target).fit(FEATURES, VALUE), FEATURES)
    rows = FEATURES[["city", "rooms"]]
    bare = make_pipeline(OrdinalEncoder(), Ridge()).fit(rows, VALUE)
    with pytest.raises(NotExportable, match="reads the text city beside other columns"):
        parity(bare, rows, [COLUMNS[3], COLUMNS[2]])
    several = MultiOutputClassifier(LogisticRegression())
    model = make_pipeline(columns(), several).fit(FEATURES, np.c_[VALUE > 60, VALUE > 70].astype(int))
    with pytest.raises(NotExportable, match="prediction is not a tensor of numbers"):
        to_onnx(model, COLUMNS, "predict_proba", [Output("prediction", 0, (ROWS, 2), is_boolean=False)])


TWO = VALUE > 60
DRIFTING = [
    (
        make_pipeline(columns(KNNImputer()), Ridge()),
        VALUE,
        "columntransformer/knnimputer",
        "other neighbours",
    ),
    (
        make_pipeline(columns(), LinearDiscriminantAnalysis()),
        TWO,
        "lineardiscriminantanalysis",
        "probabilities if there are two classes",
    ),
    (
        make_pipeline(columns(), TunedThresholdClassifierCV(LogisticRegression())),
        TWO,
        "tunedthresholdclassifiercv",
        "ignores the threshold",
    ),
]


@pytest.mark.parametrize(("model", "target", "place", "why"), DRIFTING, ids=str)
def test_known_drift_names_the_step(model: Any, target: Any, place: str, why: str) -> None:
    function = "predict_proba" if "probabilities" in why else "predict"
    fitted = clone(model).fit(FEATURES, target)
    with pytest.raises(
        NotExportable, match=rf"^The step {place} \(\w+\) cannot be converted correctly: .*{why}"
    ):
        parity(fitted, FEATURES, function=function)


def test_other_drift_is_found_by_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    """skl2onnx converts KNNImputer wrongly for some rows, without a message."""
    monkeypatch.setattr(onnx_convert, "known_drift", lambda *_: "")
    model = make_pipeline(columns(make_pipeline(KNNImputer(), StandardScaler())), Ridge()).fit(
        FEATURES, VALUE
    )
    found = parity(model, FEATURES)
    assert found.far > 0.01 * ROWS
    said = found.refusal("flats", Tolerance(Limit(absolute=1e-6)))
    assert re.search(r"differs from the Python model by up to [\d.]+; in \d+ of 300 rows by more than", said)


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    scaler=st.sampled_from([StandardScaler(), MinMaxScaler(), RobustScaler(), "passthrough"]),
    imputer=st.sampled_from([SimpleImputer(), SimpleImputer(strategy="median", add_indicator=True)]),
    encoder=st.sampled_from([OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()]),
    learner=st.sampled_from([*REGRESSORS, *CLASSIFIERS[:3], *CLASSIFIERS[5:]]),
    seed=st.integers(0, 9),
)
def test_random_pipelines_agree_on_rows_that_they_have_not_seen(
    scaler: Any, imputer: Any, encoder: Any, learner: Any, seed: int
) -> None:
    """They agree, or what differs is a row at a threshold: at most one of the 300."""
    target = VALUE if hasattr(learner, "_more_tags") or learner in REGRESSORS else CLASSES
    steps = columns(make_pipeline(imputer, scaler), encoder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline(steps, learner)
        model = clone(model).fit(FEATURES, target)
    found = parity(model, table(seed + 1))
    assert found.flips <= 1 and found.far <= 1, found


@pytest.mark.parametrize(
    "names",
    [
        ("sepal length (cm)", "größe"),
        ("1st", "2nd"),
        ("a b", "a_b"),
        ("variable", "input"),
        ("label", "probabilities"),
        ("all__columns", "inside/x"),
    ],
    ids=str,
)
def test_names_of_columns(names: tuple[str, str]) -> None:
    """Any name, also one that skl2onnx gives to something of its own or writes differently."""
    rows = FEATURES[["rate", "rooms"]].set_axis(list(names), axis=1)
    specs = [Column(names[0], "double", required=True), Column(names[1], "long", required=True)]
    agrees(parity(make_pipeline(StandardScaler(), Ridge()).fit(rows, VALUE), rows, specs))
    chosen = make_column_transformer((StandardScaler(), list(names)))
    agrees(parity(make_pipeline(chosen, Ridge()).fit(rows, VALUE), rows, specs))


def test_a_column_with_the_name_of_the_output() -> None:
    rows = FEATURES[["rate"]].set_axis(["prediction"], axis=1)
    model = Ridge().fit(rows, VALUE)
    with pytest.raises(NotExportable, match="prediction is the name of an input and of an output"):
        parity(model, rows, [Column("prediction", "double", required=True)])
