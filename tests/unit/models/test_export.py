"""`mlroad export`: what it writes and what it refuses. A refused export loses nothing."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

from mlroad.core.digests import digest_of, sha256_of_file
from mlroad.core.files import write_json
from mlroad.models.onnx_parity import _compared
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Tolerance
from mlroad.registry.open_registry import open_registry
from tests.support import REPO
from tests.unit.models.saved_models import RUN, called, frozen, save_run

pytestmark = pytest.mark.slow
SCHEMA = json.loads((REPO / "docs/reference/contract.schema.json").read_text(encoding="utf-8"))
CARD = """\
# Rents

What it is for.

| column | meaning | unit |
|---|---|---|
| `area` | living space | m² |
| rooms | their number | - |

| column | note |
|---|---|
| rooms | no unit here |
"""


def flats(rows: int = 150) -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "area": random.normal(70, 20, rows),
            "rooms": random.integers(1, 7, rows),
            "district": random.choice(["01", "02", "03"], rows),
        }
    )
    table.loc[::9, "area"] = np.nan
    return table


def steps(imputer: Any = None) -> Any:
    numbers = make_pipeline(imputer or SimpleImputer(), StandardScaler())
    return make_column_transformer(
        (numbers, ["area", "rooms"]), (OneHotEncoder(handle_unknown="ignore"), ["district"])
    )


FLATS = flats()
RENT = FLATS["area"].fillna(60) * 9 + FLATS["rooms"] * 40 + FLATS["district"].astype(int) * 50
CLASSES = np.where(RENT > 900, "high", np.where(RENT > 700, "middle", "low")).astype(object)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression with missing values and a multiclass model, both with inference tests; a text model."""
    root = tmp_path_factory.mktemp("export") / "repo"
    save_run(root, "rents", make_pipeline(steps(), Ridge()).fit(FLATS, RENT), FLATS)
    classifier = make_pipeline(steps(), LogisticRegression()).fit(FLATS, CLASSES)
    save_run(root, "classes", classifier, FLATS, "predict_proba", {"classes": classifier.classes_.tolist()})
    words = np.random.default_rng(0).choice(["pay", "bill", "help", "Größe", "late", "not"], (150, 5))
    texts = pd.DataFrame({"text": [" ".join(row) for row in words]})
    topics = np.where(texts["text"].str.contains("bill"), "money", "other").astype(object)
    vectorized = make_column_transformer((TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), "text"))
    save_run(root, "topics", make_pipeline(vectorized, LogisticRegression()).fit(texts, topics), texts)
    for name in ("rents", "classes", "topics"):
        frozen(root, name)
    (root / "models/rents/MODEL_CARD.md").write_text(CARD, encoding="utf-8")
    return root


def exported(repo: Path, name: str, *more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """contract.json and parity.json."""
    done = called(repo, "export", f"models/{name}", *more)
    assert done.exit_code == 0, done.output
    folder = repo / more[-1] if more else repo / ".runs" / name / RUN / "export"
    assert {file.name for file in folder.iterdir()} == {
        "model.onnx", "contract.json", "parity.json", "suite.json", "cases.jsonl",
    }  # fmt: skip
    contract, parity = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("contract.json", "parity.json")
    )
    jsonschema.validate(contract, SCHEMA)
    assert contract["onnx_digest"] == f"sha256:{sha256_of_file(folder / 'model.onnx')}"
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model)
    assert [item.name for item in model.graph.input] == [item["name"] for item in contract["inputs"]]
    assert (parity["rows"], parity["flips"], parity["beyond_tolerance"]) == (1000, 0, 0)
    assert 0 <= parity["mean_difference"] <= parity["p99_difference"] <= parity["max_difference"] < 1e-6
    return contract, parity


def test_a_regression_with_missing_values(repo: Path) -> None:
    contract, parity = exported(repo, "rents", "--out", "given")
    assert 850 <= parity["made_rows"] < 900  # some rows without an area are the same
    assert contract["model_digest"] == digest_of(repo / ".runs/rents" / RUN / "outputs/model")
    assert (contract["dataset"], contract["version"]) == ("rents:1", RUN)
    area, rooms, district = contract["inputs"]
    assert area == {
        "name": "area", "datatype": "FP64", "shape": [-1, 1], "required": False, "unit": "m²",
        "minimum": FLATS["area"].min(), "maximum": FLATS["area"].max(),
    }  # fmt: skip
    assert (rooms["datatype"], rooms["minimum"], rooms["maximum"]) == ("INT64", 1, 6)
    assert (district["datatype"], district["allowed"]) == ("BYTES", ["01", "02", "03"])
    assert "unit" not in rooms
    assert contract["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    cases = (repo / "given/cases.jsonl").read_bytes()
    assert cases == (repo / "models/rents/inference_tests/cases.jsonl").read_bytes()


def test_a_multiclass_model(repo: Path) -> None:
    contract, _ = exported(repo, "classes")
    [output] = contract["outputs"]
    assert (output["shape"], output["labels"]) == ([-1, 3], ["high", "low", "middle"])
    done = called(repo, "test", "models/classes", "--runtime", "onnx")
    assert done.exit_code == 0, done.output


def test_a_text_model(repo: Path) -> None:
    contract, _ = exported(repo, "topics")
    assert contract["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1, 1], "required": True}]
    [output] = contract["outputs"]
    assert (output["datatype"], output["allowed"]) == ("BYTES", ["money", "other"])
    done = called(repo, "test", "models/topics", "--runtime", "onnx")
    assert done.exit_code == 0, done.output


def test_an_export_is_used_again_until_the_model_or_its_tests_change(repo: Path) -> None:
    model = repo / ".runs/topics" / RUN / "export/model.onnx"
    for _ in range(2):
        assert called(repo, "test", "models/topics", "--runtime", "onnx").exit_code == 0
    first = model.stat().st_mtime_ns
    assert called(repo, "test", "models/topics", "--runtime", "onnx").exit_code == 0
    assert model.stat().st_mtime_ns == first
    model.write_bytes(model.read_bytes() + b"x")
    assert called(repo, "test", "models/topics", "--runtime", "onnx").exit_code == 0
    assert model.stat().st_mtime_ns != first


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "not judged"])
def test_a_registered_version(repo: Path, tmp_path: Path, judged: bool) -> None:
    """What the gate has judged is given as it is; a version without that is exported now."""
    exported(repo, "rents")
    run, staged = repo / ".runs/rents" / RUN, tmp_path / "staged"
    shutil.copytree(run / "outputs/model", staged / "model")
    verdict: dict[str, Any] = {"verdict": "passed", "passed": True}
    if judged:
        shutil.copytree(run / "export", staged / "export")
        verdict["export"] = {"digest": digest_of(staged / "export")}
    lineage: dict[str, Any] = {
        "id": f"{judged:064d}", "run": RUN, "model_digest": digest_of(staged / "model"), "verdict": verdict,
        "datasets": [{"input": "raw", "stage": "prod", "dataset": "rents:1", "digest": "sha256:1"}],
    }  # fmt: skip
    write_json(staged / "lineage.json", lineage)
    (repo / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    version = open_registry(repo).add("rents", lineage, staged)

    contract, _ = exported(repo, "rents", "--version", str(version.number), "--out", "taken")

    assert contract["version"] == str(version.number)
    assert contract["dataset_digest"] == ("sha256:1" if not judged else contract["dataset_digest"])
    assert contract["model_digest"] == lineage["model_digest"]


def refused(repo: Path, model: Any, what: str, run: str) -> None:
    """Exporting the model over an earlier export fails, says why, and leaves that as it was."""
    save_run(repo, "rents", model, FLATS, run=run)
    before = digest_of(repo / "earlier")
    done = called(repo, "export", "models/rents", "--run", run, "--out", "earlier")
    assert done.exit_code == 1, done.output
    assert what in done.stderr
    assert digest_of(repo / "earlier") == before
    assert not list(repo.glob(".export-*"))


def test_what_is_refused(repo: Path) -> None:
    exported(repo, "rents", "--out", "earlier")
    drifts = make_pipeline(steps(KNNImputer()), Ridge()).fit(FLATS, RENT)
    step = "columntransformer/pipeline/knnimputer (KNNImputer)"
    why = f"The step {step} cannot be converted correctly: skl2onnx finds other neighbours"
    refused(repo, drifts, f"models/rents: {why}", "20000101-000000")
    unknown = make_pipeline(steps(make_pipeline(SimpleImputer(), SplineTransformer())), Ridge())
    step = "columntransformer/pipeline/pipeline/splinetransformer (SplineTransformer)"
    why = f"The step {step} cannot be converted: skl2onnx has no conversion of SplineTransformer."
    refused(repo, unknown.fit(FLATS, RENT), f"models/rents: {why}", "20000102-000000")
    done = called(repo, "test", "models/rents", "--run", "20000102-000000", "--runtime", "onnx")
    assert done.exit_code == 1, done.output
    assert f"outputs/model: MI206: {why}" in done.output


def test_answers_that_are_too_far_apart_are_refused(repo: Path) -> None:
    """The probabilities of LinearDiscriminantAnalysis, which is a part of another model here."""
    parts = [("two", LinearDiscriminantAnalysis()), ("line", LogisticRegression())]
    model = make_pipeline(steps(), VotingClassifier(parts, voting="soft")).fit(FLATS, RENT > 800)
    save_run(repo, "votes", model, FLATS, "predict_proba")
    frozen(repo, "votes")
    done = called(repo, "export", "models/votes")
    assert done.exit_code == 1, done.output
    said = r"The ONNX model of votes (decides differently from the Python model|differs .* by more than)"
    assert re.search(said, done.output), done.output
    assert not (repo / ".runs/votes" / RUN / "export").exists()


def test_another_weight_turns_every_runtime_red(repo: Path) -> None:
    model = make_pipeline(steps(), Ridge()).fit(FLATS, RENT)
    model[-1].coef_[0] += 50
    save_run(repo, "rents", model, FLATS, run="20000103-000000")
    for runtime in ("pyfunc", "onnx"):
        done = called(repo, "test", "models/rents", "--run", "20000103-000000", "--runtime", runtime)
        assert done.exit_code == 1, done.output
        assert re.search(r"MI201: golden-\w+: prediction\[0\] is [\d.]+, expected", done.output), done.output


def test_wrong_arguments_lose_nothing(repo: Path) -> None:
    (repo / "mine").mkdir(exist_ok=True)
    (repo / "mine/notes.txt").write_text("mine", encoding="utf-8")
    for arguments, what in (
        (["--out", "mine"], "mine has other files than those of an export"),
        (["--run", "1", "--version", "3"], "--run and --version exclude each other"),
        (["--run", "1"], "There is no run 1"),
        (["--version", "3"], "--out FOLDER"),
    ):
        done = called(repo, "export", "models/rents", *arguments)
        assert isinstance(done.exception, Exception), arguments
        assert what in str(done.exception), arguments
    assert (repo / "mine/notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("single", [True, False], ids=["matrix", "vectors"])
def test_a_model_that_is_onnx_already_with_several_outputs(repo: Path, single: bool) -> None:
    """MLflow gives its graph one matrix, or a vector for each column; its outputs stay apart."""
    name = "matrix" if single else "vectors"
    rows = pd.DataFrame(
        {"a": np.linspace(1, 9, 120, dtype="float32"), "b": np.linspace(-4, 3, 120, dtype="float32")}
    )
    number = TensorProto.FLOAT
    if single:
        inputs = [helper.make_tensor_value_info("x", number, [None, 2])]
        nodes = [helper.make_node("ReduceSum", ["x", "one"], ["total"], keepdims=0)]
    else:
        inputs = [helper.make_tensor_value_info(column, number, [None]) for column in "ba"]
        nodes = [helper.make_node("Add", ["a", "b"], ["total"])]
    nodes.append(helper.make_node("Greater", ["total", "five"], ["large"]))
    outputs = [helper.make_tensor_value_info("total", number, [None])]
    outputs.append(helper.make_tensor_value_info("large", TensorProto.BOOL, [None]))
    constants = [helper.make_tensor("five", number, [1], [5.0])]
    constants.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    graph = helper.make_graph(nodes, "sums", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    total = rows["a"] + rows["b"]
    answers = pd.DataFrame({"total": total, "large": total > 5})
    save_run(repo, name, model, rows, answers=answers)
    frozen(repo, name)

    contract, parity = exported(repo, name)

    assert [(its["name"], its["datatype"], its["shape"]) for its in contract["outputs"]] == [
        ("total", "FP32", [-1]), ("large", "BOOL", [-1]),
    ]  # fmt: skip
    assert [(its["name"], its["datatype"]) for its in contract["inputs"]] == [("a", "FP32"), ("b", "FP32")]
    assert parity["max_difference"] == 0
    done = called(repo, "test", f"models/{name}", "--runtime", "pyfunc", "--runtime", "onnx")
    assert done.exit_code == 0, done.output


def test_a_rounding_beyond_1_changes_no_decision() -> None:
    """An FP32 graph may answer 1.0000001 where the Python model answers 1."""
    expected = Tensor("p", "FP32", (3, 1), (0.2, 0.6, 1.0))
    assert not _compared(expected, replace(expected, data=(0.2, 0.6, 1.0000001)), Tolerance())[2].any()
    assert _compared(expected, replace(expected, data=(0.2, 0.4, 1.0)), Tolerance())[2].tolist() == [
        False,
        True,
        False,
    ]
