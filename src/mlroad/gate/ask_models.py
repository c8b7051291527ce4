"""Collect all answers of the candidate, the champion and the ONNX file that gates.yml needs, and record them.

Nothing is judged here, except whether the holdout and the champion can be used at all: see judge.py.
"""

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.gate.agreement import SINGLE, ask_again, single_answers
from mlroad.gate.ask_runtimes import ask_runtimes
from mlroad.gate.data_checks import compare_with_holdout
from mlroad.gate.find_champion import NoChampion, find_champion
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout, OpenedHoldout, open_holdout, row_answers
from mlroad.gate.latency import TIMED_ROWS, ask_rows, is_clear
from mlroad.gate.records import Champion, ModelAnswers, Records
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.registry.base import Registry
from mlroad.registry.open_registry import open_registry
from mlroad.run.candidate import Candidate


def ask_models(
    candidate: Candidate, gates: Gates, registry: Registry | None = None, single_rows: int = TIMED_ROWS
) -> tuple[Records, OpenedHoldout]:
    """Ask the models. Also returns the holdout, so that it is verified and read only once.

    At most ``single_rows`` rows are asked for one at a time.

    Raises UserError if the holdout's target or the columns of the slices are not what gates.yml says.
    """
    root, path = candidate.model.root, candidate.model_path
    with contextlib.ExitStack() as stack:
        digest = digest_of(path) if path.exists() else ""
        # Both models load while the data is verified.
        mine = stack.enter_context(ModelProcess(path)) if digest else None
        again = stack.enter_context(ModelProcess(path, apart=True)) if digest else None
        holdout = open_holdout(root, gates)
        champion, folder, problem = _champion(candidate, gates, registry, holdout)
        theirs = stack.enter_context(ModelProcess(folder)) if folder else None
        models = mine, again, theirs
        return _ask(candidate, gates, holdout, digest, models, champion, problem, single_rows), holdout


def _ask(
    candidate: Candidate,
    gates: Gates,
    holdout: OpenedHoldout,
    digest: str,
    models: tuple[ModelProcess | None, ModelProcess | None, ModelProcess | None],
    champion: Champion | None,
    problem: str,
    single_rows: int,
) -> Records:
    mine, apart, theirs = models
    table = holdout.table
    answers = other = onnx = timings = None
    again: dict[str, ModelAnswers] = {}
    alone: dict[int, list[float | str]] = {}
    first: tuple[int, ...] = ()
    if mine and table:
        answers = _answers(mine, digest, table, gates.targets)
    if theirs and champion and table:
        other = _answers(theirs, champion.digest, table, gates.targets)
    if mine and apart and table and answers and answers.values is not None:
        features = table.features(gates.targets)
        again, first = ask_again(mine, apart, digest, features, answers.values)
        timed = gates.p95_ms is not None and theirs and other and other.values is not None
        asked = [mine, theirs] if timed and theirs else [mine]
        timings, alone = ask_rows(asked, table.rows, single_rows, partial(is_clear, gates))
        again[SINGLE] = single_answers(digest, answers.values, alone, timings.error)
        file = onnx_file(candidate)
        if gates.onnx_difference is not None and file is not None:
            order = [name for name, _ in mine.columns()]
            onnx = ask_onnx(file, order, features)
    clock: tuple[str, ...] = ()
    by_day = False
    cases, exported = ask_runtimes(candidate, gates, mine, digest) if mine else ({}, None)
    if mine and answers and answers.values is not None:
        try:
            clock, by_day = mine.finish()
        except ModelBroken as error:
            answers = ModelAnswers(digest, str(error))
    return Records(
        model=candidate.model.name,
        run=candidate.run,
        holdout=gates.holdout,
        holdout_digest=table.digest if table else "",
        rows=table.rows if table else 0,
        target=gates.target,
        overlap=compare_with_holdout(candidate, gates, holdout),
        candidate=answers,
        champion=champion,
        champion_problem=problem,
        champion_answers=other,
        onnx=onnx,
        timings=timings,
        again=again,
        single_rows=tuple(alone),
        first_rows=first,
        clock=clock,
        by_day=by_day,
        unconfined=mine.unconfined if mine else (),
        cases=cases,
        exported=exported,
    )


def _champion(
    candidate: Candidate, gates: Gates, registry: Registry | None, holdout: OpenedHoldout
) -> tuple[Champion | None, Path | None, str]:
    """The champion, the folder of its model, and the reason if no comparison with it is possible."""
    try:
        known = registry or open_registry(candidate.model.root)
        found = find_champion(known, candidate, gates, holdout.table.digest if holdout.table else None)
    except (NoChampion, UserError) as error:
        return None, None, str(error)
    return (found[0], found[1], "") if found else (None, None, "")


def _answers(model: ModelProcess, digest: str, table: Holdout, targets: Sequence[str]) -> ModelAnswers:
    try:
        if taken := [name for name, _ in model.columns() if name in targets]:
            raise ModelBroken(f"it takes the target {taken[0]} as an input, but should predict it")
        return ModelAnswers(digest, values=row_answers(model.predict(table.features(targets)), table.rows))
    except ModelBroken as error:
        return ModelAnswers(digest, str(error))


def ask_onnx(file: Path, order: Sequence[str], frame: pd.DataFrame) -> ModelAnswers:
    """The answers of an ONNX file; ``order`` names its columns if the file does not."""
    digest = digest_of(file)
    try:
        with ModelProcess(file, "onnx", order) as model:
            values = row_answers(model.predict(frame), len(frame))
            model.finish()
            return ModelAnswers(digest, values=values)
    except ModelBroken as error:
        return ModelAnswers(digest, str(error))


def onnx_file(candidate: Candidate) -> Path | None:
    """The candidate's ONNX file; None if it has none, or if the folder does not contain exactly one."""
    path = candidate.onnx_path
    if path is not None and path.is_dir():
        inside = sorted(path.glob("*.onnx"))
        return inside[0] if len(inside) == 1 else None
    return path
