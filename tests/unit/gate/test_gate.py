"""`mlroad gate` end to end: the four verdicts, and a planted fault for each check."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mlroad.core.digests import digest_of
from tests.unit.gate.conftest import Factory

pytestmark = pytest.mark.slow

SOON = datetime.now(UTC).date() + timedelta(days=30)
WAIVER = f"- {{gate: metrics.mae.regression, owner: '@me', reason: A test., expires: {SOON}}}\n"
WORSE = "return 3 * x1 + 1"
BETTER = "print('models may print'); return line"


def test_first_candidate(first: Factory) -> None:
    first.gates("slices:", "  - {column: group, metric: mae, limit: 3}")
    # Without a champion, there is no regression to waive. The waiver is not a mistake, though.
    first.write("waivers.yml", WAIVER)
    verdict = first.green()
    assert verdict["verdict"] == "better"
    assert verdict["champion"] is None
    assert "No champion yet: judged by its limits alone" in verdict["headline"]
    assert ": first, passed. No champion yet: " in first.gate()[0].out
    assert first.results(verdict).keys() == {
        "candidate", "data.training", "data.holdout", "data.overlap", "predictions", "agreement", "champion",
        "metrics.mae.limit", "metrics.r2.limit",
        "slices.group=a.mae.limit", "slices.group=b.mae.limit", "waivers",
    }  # fmt: skip
    assert verdict["candidate"]["data"]["raw"]["dataset"] == "toys_train:2"
    assert verdict["candidate"]["digest"].startswith("sha256:")
    assert verdict["stage"] == "dev"
    with (first.run / "gate" / "holdout.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == verdict["holdout"]["rows"]
    assert list(rows[0]) == ["row", "truth", "candidate", "champion", "group"]
    assert {row["champion"] for row in rows} == {""}
    errors = [abs(float(row["truth"]) - float(row["candidate"])) for row in rows]
    assert sum(errors) / len(errors) == pytest.approx(verdict["metrics"]["mae"]["candidate"])
    assert sum(its["rows"] for its in verdict["slices"]) == len(rows)


def test_equal(later: Factory) -> None:
    verdict = later.green()
    assert verdict["verdict"] == "equal"
    assert verdict["champion"]["version"] == "1"
    assert verdict["metrics"]["mae"]["interval"] == [0.0, 0.0]
    assert "as good as the champion (version 1)" in verdict["headline"]


def test_a_little_worse(later: Factory) -> None:
    """Significantly worse, but by less than max_regression: equal, but not "as good as"."""
    later.plant("return 3 * x1 + 2")
    later.gates(**{"max_regression: 0.1": "max_regression: 2", "r2: {limit: 0.5}": "r2: {limit: 0.1}"})
    verdict = later.green()
    mae = verdict["metrics"]["mae"]
    assert mae["interval"][0] > 0
    assert (verdict["verdict"], mae["verdict"]) == ("equal", "equal")
    told = "The candidate is a little worse than the champion, within what gates.yml allows (version 1): mae "
    assert verdict["headline"].startswith(told)
    assert "as good as" not in verdict["headline"]


def test_better(later: Factory) -> None:
    later.plant(BETTER)
    said, verdict = later.gate("--run", later.dev, "--format", "json")
    assert said.code == 0
    assert json.loads(said.out) == verdict
    assert verdict["verdict"] == "better"
    mae = verdict["metrics"]["mae"]
    assert mae["candidate"] < mae["champion"]
    assert mae["difference"] == pytest.approx(mae["candidate"] - mae["champion"])
    assert mae["interval"][0] < mae["difference"] < mae["interval"][1] < 0
    assert verdict["metrics"]["r2"]["interval"][0] > 0
    assert ": better, passed. " in later.gate("--run", later.dev)[0].out


def test_worse(later: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    output = later.repo / "output.txt"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    later.plant(WORSE)
    said, verdict = later.gate()
    assert said.code == 1
    assert verdict["verdict"] == "worse"
    assert [its["id"] for its in verdict["checks"] if its["result"] == "failed"] == ["metrics.mae.regression"]
    assert said.out.startswith("failed  metrics.mae.regression: mae is ")
    assert "::error title=gate::metrics.mae.regression: mae is " in said.out
    assert "The candidate is not good enough: metrics.mae.regression." in said.out
    assert output.read_text(encoding="utf-8") == "verdict=worse\npassed=false\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise RuntimeError('no such luck')", ["RuntimeError: no such luck"]),
        ("return np.where(x1 > 0, np.nan, line)", ["predictions are NaN or infinite"]),
        ("return line[:-1]", ["predictions for"]),
        ("print('goodbye'); os._exit(3)", ["its process ended with code 3", "goodbye"]),
    ],
)
def test_broken(later: Factory, body: str, words: list[str]) -> None:
    later.plant(body)
    verdict = later.red("predictions", "broken", *words)
    results = later.results(verdict)
    assert results["metrics.mae.limit"] == results["metrics.r2.limit"] == "broken"
    assert results["champion"] == "passed"
    assert verdict["metrics"]["mae"]["verdict"] == "broken"
    assert "cannot be judged: predictions" in verdict["headline"]


def test_constant_predictions(first: Factory) -> None:
    first.gates(**{"mae: {limit: 3, ": "mae: {limit: 30, ", "r2: {limit: 0.5}": "r2: {limit: -1}"})
    first.plant("return np.full(n, 0.5)")
    verdict = first.red("predictions", "failed", "The model predicts 0.5 for all")
    assert verdict["metrics"]["mae"]["candidate"] > 0


def test_no_model(first: Factory) -> None:
    shutil.rmtree(first.run / "outputs" / "model")
    first.gates("latency: {p95_ms: 20}", "size: {max_mb: 1}", "onnx: {max_difference: 1}", "slices:",
                "  - {column: group, metric: mae, limit: 3}")  # fmt: skip
    results = first.results(first.red("predictions", "broken", "its output `model` is missing"))
    gone = ("metrics.mae.limit", "slices.group.mae.limit", "latency.p95", "size", "onnx")
    assert {results[name] for name in gone} == {"broken"}


def test_a_model_that_the_run_did_not_make(first: Factory) -> None:
    made = (first.run / "run.json").read_bytes()
    first.plant("return x.x1.to_numpy()")
    (first.run / "run.json").write_bytes(made)
    first.red("candidate", "broken", "Outputs were changed or replaced after the run: model.")


def test_changed_holdout(first: Factory) -> None:
    file = first.repo / "datasets/toys_holdout/1/toys_holdout.csv"
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    results = first.results(first.red("data.holdout", "broken", "versions never change", "toys_holdout.csv"))
    assert results["metrics.mae.limit"] == results["data.overlap"] == results["predictions"] == "broken"


def test_a_mistake_removes_the_old_verdict(first: Factory) -> None:
    first.green()
    first.gates(limit="limt")
    said, verdict = first.gate()
    assert (said.code, verdict) == (2, {})
    assert "models/toy/gates.yml:7:9: MR702: Unknown key limt. Did you mean limit?" in said.err
    assert not (first.run / "gate" / "holdout.csv").exists()


def test_changed_champion(later: Factory) -> None:
    [file] = later.repo.glob(".registry/models/toy/*/dev/model/MLmodel")
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    verdict = later.red("champion", "broken", "toy:1 is not what was registered", "roll back")
    assert verdict["metrics"]["mae"]["champion"] is None
    assert later.results(verdict)["metrics.mae.limit"] == "passed"


def test_a_copied_champion_contains_its_lineage(later: Factory, tmp_path: Path) -> None:
    """MLflow can load the model's folder alone, as in a deployment, and it contains lineage.json."""
    import mlflow.pyfunc
    import pandas as pd

    said = later.command("registry", "path", "toy@champion")
    taken = Path(shutil.copytree(later.repo / said.out.strip(), tmp_path / "taken"))
    assert len(mlflow.pyfunc.load_model(str(taken)).predict(pd.DataFrame({"x1": [0.5, 1.5]}))) == 2
    lineage = json.loads((taken / "lineage.json").read_text(encoding="utf-8"))
    (taken / "lineage.json").unlink()
    assert lineage["model_digest"] == digest_of(taken)
    assert (lineage["run"], lineage["model"]) == (later.prod, "toy")


@pytest.mark.parametrize("gone", [False, True])
def test_changed_lineage_of_the_champion(later: Factory, gone: bool) -> None:
    [file] = later.repo.glob(".registry/models/toy/*/dev/model/lineage.json")
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    if gone:
        file.unlink()
    told = "toy:1 is not what was registered: its lineage.json has changed, or is missing."
    later.red("champion", "broken", told, "Restore it, or roll back.")


def test_a_lineage_of_its_own(first: Factory) -> None:
    (first.run / "outputs" / "model" / "lineage.json").write_text("{}\n", encoding="utf-8")
    first.note_outputs()
    first.red("candidate", "broken", "its own lineage.json, but the registry writes that file")


def test_prod_is_compared_with_prod(later: Factory) -> None:
    [twin] = later.repo.glob(".registry/models/toy/*/dev")
    shutil.rmtree(twin)
    said, verdict = later.gate("--run", later.prod)
    assert said.code == 0, said.text
    assert verdict["verdict"] == "equal"
    later.red("champion", "broken", "no twin trained on the dev data", "mlroad register toy")


def test_budgets_slices_and_waivers(later: Factory) -> None:
    """Three thresholds fail, and then are waived."""
    later.gates(
        "latency: {p95_ms: 5}",
        "size: {max_mb: 0.2}",
        "slices:",
        "  - {column: group, metric: mae, max_regression: 0.1, min_rows: 10}",
    )
    # Better overall, but much worse in the smaller group.
    later.plant("time.sleep(0.01 if n == 1 else 0); return np.where(x1 > 1.2, -9, line)")
    (later.run / "outputs" / "model" / "weights.bin").write_bytes(bytes(300_000))
    later.note_outputs()
    verdict = later.red("latency.p95", "failed", "limit 5 ms (champion on the same machine: ")
    results = later.results(verdict)
    assert results["size"] == "failed"
    regressed = [id_ for id_, result in results.items() if id_.startswith("slices.") and result == "failed"]
    assert regressed
    failed = [id_ for id_, result in results.items() if result == "failed"]
    assert set(failed) >= {"size", "latency.p95", *regressed}
    waive = "".join(
        f"- gate: {id_}\n  owner: '@octocat'\n  reason: A test.\n  expires: {SOON}\n" for id_ in failed
    )
    later.write("waivers.yml", waive)
    said, verdict = later.gate()
    assert said.code == 0, said.text
    assert {later.results(verdict)[id_] for id_ in failed} == {"waived"}
    assert f"Waived by @octocat until {SOON}: A test." in said.out
    assert f"{len(failed)} failed checks are waived" in verdict["headline"]
    assert all(waiver["used"] for waiver in verdict["waivers"])


def test_classification(first: Factory) -> None:
    file = first.repo / "models/toy/gates.yml"
    file.write_text(
        "task: binary\nholdout: azureml:toys_holdout:1\ntarget: label\nchampion: optional\n"
        "decide_by: roc_auc\nmetrics:\n  roc_auc: {limit: 0.8, max_regression: 0.1}\n  log_loss: {limit: 1}\n"
        "  brier: {limit: 0.3}\n  f1: {limit: 0.7}\nbootstrap: {resamples: 300}\n",
        encoding="utf-8",
    )
    first.plant("return np.column_stack([1 - p, p])")
    verdict = first.green()
    assert verdict["metrics"]["roc_auc"]["candidate"] > 0.9
    first.plant("return (p > 0.5).astype(int)")
    first.red("predictions", "broken", "labels 0 and 1", "predict_proba")


def test_inference_tests_and_champion_required(first: Factory) -> None:
    """The gate runs the tests that `mlroad freeze` made, and fails if a required champion is missing."""
    from tests.unit.gate import toy

    toy.run(first.repo, "freeze", "models/toy", "--run", first.dev)
    first.gates("inference_tests: [pyfunc]", optional="required")
    verdict = first.red("champion", "broken", "gates.yml requires a champion, but toy has none")
    assert first.results(verdict)["inference.pyfunc"] == "passed"
    assert verdict["inference"]["pyfunc"]["cases"] > 0
    inference = json.loads((first.run / "gate" / "inference.json").read_text(encoding="utf-8"))
    assert (inference["passed"], inference["run"], inference["latency"]) == (True, first.dev, None)
    assert [id_ for id_, result in first.results(verdict).items() if result != "passed"] == ["champion"]


def test_sources_of_mistakes(first: Factory) -> None:
    said = first.command("gate", "toi")
    assert said.code == 2
    assert "Did you mean toy?" in said.err
    said = first.command("gate", "toy", "--run", "20200101")
    assert said.code == 2
    assert "There is no run 20200101" in said.err
    first.gates(**{"target: y": "target: []"})
    said, verdict = first.gate()
    assert (said.code, verdict) == (2, {})
    assert "target is empty" in said.err
    first.gates(**{"target: []": "target: y"})
    first.gates(
        "slices:", "  - {column: row, metric: mae, limit: 9}", "  - {column: sex, metric: mae, limit: 9}"
    )
    said, verdict = first.gate()
    assert (said.code, verdict) == (2, {})
    assert "gates.yml:11:14: MR704: row has" in said.err
    assert "gates.yml:12:14: MR704: toys_holdout:1 has no column sex." in said.err


def test_the_target_as_an_input(first: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    first.gates(**{"target: y": "target: x1"})
    said, verdict = first.gate("--run", first.dev, "--format", "json")
    assert said.code == 1
    assert json.loads(said.out) == verdict
    assert "::error title=gate::predictions: The model cannot be measured: it takes the target x1" in said.err
    assert verdict["verdict"] == "broken"


def test_judged_again_without_the_model(later: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded predictions give exactly the same verdict, and no model is loaded."""
    from mlroad.gate.run_gate import judge_records
    from mlroad.models import model_process
    from mlroad.run.candidate import find_candidate
    from mlroad.run.model_folder import ModelFolder

    later.gates("latency: {p95_ms: 500}", "slices:", "  - {column: group, metric: mae, limit: 3}")
    verdict = later.green()

    def load(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(model_process.ModelProcess, "__init__", load)
    again = judge_records(find_candidate(ModelFolder(later.repo, "toy"), later.dev))
    assert {**again, "made": ""} == {**verdict, "made": ""}


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return np.column_stack([1 - p, p])", "passed"),
        ("return np.where(n > 1, np.nan, line)", "broken"),
        ("return np.column_stack([p, p, p])", "broken"),
    ],
)
def test_answers_of_any_shape_are_recorded(first: Factory, body: str, result: str) -> None:
    from mlroad.gate.records import read_records

    first.gates(**{"task: regression": "task: binary", "target: y": "target: label"})
    first.gates(
        **{"mae": "accuracy", "{limit: 3, ": "{limit: 0.5, ", "  r2: {limit: 0.5}": "  f1: {limit: 0.5}"}
    )
    first.plant(body)
    verdict = first.gate()[1]
    assert first.results(verdict)["predictions"] == result, verdict["checks"]
    asked = read_records(first.run / "gate").candidate
    assert asked
    assert asked.values is not None
    assert len(asked.values) == verdict["holdout"]["rows"]
    assert np.isnan(asked.values).any() == ("nan" in body)
