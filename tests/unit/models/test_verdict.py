"""`mlroad test`: it passes good models, fails on each fault, and always writes a verdict."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from mlroad.core.digests import digest_of
from mlroad.models.fork_server import FORKS
from mlroad.models.suite import suite_digest
from tests.unit.models.conftest import CASES, SUITE, Rents

pytestmark = pytest.mark.slow
Change = Callable[[list[dict[str, Any]]], None]


def test_the_run_it_was_frozen_from(frozen: Rents) -> None:
    model = frozen.repo / f".runs/rents/{frozen.run}/outputs/model"
    before = digest_of(model)

    said = frozen.test()

    assert said.code == 0, said
    assert said.out.startswith("10 cases passed in pyfunc: rents, run ")
    assert not said.err
    verdict = frozen.verdict()
    assert (verdict["schema"], verdict["runtime"], verdict["reason"]) == (1, "pyfunc", "")
    assert (verdict["model"], verdict["run"]) == ("rents", frozen.run)
    assert (verdict["cases"], verdict["failed"]) == (10, 0)
    assert verdict["judged_by"] == "tolerance"
    assert verdict["model_digest"] == before == digest_of(model)
    assert verdict["suite_digest"] == suite_digest(frozen.repo / "models/rents")
    assert 0 < verdict["latency"]["p50_ms"] <= verdict["latency"]["p95_ms"]
    assert [result["id"] for result in verdict["results"]] == [case["id"] for case in frozen.cases()]
    assert all(result["passed"] for result in verdict["results"])


def test_a_model_of_other_data_is_judged_as_retrained(frozen: Rents) -> None:
    assert frozen.green(frozen.other)["judged_by"] == "retrained"
    said = frozen.freeze("--rows 6 --retrained 5")
    assert "retrained {absolute: 5.0}" in said
    frozen.red("MI201", "allowed is 5", "judged by retrained", run=frozen.other)
    frozen.green()


def test_the_newest_run_is_tested(frozen: Rents) -> None:
    said = frozen.repo.mlroad("test models/rents --format json")
    assert json.loads(said.out) == frozen.verdict(frozen.other)


def test_a_worse_model(frozen: Rents) -> None:
    run = frozen.run_with(lambda rows: 500.0 + 0 * rows["area"])
    text = frozen.red("cases.jsonl:1: MI201: golden-", "prediction[0] is 500, expected", run=run)
    assert f"accept them: `mlroad freeze models/rents --run {run}`" in text
    assert text.index("MI201") < text.index("cases failed")


def test_within_the_tolerance(frozen: Rents) -> None:
    """A look-alike of the worse model: just within the tolerance, then just outside."""
    by_area = {
        case["request"]["inputs"][0]["data"][0]: case["expect"]["outputs"][0]["data"][0]
        for case in frozen.cases()[:6]
    }
    frozen.freeze("--rows 6 --absolute 1")
    frozen.green(frozen.run_with(lambda rows: [by_area[area] + 0.99 for area in rows["area"]]))
    run = frozen.run_with(lambda rows: [by_area[area] - 1.01 for area in rows["area"]], "29990102-0")
    assert frozen.red(run=run).count("MI201") == 6


def test_a_share_may_differ(frozen: Rents) -> None:
    """Labels of a retrained model: a share may change, but not one more."""

    def answer(limit: float) -> Callable[[Any], Any]:
        return lambda rows: ["dear" if area > limit else "cheap" for area in rows["area"]]

    run = frozen.run_with(answer(60))
    assert frozen.repo.mlroad(f"freeze models/rents --run {run} --rows 10").code == 0
    areas = sorted(c["request"]["inputs"][0]["data"][0] for c in frozen.cases() if c["kind"] == "golden")
    above = [area for area in areas if area > 60]
    for name, changed, good in (("29990102-0", 2, True), ("29990102-1", 3, False)):
        frozen.run_with(answer(above[changed] - 0.1), name)
        record = frozen.repo / f".runs/rents/{name}/run.json"
        text = record.read_text(encoding="utf-8").replace("rents:1", "rents:2")
        record.write_text(text, encoding="utf-8")
        if good:
            allowed = [r for r in frozen.green(name)["results"] if "allowed: 2 of 10" in r["what"]]
            assert len(allowed) == 2
        else:
            assert frozen.red(run=name).count("MI201") == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda rows: [float("nan")] * len(rows), "prediction[0] is nan, expected"),
        (lambda rows: [float("inf")] * len(rows), "prediction[0] is inf, expected"),
        (lambda rows: [[500.0]] * len(rows), "has the shape [1, 1], but [1] was expected"),
        (lambda rows: [500.0] * (1 + len(rows)), "has the shape [2], but [1] was expected"),
        (lambda rows: ["500"] * len(rows), "prediction is BYTES, but FP64 was expected"),
        (lambda rows: [500] * len(rows), "prediction is INT64, but FP64 was expected"),
        (lambda rows: rows[["area"]], "The output prediction is missing; the outputs are area"),
        (lambda rows: [None] * len(rows), "the output prediction contains NoneType"),
        (lambda rows: [1 / (len(rows) - 1)], "MI202"),
    ],
)
def test_invalid_answers(frozen: Rents, answer: Callable[[Any], Any], words: str) -> None:
    frozen.red(words, run=frozen.run_with(answer))


def test_an_output_too_many(frozen: Rents) -> None:
    frozen.freeze("--rows 6 --absolute 100000")
    run = frozen.run_with(lambda rows: {"prediction": [500.0] * len(rows), "more": [1.0]})
    frozen.red("The output more was not expected", run=run)


def test_a_model_that_takes_what_is_invalid(frozen: Rents) -> None:
    case = {
        "id": "small",
        "kind": "invalid",
        "request": frozen.cases()[0]["request"],
        "expect": {"error": True},
    }
    frozen.write_cases([*frozen.cases(), case])
    frozen.red("cases.jsonl:11: MI203: small: The model should refuse this request, but answered prediction")
    assert frozen.verdict()["failed"] == 1


def test_requests_that_are_not_a_table_are_refused(frozen: Rents) -> None:
    """An invalid case passes if the request is refused, a golden one fails."""
    wrong = json.loads(json.dumps(frozen.cases()[0]))
    wrong["request"]["inputs"][0] |= {"shape": [2], "data": [1.0, 2.0]}
    invalid = {**wrong, "id": "two areas", "kind": "invalid", "expect": {"error": True}}
    frozen.write_cases([*frozen.cases(), invalid])
    frozen.green()
    frozen.write_cases([*frozen.cases(), {**wrong, "id": "golden two"}])
    frozen.red("golden two: The model refused: TensorError: the tensors differ in length")


@pytest.mark.parametrize("what", ["missing", "damaged", "code"])
def test_a_model_that_cannot_be_loaded(frozen: Rents, what: str) -> None:
    model = frozen.repo / f".runs/rents/{frozen.run}/outputs/model"
    if what == "missing":
        shutil.rmtree(model)
    elif what == "damaged":
        (model / "model.pkl").write_bytes(b"no pickle")
    else:
        (model / "MLmodel").write_text(
            "flavors: {python_function: {loader_module: nowhere}}\n", encoding="utf-8"
        )
    frozen.red("MI204: The model cannot be loaded", "no case of rents was run")
    verdict = frozen.verdict()
    assert (verdict["cases"], verdict["failed"], verdict["latency"]) == (10, 10, None)
    assert "cannot be loaded" in verdict["reason"]
    assert bool(verdict["model_digest"]) is (what != "missing")


def answer_edited(cases: list[dict[str, Any]]) -> None:
    cases[0]["expect"]["outputs"][0]["data"] = [1.0]


def request_edited(cases: list[dict[str, Any]]) -> None:
    cases[0]["request"]["inputs"][0]["data"] = [1.0]


def one_less(cases: list[dict[str, Any]]) -> None:
    cases.pop(0)


def keys_turned(cases: list[dict[str, Any]]) -> None:
    cases[0] = dict(reversed(cases[0].items()))


@pytest.mark.parametrize("change", [answer_edited, request_edited, one_less, keys_turned])
def test_edited_cases(frozen: Rents, change: Change) -> None:
    """The digest is of the bytes, so it also detects edits that do not change the meaning."""
    frozen.green()
    cases = frozen.cases()
    change(cases)
    frozen.write_cases(cases, sealed=False)
    frozen.red("suite.yml:6", "MI110", "freeze models/rents --accept")
    assert frozen.verdict()["cases"] == 0


def test_accepted_edits(frozen: Rents) -> None:
    cases = frozen.cases()
    keys_turned(cases)
    frozen.write_cases(cases)
    frozen.green()
    answer_edited(cases)
    frozen.write_cases(cases)
    frozen.red("cases.jsonl:1: MI201")
    before = (frozen.repo / SUITE).read_bytes()
    assert "nothing to do" in frozen.repo.mlroad("freeze models/rents --accept").out
    assert (frozen.repo / SUITE).read_bytes() == before


def test_line_ends_of_windows_are_not_an_edit(frozen: Rents) -> None:
    digest = suite_digest(frozen.repo / "models/rents")
    for name in (SUITE, CASES):
        file = frozen.repo / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    frozen.green()
    assert frozen.verdict()["suite_digest"] == digest


@pytest.mark.parametrize("kind", ["golden", "all"])
def test_cases_that_are_missing(frozen: Rents, kind: str) -> None:
    cases = [] if kind == "all" else [case for case in frozen.cases() if case["kind"] != "golden"]
    frozen.write_cases(cases, sealed=False)
    said = frozen.repo.mlroad("freeze models/rents --accept")
    assert (said.code, "MI112" in said.err) == (2, True), said
    frozen.red("MI112")


def test_the_files_are_gone(frozen: Rents) -> None:
    frozen.green()
    (frozen.repo / CASES).unlink()
    frozen.red("cases.jsonl: MI101")
    (frozen.repo / SUITE).unlink()
    frozen.red("suite.yml: MI101", "mlroad freeze models/rents")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("raise SystemExit(0)", "its code called sys.exit(0)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_model_that_exits_when_it_is_loaded(frozen: Rents, error: str, words: str) -> None:
    frozen.green()
    _load_with(frozen, error)
    frozen.red("MI204", words)


def test_ctrl_c_leaves_no_verdict(frozen: Rents) -> None:
    frozen.green()
    _load_with(frozen, "import time; time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlroad", "test", "models/rents", "--run", frozen.run],
        cwd=frozen.repo.path,
    )
    # A model's process can tell nobody that it runs. It is a child of a child where processes are forked.
    until, wanted = time.monotonic() + 60, 2 if FORKS else 1
    while len(psutil.Process(process.pid).children(recursive=True)) < wanted and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert not (frozen.repo / f".runs/rents/{frozen.run}/gate/inference.json").exists()


def _load_with(frozen: Rents, code: str) -> None:
    """Make the model of the first run execute this code when it is loaded."""
    model = frozen.repo / f".runs/rents/{frozen.run}/outputs/model"
    (model / "dies.py").write_text(f"{code}\n", encoding="utf-8")
    meta = (model / "MLmodel").read_text(encoding="utf-8")
    (model / "MLmodel").write_text(
        meta.replace("loader_module: mlflow.sklearn", "code: .\n    loader_module: dies"), encoding="utf-8"
    )


def ends(rows: Any) -> Any:
    raise SystemExit(0)


def test_a_model_that_exits_when_it_predicts(frozen: Rents) -> None:
    """Even an invalid case does not pass that way."""
    run = frozen.run_with(ends)
    case = {**frozen.cases()[0], "id": "mine", "kind": "invalid", "expect": {"error": True}}
    frozen.write_cases([*frozen.cases(), case])
    text = frozen.red("MI202: golden", "mine: ", "its code called sys.exit(0)", run=run)
    assert text.count("sys.exit") == 7


def test_another_dataset(frozen: Rents) -> None:
    """The suite's digest differs from the version file's, or from that of the run."""
    suite = (frozen.repo / SUITE).read_text(encoding="utf-8")
    digest = next(line for line in suite.splitlines() if line.startswith("digest:")).split()[1]
    other = f"sha256:{'0' * 64}"
    frozen.edit("datasets/rents/1.yml", digest, other)
    frozen.red("suite.yml:4", "MI111", "datasets/rents/1.yml")
    frozen.edit(SUITE, f"\ndigest: {digest}", f"\ndigest: {other}")
    frozen.red("suite.yml: MI205", "the digests differ")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("model: rents", "model: flats", "suite.yml:2:8: MI113"),
        ("tolerance:", "tolerence:", "Did you mean tolerance?"),
        ("azureml:rents:1", "azureml:rents:7", "MI111: rents:7 does not exist"),
        ("azureml:rents:1", "azureml:rent:1", "Did you mean rents?"),
        ("azureml:rents:1", "azureml:rents@latest", "MI111"),
        ("cases: cases.jsonl", "cases: other.jsonl", "suite.yml:5"),
        ("tolerance: {absolute: ", "tolerance: {absolute: -", "It must be 0 or more"),
        ("tolerance: {absolute: ", "tolerance: {absolut: ", "Did you mean absolute?"),
        ("tolerance: {absolute: ", "tolerance: {absolute: .inf, relative: ", "should be a finite number"),
        ("tolerance: {absolute: ", "tolerance: {absolute: 1e-3, relative: ", "YAML reads 1e-3 as a text"),
        ("tolerance: {absolute: ", "tolerance: {may_differ: 0.5, absolute: ", "no key may_differ"),
        ("retrained: {absolute: ", "retrained: {may_differ: 2, absolute: ", "It must be from 0 to 1"),
        ("retrained: {", "retrained: {outputs: {rent: {absolute: 1}}, ", "but no case has it"),
        ("retrained: {", "retrained: [", "suite.yml"),
        ("cases_digest: sha256:", "cases_digest: sha1:", "is not a digest"),
        ("\nretrained:", "\nlatency: {p95_ms: 0}\nretrained:", "p95_ms is 0"),
        ("\nretrained:", "\nlatency: 5\nretrained:", "latency should have p95_ms"),
        ("\nretrained:", "\nlatency: {p99_ms: 5}\nretrained:", "no key p99_ms"),
        ("\nretrained:", "\nmodel: rents\nretrained:", "MR105"),
    ],
)
def test_mistakes_in_the_suite(frozen: Rents, old: str, new: str, words: str) -> None:
    frozen.edit(SUITE, old, new)
    text = frozen.red(words)
    assert "models/rents/inference_tests/suite.yml:" in text
    verdict = frozen.verdict()
    assert verdict["reason"].startswith("The suite cannot be used: ")
    assert verdict["results"] == []


def test_every_key_of_the_suite_is_needed(frozen: Rents) -> None:
    file = frozen.repo / SUITE
    whole = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in whole[1:]:
        file.write_text("".join(other for other in whole if other != line), encoding="utf-8")
        frozen.red("MI104", f"The key {line.partition(':')[0]} is missing")


def test_one_limit_for_one_output(frozen: Rents) -> None:
    run = frozen.run_with(lambda rows: 500.0 + 0 * rows["area"])
    frozen.edit(SUITE, "tolerance: {", "tolerance: {outputs: {prediction: {relative: 1000}}, ")
    frozen.green(run)
    frozen.edit(SUITE, "{relative: 1000}", "{relative: 0.0001}")
    frozen.red("MI201", run=run)
