"""What is served is judged: a model must give a row the same answer in a batch, alone, and when asked again.

In production a model answers single rows, in another process, in any order. A model that standardizes by its
batch, replays an order, or is random can look good on the holdout and answer something else there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mlroad.gate.checks import GateChecks, number
from mlroad.gate.holdout import row_answers
from mlroad.gate.records import Floats, ModelAnswers, Records
from mlroad.models.model_process import ModelBroken, ModelProcess

AGREEMENT = "agreement"
SINGLE = "single"
_WAYS = {
    "repeated": (
        "Asked a second time",
        "The model is random, or it depends on the time or on earlier requests.",
    ),
    "restarted": (
        "Asked in another process",
        "The model depends on its process: a random seed, the time, or an order of hashes.",
    ),
    "shuffled": ("With the rows in another order", "The model depends on the order of the rows."),
    SINGLE: ("Asked for one row at a time", "The model's answer depends on the other rows of the request."),
}
_OF_SPREAD, _OF_VALUE = 1e-4, 1e-6
"""Differences that rounding explains: a share of the answers' standard deviation, and of the answer."""


def ask_again(model: ModelProcess, path: Path, digest: str, frame: pd.DataFrame) -> dict[str, ModelAnswers]:
    """The answers of ``model`` (the one at ``path``) in another order, a second time, and in another process.

    All are in the order of ``frame``, [rows, …]; `ModelProcess.predict_row` counts rows in that order, too.
    """
    order = np.random.default_rng(0).permutation(len(frame))

    def shuffled() -> Floats:
        answers = row_answers(model.predict(frame.iloc[order].reset_index(drop=True)), len(frame))
        return answers[np.argsort(order)]

    def repeated() -> Floats:
        return row_answers(model.predict(frame), len(frame))

    def restarted() -> Floats:
        with ModelProcess(path) as other:
            answers = row_answers(other.predict(frame), len(frame))
            other.finish()
            return answers

    found = {}
    for ask in (shuffled, repeated, restarted):
        try:
            found[ask.__name__] = ModelAnswers(digest, values=ask())
        except ModelBroken as error:
            found[ask.__name__] = ModelAnswers(digest, str(error))
    return found


def single_answers(digest: str, like: Floats, answers: Mapping[int, list[float]], error: str) -> ModelAnswers:
    """The answers for single rows in the shape of ``like`` [rows, …], NaN for rows that were not asked."""
    width = int(np.prod(like.shape[1:], dtype=int))
    wrong = next((len(its) for its in answers.values() if len(its) != width), None)
    if error or wrong is not None:
        return ModelAnswers(digest, error or f"it answers a single row with {wrong} numbers, not {width}")
    values = np.full((len(like), width), np.nan)
    for row, its in answers.items():
        values[row] = its
    return ModelAnswers(digest, values=values.reshape(like.shape))


def check_agreement(checks: GateChecks, records: Records, again: str) -> None:
    """Add the check. The first disagreement names the kind of model; the ones after it only follow."""
    batch = records.candidate
    assert batch and batch.values is not None
    spread = _OF_SPREAD * batch.values.std(axis=0) + _OF_VALUE * np.abs(batch.values)
    for way, (when, why) in _WAYS.items():
        its = records.again.get(way)
        if its is None or its.digest != batch.digest or (its.values is None and not its.error):
            checks.add(AGREEMENT, "broken", f"Not recorded: the answers to the holdout, {way}. {again}")
            return
        if its.values is None:
            checks.add(AGREEMENT, "broken", f"{when}, the model fails: {its.error}.")
            return
        asked = list(records.single_rows) if way == SINGLE else slice(None)
        theirs, mine, allowed = its.values[asked], batch.values[asked], spread[asked]
        if not np.isfinite(theirs).all():
            checks.add(AGREEMENT, "broken", f"{when}, the model answers NaN or infinity.")
            return
        apart = np.abs(theirs - mine).reshape(len(theirs), -1)
        differ = int((apart > allowed.reshape(len(theirs), -1)).any(axis=1).sum())
        if differ:
            most = number(float(apart.max()))
            what = f"{when}, {differ} of {len(theirs)} rows get another answer (up to {most} apart). {why}"
            checks.add(AGREEMENT, "failed", what)
            return
    same = "The answers are the same a second time, in another process, in another order"
    checks.add(AGREEMENT, "passed", f"{same}, and for {len(theirs)} single rows.")
