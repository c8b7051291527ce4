"""Each check of a gate on its own, on real files: it fails on a planted fault, and passes on look-alikes."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.core.problems import UserError
from mlroad.data.store import find, find_verified
from mlroad.gate.ask_models import ask_onnx
from mlroad.gate.checks import GateChecks
from mlroad.gate.data_checks import check_overlap, check_training, compare_with_holdout
from mlroad.gate.find_champion import NoChampion, find_champion
from mlroad.gate.gates_file import Gates, load_gates
from mlroad.gate.holdout import check_slice_columns, open_holdout, row_answers, slice_of
from mlroad.gate.inference_checks import check_inference
from mlroad.gate.metrics import read_answers
from mlroad.gate.model_checks import check_onnx
from mlroad.gate.records import Records, SuiteAnswers
from mlroad.gate.tasks.task import Predictions, Truth
from mlroad.models.case_answers import CaseAnswers
from mlroad.models.model_process import Answer, ModelBroken, ModelProcess
from mlroad.models.suite import file_digest, suite_digest
from mlroad.models.tensors import Tensor
from mlroad.registry.local_registry import LocalRegistry
from mlroad.run.candidate import Candidate, find_candidate
from mlroad.run.model_folder import ModelFolder
from tests.unit.gate import toy
from tests.unit.gate.conftest import Factory
from tests.unit.registry.repos import rewrite_lineage

pytestmark = pytest.mark.slow


def candidate_of(factory: Factory, run: str | None = None) -> Candidate:
    return find_candidate(ModelFolder(factory.repo, "toy"), run or factory.dev)


def gates_of(factory: Factory) -> Gates:
    return load_gates(factory.repo / "models" / "toy" / "gates.yml")


def found(checks: GateChecks) -> tuple[str, str]:
    [check] = checks.found
    return check.result, check.what


def dataset(factory: Factory, name: str, rows: list[dict[str, str]], stage: str) -> None:
    toy.write_csv(factory.repo / "raw" / f"{name}.csv", rows)
    toy.run(factory.repo, "dataset", "add", name, f"raw/{name}.csv", "--stage", stage)


def change_run(factory: Factory, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the data inputs in run.json."""
    file = factory.run / "run.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record["inputs"])
    file.write_text(json.dumps(record), encoding="utf-8")


class TestTraining:
    def check(self, factory: Factory, run: str | None = None) -> tuple[str, str]:
        checks = GateChecks()
        check_training(checks, candidate_of(factory, run))
        return found(checks)

    def test_as_trained(self, first: Factory) -> None:
        assert self.check(first) == (
            "passed",
            "Trained on the data that data.yml names for dev: raw = toys_train:2.",
        )
        assert self.check(first, first.prod)[0] == "passed"

    def test_data_yml_moved_on(self, first: Factory) -> None:
        first.write("data.yml", toy.DATA.replace("toys_train:2", "toys_holdout:1"))
        word, what = self.check(first)
        assert word == "broken"
        assert "raw was toys_train:2, but data.yml says toys_holdout:1 for dev. Train again" in what
        assert self.check(first, first.prod)[0] == "passed"

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda inputs: inputs["raw"].update(dataset_digest="sha256:" + 64 * "0"), "another digest"),
            (lambda inputs: inputs["raw"].pop("dataset_digest"), "another digest"),
            (lambda inputs: inputs["raw"].pop("dataset"), "raw was no dataset version"),
            (lambda inputs: inputs.pop("raw"), "The run has no data input raw"),
            (lambda inputs: inputs.update(more={"path": "x"}), "read the data input more"),
        ],
    )
    def test_another_run(
        self, first: Factory, change: Callable[[dict[str, Any]], object], words: str
    ) -> None:
        change_run(first, change)
        word, what = self.check(first)
        assert word == "broken"
        assert words in what

    def test_stage(self, first: Factory) -> None:
        file = first.repo / "datasets/toys_train/2.yml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("stage: dev", "stage: prod"), encoding="utf-8")
        assert "toys_train:2 is prod data, but data.yml names it for dev" in self.check(first)[1]
        # Look-alike: a table that both stages use is prod data.
        first.write("data.yml", "raw:\n  dev: azureml:toys_train:2\n  prod: azureml:toys_train:2\n")
        assert self.check(first)[0] == "passed"
        file.write_text(text, encoding="utf-8")
        file = first.repo / "datasets/toys_train/1.yml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("stage: prod", "stage: dev"), encoding="utf-8")
        first.write("data.yml", toy.DATA)
        assert "toys_train:1 is dev data, but data.yml names it for prod" in self.check(first, first.prod)[1]

    def test_no_data_yml(self, first: Factory) -> None:
        (first.repo / "models/toy/data.yml").unlink()
        assert self.check(first)[0] == "broken"


class TestOverlap:
    def check(self, factory: Factory, *versions: str) -> tuple[str, str]:
        """Check with these versions in data.yml."""
        inputs = enumerate(versions)
        text = "".join(f"in{n}: {{dev: 'azureml:{v}', prod: 'azureml:{v}'}}\n" for n, v in inputs)
        factory.write("data.yml", text or "{}\n")
        checks, gates = GateChecks(), gates_of(factory)
        candidate = candidate_of(factory)
        overlap = compare_with_holdout(candidate, gates, open_holdout(factory.repo, gates))
        check_overlap(checks, candidate, overlap)
        return found(checks)

    def holdout(self, factory: Factory) -> list[dict[str, str]]:
        file = factory.repo / "datasets/toys_holdout/1/toys_holdout.csv"
        with file.open(encoding="utf-8", newline="") as opened:
            return list(csv.DictReader(opened))

    def test_none(self, first: Factory) -> None:
        assert self.check(first, "toys_train:1", "toys_train:2")[0] == "passed"

    def test_shared_rows_in_fewer_columns(self, first: Factory) -> None:
        shared = self.holdout(first)[:3]
        rows = [{name: row[name] for name in ("x1", "x2", "y")} for row in shared]
        dataset(first, "leaky", rows, "dev")
        word, what = self.check(first, "toys_train:1", "leaky:1")
        assert word == "broken"
        assert "3 of" in what
        assert "the model has seen them" in what
        # The same inputs with another target are almost the same rows.
        other = [{**row, "y": f"{float(row['y']) + 1:.4f}"} for row in rows]
        dataset(first, "alike", other, "dev")
        word, what = self.check(first, "alike:1")
        assert word == "broken"
        assert "3 of" in what

    def test_a_list_beside_the_rows(self, first: Factory) -> None:
        dataset(first, "sites", [{"site": "north"}, {"site": "south"}], "prod")
        assert self.check(first, "toys_train:1", "sites:1")[0] == "passed"
        assert self.check(first, "sites:1")[0] == "broken"  # nothing else to compare: it fails closed

    def test_what_cannot_be_compared(self, first: Factory) -> None:
        dataset(first, "other", [{"a": "1"}, {"a": "2"}], "dev")
        assert "no column in common" in self.check(first, "other:1")[1]
        shutil.rmtree(first.repo / "datasets/toys_train/1")
        assert self.check(first, "toys_train:1")[0] == "broken"
        assert self.check(first)[0] == "broken"


class TestChampion:
    def find(self, factory: Factory, run: str | None = None, digest: str | None = None) -> Any:
        registry = LocalRegistry(factory.repo / ".registry")
        return find_champion(registry, candidate_of(factory, run), gates_of(factory), digest)

    def lineage(self, factory: Factory, change: Callable[[dict[str, Any]], object]) -> None:
        [content] = factory.repo.glob(".registry/models/toy/*")
        rewrite_lineage(content, change)

    def test_it_is_there(self, later: Factory) -> None:
        digest = find_verified(later.repo, "toys_holdout:1").version.digest
        (dev, dev_path), (prod, path) = self.find(later, digest=digest), self.find(later, later.prod, digest)
        assert dev.version == prod.version == "1"
        assert dev_path != path
        assert dev.digest == candidate_of(later).digest()

    def test_none(self, first: Factory) -> None:
        assert self.find(first) is None

    def test_holdout_with_another_digest(self, later: Factory) -> None:
        with pytest.raises(NoChampion, match="versions never change"):
            self.find(later, digest="sha256:" + 64 * "1")

    def test_dirty(self, later: Factory) -> None:
        self.lineage(later, lambda its: its["dev_verdict"].update(candidate={"dirty": True}))
        with pytest.raises(NoChampion, match="not committed"):
            self.find(later)
        assert self.find(later, later.prod)[0].version == "1"

    def test_lost(self, later: Factory) -> None:
        [model] = later.repo.glob(".registry/models/toy/*/model")
        model.rename(later.repo / "gone")
        with pytest.raises(NoChampion, match="is not in the registry"):
            self.find(later, later.prod)
        [file] = later.repo.glob(".registry/models/toy/*/lineage.json")
        file.unlink()
        with pytest.raises(NoChampion, match="The registry cannot name the champion"):
            self.find(later)
        (later.repo / ".registry" / "mlflow.db").write_bytes(b"no database")
        with pytest.raises(NoChampion, match="The registry cannot name the champion"):
            self.find(later)


class TestInference:
    """The suite of one case: 2 for x1 = 0.5."""

    @pytest.fixture
    def tested(self, first: Factory) -> Factory:
        version = find(first.repo, "toys_train:2")
        tensor = {"name": "x1", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}
        answer = {"name": "prediction", "shape": [1], "datatype": "FP64", "data": [2.0]}
        golden = {"request": {"inputs": [tensor]}, "expect": {"outputs": [answer]}}
        file = first.write(
            "inference_tests/cases.jsonl", json.dumps({"id": "a", "kind": "golden", **golden}) + "\n"
        )
        first.write(
            "inference_tests/suite.yml",
            f"model: toy\ndataset: azureml:toys_train:2\ndigest: {version.digest}\ncases: cases.jsonl\n"
            f"cases_digest: {file_digest(file)}\ntolerance: {{absolute: 0.1}}\nretrained: {{absolute: 1}}\n",
        )
        return first

    def check(
        self, factory: Factory, answer: Answer | None = None, **changed: Any
    ) -> tuple[str, str, dict[str, Any]]:
        cases = {
            "suite_digest": changed.get("suite_digest") or suite_digest(factory.repo / "models" / "toy"),
            "answers": {"a": CaseAnswers(answer, batch=answer)} if answer else {},
            **changed,
        }
        asked = {"pyfunc": SuiteAnswers(**cases)}
        records = Records("toy", factory.dev, "toys_holdout:1", "", 0, "y", cases=asked)
        checks = GateChecks()
        gates = replace(load_gates(factory.repo / "models/toy/gates.yml"), inference_tests=("pyfunc",))
        verdict = check_inference(checks, gates, candidate_of(factory), records, "sha256:0")["pyfunc"]
        assert verdict.passed is (checks.found[0].result == "passed")
        return *found(checks), verdict.json()

    def test_green(self, tested: Factory) -> None:
        word, what, verdict = self.check(tested, answer(2.05))
        assert (word, what) == ("passed", "All 1 inference tests passed.")
        assert (verdict["judged_by"], verdict["model_digest"]) == ("tolerance", "sha256:0")

    def test_failed(self, tested: Factory) -> None:
        word, what, _ = self.check(tested, answer(2.5))
        assert word == "failed"
        assert what.startswith("1 of 1 inference tests failed: a. a: ")
        assert all(told in what for told in ("prediction[0] is 2.5", "expected 2"))
        assert self.check(tested, Answer(refused="no"))[0] == "failed"
        assert self.check(tested)[0] == "failed"

    def test_another_suite(self, tested: Factory) -> None:
        word, what, _ = self.check(tested, answer(2.0), suite_digest="sha256:0")
        assert (word, "have changed since they were run" in what) == ("broken", True)

    def test_a_model_that_could_not_be_run(self, tested: Factory) -> None:
        word, what, _ = self.check(tested, error="it cannot be loaded")
        assert (word, what) == ("broken", "The inference tests cannot be run: it cannot be loaded.")

    def test_edited(self, tested: Factory) -> None:
        digest = suite_digest(tested.repo / "models" / "toy")
        tested.write("inference_tests/cases.jsonl", "{} \n")
        word, what, _ = self.check(tested, answer(2.0), suite_digest=digest)
        assert word == "broken"
        assert "The suite cannot be used: " in what
        assert "MI110" in what

    def test_missing(self, tested: Factory) -> None:
        digest = suite_digest(tested.repo / "models" / "toy")
        shutil.rmtree(tested.repo / "models/toy/inference_tests")
        word, what, _ = self.check(tested, answer(2.0), suite_digest=digest)
        make = "Make some: `mlroad freeze models/toy`."
        assert (word, what) == ("broken", f"There are no inference tests. {make}")


def answer(value: float) -> Answer:
    return Answer((Tensor("prediction", "FP64", (1,), (value,)),))


def gates_for(tmp_path: Path, task: str, metric: str) -> Gates:
    file = tmp_path / "gates.yml"
    file.write_text(
        f"task: {task}\nholdout: h:1\ntarget: y\nchampion: optional\ndecide_by: {metric}\n"
        f"metrics: {{{metric}: {{max_regression: 1}}}}\nonnx: {{max_difference: 0.01}}\n",
        encoding="utf-8",
    )
    return load_gates(file)


def said_of(answer: Any, gates: Gates) -> Predictions:
    return read_answers(row_answers(answer, 3), Truth(np.array([0, 1, 1]), ("0", "1")), gates)


@pytest.mark.parametrize(
    ("metric", "answer", "kind"),
    [
        ("mae", [1.0, 2.0, 3.0], "value"),
        ("mae", [[1.0], [2.0], [3.0]], "value"),
        ("mae", [1, 2, 3], "value"),
        ("roc_auc", [0.1, 0.2, 1.0], "probability"),
        ("roc_auc", [[0.9, 0.1], [0.8, 0.2], [0.0, 1.0]], "probability"),
        ("accuracy", [0, 1, 1], "label"),
        ("accuracy", [True, False, True], "label"),
        ("accuracy", [0.1, 0.2, 0.9], "probability"),
    ],
)
def test_predictions(tmp_path: Path, metric: str, answer: list[Any], kind: str) -> None:
    task = "regression" if metric == "mae" else "binary"
    said = said_of(np.array(answer), gates_for(tmp_path, task, metric))
    assert said.kind == kind
    assert said.values.shape == (3,)
    if kind == "probability" and metric == "roc_auc":
        assert said.values.tolist() == [0.1, 0.2, 1.0]


@pytest.mark.parametrize(
    ("metric", "answer", "words"),
    [
        ("mae", [1.0, 2.0], "2 predictions for 3 rows"),
        ("mae", 1.0, "1 predictions for 3 rows"),
        ("mae", [1.0, np.nan, np.inf], "2 of 3 predictions are NaN or infinite"),
        ("mae", [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], "shape"),
        ("roc_auc", [0, 1, 1], "a metric in gates.yml needs probabilities"),
        ("brier", [0.0, 1.0, 1.0], "a metric in gates.yml needs probabilities"),
        ("accuracy", [-1.0, 0.5, 2.0], "from -1 to 2, which are not probabilities"),
        ("accuracy", [1, 2, 1], "which are not probabilities"),
        ("roc_auc", [[0.9, 0.2], [0.8, 0.2], [0.0, 1.0]], "not probabilities that add up to 1"),
        ("roc_auc", [[2.0, -1.0], [0.8, 0.2], [0.0, 1.0]], "not probabilities that add up to 1"),
    ],
)
def test_refused_predictions(tmp_path: Path, metric: str, answer: Any, words: str) -> None:
    task = "regression" if metric == "mae" else "binary"
    with pytest.raises(ModelBroken, match=words):
        said_of(np.array(answer), gates_for(tmp_path, task, metric))


def test_slices() -> None:
    frame = pd.DataFrame(
        {
            "n": [2.0, 10.0, np.nan, 2.0],
            "t": pd.Series(["b", None, "a", "b"], dtype=object),
            "i": [10, 9, 9, 9],
            "flag": [True, False, True, True],
        }
    )
    names, codes = slice_of(frame, "n")
    assert names == ["2", "10", "missing"]
    assert codes.tolist() == [0, 1, 2, 0]
    names, codes = slice_of(frame, "t")
    assert names == ["a", "b", "missing"]
    assert codes.tolist() == [1, 2, 0, 1]
    assert slice_of(frame, "i")[0] == ["9", "10"]
    assert slice_of(frame, "flag")[0] == ["false", "true"]


def test_slice_columns(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    file.write_text(toy.GATES + "slices:\n  - {column: c, metric: mae, limit: 1}\n", encoding="utf-8")
    gates = load_gates(file)
    check_slice_columns(gates, pd.DataFrame({"c": range(50)}))
    for values, words in (
        (list(range(51)), "c has 51 values; at most 50 slices are possible"),
        (["missing", None], 'the text "missing"'),
    ):
        frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
        with pytest.raises(UserError, match=words):
            check_slice_columns(gates, frame)
    with pytest.raises(UserError, match=f"{file}:11:14: MR704: .* has no column c"):
        check_slice_columns(gates, pd.DataFrame({"d": [1]}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("target: y", "target: z"), "gates.yml:3:9: MR704: .* has no column z"),
        (lambda text: text.replace("target: y", "target: site"), "The column site has rows without a value"),
        (lambda text: text.replace("target: y", "target: group"), "The target group is not a number"),
    ],
)
def test_targets(first: Factory, change: Callable[[str], str], words: str) -> None:
    file = first.repo / "models/toy/gates.yml"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        open_holdout(first.repo, gates_of(first))


class TestOnnx:
    """y = 3·x1 - 2·x2 as an ONNX file, with either form of input."""

    @pytest.fixture
    def frame(self) -> pd.DataFrame:
        rng = np.random.default_rng(1)
        return pd.DataFrame({"x2": rng.normal(size=40), "group": "a", "x1": rng.normal(size=40)})

    def file(self, tmp_path: Path, columns: list[str] | None, single: bool, factor: float = 3.0) -> Path:
        from onnx import TensorProto, helper, save

        weights = {"x1": factor, "x2": -2.0}
        order = columns or ["x1", "x2"]
        initial = [
            helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [weights[name] for name in order]),
        ]
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 1])
        names = ["rows"] if single else order
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2 if single else 1])
            for name in names
        ]
        nodes = [] if single else [helper.make_node("Concat", order, ["rows"], axis=1)]
        nodes.append(helper.make_node("MatMul", ["rows", "w"], ["out"]))
        graph = helper.make_graph(nodes, "toy", inputs, [out], initial)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        if columns:
            helper.set_model_props(model, {"columns": json.dumps(columns)})
        save(model, str(tmp_path / "onnx"))
        return tmp_path / "onnx"

    def check(
        self, factory: Factory, tmp_path: Path, file: Path | None, frame: pd.DataFrame
    ) -> tuple[str, str]:
        """Use the file as the candidate's ONNX file, and check its predictions."""
        candidate = candidate_of(factory)
        target = factory.run / "outputs" / "onnx"
        target.unlink(missing_ok=True)
        answers = None
        if file:
            shutil.copyfile(file, target)
            answers = ask_onnx(target, ["x1", "x2"], frame)
        checks = GateChecks()
        mine = Predictions((3 * frame["x1"] - 2 * frame["x2"]).to_numpy(), "value")
        gates = gates_for(tmp_path, "regression", "mae")
        check_onnx(checks, gates, candidate, answers, mine, Truth(mine.values))
        return found(checks)

    def test_forms(self, first: Factory, tmp_path: Path, frame: pd.DataFrame) -> None:
        for columns, single in ((["x2", "x1"], True), (None, True), (["x2", "x1"], False)):
            file = self.file(tmp_path, columns, single)
            assert self.check(first, tmp_path, file, frame)[0] == "passed"

    def test_another_answer(self, first: Factory, tmp_path: Path, frame: pd.DataFrame) -> None:
        word, what = self.check(first, tmp_path, self.file(tmp_path, None, single=True, factor=3.1), frame)
        assert word == "failed"
        assert "limit 0.01" in what

    def test_broken(self, first: Factory, tmp_path: Path, frame: pd.DataFrame) -> None:
        file = self.file(tmp_path, None, single=True)
        assert "has no output `onnx` with an ONNX file" in self.check(first, tmp_path, None, frame)[1]
        file.write_bytes(file.read_bytes()[:-40])
        word, what = self.check(first, tmp_path, file, frame)
        assert word == "broken"
        assert f"The ONNX file ({file.stat().st_size} bytes) cannot be used" in what
        file.write_bytes(b"")
        assert self.check(first, tmp_path, file, frame)[0] == "broken"


def test_a_model_that_hangs(stock: Path) -> None:
    path = toy.saved("time.sleep(600)", stock)
    frame = pd.DataFrame({"x1": [1.0], "x2": [1.0]})
    with ModelProcess(path) as model:
        model.columns()
        model.timeout = 0.5
        with pytest.raises(ModelBroken, match=r"no answer within 0\.5 seconds"):
            model.predict(frame)
        with pytest.raises(ModelBroken, match="its process ended"):
            model.predict(frame)


def test_models_that_cannot_be_run(stock: Path, tmp_path: Path) -> None:
    with ModelProcess(tmp_path) as model, pytest.raises(ModelBroken, match="MLmodel"):
        model.columns()
    path = Path(shutil.copytree(toy.saved("return line", stock), tmp_path / "model"))
    with ModelProcess(path) as model, pytest.raises(ModelBroken, match="it needs the column x2"):
        model.predict(pd.DataFrame({"x1": [1.0]}))
    file = path / "MLmodel"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("signature:")] + "utc_time_created: '2026-01-01'\n", encoding="utf-8")
    with ModelProcess(path) as model, pytest.raises(ModelBroken, match="names no input columns"):
        model.columns()
