"""What a report is made of: the verdict of the gate, and what lies beside it in the candidate's run."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlroad.core.problems import UserError
from mlroad.data.store import find
from mlroad.models.metric_names import shown
from mlroad.run.candidate import Candidate

if TYPE_CHECKING:
    from mlroad.report.changed_rules import RuleChange

VERDICT, HOLDOUT = "verdict.json", "holdout.csv"
VERDICTS = ("better", "equal", "worse", "broken")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the models said about the holdout, row by row; only rows where every number is finite."""

    truth: Sequence[float] = ()
    candidate: Sequence[float] = ()
    champion: Sequence[float] = ()
    """As long as ``truth``, or empty without a champion."""


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset version that the model, or its gate, has seen."""

    role: str
    dataset: str
    digest: str
    parents: tuple[str, ...]
    """What it was made from, and what that was made from, nearest first."""
    rows: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the page and the Markdown tell."""

    candidate: Candidate
    verdict: Mapping[str, Any]
    answers: Answers
    inference: Sequence[Mapping[str, Any]]
    """The verdict files of the inference tests, one for each runtime."""
    sources: Sequence[Source]
    rules: Sequence[RuleChange] = ()
    """What the champion was judged by otherwise."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.candidate.model.name

    @property
    def word(self) -> str:
        """The verdict: better, equal, worse or broken."""
        return str(self.verdict["verdict"])

    @property
    def shown(self) -> str:
        """The same for people: first, if there was no champion that it could be better than."""
        return shown(self.word, self.champion)

    @property
    def passed(self) -> bool:
        """Whether the gate let the candidate through."""
        return self.verdict["passed"] is True

    @property
    def champion(self) -> Mapping[str, Any] | None:
        """The model it was compared with."""
        found = self.verdict.get("champion")
        return found if isinstance(found, Mapping) else None

    def checks(self, *results: str) -> list[Mapping[str, Any]]:
        """The checks that ended so: those of the first result first, then in the order of the gate."""
        all_ = records(self.verdict.get("checks"))
        return [check for result in results for check in all_ if check.get("result") == result]


def read_facts(candidate: Candidate) -> Facts:
    """Read all of it. Raises UserError if the gate has not judged this very candidate."""
    from mlroad.report.changed_rules import changed_rules

    verdict = _read_verdict(candidate)
    return Facts(
        candidate,
        verdict,
        _read_answers(candidate.gate / HOLDOUT),
        _read_inference(candidate),
        _sources(candidate, verdict),
        changed_rules(candidate, verdict),
    )


def records(value: object) -> list[Mapping[str, Any]]:
    """The mappings of a list; nothing of anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def record(value: object) -> Mapping[str, Any]:
    """A mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def finite(value: object) -> float | None:
    """A number that can be shown and drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def interval(value: object) -> tuple[float, float] | None:
    """Both ends of an interval, or None."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = finite(value[0]), finite(value[1])
    return None if low is None or high is None else (low, high)


def _read_verdict(candidate: Candidate) -> dict[str, Any]:
    file = candidate.gate / VERDICT
    name, run = candidate.model.name, candidate.run
    again = f"Run `mlroad gate {name} --run {run}`, then this again."
    if not file.is_file():
        raise UserError(f"The gate has not judged run {run} of {name}: {file} is missing.", again)
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{file} cannot be read.", again) from None
    if not isinstance(verdict, dict) or verdict.get("schema") != 1 or verdict.get("verdict") not in VERDICTS:
        raise UserError(f"{file} holds no verdict that this version of the factory knows.", again)
    if verdict.get("passed") not in (True, False):
        raise UserError(f"{file} does not say whether the candidate passed.", again)
    if (verdict.get("model"), verdict.get("run")) != (name, run):
        other = f"run {verdict.get('run')} of {verdict.get('model')}"
        raise UserError(f"{file} is the verdict of another candidate: {other}.", again)
    _same_model(candidate, verdict, again)
    return verdict


def _same_model(candidate: Candidate, verdict: Mapping[str, Any], again: str) -> None:
    judged = record(verdict.get("candidate")).get("digest")
    if not judged or not candidate.model_path.exists():
        return
    try:
        now = candidate.digest()
    except OSError as error:
        raise UserError(f"The model cannot be read: {error.filename}: {error.strerror}.", again) from None
    if now != judged:
        what = f"The model in {candidate.model_path} is not the one that the gate judged: its files changed."
        raise UserError(what, again)


def _read_answers(file: Path) -> Answers:
    """Rows without a finite number (broken candidates have them) are left out: the verdict tells of them."""
    columns: dict[str, list[float]] = {"truth": [], "candidate": [], "champion": []}
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                values = {name: _number(row.get(name)) for name in columns}
                if values["truth"] is None or values["candidate"] is None:
                    continue
                for name, value in values.items():
                    if value is not None:
                        columns[name].append(value)
    except (OSError, ValueError, csv.Error):
        return Answers()
    if len(columns["champion"]) != len(columns["truth"]):
        columns["champion"] = []
    return Answers(**columns)


def _number(text: str | None) -> float | None:
    try:
        return finite(float(text or ""))
    except ValueError:
        return None


def _read_inference(candidate: Candidate) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for file in sorted(candidate.gate.glob("inference*.json")):
        try:
            verdict = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(verdict, dict):
            found.append(verdict)
    return found


def _sources(candidate: Candidate, verdict: Mapping[str, Any]) -> list[Source]:
    about = record(record(verdict.get("candidate")).get("data"))
    trained = {name: record(data) for name, data in about.items()} or {
        name: {"dataset": data.get("dataset"), "digest": data.get("dataset_digest")}
        for name, data in ((n, record(d)) for n, d in record(candidate.record.get("inputs")).items())
    }
    named = [(f"trained on ({name})", data) for name, data in trained.items() if data.get("dataset")]
    holdout = record(verdict.get("holdout"))
    if holdout.get("dataset"):
        named.append(("judged on (holdout)", holdout))
    return [_source(candidate, role, data) for role, data in named]


def _source(candidate: Candidate, role: str, data: Mapping[str, Any]) -> Source:
    dataset = str(data["dataset"])
    rows = data.get("rows") if isinstance(data.get("rows"), int) else None
    ancestors: list[str] = []
    waiting = [dataset]
    while waiting:
        try:
            version = find(candidate.model.root, waiting.pop(0))
        except UserError:
            # Its version file is gone, or newer than this checkout: what the verdict says still stands.
            continue
        if not ancestors and rows is None:
            rows = version.rows
        new = [parent for parent in version.parents if parent not in (*ancestors, dataset)]
        ancestors += new
        waiting += new
    name = dataset.removeprefix("azureml:")
    return Source(role, name, str(data.get("digest") or ""), tuple(ancestors), rows)
