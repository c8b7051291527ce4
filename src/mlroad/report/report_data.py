"""The data of a report: the verdict of the gate, and the other files of the candidate's run."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json
from mlroad.core.problems import UserError
from mlroad.core.verdict_words import verdict_word
from mlroad.data.store import find
from mlroad.report.formatting import finite
from mlroad.run.candidate import Candidate

VERDICT, HOLDOUT = "verdict.json", "holdout.csv"
VERDICTS = ("better", "equal", "worse", "broken")
_OBJECTS = (
    "candidate",
    "champion",
    "holdout",
    "metrics",
    "inference",
    "latency",
    "size",
    "onnx",
    "bootstrap",
    "by_class",
)
_LISTS = ("checks", "slices", "waivers", "warnings")


class Fields(dict[str, Any]):
    """A JSON object in which a missing key reads as None: verdicts of older versions have fewer keys."""

    def __missing__(self, key: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Answers:
    """The models' answers on the holdout, row by row; only rows in which every number is finite."""

    truth: Sequence[float] = ()
    candidate: Sequence[float] = ()
    champion: Sequence[float] = ()
    """As long as ``truth``, or empty without a champion."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset version that the model or its gate used."""

    role: str
    dataset: str
    digest: str
    parents: tuple[str, ...]
    """What it was made from, and what that was made from, nearest first."""
    rows: int | None


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the page and the Markdown show."""

    candidate: Candidate
    verdict: Fields
    answers: Sequence[Answers]
    """One for each target; none if the answers are not numbers."""
    inference: Sequence[Fields]
    """The results of the inference tests, one for each runtime."""
    sources: Sequence[Source]

    @property
    def model(self) -> str:
        return self.candidate.model.name

    @property
    def word(self) -> str:
        """The verdict for people: "first" if there was no champion to compare with."""
        return verdict_word(self.verdict["verdict"], self.champion)

    @property
    def passed(self) -> bool:
        """Whether the candidate passed the gate."""
        return self.verdict["passed"] is True

    @property
    def champion(self) -> Fields:
        """The registered version it was compared with; empty if there is none."""
        return fields(self.verdict["champion"])

    @property
    def decisive(self) -> Fields:
        """The figures of the metric that decides."""
        return fields(self.verdict["metrics"][self.verdict["decide_by"]])

    def checks(self, *results: str) -> list[Fields]:
        """The checks with one of these results: in the order of ``results``, then in the gate's."""
        return [check for result in results for check in self.verdict["checks"] if check["result"] == result]

    def result(self, *ids: str) -> str:
        """The worst result of the checks with these ids, or "" if there is none."""
        found = {check["result"] for check in self.verdict["checks"] if check["id"] in ids}
        return next((result for result in ("broken", "failed", "waived", "passed") if result in found), "")


def read_report_data(candidate: Candidate) -> ReportData:
    """Read everything. Raises UserError if the gate has not judged exactly this candidate."""
    verdict = _read_verdict(candidate)
    return ReportData(
        candidate,
        verdict,
        _read_answers(candidate.gate / HOLDOUT),
        _read_inference(candidate),
        _sources(candidate, verdict),
    )


def fields(value: object) -> Fields:
    """A JSON object; an empty one for anything else."""
    return Fields(value) if isinstance(value, Mapping) else Fields()


def complete(verdict: Mapping[str, Any]) -> Fields:
    """A verdict in which every section exists, if only as an empty one."""
    found = Fields(verdict)
    for name in _OBJECTS:
        found[name] = fields(found[name])
    for name in _LISTS:
        items = found[name] if isinstance(found[name], list) else []
        found[name] = [Fields(item) for item in items if isinstance(item, Mapping)]
    for name in ("metrics", "inference"):
        found[name] = Fields({str(key): fields(value) for key, value in found[name].items()})
    return found


def _read_verdict(candidate: Candidate) -> Fields:
    file = candidate.gate / VERDICT
    name, run = candidate.model.name, candidate.run
    again = f"Run `mlroad gate {name} --run {run}`, then run this command again."
    if not file.is_file():
        raise UserError(f"The gate has not judged run {run} of {name}: {file} is missing.", again)
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{file} cannot be read.", again) from None
    if not isinstance(verdict, dict) or verdict.get("schema") != 1 or verdict.get("verdict") not in VERDICTS:
        raise UserError(f"{file} does not hold a verdict that this version of mlroad can read.", again)
    if verdict.get("passed") not in (True, False):
        raise UserError(f"{file} does not say whether the candidate passed.", again)
    if (verdict.get("model"), verdict.get("run")) != (name, run):
        other = f"run {verdict.get('run')} of {verdict.get('model')}"
        raise UserError(f"{file} is the verdict of another candidate: {other}.", again)
    found = complete(verdict)
    _check_model(candidate, found["candidate"]["digest"], again)
    return found


def _check_model(candidate: Candidate, judged: object, again: str) -> None:
    if not judged or not candidate.model_path.exists():
        return
    try:
        now = candidate.digest()
    except OSError as error:
        raise UserError(f"The model cannot be read: {error.filename}: {error.strerror}.", again) from None
    if now != judged:
        what = f"The files of the model in {candidate.model_path} have changed since the gate judged it."
        raise UserError(what, again)


def _read_answers(file: Path) -> list[Answers]:
    """Of several targets, a cell has a number for each."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [
                {name: str(row.get(name) or "").split(" ") for name in ("truth", "candidate", "champion")}
                for row in csv.DictReader(lines)
            ]
    except (OSError, ValueError, csv.Error):
        return []
    targets = len(rows[0]["truth"]) if rows else 0
    return [_answers_of([{name: _at(cells, place) for name, cells in row.items()} for row in rows])
            for place in range(targets)]  # fmt: skip


def _answers_of(rows: Sequence[Mapping[str, float | None]]) -> Answers:
    """Rows without a finite number (broken candidates have them) are left out: the verdict reports them."""
    columns: dict[str, list[float]] = {"truth": [], "candidate": [], "champion": []}
    for values in rows:
        if values["truth"] is not None and values["candidate"] is not None:
            for name, value in values.items():
                if value is not None:
                    columns[name].append(value)
    if len(columns["champion"]) != len(columns["truth"]):
        columns["champion"] = []
    return Answers(**columns)


def _at(cells: Sequence[str], place: int) -> float | None:
    return _number(cells[place]) if place < len(cells) else None


def _number(text: str | None) -> float | None:
    try:
        return finite(float(text or ""))
    except ValueError:
        return None


def _read_inference(candidate: Candidate) -> list[Fields]:
    found = []
    for file in sorted(candidate.gate.glob("inference*.json")):
        if not (tests := fields(read_json(file))):
            continue
        results = tests["results"] if isinstance(tests["results"], list) else []
        tests["failures"] = [
            Fields(result)
            for result in results
            if isinstance(result, Mapping) and result.get("passed") is not True
        ]
        found.append(tests)
    return found


def _sources(candidate: Candidate, verdict: Fields) -> list[Source]:
    trained = fields(verdict["candidate"]["data"]) or {
        name: {"dataset": fields(data)["dataset"], "digest": fields(data)["dataset_digest"]}
        for name, data in fields(candidate.record.get("inputs")).items()
    }
    used = [(f"trained on ({name})", fields(data)) for name, data in trained.items()]
    used.append(("judged on (holdout)", verdict["holdout"]))
    return [_source(candidate, role, data) for role, data in used if data["dataset"]]


def _source(candidate: Candidate, role: str, data: Fields) -> Source:
    dataset = str(data["dataset"])
    rows = data["rows"] if isinstance(data["rows"], int) else None
    ancestors: list[str] = []
    waiting = [dataset]
    while waiting:
        try:
            version = find(candidate.model.root, waiting.pop(0))
        except UserError:
            # Its version file is gone, or newer than this checkout: what the verdict says is still true.
            continue
        if not ancestors and rows is None:
            rows = version.rows
        new = [parent for parent in version.parents if parent not in (*ancestors, dataset)]
        ancestors += new
        waiting += new
    name = dataset.removeprefix("azureml:")
    return Source(role, name, str(data["digest"] or ""), tuple(ancestors), rows)
