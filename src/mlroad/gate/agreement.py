"""What is served is judged: a model must give a row the same answer in a batch, alone, and when asked again.

In production a model answers single rows, in another process, in any order. A model that standardizes by its
batch, replays an order, or is random can look good on the holdout and answer something else there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.text import some
from mlroad.gate.checks import GateChecks, number
from mlroad.gate.holdout import row_answers
from mlroad.gate.records import Floats, ModelAnswers, Records, Values
from mlroad.models.model_process import ModelBroken, ModelProcess

AGREEMENT = "agreement"
SINGLE, FIRST = "single", "first"
Rows = NDArray[np.intp]
_FIRST_ROWS, _LEAST_FIRST, _FIRST_SECONDS = 50, 5, 3.0
"""How many single rows another process is asked for before it gets a table; for fewer if that takes long."""
_WAYS = {
    "repeated": (
        "Asked a second time",
        "The model is random, or it depends on the time or on earlier requests.",
    ),
    "restarted": (
        "Asked in another process, for single rows first",
        "The model depends on its process (a random seed, the time, the time zone, the locale, the number of "
        "threads, hashes), or on earlier requests.",
    ),
    "shuffled": ("With the rows in another order", "The model depends on the order of the rows."),
    "sizes": (
        "Asked in requests of other sizes",
        "The model's answer depends on the other rows of the request, or on their number.",
    ),
    SINGLE: ("Asked for one row at a time", "The model's answer depends on the other rows of the request."),
    FIRST: ("Asked for single rows before any table", "The model depends on earlier requests."),
}
_SMALL, _MANY, _MANY_SECONDS = 500, 1000, 20.0
"""A holdout smaller than this is also asked for in one request of many rows, unless that takes too long."""
_OF_SPREAD, _OF_VALUE = 1e-4, 1e-6
"""Differences that rounding explains: a share of the answers' standard deviation, and of the answer."""


def ask_again(
    model: ModelProcess, other: ModelProcess, digest: str, frame: pd.DataFrame, like: Values
) -> tuple[dict[str, ModelAnswers], tuple[int, ...]]:
    """The answers of ``model`` in another order, in other sizes and a second time, and of another process.

    That one is asked for single rows before it gets a table, as in production; also returns these
    rows. All answers are in the order of ``frame``, [rows, …]. ``like`` are the answers of ``model``.
    """
    order = np.random.default_rng(0).permutation(len(frame))

    def asked(rows: Rows, whom: ModelProcess = model) -> Values:
        part = frame.iloc[rows].reset_index(drop=True)
        answers = row_answers(whom.predict(part), len(part))
        if answers.shape[1:] != like.shape[1:] or (answers.dtype == object) != (like.dtype == object):
            raise ModelBroken("its answers have another type, or another number of values for each row")
        return answers

    def shuffled() -> Values:
        return asked(order)[np.argsort(order)]

    def sizes() -> Values:
        """In requests of 2, 4, 8, … rows; every other row of a small holdout also in a large one."""
        start, size, answers, took = 0, 2, like.copy(), 0.0
        while start < len(order):
            part, started = order[start : start + size], time.monotonic()
            answers[part] = asked(part)
            start, size, took = start + size, 2 * size, (time.monotonic() - started) / len(part)
        if len(order) < _SMALL and took * _MANY < _MANY_SECONDS:
            answers[order[::2]] = asked(np.resize(order, _MANY))[: len(order) : 2]
        return answers

    def repeated() -> Values:
        return asked(np.arange(len(frame)))

    def restarted() -> Values:
        answers = asked(np.arange(len(frame)), other)
        other.finish()
        return answers

    first: dict[int, list[float | str]] = {}
    try:
        first = _first_answers(other, frame)
        found = {FIRST: single_answers(digest, like, first, "")}
    except ModelBroken as error:
        found = {FIRST: ModelAnswers(digest, str(error))}
    for ask in (shuffled, sizes, repeated, restarted):
        try:
            found[ask.__name__] = ModelAnswers(digest, values=ask())
        except ModelBroken as error:
            found[ask.__name__] = ModelAnswers(digest, str(error))
    return found, tuple(first)


def _first_answers(model: ModelProcess, frame: pd.DataFrame) -> dict[int, list[float | str]]:
    """The answers for single rows before any table. Raises ModelBroken."""
    chosen = np.unique(np.linspace(0, len(frame) - 1, _FIRST_ROWS).astype(int)).tolist()
    model.prepare_rows(chosen, frame)
    until = time.monotonic() + _FIRST_SECONDS
    found: dict[int, list[float | str]] = {}
    # The last row first: an answer by the number of the request would else be the same as in the table.
    for row in reversed(chosen):
        if len(found) < _LEAST_FIRST or time.monotonic() < until:
            found[row] = model.predict_row(row)[0]
    return found


def single_answers(
    digest: str, like: Values, answers: Mapping[int, list[float | str]], error: str
) -> ModelAnswers:
    """The answers for single rows in the shape of ``like`` [rows, …]; rows that were not asked have none."""
    width = int(np.prod(like.shape[1:], dtype=int))
    wrong = next((len(its) for its in answers.values() if len(its) != width), None)
    if error or wrong is not None:
        return ModelAnswers(digest, error or f"it answers a single row with {wrong} values, not {width}")
    if like.dtype != object and any(isinstance(cell, str) for its in answers.values() for cell in its):
        return ModelAnswers(digest, "it answers a single row with a text, not with a number")
    values = np.full((len(like), width), None if like.dtype == object else np.nan, dtype=like.dtype)
    for row, its in answers.items():
        values[row] = its
    return ModelAnswers(digest, values=values.reshape(like.shape))


def _columns(values: Values) -> list[Values]:
    """The columns of answers [rows, …]: numbers where all are, otherwise texts."""
    flat = values.reshape(len(values), -1).T
    if values.dtype != object:
        return list(flat)
    return [its if any(isinstance(cell, str) for cell in its) else its.astype(np.float64) for its in flat]


def _allowed(values: Values) -> Floats:
    """How far two answers may be apart, [rows, columns]: texts not at all."""
    parts = [
        np.zeros(len(its)) if its.dtype == object else _OF_SPREAD * its.std() + _OF_VALUE * np.abs(its)
        for its in _columns(values)
    ]
    return np.column_stack(parts)


def _apart(theirs: Values, mine: Values) -> Floats:
    """How far answers are apart, [rows, columns]: 1 for different texts."""
    parts = []
    for its, own in zip(_columns(theirs), _columns(mine), strict=True):
        is_text = "O" in its.dtype.kind + own.dtype.kind
        parts.append((its != own).astype(np.float64) if is_text else np.abs(its - own))
    return np.column_stack(parts)


def check_agreement(checks: GateChecks, records: Records, again: str) -> None:
    """Add the check. The first disagreement names the kind of model; the ones after it only follow."""
    batch = records.candidate
    assert batch and batch.values is not None
    spread = _allowed(batch.values)
    for way, (when, why) in _WAYS.items():
        its = records.again.get(way)
        if its is None or its.digest != batch.digest or (its.values is None and not its.error):
            checks.add(AGREEMENT, "broken", f"Not recorded: the answers to the holdout, {way}. {again}")
            return
        if its.values is None:
            checks.add(AGREEMENT, "broken", f"{when}, the model fails: {its.error}.")
            return
        alone = {SINGLE: records.single_rows, FIRST: records.first_rows}
        asked = list(alone[way]) if way in alone else slice(None)
        theirs, mine, allowed = its.values[asked], batch.values[asked], spread[asked]
        apart = _apart(theirs, mine)
        if not np.isfinite(apart).all():
            checks.add(AGREEMENT, "broken", f"{when}, the model answers NaN or infinity.")
            return
        differ = int((apart > allowed.reshape(len(theirs), -1)).any(axis=1).sum())
        if differ:
            most = "" if mine.dtype == object else f" (up to {number(float(apart.max()))} apart)"
            by_time = f"The model depends on the time: its code reads the clock ({some(records.clock, 3)})."
            because = by_time if records.clock and way in ("repeated", "restarted") else why
            what = f"{when}, {differ} of {len(theirs)} rows get another answer{most}. {because}"
            checks.add(AGREEMENT, "failed", what)
            return
    if records.by_day:
        places = some(records.clock, 3)
        what = f"If the clock is ahead, the model gives another answer: it depends on the time ({places})."
        checks.add(AGREEMENT, "failed", what)
        return
    same = "The answers are the same a second time, in another process, in another order"
    checks.add(AGREEMENT, "passed", f"{same}, and for {len(records.single_rows)} single rows.")
