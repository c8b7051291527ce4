"""Metrics of the team's own: evaluation.py is read, measured apart, recorded, and judged from the records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlroad.core.problems import UserError
from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.measures import Unmeasurable, whole
from mlroad.gate.own_measures import Spent, measuring
from mlroad.gate.own_metrics import read_own_metrics
from mlroad.gate.records import ModelAnswers
from mlroad.gate.run_gate import judge_records
from mlroad.gate.tasks.task import Truth
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.own_functions import samples
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import ModelFolder
from tests.unit.gate.conftest import Factory

HEAD = "import numpy as np\nimport pandas as pd\nfrom mlroad.evaluation import metric, scorer\n\n"
ERRORS = """@metric(direction="lower", unit="min")
def own_error(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    return abs(truth - answers)


"""
WORST = """@metric(direction="lower", rows=False)
def own_spread(truth: np.ndarray, answers: np.ndarray, rows: pd.DataFrame) -> float:
    assert len(rows) == len(truth)
    return float(np.std(truth - answers))


"""
JUDGE = """@scorer(direction="higher", calls=CALLS, seconds=60)
def own_judge(truth: float, answer: float) -> float:
    return 1 / (1 + abs(truth - answer))


"""


GATES = """task: regression
holdout: azureml:h:1
target: y
champion: optional
decide_by: OWN
metrics: {OWN: {max_regression: 1}}
"""


def add(factory: Factory, text: str, *names: str) -> None:
    """Write evaluation.py, and name its metrics in gates.yml."""
    factory.write("evaluation.py", HEAD + text)
    lines = "".join(f"  {name}: {{max_regression: 1}}\n" for name in names)
    factory.gates(**{"metrics:\n": f"metrics:\n{lines}", "resamples: 1000": "resamples: 200"})


@pytest.mark.slow
def test_all_forms_are_measured_recorded_and_judged_again(first: Factory) -> None:
    add(first, ERRORS + WORST + JUDGE.replace("CALLS", "1000"), "own_error", "own_spread", "own_judge")
    verdict = first.green()
    figures = verdict["metrics"]
    assert figures["own_error"]["candidate"] == pytest.approx(figures["mae"]["candidate"], rel=1e-12)
    assert figures["own_error"]["candidate_interval"] == pytest.approx(figures["mae"]["candidate_interval"])
    assert figures["own_spread"]["candidate"] == pytest.approx(np.sqrt(5), rel=0.2)
    low, high = figures["own_spread"]["candidate_interval"]
    assert low < figures["own_spread"]["candidate"] < high
    candidate = find_candidate(ModelFolder(first.repo, "toy"), first.dev)
    assert judge_records(candidate)["metrics"] == figures
    # The rules are read from the folder: what they say now is not what was measured.
    first.write("evaluation.py", HEAD + ERRORS + WORST + JUDGE.replace("CALLS", "1001"))
    again = judge_records(candidate)
    assert {check["result"] for check in again["checks"] if "own_" in check["id"]} == {"broken"}
    assert "evaluation.py has changed" in str(again["checks"])


@pytest.fixture
def why(tmp_path: Path) -> Callable[[str, str], str]:
    """``why(text, name)``: why a metric of that evaluation.py cannot be measured; empty if it can."""
    frame = pd.DataFrame({"x": range(40), "y": np.arange(40) / 2})
    table = Holdout("h:1", "sha256:0", frame, Truth(frame["y"].to_numpy()))
    gates = GATES.replace("OWN", "NAME")

    def measured(text: str, name: str) -> str:
        (tmp_path / "evaluation.py").write_text(HEAD + text, encoding="utf-8")
        (tmp_path / "gates.yml").write_text(gates.replace("NAME", name), encoding="utf-8")
        read = load_gates(tmp_path / "gates.yml")
        answers = dict.fromkeys(["candidate", "champion"], ModelAnswers("d", values=np.arange(40.0)))
        with measuring(tmp_path, tmp_path, read, table, answers) as own:
            assert own
            try:
                mine, other = (whole(its, 40) for its in own.measures(name, list(answers), np.arange(40)))
                assert np.isfinite(mine)
                assert mine == other
            except Unmeasurable as error:
                return str(error)
        return ""

    return measured


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("raise ValueError('no such thing')", "no such thing"),
        ("return abs(truth - answers) * np.where(truth > 0, np.nan, 1)", "are NaN or infinite"),
        ("return abs(truth - answers)[:-1]", "values of the shape"),
        ("return np.random.default_rng().random(len(truth))", "not deterministic"),
        ("return np.array(['a'] * len(truth))", "is not a number"),
        ("import os; os._exit(3)", "ended with code 3"),
        ("import os; return np.full(len(truth), float(os.environ['GITHUB_TOKEN']))", "GITHUB_TOKEN"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 1)", "uses the network"),
    ],
)
def test_a_wrong_metric_is_named(
    why: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, body: str, word: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "1")
    assert word in why(ERRORS.replace("return abs(truth - answers)", body), "own_error")


FORGED = """@DECORATOR
def forged(truth: np.ndarray, answers: np.ndarray) -> float:
    import itertools, os
    calls = globals().setdefault("CALLS", itertools.count(1))
    line = '{"number": %d, KEYS}\\n' % next(calls)
    for descriptor in range(3, 9):
        try:
            os.write(descriptor, line.encode())
        except OSError:
            pass
    return truth


"""


@pytest.mark.parametrize(
    ("decorator", "keys"),
    [
        ('metric(direction="lower")', '"values": [1, 2]'),
        ('metric(direction="lower")', '"values": [[1]]'),
        ('metric(direction="lower")', '"values": ["x"]'),
        ('metric(direction="lower")', '"values": {}'),
        ('metric(direction="lower")', '"value": 1'),
        ('metric(direction="lower", rows=False)', '"value": "x"'),
        ('metric(direction="lower", rows=False)', '"value": [1]'),
        ('metric(direction="lower", rows=False)', '"values": 1'),
        ('scorer(direction="lower", calls=99, seconds=9)', '"value": {}'),
        ('scorer(direction="lower", calls=99, seconds=9)', '"value": 1' + "0" * 400),
    ],
)
def test_a_forged_answer_is_a_red_check(why: Callable[[str, str], str], decorator: str, keys: str) -> None:
    """Every key and shape that evaluation.py may write in the worker's place: never an exception."""
    text = FORGED.replace("DECORATOR", decorator).replace("KEYS", keys)
    assert "its code writes to the pipe that carries its answers" in why(text, "forged")


@pytest.mark.parametrize("more", ["", ', "unconfined": 5', ', "unconfined": null'])
def test_a_forged_first_answer_is_refused(tmp_path: Path, more: str) -> None:
    line = f'{{"number": 0, "columns": [], "named": false{more}}}\n'
    forging = f"import os\nfor descriptor in range(3, 9):\n    try: os.write(descriptor, {line.encode()!r})\n"
    (tmp_path / "evaluation.py").write_text(forging + "    except OSError: pass\n", encoding="utf-8")
    with (
        ModelProcess(tmp_path / "evaluation.py", "evaluation") as process,
        pytest.raises(ModelBroken, match="its code writes to the pipe"),
    ):
        process.load()


def test_canary_a_right_metric_is_measured(why: Callable[[str, str], str]) -> None:
    assert not why(ERRORS, "own_error")


def test_a_file_that_cannot_be_loaded_and_a_random_sample(why: Callable[[str, str], str]) -> None:
    assert "missing_module" in why(ERRORS + "import missing_module\n", "own_error")
    random = WORST.replace("np.std(truth - answers)", "np.random.default_rng().random()")
    assert "not deterministic" in why(random, "own_spread")
    changing = "truth[:] = truth[::-1] - rows['x']\n    rows['x'] = 7\n"
    assert not why(WORST.replace("    return", f"    {changing}    return"), "own_spread")


def test_a_scorer_keeps_to_its_budget_and_goes_on(
    why: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its budget of 30 calls is used up, and 10 answers" in why(
        JUDGE.replace("CALLS", "30"), "own_judge"
    )
    assert not why(JUDGE.replace("CALLS", "30"), "own_judge")
    monkeypatch.setenv("MLROAD_SCORER_KEY", "3")
    monkeypatch.setenv("GITHUB_TOKEN", "1")
    keyed = JUDGE.replace("CALLS", "99").replace("1 / (1", "float(__import__('os').environ['NAME']) / (1")
    assert not why(keyed.replace("NAME", "MLROAD_SCORER_KEY"), "own_judge")
    assert "GITHUB_TOKEN" in why(keyed.replace("NAME", "GITHUB_TOKEN"), "own_judge")


def test_one_budget_for_all_models(tmp_path: Path) -> None:
    """30 calls are enough for 20 answers of the candidate, but not for 20 others of the champion."""
    frame = pd.DataFrame({"x": range(20), "y": np.arange(20) / 2})
    (tmp_path / "evaluation.py").write_text(HEAD + JUDGE.replace("CALLS", "30"), encoding="utf-8")
    (tmp_path / "gates.yml").write_text(GATES.replace("OWN", "own_judge"), encoding="utf-8")
    gates, spent = load_gates(tmp_path / "gates.yml"), {"own_judge": Spent()}
    answers = {"candidate": ModelAnswers("d", values=np.arange(20.0))}
    both = answers | {"champion": ModelAnswers("e", values=np.arange(20.0) + 1)}
    table = Holdout("h:1", "sha256:0", frame, Truth(frame["y"].to_numpy()))
    with measuring(tmp_path, tmp_path, gates, table, both, spent) as own:
        assert own
        own.measures("own_judge", ["candidate"], np.arange(20))
        with pytest.raises(Unmeasurable, match="30 calls is used up, and 10 answers have no score"):
            own.measures("own_judge", ["champion"], np.arange(20))
    (kept,) = tmp_path.rglob("*.jsonl")
    with kept.open("a", encoding="utf-8") as file:
        file.write('\n["of a gate that was killed", 0.["and of the next", 1.0]')
    # The same rows of another holdout may be other files: they are scored again, and nothing is left.
    with measuring(tmp_path, tmp_path, gates, replace(table, digest="sha256:1"), answers, spent) as own:
        assert own
        with pytest.raises(Unmeasurable, match="is used up, and 20 answers"):
            own.measures("own_judge", ["candidate"], np.arange(20))


def test_a_slow_sample_metric_ends(why: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlroad.gate.own_measures.SECONDS", -1.0)
    assert "which is the limit" in why(WORST, "own_spread")


def test_check_names_a_mistake_by_its_line(first: Factory) -> None:
    add(first, ERRORS, "own_eror")
    said = first.command("check")
    assert "own_eror is not a metric of regression. Did you mean own_error?" in said.out


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("def f(:\n", 1, "not valid Python"),
        ("@metric\ndef f(truth: int, answers: int) -> int: ...\n", 1, "no arguments"),
        ('@metric(direction="up")\ndef f(truth: int, answers: int) -> int: ...\n', 1, "direction is 'up'"),
        ('@metric(unit="min")\ndef f(truth: int, answers: int) -> int: ...\n', 1, "needs direction"),
        (
            'x = 1\n@metric(direction="lower", row=False)\ndef f(a: int, b: int) -> int: ...\n',
            2,
            "mean rows?",
        ),
        ('@metric(direction="lower")\ndef mae(truth: int, answers: int) -> int: ...\n', 1, "of this name"),
        ('@metric(direction="lower")\ndef f(truth, answers): ...\n', 1, "have no type"),
        ('@metric(direction="lower")\ndef f(truth: int) -> int: ...\n', 1, "not a function of truth"),
        ("@metric(direction=WAY)\ndef f(truth: int, answers: int) -> int: ...\n", 1, "not a plain value"),
        ('@scorer(direction="lower")\ndef f(truth: int, answer: int) -> int: ...\n', 1, "needs calls"),
        (
            '@scorer(direction="lower", calls="1", seconds=1)\ndef f(t: int, a: int) -> int: ...\n',
            1,
            "number",
        ),
    ],
)
def test_a_wrong_decorator(tmp_path: Path, text: str, line: int, word: str) -> None:
    (tmp_path / "evaluation.py").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=word) as caught:
        read_own_metrics(tmp_path)
    assert caught.value.problems[0].at.line == line


def test_reading_runs_nothing(tmp_path: Path) -> None:
    text = HEAD + "raise SystemExit\n" + ERRORS + "\ndef helper(x): ...\n"
    (tmp_path / "evaluation.py").write_text(text, encoding="utf-8")
    found = read_own_metrics(tmp_path)
    assert [(its.name, its.form, its.metric.unit) for its in found.values()] == [("own_error", "rows", "min")]


def test_samples_are_the_rows_of_the_units_that_were_drawn() -> None:
    numbers, counts = np.array([10, 11, 12, 13, 14]), np.array([[2, 0, 1], [0, 1, 0]])
    alone = [rows.tolist() for rows in samples(numbers[:3], None, counts)]
    together = [rows.tolist() for rows in samples(numbers, np.array([0, 1, 0, 2, 1]), counts)]
    assert alone == [[10, 10, 12], [11]]
    assert together == [[10, 12, 10, 12, 13], [11, 14]]  # the rows of a unit in their order
