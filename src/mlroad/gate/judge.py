"""Judge a candidate from the records of its answers, by the rules of its model folder. No model is loaded.

`mlroad gate` judges the records that it has just made, `mlroad register` the same records again, by the rules
as they are then. So a verdict file decides nothing: it is for people and for the report.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mlroad import __version__
from mlroad.gate.agreement import AGREEMENT, check_agreement
from mlroad.gate.bootstrap import method
from mlroad.gate.checks import GateChecks, gate_again, short
from mlroad.gate.data_checks import (
    check_candidate,
    check_holdout,
    check_overlap,
    check_training,
    training_data,
)
from mlroad.gate.gates_file import Gates
from mlroad.gate.headline import headline, overall_word
from mlroad.gate.holdout import Holdout, OpenedHoldout, units_of
from mlroad.gate.inference_checks import check_inference
from mlroad.gate.latency import LATENCY, check_latency
from mlroad.gate.metric_checks import (
    MetricResult,
    Rows,
    is_constant,
    judge_metrics,
    judge_slices,
    metric_ids,
    slice_ids,
)
from mlroad.gate.metrics import read_answers
from mlroad.gate.model_checks import ONNX, check_onnx, check_size
from mlroad.gate.own_measures import OwnMeasures
from mlroad.gate.part_figures import target_figures, unit_figures
from mlroad.gate.records import ModelAnswers, Records
from mlroad.gate.tasks.class_figures import class_figures
from mlroad.gate.tasks.task import Predictions, Truth
from mlroad.gate.waivers import FILE as WAIVERS
from mlroad.gate.waivers import Waiver, apply_waivers
from mlroad.gate.warn import warnings_of
from mlroad.models.inference_verdict import InferenceVerdict
from mlroad.models.model_process import ModelBroken
from mlroad.run.candidate import Candidate

CHAMPION, PREDICTIONS = "champion", "predictions"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and the predictions that it is based on; None for those that could not be used."""

    verdict: dict[str, Any]
    inference: Mapping[str, InferenceVerdict]
    """By runtime."""
    candidate: Predictions | None
    champion: Predictions | None


def judge(
    candidate: Candidate,
    gates: Gates,
    holdout: OpenedHoldout,
    records: Records,
    own: OwnMeasures | None,
) -> Judgement:
    """Make every check. A check that cannot be made is red; none is left out."""
    return _Judge(candidate, gates, holdout, records, own).judge()


class _Judge:
    def __init__(
        self,
        candidate: Candidate,
        gates: Gates,
        holdout: OpenedHoldout,
        records: Records,
        own: OwnMeasures | None,
    ) -> None:
        self._own = own
        self._candidate = candidate
        self._gates = gates
        self._holdout = holdout
        self._records = records
        self._checks = GateChecks()
        self._metrics: dict[str, MetricResult] = {}
        self._found: dict[str, Any] = {
            "slices": [], "by_class": None, "by_target": [], "by_unit": None, "latency": None, "onnx": None,
        }  # fmt: skip
        try:
            self._digest: str | None = candidate.digest()
        except OSError:
            self._digest = None

    def judge(self) -> Judgement:
        checks, candidate, gates, records = self._checks, self._candidate, self._gates, self._records
        check_candidate(checks, candidate)
        check_training(checks, candidate)
        check_holdout(checks, self._holdout)
        check_overlap(checks, candidate, records.overlap)
        mine = self._predictions()
        theirs = self._champion_predictions()
        table = self._holdout.table
        if table is None or mine is None:
            self._unmeasured()
        else:
            self._measure(table, mine, theirs)
        self._found["size"] = check_size(checks, gates, candidate)
        tests = check_inference(checks, gates, candidate, records, self._digest)
        today = datetime.now(UTC).date()
        waivers = apply_waivers(checks, candidate.model.path / WAIVERS, today, self._is_possible)
        return Judgement(self._verdict(waivers, tests), tests, mine, theirs)

    def _predictions(self) -> Predictions | None:
        checks, answers, table = self._checks, self._records.candidate, self._holdout.table
        if self._digest is None:
            checks.add(PREDICTIONS, "broken", "The run has no model: its output `model` is missing.")
            return None
        if table is None:
            checks.add(PREDICTIONS, "broken", "There are no rows to predict: see data.holdout.")
            return None
        if what := self._outdated(table, answers):
            checks.add(PREDICTIONS, "broken", f"{what} {gate_again(self._candidate)}")
            return None
        assert answers
        try:
            found = _values(answers, table.truth, self._gates)
        except ModelBroken as error:
            checks.add(PREDICTIONS, "broken", f"The model cannot be measured: {error}.")
            return None
        if is_constant(found, table.truth):
            what = f"The model predicts {short(found.shown[0])} for all {table.rows} rows."
            checks.add(PREDICTIONS, "failed", what)
        else:
            finite = "" if found.kind == "text" else ", all finite"
            checks.add(PREDICTIONS, "passed", f"{table.rows} {found.kind_shown}{finite}.")
        return found

    def _outdated(self, table: Holdout, answers: ModelAnswers | None) -> str:
        """Why the recorded answers are not those of this model for this holdout; empty if they are."""
        records, gates = self._records, self._gates
        if (records.model, records.run) != (self._candidate.model.name, self._candidate.run):
            return f"The recorded answers are of another run: {records.model} {records.run}."
        asked, now = (records.holdout, records.target), (gates.holdout, gates.target)
        if asked != now:
            return f"The answers are for {asked[0]} and the target {asked[1]}, not {now[0]} and {now[1]}."
        if (records.holdout_digest, records.rows) != (table.digest, table.rows):
            return "The recorded answers are for a holdout with another digest."
        if answers is None or answers.digest != self._digest:
            return "The model is not the one whose answers were recorded."
        return ""

    def _champion_predictions(self) -> Predictions | None:
        """The champion's predictions, and the check that the candidate can be compared with it."""
        checks, records, gates = self._checks, self._records, self._gates
        champion, table, answers = records.champion, self._holdout.table, records.champion_answers
        if records.champion_problem:
            checks.add(CHAMPION, "broken", records.champion_problem)
            return None
        if champion is None:
            if gates.champion_required:
                what = (
                    f"gates.yml requires a champion, but {self._candidate.model.name} has none. Register and "
                    "approve a version, or write `champion: optional` until there is one."
                )
                checks.add(CHAMPION, "broken", what)
            else:
                checks.add(CHAMPION, "passed", "There is no champion yet, and none is required.")
            return None
        name = f"version {champion.version}"
        if table is None:
            checks.add(CHAMPION, "passed", f"The champion is {name}, unchanged since it was registered.")
            return None
        try:
            if answers is None or answers.digest != champion.digest:
                raise ModelBroken("its answers were not recorded")
            found = _values(answers, table.truth, gates)
        except ModelBroken as error:
            what = (
                f"V{name[1:]} cannot be measured: {error}. Roll back to a version that can, or freeze a "
                "holdout that both models can be measured on."
            )
            checks.add(CHAMPION, "broken", what)
            return None
        checks.add(CHAMPION, "passed", f"Compared with {name}, unchanged since it was registered.")
        return found

    def _unmeasured(self) -> None:
        checks, gates = self._checks, self._gates
        why = "It was not measured: see the checks data.holdout and predictions."
        checks.broken([AGREEMENT], why)
        checks.broken(metric_ids(gates), why)
        checks.broken(slice_ids(gates), why)
        if gates.p95_ms is not None:
            checks.add(LATENCY, "broken", why)
        if gates.onnx_difference is not None:
            checks.add(ONNX, "broken", why)

    def _measure(self, table: Holdout, mine: Predictions, theirs: Predictions | None) -> None:
        checks, gates, records = self._checks, self._gates, self._records
        own = self._own.measures if self._own else None
        rows = Rows(table.truth, mine, theirs, units_of(table, gates), own)
        self._metrics = judge_metrics(checks, gates, rows)
        again = gate_again(self._candidate)
        self._found["by_class"] = class_figures(table.truth, mine, theirs)
        models = {"candidate": mine} | ({"champion": theirs} if theirs else {})
        self._found["by_target"] = target_figures(gates, table, models)
        if gates.decide_by in self._metrics and self._metrics[gates.decide_by].candidate is not None:
            self._found["by_unit"] = unit_figures(gates, table, models)
        self._found["slices"] = judge_slices(checks, gates, rows, table)
        check_agreement(checks, records, again)
        self._found["latency"] = check_latency(checks, gates, records.timings, table.rows, again)
        self._found["onnx"] = check_onnx(checks, gates, self._candidate, records.onnx, mine, table.truth)

    def _is_possible(self, id_: str) -> bool:
        """Whether gates.yml names a threshold with this id that could not be checked this time."""
        stem, _, kind = id_.rpartition(".")
        if kind not in ("limit", "regression"):
            return False
        if stem in {f"metrics.{metric}" for metric in self._gates.metrics}:
            return True
        known = {f"slices.{its['column']}={its['value']}.{its['metric']}" for its in self._found["slices"]}
        if known:
            return stem in known
        return any(  # no slice was measured, so their values are unknown
            stem.startswith(f"slices.{its.column}=") and stem.endswith(f".{its.metric}")
            for its in self._gates.slices
        )

    def _verdict(self, waivers: list[Waiver], tests: Mapping[str, InferenceVerdict]) -> dict[str, Any]:
        gates, candidate, checks, table = self._gates, self._candidate, self._checks, self._holdout.table
        records = self._records
        git = candidate.record.get("git") or {}
        deciding, champion = self._metrics.get(gates.decide_by), self._records.champion
        word, settings = overall_word(checks, deciding), gates.bootstrap
        return {
            "schema": 1,
            "model": candidate.model.name,
            "run": candidate.run,
            "stage": candidate.stage,
            "verdict": word,
            "passed": not checks.having("failed", "broken"),
            "headline": headline(word, checks, deciding, champion),
            "task": gates.task,
            "target": gates.target,
            "decide_by": gates.decide_by,
            "candidate": {
                "commit": git.get("commit"),
                "dirty": git.get("dirty"),
                "digest": self._digest,
                "data": training_data(candidate),
            },
            "champion": asdict(champion) if champion else None,
            "holdout": {
                "dataset": gates.holdout,
                "digest": table.digest if table else None,
                "rows": table.rows if table else None,
            },
            "checks": [check.as_json() for check in checks.found],
            "metrics": {name: _metric(gates, name, self._metrics.get(name)) for name in gates.metrics},
            "slices": self._found["slices"],
            "by_class": self._found["by_class"],
            "by_target": self._found["by_target"],
            "by_unit": self._found["by_unit"],
            "latency": self._found["latency"],
            "size": self._found["size"],
            "inference": {name: self._short(its) for name, its in tests.items()},
            "export": records.exported and asdict(records.exported),
            "onnx": self._found["onnx"],
            "waivers": [waiver.as_json() for waiver in waivers],
            "warnings": warnings_of(gates, table, self._metrics, self._records),
            "bootstrap": {
                "resamples": settings.resamples,
                "confidence": settings.confidence,
                "seed": settings.seed,
                "method": method(units_of(table, gates).count(table.rows)) if table else None,
                "units": units_of(table, gates).name if table else None,
            },
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "factory": __version__,
        }

    def _short(self, tests: InferenceVerdict) -> dict[str, Any]:
        """What the verdict holds of the inference tests in one runtime."""
        recorded = self._records.cases.get(tests.runtime)
        return {
            "passed": tests.passed,
            "cases": len(tests.results),
            "failed": len(tests.failed),
            "suite_digest": tests.suite_digest,
            "latency": tests.latency and tests.latency.json(),
            "figures": recorded.figures if recorded else {},
        }


def _values(answers: ModelAnswers, truth: Truth, gates: Gates) -> Predictions:
    if answers.values is None:
        raise ModelBroken(answers.error)
    return read_answers(answers.values, truth, gates)


def _metric(gates: Gates, name: str, result: MetricResult | None) -> dict[str, Any]:
    threshold = gates.metrics[name]
    return {
        "direction": gates.metric(name).direction,
        **(result or MetricResult(name, "broken")).as_json(),
        "limit": threshold.limit,
        "max_regression": threshold.max_regression,
    }
