"""Bad and good candidates of every task, as answers: what a model may get wrong, and what must not matter.

Each fault names the check that must reject it. `judged` is the part of the gate about answers and figures.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import Holdout, row_answers, units_of
from mlroad.gate.metric_checks import Rows, is_constant, judge_metrics, judge_slices
from mlroad.gate.metrics import read_answers, read_truth
from mlroad.gate.selftest.task_samples import TaskSample, sample_of
from mlroad.models.metric_names import TASKS, Task
from mlroad.models.model_process import ModelBroken

ROWS = 240
Answers = Any
Change = Callable[[Answers, np.random.Generator], Answers]


@dataclass(frozen=True, slots=True)
class Planted:
    """One candidate: the champion answers well, it answers as ``change`` makes of that."""

    task: Task
    name: str
    change: Change
    expected: str
    """The start of the id of the check that must reject it; empty for a good one."""
    seed: int = 1

    @property
    def id(self) -> str:
        return f"{self.task}: {self.name} {self.seed}"


def _dealt(answers: Answers, rng: np.random.Generator) -> Answers:
    return rng.permutation(answers)


def _constant(answers: Answers, _: np.random.Generator) -> Answers:
    return np.repeat(answers[:1], len(answers), axis=0)


def _almost_constant(answers: Answers, _: np.random.Generator) -> Answers:
    found = np.repeat(answers[:1], len(answers), axis=0)
    found[-1] = answers[-1]
    return found


def _one_fewer(answers: Answers, _: np.random.Generator) -> Answers:
    return answers[:-1]


def _one_more(answers: Answers, _: np.random.Generator) -> Answers:
    return np.concatenate([answers, answers[:1]])


def _shifted(answers: Answers, _: np.random.Generator) -> Answers:
    return np.roll(answers, 1, axis=0)


def _mostly(share: float) -> Change:
    """A share of the rows gets the answers of other rows."""

    def change(answers: Answers, rng: np.random.Generator) -> Answers:
        found = answers.copy()
        some = rng.permutation(len(answers))[: int(share * len(answers))]
        found[some] = rng.permutation(found[some])
        return found

    return change


def _of_slice(answers: Answers, rng: np.random.Generator) -> Answers:
    """The rows of group 1, the first third, are dealt."""
    found = answers.copy()
    found[: ROWS // 3] = rng.permutation(found[: ROWS // 3])
    return found


def _nan(answers: Answers, _: np.random.Generator) -> Answers:
    found = answers.astype(float)
    found[len(found) // 2] = np.nan
    return found


def _infinite(answers: Answers, _: np.random.Generator) -> Answers:
    found = answers.astype(float)
    found[0] = np.inf
    return found


def _numbers(change: Callable[[Any], Any]) -> Change:
    return lambda answers, _: change(answers)


def _of_another_slice(answers: Answers, _: np.random.Generator) -> Answers:
    """Group 2 gets the answers of group 1, and group 1 those of group 2."""
    third = ROWS // 3
    return np.concatenate([answers[third : 2 * third], answers[:third], answers[2 * third :]])


def _each_twice(answers: Answers, _: np.random.Generator) -> Answers:
    return np.repeat(answers[::2], 2, axis=0)


def _missing(answers: Answers, _: np.random.Generator) -> Answers:
    return np.array([None, *answers[1:].tolist()], dtype=object)


def _texts(answers: Answers, _: np.random.Generator) -> Answers:
    return np.array(["unknown"] * len(answers), dtype=object)


EVERYWHERE: dict[str, tuple[Change, str]] = {
    "answers of other rows": (_dealt, "metrics."),
    "a constant": (_constant, "predictions"),
    "a constant but for one row": (_almost_constant, "metrics."),
    "one answer too few": (_one_fewer, "predictions"),
    "one answer too many": (_one_more, "predictions"),
    "answers one row late": (_shifted, "metrics."),
    "60 % of the rows mixed up": (_mostly(0.6), "metrics."),
    "20 % of the rows mixed up": (_mostly(0.2), "metrics."),
    "reversed": (_numbers(lambda a: a[::-1]), "metrics."),
    "two groups exchanged": (_of_another_slice, "metrics."),
    "every second row gets the answer before": (_each_twice, "metrics."),
    "one answer missing": (_missing, "predictions"),
    "one group mixed up": (_of_slice, "slices.group=1."),
}
NUMBERS: dict[str, tuple[Change, str]] = {
    "a NaN": (_nan, "predictions"),
    "an infinity": (_infinite, "predictions"),
    "texts": (_texts, "predictions"),
    "one column too many": (_numbers(lambda a: np.column_stack([a, a])), "predictions"),
}
CHANCES: dict[str, tuple[Change, str]] = {
    "the other way around": (_numbers(lambda a: 1 - a if a.ndim == 1 else a[:, ::-1]), "metrics."),
    "percent": (_numbers(lambda a: 100 * a), "predictions"),
    "below 0": (_numbers(lambda a: a - 0.5), "predictions"),
    "labels, not chances": (_numbers(lambda a: (a > 0.5).astype(float)), "predictions"),
}
OF_TASK: dict[Task, dict[str, tuple[Change, str]]] = {
    "regression": {
        "another unit": (_numbers(lambda a: 1000 * a), "metrics."),
        "an offset": (_numbers(lambda a: a + 3), "metrics."),
        "the other sign": (_numbers(lambda a: -a), "metrics."),
        "cut off at the quartiles": (
            _numbers(lambda a: np.clip(a, *np.quantile(a, (0.25, 0.75)))),
            "metrics.",
        ),
        "shrunk to the mean": (_numbers(lambda a: 0.5 * (a + a.mean())), "metrics."),
        "noise of 1": (lambda a, rng: a + rng.normal(size=len(a)), "metrics."),
        "20 wild answers": (lambda a, rng: a + 50 * (rng.permutation(len(a)) < 20), "metrics."),
    },
    "binary": {**CHANCES, "all below a half": (_numbers(lambda a: 0.49 * a), "metrics.f1")},
    "multiclass": {
        **{name: its for name, its in CHANCES.items() if name != "labels, not chances"},
        "labels that are not there": (_numbers(lambda a: a.argmax(axis=1).astype(float)), "predictions"),
        "never the middle class": (_numbers(lambda a: _without(a, 1)), "metrics.f1_macro"),
        "classes in another order": (_numbers(lambda a: np.roll(a, 1, axis=1)), "metrics."),
        "2 % too much": (_numbers(lambda a: 1.02 * a), "predictions"),
        "rows that add up to 2": (_numbers(lambda a: 2 * a), "predictions"),
    },
    "multilabel": {
        **CHANCES,
        "labels in another order": (_numbers(lambda a: a[:, ::-1]), "metrics."),
        "one label too few": (_numbers(lambda a: a[:, :1]), "predictions"),
        "one label always": (
            _numbers(lambda a: np.column_stack([a[:, 0], 0.5 + 0.01 * a[:, 0]])),
            "metrics.",
        ),
    },
    "forecast": {
        "the value of the day before": (_numbers(lambda a: np.roll(a, 1)), "metrics.mase"),
        "an offset": (_numbers(lambda a: a + 2), "metrics."),
        "the mean of all days": (_numbers(lambda a: 1e-3 * a), "metrics."),
        "another unit": (_numbers(lambda a: a / 100), "metrics."),
    },
    "ranking": {
        "the other way around": (_numbers(lambda a: -a), "metrics."),
        "ties only but for one": (_numbers(lambda a: (a == a.max()).astype(float)), "metrics."),
        "the row number": (_numbers(lambda a: np.arange(len(a), dtype=float)), "metrics."),
    },
    "text": {
        "empty texts": (_numbers(lambda a: _each(a, lambda _, row: "" if row else "x")), "metrics."),
        "the question": (_numbers(lambda a: _each(a, lambda _, row: f"row {row}")), "metrics."),
        "every second word": (_numbers(lambda a: _each(a, lambda text, _: text.split()[1])), "metrics."),
        "numbers": (_numbers(lambda a: np.arange(len(a), dtype=float)), "predictions"),
        "padded with words": (
            _numbers(lambda a: _each(a, lambda text, _: text + " so and so" * 5)),
            "metrics.",
        ),
    },
}


def _without(chances: Any, number: int) -> Any:
    found = chances.copy()
    found[:, number] = 0
    return found / found.sum(axis=1, keepdims=True)


def _each(answers: Any, change: Callable[[str, int], str]) -> Any:
    return np.array([change(text, row) for row, text in enumerate(answers)], dtype=object)


def bad_candidates() -> Iterator[Planted]:
    """All faults, each in its task."""
    for task in TASKS:
        for name, (change, expected) in {
            **EVERYWHERE,
            **(NUMBERS if task != "text" else {}),
            **OF_TASK[task],
        }.items():
            yield Planted(task, name, change, expected)


def good_candidates() -> Iterator[Planted]:
    """Candidates that are as good as the champion, on several holdouts, and in other forms."""
    for task in TASKS:
        for seed in range(2, 8):
            yield Planted(task, "as good", _as_good, "", seed)
        for name, change in {
            "the same answers": _numbers(lambda a: a),
            **_FORMS.get(task, _AS_NUMBERS),
        }.items():
            yield Planted(task, name, change, "")


_AS_NUMBERS: dict[str, Change] = {
    "in 32 bits": _numbers(lambda a: a.astype(np.float32)),
    "with rounding": _numbers(lambda a: a.round(3)),
}
_FORMS: dict[Task, dict[str, Change]] = {
    "regression": {**_AS_NUMBERS, "a column": _numbers(lambda a: a[:, None])},
    "forecast": {**_AS_NUMBERS, "a column": _numbers(lambda a: a[:, None])},
    "binary": {**_AS_NUMBERS, "both chances": _numbers(lambda a: np.column_stack([1 - a, a]))},
    "ranking": {**_AS_NUMBERS, "another scale": _numbers(lambda a: 100 * a - 7)},
    "text": {
        "capitals": _numbers(lambda a: _each(a, lambda text, _: text.capitalize())),
        "spaces": _numbers(lambda a: _each(a, lambda text, _: f" {text}  ")),
        "a full stop": _numbers(lambda a: _each(a, lambda text, _: f"{text}.")),
    },
}


def _as_good(answers: Answers, rng: np.random.Generator) -> Answers:
    """Answers that move a little; texts stay."""
    if answers.dtype == object:
        return answers
    moved = answers + 0.02 * answers.std() * rng.normal(size=answers.shape)
    if answers.min() >= 0 and answers.max() <= 1:
        moved = np.clip(moved, 1e-6, 1 - 1e-6)
        if answers.ndim > 1 and np.allclose(answers.sum(axis=1), 1):
            moved /= moved.sum(axis=1, keepdims=True)
    return moved


def judged(planted: Planted) -> GateChecks:
    """The checks of the answers, the metrics and the slices; the good answers are the champion's."""
    rng = np.random.default_rng(planted.seed)
    group = np.repeat([1.0, 2.0, 3.0], ROWS // 3)
    features = np.column_stack([group - 2, rng.normal(0, 2, ROWS), rng.normal(0, 1, ROWS)])
    sample = _regression(features) if planted.task == "regression" else sample_of(planted.task, features)
    gates = load_gates(Path("gates.yml"), json.dumps(sample.gates(planted.task)))
    frame = pd.DataFrame({"group": group.astype(int), **sample.columns})
    truth = read_truth(frame, gates)
    checks = GateChecks()
    try:
        mine = read_answers(row_answers(planted.change(sample.answers, rng), ROWS), truth, gates)
    except ModelBroken as error:
        checks.add("predictions", "broken", str(error))
        return checks
    if is_constant(mine, truth):
        checks.add("predictions", "failed", "constant")
    holdout = Holdout("h:1", "", frame, truth)
    champion = read_answers(sample.answers, truth, gates)
    rows = Rows(truth, mine, champion, units_of(holdout, gates))
    judge_metrics(checks, gates, rows)
    judge_slices(checks, gates, rows, holdout)
    return checks


def _regression(features: Any) -> TaskSample:
    signal = features @ np.array([1.0, 1.5, -2.0])
    noise = np.random.default_rng(8).normal(size=len(features))
    metrics = {"mae": {"limit": 1.2, "max_regression": 0.1}, "r2": {"limit": 0.6}}
    return TaskSample({"y": signal + noise}, signal, metrics)


Counts = Counter[str]
"""Of a task: `RIGHT`, `OTHER` and `PASSED` bad candidates, and `GOOD` and `REFUSED` good ones."""
RIGHT, OTHER, PASSED, GOOD, REFUSED = "right", "other", "passed", "good", "refused"


def planted_candidates() -> tuple[dict[str, Counts], list[str]]:
    """Judge all: the counts by task, and what is judged wrongly."""
    counts: defaultdict[str, Counts] = defaultdict(Counter)
    wrong = []
    for planted in (*bad_candidates(), *good_candidates()):
        red = [check.id for check in judged(planted).having("failed", "broken")]
        if not planted.expected:
            found = REFUSED if red else GOOD
        elif any(id_.startswith(planted.expected) for id_ in red):
            found = RIGHT
        else:
            found = OTHER if red else PASSED
        counts[planted.task][found] += 1
        if found not in (RIGHT, GOOD):
            wrong.append(f"{planted.id}: {found}, red: {', '.join(red) or 'nothing'}")
    return counts, wrong
