"""`mlroad gate`: every check of a candidate, and the verdict that comes of them.

An old verdict is deleted first and the new one is written last, as a whole: whatever goes wrong in between
leaves none, and nothing is registered without one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mlroad import __version__
from mlroad.core.files import replacing, write_json
from mlroad.core.problems import UserError
from mlroad.data.store import VerifiedVersion
from mlroad.gate.bootstrap import method
from mlroad.gate.checks import Board, number
from mlroad.gate.data_checks import (
    check_candidate,
    check_holdout,
    check_overlap,
    check_training,
    training_data,
)
from mlroad.gate.evaluate import (
    Judged,
    Rows,
    check_slice_columns,
    is_constant,
    judge_metrics,
    judge_slices,
    metric_ids,
    slice_ids,
)
from mlroad.gate.find_champion import ID as CHAMPION
from mlroad.gate.find_champion import Champion, NoChampion, find_champion, note_champion
from mlroad.gate.gates_file import FILE, Gates, load_gates
from mlroad.gate.holdout import Holdout, Predictions, predictions, read_holdout
from mlroad.gate.inference_checks import check_inference
from mlroad.gate.judged_by import rules_of
from mlroad.gate.runtime_checks import LATENCY, ONNX, check_latency, check_onnx, check_size
from mlroad.gate.waivers import FILE as WAIVERS
from mlroad.gate.waivers import Waiver, apply_waivers
from mlroad.models.process import ModelBroken, ModelProcess
from mlroad.registry.base import Registry, open_registry
from mlroad.run.candidate import Candidate

VERDICT = "verdict.json"
ROWS = "holdout.csv"
PREDICTIONS = "predictions"


def gate(candidate: Candidate, registry: Registry | None = None) -> dict[str, Any]:
    """Judge a candidate: every check is made, and the verdict is written to its gate folder and returned.

    Raises UserError for mistakes in gates.yml, and for rules that change meanwhile; everything else is a
    check that is red.
    """
    for name in (VERDICT, ROWS):
        (candidate.gate / name).unlink(missing_ok=True)
    rules = rules_of(candidate.model.path)
    gates = load_gates(candidate.model.path / FILE)
    verdict = _Gate(candidate, gates, registry).run()
    if rules_of(candidate.model.path) != rules:
        raise UserError(
            f"A file of {candidate.model.path} was changed while the gate read it.", "Gate it anew."
        )
    verdict["rules"] = rules
    write_json(candidate.gate / VERDICT, verdict)
    return verdict


class _Gate:
    """One gate, and what it has found so far."""

    def __init__(self, candidate: Candidate, gates: Gates, registry: Registry | None) -> None:
        self._candidate = candidate
        self._gates = gates
        self._root = candidate.model.root
        self._registry = registry
        self._board = Board()
        self._found: dict[str, Any] = {"slices": [], "latency": None, "onnx": None}
        self._judged: dict[str, Judged] = {}
        self._champion: Champion | None = None

    def run(self) -> dict[str, Any]:
        board, gates, candidate = self._board, self._gates, self._candidate
        try:
            digest: str | None = candidate.digest()
        except OSError:
            digest = None
        with contextlib.ExitStack() as stack:
            # Both models load while the data is verified.
            mine = stack.enter_context(ModelProcess(candidate.model_path)) if digest else None
            check_candidate(board, candidate)
            versions = check_training(board, self._root, candidate)
            used = check_holdout(board, self._root, gates)
            reason = self._find_champion(used)
            theirs = stack.enter_context(ModelProcess(self._champion.path)) if self._champion else None
            holdout = self._read(used)
            check_overlap(board, self._root, gates, used, versions)
            self._measure(holdout, mine, theirs, reason)
        self._found["size"] = check_size(board, gates, candidate.model_path)
        self._found["inference"] = check_inference(board, candidate, gates.inference_tests, digest)
        today = datetime.now(UTC).date()
        waivers = apply_waivers(board, candidate.model.path / WAIVERS, today, self._is_possible)
        return self._verdict(holdout, digest, waivers)

    def _is_possible(self, id_: str) -> bool:
        """Whether a threshold of gates.yml has this id, though this time nobody could check it."""
        stem, _, kind = id_.rpartition(".")
        if kind not in ("limit", "regression"):
            return False
        if stem in {f"metrics.{metric}" for metric in self._gates.metrics}:
            return True
        known = {f"slices.{its['column']}={its['value']}.{its['metric']}" for its in self._found["slices"]}
        if known:
            return stem in known
        return any(  # no slice was measured, so nobody knows which there are
            stem.startswith(f"slices.{its.column}=") and stem.endswith(f".{its.metric}")
            for its in self._gates.slices
        )

    def _find_champion(self, used: VerifiedVersion | None) -> str:
        """Look for the champion; why it cannot be compared with, if it cannot."""
        try:
            registry = self._registry or open_registry(self._root)
            digest = used.version.digest if used else None
            self._champion = find_champion(registry, self._candidate, self._gates, digest)
        except (NoChampion, UserError) as error:
            return str(error)
        return ""

    def _read(self, used: VerifiedVersion | None) -> Holdout | None:
        if used is None:
            return None
        holdout = read_holdout(used, self._gates)
        check_slice_columns(self._gates, holdout.frame)
        return holdout

    def _measure(
        self, holdout: Holdout | None, mine: ModelProcess | None, theirs: ModelProcess | None, reason: str
    ) -> None:
        """Ask the models, and judge what they say."""
        board, gates = self._board, self._gates
        said = self._ask_candidate(holdout, mine)
        other = None
        if theirs and holdout and not reason:
            try:
                other = self._ask(holdout, theirs)
            except ModelBroken as error:
                reason = (
                    f"Version {self._champion and self._champion.version} cannot be measured: {error}. "
                    "Roll back to one that can, or freeze a holdout that suits both."
                )
        if reason:
            board.add(CHAMPION, "broken", reason)
        else:
            note_champion(board, self._champion)
        if holdout is None or mine is None or said is None:
            why = "It was not measured: see the checks data.holdout and predictions."
            board.broken(metric_ids(gates), why)
            board.broken(slice_ids(gates), why)
            if gates.p95_ms is not None:
                board.add(LATENCY, "broken", why)
            if gates.onnx_difference is not None:
                board.add(ONNX, "broken", why)
            return
        rows = Rows(holdout.truth, said.values, other.values if other else None)
        self._judged = judge_metrics(board, gates, rows)
        self._found["slices"] = judge_slices(board, gates, rows, holdout)
        self._write_rows(holdout, said, other)
        self._found["latency"] = check_latency(board, gates, mine, theirs if other else None, holdout.rows)
        order = [name for name, _ in mine.columns()]
        self._found["onnx"] = check_onnx(
            board, gates, self._candidate.onnx_path, order, said, holdout.features(gates.target)
        )

    def _ask_candidate(self, holdout: Holdout | None, model: ModelProcess | None) -> Predictions | None:
        board = self._board
        if model is None:
            board.add(PREDICTIONS, "broken", "The run has no model: its output `model` is missing.")
            return None
        if holdout is None:
            board.add(PREDICTIONS, "broken", "There are no rows to predict: see data.holdout.")
            return None
        try:
            said = self._ask(holdout, model)
        except ModelBroken as error:
            board.add(PREDICTIONS, "broken", f"The model cannot be measured: {error}.")
            return None
        kind = {"value": "values", "probability": "probabilities of class 1", "label": "labels"}[said.kind]
        if is_constant(said.values, holdout.truth):
            what = f"The model says {number(float(said.values[0]))} for all {holdout.rows} rows."
            board.add(PREDICTIONS, "failed", what)
        else:
            board.add(PREDICTIONS, "passed", f"{holdout.rows} {kind}, all finite.")
        return said

    def _ask(self, holdout: Holdout, model: ModelProcess) -> Predictions:
        """The predictions of a model. Raises ModelBroken."""
        gates = self._gates
        if gates.target in [name for name, _ in model.columns()]:
            raise ModelBroken(f"it wants the target {gates.target} as an input, which it should predict")
        return predictions(model.predict(holdout.features(gates.target)), holdout.rows, gates)

    def _write_rows(self, holdout: Holdout, said: Predictions, other: Predictions | None) -> None:
        """What each row was and what was said of it, for the report."""
        columns = dict.fromkeys(gate.column for gate in self._gates.slices)
        table = holdout.frame[[name for name in columns if name != self._gates.target]].copy()
        taken = {"row", "truth", "candidate", "champion"}
        table.columns = [f"{name}_" if name in taken else name for name in table.columns]
        table.insert(0, "row", np.arange(1, holdout.rows + 1))
        table.insert(1, "truth", holdout.truth)
        table.insert(2, "candidate", said.values)
        table.insert(3, "champion", other.values if other else "")
        with replacing(self._candidate.gate / ROWS) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")

    def _verdict(self, holdout: Holdout | None, digest: str | None, waivers: list[Waiver]) -> dict[str, Any]:
        gates, candidate, board = self._gates, self._candidate, self._board
        git = candidate.record.get("git") or {}
        word = _word(board, self._judged.get(gates.decide_by))
        passed = not board.having("failed", "broken")
        settings = gates.bootstrap
        return {
            "schema": 1,
            "model": candidate.model.name,
            "run": candidate.run,
            "stage": candidate.stage,
            "verdict": word,
            "passed": passed,
            "headline": _headline(word, board, self._judged.get(gates.decide_by), self._champion),
            "task": gates.task,
            "target": gates.target,
            "decide_by": gates.decide_by,
            "candidate": {
                "commit": git.get("commit"),
                "dirty": git.get("dirty"),
                "digest": digest,
                "data": training_data(candidate),
            },
            "champion": self._champion.as_json() if self._champion else None,
            "holdout": {
                "dataset": gates.holdout,
                "digest": holdout.digest if holdout else None,
                "rows": holdout.rows if holdout else None,
            },
            "checks": [check.as_json() for check in board.checks],
            "metrics": {name: _metric(gates, name, self._judged.get(name)) for name in gates.metrics},
            "slices": self._found["slices"],
            "latency": self._found["latency"],
            "size": self._found["size"],
            "inference": self._found["inference"],
            "onnx": self._found["onnx"],
            "waivers": [waiver.as_json() for waiver in waivers],
            "bootstrap": {
                "resamples": settings.resamples,
                "confidence": settings.confidence,
                "seed": settings.seed,
                "method": method(holdout.rows) if holdout else None,
            },
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "factory": __version__,
        }


def _metric(gates: Gates, name: str, judged: Judged | None) -> dict[str, Any]:
    from mlroad.models.metric_names import METRICS

    threshold = gates.metrics[name]
    return {
        "direction": METRICS[name].direction,
        **(judged or Judged(name, "broken")).as_json(),
        "limit": threshold.limit,
        "max_regression": threshold.max_regression,
    }


def _word(board: Board, deciding: Judged | None) -> str:
    if board.having("broken") or deciding is None:
        return "broken"
    return "worse" if board.having("failed") else deciding.verdict


def _headline(word: str, board: Board, deciding: Judged | None, champion: Champion | None) -> str:
    bad = board.having("broken") or board.having("failed")
    if bad:
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        start = "The candidate cannot be judged" if word == "broken" else "The candidate is not good enough"
        return f"{start}: {bad[0].id}{others}."
    assert deciding is not None
    assert deciding.candidate is not None
    name, mine = deciding.metric, number(deciding.candidate)
    waived = board.having("waived")
    rest = (
        f" {len(waived)} failed {'check is' if len(waived) == 1 else 'checks are'} waived." if waived else ""
    )
    if champion is None or deciding.champion is None:
        return f"No champion yet: judged by its limits alone, {name} is {mine}.{rest}"
    figures = f"{name} {mine}, before {number(deciding.champion)}"
    if deciding.is_surely_worse and word == "equal":
        return (
            "The candidate is a little worse than the champion, within what gates.yml allows "
            f"(version {champion.version}): {figures}.{rest}"
        )
    words: dict[str, Callable[[], str]] = {
        "better": lambda: "better than",
        "equal": lambda: "as good as",
        "worse": lambda: "worse than",
    }
    return f"The candidate is {words[word]()} the champion (version {champion.version}): {figures}.{rest}"


def verdict_file(candidate: Candidate) -> Path:
    """Where the verdict of a candidate is, or would be."""
    return candidate.folder / "gate" / VERDICT
