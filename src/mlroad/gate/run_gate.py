"""`mlroad gate`: ask the models, record their answers, judge the records, write the verdict.

An old verdict is deleted first and the new one is written last, as a whole. So a
gate that fails or is interrupted leaves no verdict, and nothing is registered without complete records.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlroad.core.files import remove, replacing, write_json
from mlroad.core.problems import UserError
from mlroad.gate.ask_models import ask_models
from mlroad.gate.checks import gate_again
from mlroad.gate.committed_rules import rules_of
from mlroad.gate.gates_file import FILE, RUNTIMES, Gates, load_gates
from mlroad.gate.holdout import OpenedHoldout, open_holdout
from mlroad.gate.judge import Judgement, judge
from mlroad.gate.latency import TIMED_ROWS
from mlroad.gate.own_measures import Spending, measuring, recorded
from mlroad.gate.records import delete_records, read_records, write_records
from mlroad.gate.settings import settings_of
from mlroad.models.onnx_export import EXPORT
from mlroad.models.suite import verdict_file
from mlroad.registry.base import Registry
from mlroad.run.candidate import Candidate

VERDICT = "verdict.json"
ROWS = "holdout.csv"


def gate(
    candidate: Candidate,
    registry: Registry | None = None,
    spent: Spending | None = None,
    single_rows: int = TIMED_ROWS,
) -> dict[str, Any]:
    """Judge a candidate: every check is made, and the verdict is written to its gate folder and returned.

    ``spent`` is what scorers have used of their budgets already. At most ``single_rows`` rows of the holdout
    are asked for one at a time.
    Raises UserError for mistakes in gates.yml, and for rules that change meanwhile; every other
    problem is a red check.
    """
    folder = candidate.gate
    for name in (VERDICT, ROWS):
        (folder / name).unlink(missing_ok=True)
    for runtime in RUNTIMES:
        verdict_file(candidate.folder, runtime).unlink(missing_ok=True)
    if (folder / EXPORT).is_dir():
        remove(folder / EXPORT)
    delete_records(folder)
    with _unchanged_rules(candidate) as (gates, read):
        records, holdout = ask_models(candidate, gates, registry, single_rows)
        answers = {"candidate": records.candidate, "champion": records.champion_answers}
        model = candidate.model
        with measuring(model.path, model.root, gates, holdout.table, answers, spent) as own:
            judged = judge(candidate, gates, holdout, records, own)
        write_records(folder, replace(records, own=own.records if own else None))
    for runtime, tests in judged.inference.items():
        write_json(verdict_file(candidate.folder, runtime), tests.json())
    _write_rows(folder / ROWS, gates, holdout, judged)
    verdict = judged.verdict | read
    write_json(folder / VERDICT, verdict)
    return verdict


def judge_records(candidate: Candidate) -> dict[str, Any]:
    """The verdict on the recorded answers, by the rules as they are now. No model is loaded.

    Raises RecordsUnusable if the records are missing or damaged, UserError as `gate` does.
    """
    records = read_records(candidate.folder / "gate")
    with _unchanged_rules(candidate) as (gates, read):
        holdout = open_holdout(candidate.model.root, gates)
        own = recorded(gates, candidate.model.path, records.own, gate_again(candidate))
        verdict = judge(candidate, gates, holdout, records, own).verdict
    return verdict | read


@contextmanager
def _unchanged_rules(candidate: Candidate) -> Iterator[tuple[Gates, dict[str, Any]]]:
    """The gates, and what the verdict holds of all rules: their digests, and the keys of gates.yml.

    Raises UserError if a rule changes in the ``with`` block.
    """
    path = candidate.model.path
    rules = rules_of(path)
    yield load_gates(path / FILE), {"rules": rules, "settings": settings_of(path / FILE)}
    if rules_of(path) != rules:
        raise UserError(f"A file of {path} was changed while the gate read it.", "Run the gate again.")


def _write_rows(file: Path, gates: Gates, holdout: OpenedHoldout, judged: Judgement) -> None:
    """The truth and the predictions of each row, for the report."""
    table = holdout.table
    if table is None or judged.candidate is None:
        return
    columns = dict.fromkeys(gate.column for gate in gates.slices)
    rows = table.frame[[name for name in columns if name not in gates.targets]].copy()
    taken = {"row", "truth", "candidate", "champion"}
    rows.columns = [f"{name}_" if name in taken else name for name in rows.columns]
    rows.insert(0, "row", np.arange(1, table.rows + 1))
    rows.insert(1, "truth", table.truth.shown)
    rows.insert(2, "candidate", judged.candidate.shown)
    rows.insert(3, "champion", judged.champion.shown if judged.champion else "")
    with replacing(file) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
