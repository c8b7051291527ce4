"""`mlroad freeze`: the cases that it makes, what a second call keeps, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlroad.models.cases import Case
from mlroad.models.freeze_tolerances import choose_tolerances
from mlroad.models.suite import file_digest
from mlroad.models.tensors import Tensor
from tests.unit.models.conftest import CASES, SUITE, Rents, table

pytestmark = pytest.mark.slow


def test_what_is_written(rents: Rents) -> None:
    said = rents.freeze("--rows 6")

    suite = yaml.safe_load((rents.repo / SUITE).read_text(encoding="utf-8"))
    version = yaml.safe_load((rents.repo / "datasets/rents/1.yml").read_text(encoding="utf-8"))
    assert (suite["model"], suite["dataset"]) == ("rents", "azureml:rents:1")
    assert suite["digest"] == version["tags"]["digest"]
    assert suite["cases_digest"] == file_digest(rents.repo / CASES)
    assert 0 < suite["tolerance"]["absolute"] < suite["retrained"]["absolute"] < 1000
    assert f"tolerance {{absolute: {suite['tolerance']['absolute']}}}" in said
    cases = rents.cases()
    assert [case["kind"] for case in cases] == ["golden"] * 6 + ["invalid"] * 4
    first = cases[0]["request"]["inputs"]
    assert [(t["name"], t["datatype"], t["shape"]) for t in first] == [
        ("area", "FP64", [1, 1]),
        ("rooms", "INT64", [1, 1]),
        ("district", "BYTES", [1, 1]),
    ]
    assert first[2]["data"][0] in {"01", "02", "03"}  # a string, though it looks like a number
    [answer] = cases[0]["expect"]["outputs"]
    assert (answer["name"], answer["datatype"], answer["shape"]) == ("prediction", "FP64", [1])
    assert {case["id"] for case in cases[6:]} == {
        "frozen-invalid-missing-area",
        "frozen-invalid-text-for-area",
        "frozen-invalid-fraction-for-rooms",
        "frozen-invalid-number-for-district",
    }


def test_freezing_again_and_another_order_of_rows_change_nothing(rents: Rents) -> None:
    rents.freeze("--rows 6")
    before = [(rents.repo / name).read_bytes() for name in (SUITE, CASES)]
    assert rents.repo.mlroad(f"freeze models/rents --run {rents.run} --rows 6").code == 0
    assert [(rents.repo / name).read_bytes() for name in (SUITE, CASES)] == before

    header, *rows = table(60).splitlines()
    rents.repo.write("turned.csv", "\n".join([header, *reversed(rows)]) + "\n")
    rents.repo.good("add turned turned.csv")
    rents.freeze("--rows 6 --dataset turned:1")
    assert (rents.repo / CASES).read_bytes() == before[1]


def test_rows_of_another_dataset(rents: Rents) -> None:
    rents.freeze("--dataset azureml:rents:2 --rows 3")
    suite = yaml.safe_load((rents.repo / SUITE).read_text(encoding="utf-8"))
    assert (suite["dataset"], suite["rows"]) == ("azureml:rents:1", "azureml:rents:2")
    assert rents.green()["judged_by"] == "tolerance"
    rents.edit(SUITE, suite["rows_digest"], "sha256:" + "0" * 64)
    rents.red("suite.yml:6:14: MI111")


def test_a_run_of_some_steps_is_not_the_newest_model(rents: Rents) -> None:
    runs = rents.repo / ".runs/rents"
    newest = max(path.name for path in runs.glob("2*"))
    partial = Path(shutil.copytree(runs / newest, runs / "29990101-000000-000000"))
    shutil.rmtree(partial / "outputs" / "model")
    done = rents.repo.mlroad("freeze models/rents --rows 3")
    assert done.code == 0, done
    assert newest in done.out
    assert rents.repo.mlroad("test models/rents").code == 0
    done = rents.repo.mlroad(f"freeze models/rents --rows 3 --run {partial.name}")
    assert done.code == 2
    assert "Run the whole pipeline." in done.err


def test_the_rows_are_spread(rents: Rents) -> None:
    """A few cases include the only outlier, because freeze looks for unusual rows."""
    rents.repo.write("odd.csv", table(60) + "09,999.5,99,5000,odd\n")
    rents.repo.good("add odd odd.csv")
    rents.freeze("--rows 4 --dataset odd:1")
    assert any(case["request"]["inputs"][0]["data"] == [999.5] for case in rents.cases()[:4])


def test_rows_with_gaps_are_left_out(rents: Rents) -> None:
    rents.repo.write("gaps.csv", table(8) + "01,,2,700,gap\n01,30.5,,700,gap\n")
    rents.repo.good("add gaps gaps.csv")
    said = rents.freeze("--rows 50 --dataset gaps:1")
    assert "2 rows left out" in said
    assert sum(case["kind"] == "golden" for case in rents.cases()) == 8


def test_what_people_wrote_stays(frozen: Rents) -> None:
    """Hand-written cases and tolerances are kept; generated cases are replaced."""
    mine = {
        "id": "a text for the rooms",
        "kind": "invalid",
        "request": {"inputs": [{"name": "rooms", "shape": [1], "datatype": "BYTES", "data": ["two"]}]},
        "expect": {"error": True},
    }
    frozen.write_cases([*frozen.cases(), mine])
    suite = yaml.safe_load((frozen.repo / SUITE).read_text(encoding="utf-8"))
    frozen.edit(SUITE, f"absolute: {suite['tolerance']['absolute']}", "absolute: 3.25, relative: 0.01")

    said = frozen.freeze("--rows 3")

    assert "Kept 1 case" in said
    assert [case["kind"] for case in frozen.cases()] == ["golden"] * 3 + ["invalid"] * 5
    assert frozen.cases()[-1]["id"] == mine["id"]
    assert "tolerance: {absolute: 3.25, relative: 0.01}" in (frozen.repo / SUITE).read_text(encoding="utf-8")
    assert frozen.green()["cases"] == 8
    assert "tolerance {absolute: 7.0}, retrained {absolute: 99.0}" in frozen.freeze(
        "--absolute 7 --retrained 99"
    )


def test_both_files_or_neither(rents: Rents) -> None:
    (rents.repo / SUITE).mkdir(parents=True)
    said = rents.repo.mlroad(f"freeze models/rents --run {rents.run}")
    assert (said.code, "suite.yml cannot be written" in said.err) == (2, True), said
    assert [file.name for file in (rents.repo / SUITE).parent.iterdir()] == ["suite.yml"]
    (rents.repo / SUITE).rmdir()
    rents.freeze("--rows 3")
    before = (rents.repo / CASES).read_bytes()
    (rents.repo / SUITE).unlink()
    (rents.repo / SUITE).mkdir()
    assert rents.repo.mlroad(f"freeze models/rents --run {rents.run} --rows 4").code == 2
    assert (rents.repo / CASES).read_bytes() == before


def test_what_a_kill_between_the_two_files_leaves(frozen: Rents) -> None:
    """New cases with the old suite are refused until freeze runs again."""
    old = (frozen.repo / SUITE).read_bytes()
    frozen.freeze("--rows 4")
    frozen.repo.write(SUITE, old)
    frozen.red("MI110")
    frozen.freeze("--rows 4")
    frozen.green()


def test_tolerances_that_cannot_be_read_are_not_lost(frozen: Rents) -> None:
    frozen.edit(SUITE, "retrained: {absolute", "retrained: {absolut")
    said = frozen.repo.mlroad("freeze models/rents")
    assert said.code == 2
    assert "suite.yml:8" in said.text
    assert "Did you mean absolute?" in said.text


def test_a_model_that_takes_everything(rents: Rents) -> None:
    """A request that the model accepts does not become an invalid case, and freeze says so."""
    run = rents.run_with(lambda rows: [7.0] * len(rows), required=False)
    said = rents.repo.mlroad("freeze models/rents --rows 3")
    assert said.code == 0, said
    assert "missing-area" not in said.out  # it is optional
    rents.green(run)


def test_probabilities_that_are_whole_far_from_a_threshold_are_no_labels(tmp_path: Path) -> None:
    def cases(*values: float) -> list[Case]:
        tensors = [Tensor("risk", "FP64", (1, 2), (value, 1 - value)) for value in values]
        return [Case(str(place), "golden", (), (its,)) for place, its in enumerate(tensors)]

    for boundary, allowed in ((cases(2 / 3), 0.005), (cases(1.0), 0.0), ([], 0.0)):
        golden = cases(0.0, 1.0, 1.0, 0.0)
        same, _, _ = choose_tolerances(tmp_path, tmp_path, golden, [], (None, None), boundary)
        assert same.limit.absolute == allowed


def test_labels_have_to_be_equal(rents: Rents) -> None:
    run = rents.run_with(lambda rows: ["dear" if area > 60 else "cheap" for area in rows["area"]])
    said = rents.repo.mlroad("freeze models/rents --rows 10")
    assert "tolerance {absolute: 0.0}, retrained {absolute: 0.0, may_differ: 0.2}" in said.out
    assert rents.green(run)["passed"]
    rents.run_with(lambda rows: ["dear" if area > 70 else "cheap" for area in rows["area"]], "29990102-0")
    rents.red("prediction[0] is cheap, expected dear", run="29990102-0")


def test_several_outputs_have_limits_of_their_own(rents: Rents) -> None:
    def answer(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"rent": 10 * rows["area"], "share": rows["area"] / 1000})

    run = rents.run_with(answer)
    assert rents.repo.mlroad("freeze models/rents --rows 6").code == 0
    suite = yaml.safe_load((rents.repo / SUITE).read_text(encoding="utf-8"))
    limits = suite["tolerance"]["outputs"]
    assert limits["rent"]["absolute"] > 1000 * limits["share"]["absolute"] / 2
    rents.green(run)
    rents.run_with(lambda rows: answer(rows).assign(share=rows["area"] / 900), "29990102-0")
    rents.red("share[0] is", run="29990102-0")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda rows: [float("nan")] * len(rows), "answers NaN or infinity"),
        (lambda rows: [{"a": 1}] * len(rows), "refuses a row of the data"),
        (lambda rows: [1 / (len(rows) - 1)], "ZeroDivisionError"),
    ],
)
def test_answers_that_cannot_be_kept(rents: Rents, answer: object, words: str) -> None:
    rents.run_with(answer)  # type: ignore[arg-type]
    said = rents.repo.mlroad("freeze models/rents")
    assert said.code == 2, said
    assert words in said.err
    assert not (rents.repo / "models/rents/inference_tests").exists()


def test_a_model_that_is_not_deterministic(rents: Rents) -> None:
    rents.run_with(lambda rows: [len(rows) + __import__("random").random()])
    said = rents.repo.mlroad("freeze models/rents")
    assert (said.code, "gives two answers to the same request" in said.err) == (2, True), said


def test_data_that_was_touched(rents: Rents) -> None:
    rents.edit("datasets/rents/1/one.csv", "n1\n", "nX\n")
    said = rents.repo.mlroad("freeze models/rents --run " + rents.run)
    assert (said.code, "MD203" in said.err) == (2, True), said
    assert not (rents.repo / "models/rents/inference_tests").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("freeze models/rents --run nothing", "There is no run nothing"),
        ("freeze models/rents --run ../rents", "There is no run"),
        ("freeze models/none", "is not a model folder"),
        ("freeze models/rents --dataset rents:9", "rents:9 does not exist"),
        ("freeze models/rents --dataset rents@latest", "different data tomorrow"),
        ("freeze models/rents --accept --rows 3", "does not run the model"),
        ("freeze models/rents --accept", "suite.yml: MI101"),
        ("test models/rents", "has no inference tests"),
        ("test models/rents --runtime java", "is not one of"),
        ("test models/rents --format xml", "is not one of"),
    ],
)
def test_mistakes_on_the_command_line(rents: Rents, arguments: str, words: str) -> None:
    said = rents.repo.mlroad(arguments)
    assert said.code == 2, said
    assert words in said.err


def test_a_dataset_without_the_models_columns(rents: Rents) -> None:
    rents.repo.write("narrow.csv", "area,rent\n1.5,2\n")
    rents.repo.good("add narrow narrow.csv")
    said = rents.repo.mlroad("freeze models/rents --dataset narrow:1")
    assert (said.code, "narrow:1 lacks rooms, district" in said.err) == (2, True), said


def test_a_value_that_the_signature_does_not_allow(rents: Rents) -> None:
    rents.repo.write("halves.csv", "area,rooms,district\n1.5,2.5,01\n")
    rents.repo.good("add halves halves.csv")
    said = rents.repo.mlroad("freeze models/rents --dataset halves:1")
    assert (said.code, "rooms contains 2.5, which is not a valid INT64" in said.err) == (2, True), said


def test_runs_that_cannot_be_frozen(rents: Rents) -> None:
    newest = rents.repo / f".runs/rents/{rents.other}"
    record = json.loads((newest / "run.json").read_text(encoding="utf-8"))
    record["state"] = "failed"
    (newest / "run.json").write_text(json.dumps(record), encoding="utf-8")
    said = rents.repo.mlroad(f"freeze models/rents --run {rents.other}")
    assert (said.code, "did not finish" in said.err) == (2, True), said
    # The newest finished run is the other one.
    assert f"answered by the run {rents.run}" in rents.repo.mlroad("freeze models/rents --rows 2").out

    folder = rents.repo / f".runs/rents/{rents.run}"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["inputs"]["raw"].pop("dataset")
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    said = rents.repo.mlroad("freeze models/rents")
    assert (said.code, "names no dataset version" in said.err) == (2, True), said

    shutil.rmtree(folder / "outputs/model")
    record["inputs"]["raw"]["dataset"] = "rents:1"
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    said = rents.repo.mlroad("freeze models/rents")
    assert (said.code, "has changed since" in said.err or "has no model" in said.err) == (2, True), said
