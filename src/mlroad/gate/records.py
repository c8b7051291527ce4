"""What the gate records of a candidate: every answer of the models, with the digests of all inputs.

Files in the gate folder of the run:

    records.json          what was asked (digests of models, holdout and suite), timings, errors, file digests
    answers.parquet       a row for each row of the holdout, a column for each number that a model answered
    case_answers-*.jsonl  for each runtime, a line for each inference test: see mlroad.models.case_answers

`judge` makes the verdict from them. The digests reveal accidents and careless edits. They do not stop
a person who rewrites all files: only a machine that others cannot write to (CI) gives that assurance.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad import __version__
from mlroad.core.digests import digest_of
from mlroad.core.files import replacing, write_json, write_text
from mlroad.data.sql import files, text
from mlroad.models.case_answers import CaseAnswers, read_case_answers
from mlroad.models.inference_verdict import Latency
from mlroad.models.runtimes import RUNTIMES

RECORDS, ANSWERS = "records.json", "answers.parquet"
SAMPLES = "own_samples.json"
SCHEMA = 5
"""Of records.json. Increase it with every change of what is recorded."""
_AGAIN, _OWN = "candidate_", "own_"
_FILES = (ANSWERS, SAMPLES)
_T = TypeVar("_T")
Floats = NDArray[np.float64]
Values = NDArray[Any]
"""Numbers, or objects that are texts and numbers."""


class RecordsUnusable(Exception):
    """The records are missing, damaged, or of something else; the reason as a sentence."""


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The answers of one model for the holdout, or the reason why there are none."""

    digest: str
    error: str = ""
    values: Values | None = None
    """[rows, …]: as many numbers or texts for each row as the model gave."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The champion that the candidate is compared with."""

    version: str
    digest: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds for one row at a time, without those in which other programs had the processor."""

    candidate: tuple[float, ...] = ()
    champion: tuple[float, ...] = ()
    """For the same rows, in the same order."""
    error: str = ""
    cold: tuple[float, ...] = ()
    """The first request to each."""
    machine: tuple[float, ...] = ()
    """A small fixed computation, between the rows: how fast the machine was."""
    waited: tuple[float, ...] = ()
    """In which other programs had the processor, for each of ``candidate``. Empty if that is unknown."""
    champion_waited: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlap:
    """The comparison of the training data with the holdout. Both are named with their digests."""

    training: Mapping[str, str]
    clean: bool
    what: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SuiteAnswers:
    """The answers to the inference tests in one runtime by the ids of the cases, or why there are none."""

    suite_digest: str
    answers: Mapping[str, CaseAnswers]
    error: str = ""
    latency: Latency | None = None
    """Of one row, if it was timed: what suite.yml may limit."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What else was measured, such as the memory."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The exported model that ONNX Runtime and .NET were asked."""

    digest: str
    """Of its folder."""
    parity: Mapping[str, float]
    """How far its answers are from those of the model: see mlroad.models.onnx_export."""


@dataclass(slots=True)
class OwnRecords:
    """What the team's own metrics gave, by metric and model: candidate or champion."""

    digest: str
    """Of evaluation.py."""
    error: str = ""
    values: dict[tuple[str, str], ModelAnswers] = field(default_factory=dict)
    """One value for each row, or the reason why there are none."""
    samples: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    """One value for each sample, by the digest of its rows."""


@dataclass(frozen=True, slots=True)
class Records:
    """All that was recorded of one candidate; None for what was not requested or not available."""

    model: str
    run: str
    holdout: str
    holdout_digest: str
    rows: int
    target: str
    overlap: Overlap | None = None
    candidate: ModelAnswers | None = None
    champion: Champion | None = None
    champion_problem: str = ""
    """The reason if no comparison with the champion is possible."""
    champion_answers: ModelAnswers | None = None
    onnx: ModelAnswers | None = None
    timings: Timings | None = None
    cases: Mapping[str, SuiteAnswers] = field(default_factory=dict)
    """By runtime."""
    exported: Exported | None = None
    again: Mapping[str, ModelAnswers] = field(default_factory=dict)
    """The candidate's answers when it was asked in other ways: see agreement.py."""
    single_rows: tuple[int, ...] = ()
    """The rows that the candidate and the champion were asked for alone."""
    first_rows: tuple[int, ...] = ()
    """The rows that another process of the candidate was asked for alone, before any table."""
    clock: tuple[str, ...] = ()
    """Where the candidate's own code reads the clock when it predicts."""
    by_day: bool = False
    """Whether it gives another answer if its clock is ahead."""
    unconfined: tuple[str, ...] = ()
    """What this system could not close to the models: files, network."""
    own: OwnRecords | None = None


def delete_records(folder: Path) -> None:
    """Delete the records in a gate folder, records.json first: without it, the others are ignored."""
    for name in (RECORDS, *_FILES):
        (folder / name).unlink(missing_ok=True)
    for file in folder.glob(_case_file("*")):
        file.unlink()


def write_records(folder: Path, records: Records) -> None:
    """Write the files, records.json last."""
    asked = {"candidate": records.candidate, "champion": records.champion_answers, "onnx": records.onnx}
    asked |= {f"{_AGAIN}{way}": its for way, its in records.again.items()}
    own = records.own or OwnRecords("")
    asked |= {f"{_OWN}{of}.{name}": its for (name, of), its in own.values.items()}
    _write_answers(folder / ANSWERS, asked)
    samples = {f"{of}.{name}": its for (name, of), its in own.samples.items()}
    write_text(folder / SAMPLES, json.dumps(samples, allow_nan=False) + "\n")
    for runtime, its in records.cases.items():
        lines = (answers.line(id_) for id_, answers in its.answers.items())
        write_text(folder / _case_file(runtime), "".join(lines))
    content = {
        "schema": SCHEMA,
        "model": records.model,
        "run": records.run,
        "holdout": {
            "dataset": records.holdout, "digest": records.holdout_digest, "rows": records.rows,
            "target": records.target,
        },
        "overlap": records.overlap and asdict(records.overlap),
        "champion": records.champion and asdict(records.champion),
        "champion_problem": records.champion_problem,
        "answers": {
            key: {"digest": its.digest, "error": its.error, "shape": _shape(its)}
            for key, its in asked.items()
            if its is not None
        },
        "single_rows": records.single_rows,
        "first_rows": records.first_rows,
        "clock": records.clock,
        "by_day": records.by_day,
        "unconfined": records.unconfined,
        "timings": records.timings and asdict(records.timings),
        "own": records.own and {"digest": own.digest, "error": own.error},
        "cases": {
            runtime: {
                "suite_digest": its.suite_digest, "error": its.error, "figures": dict(its.figures),
                "latency": its.latency and asdict(its.latency),
            }
            for runtime, its in records.cases.items()
        },
        "exported": records.exported and asdict(records.exported),
        "files": {file: digest_of(folder / file) for file in (*_FILES, *map(_case_file, records.cases))},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "mlroad": __version__,
    }  # fmt: skip
    write_json(folder / RECORDS, content)


def read_records(folder: Path) -> Records:
    """The records of a gate folder. Raises RecordsUnusable."""
    try:
        content = json.loads((folder / RECORDS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordsUnusable("the gate has recorded no answers") from None
    except (OSError, ValueError) as error:
        raise RecordsUnusable(f"{folder / RECORDS} cannot be read: {error}") from None
    try:
        if content["schema"] != SCHEMA:
            raise RecordsUnusable(f"{folder / RECORDS} was written by another version of mlroad")
        names = (*_FILES, *map(_case_file, content["cases"]))
        for file, digest in ((name, content["files"][name]) for name in names):
            if digest_of(folder / file) != digest:
                raise RecordsUnusable(f"{folder / file} has changed since the gate wrote it")
        return _records(content, folder)
    except OSError as error:
        raise RecordsUnusable(f"{error.filename} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError, duckdb.Error) as error:
        what = f"{folder / RECORDS} was not written by the gate: {type(error).__name__} {error}"
        raise RecordsUnusable(what) from None


def _records(content: Mapping[str, Any], folder: Path) -> Records:
    asked = content["answers"]
    columns = _read_answers(folder / ANSWERS) if any(its["shape"] for its in asked.values()) else {}
    answers = {
        key: ModelAnswers(str(its["digest"]), str(its["error"]), _values(columns, key, its["shape"]))
        for key, its in asked.items()
    }
    holdout = content["holdout"]
    return Records(
        model=str(content["model"]),
        run=str(content["run"]),
        holdout=str(holdout["dataset"]),
        holdout_digest=str(holdout["digest"]),
        rows=int(holdout["rows"]),
        target=str(holdout["target"]),
        overlap=_optional(
            content["overlap"],
            lambda its: Overlap(
                dict(its["training"]),
                its["clean"] is True,
                str(its["what"]),
                tuple(str(what) for what in its["warnings"]),
            ),
        ),
        candidate=answers.get("candidate"),
        champion=_optional(content["champion"], lambda its: Champion(**its)),
        champion_problem=str(content["champion_problem"]),
        champion_answers=answers.get("champion"),
        onnx=answers.get("onnx"),
        timings=_optional(
            content["timings"],
            lambda its: Timings(
                _numbers(its["candidate"]),
                _numbers(its["champion"]),
                str(its["error"]),
                _numbers(its["cold"]),
                _numbers(its["machine"]),
                _numbers(its["waited"]),
                _numbers(its["champion_waited"]),
            ),
        ),
        cases={str(name): _suite(its, folder / _case_file(name)) for name, its in content["cases"].items()},
        exported=_optional(
            content["exported"], lambda its: Exported(str(its["digest"]), dict(its["parity"]))
        ),
        again={key.removeprefix(_AGAIN): its for key, its in answers.items() if key.startswith(_AGAIN)},
        single_rows=tuple(int(row) for row in content["single_rows"]),
        first_rows=tuple(int(row) for row in content["first_rows"]),
        own=_optional(content["own"], lambda its: _own(its, answers, folder / SAMPLES)),
        clock=tuple(str(place) for place in content["clock"]),
        by_day=content["by_day"] is True,
        unconfined=tuple(str(what) for what in content["unconfined"]),
    )  # fmt: skip


def _case_file(runtime: str) -> str:
    """Raises KeyError for what is not a runtime: the name is part of a path."""
    if runtime not in (*RUNTIMES, "*"):
        raise KeyError(runtime)
    return f"case_answers-{runtime}.jsonl"


def _suite(about: Mapping[str, Any], file: Path) -> SuiteAnswers:
    return SuiteAnswers(
        str(about["suite_digest"]),
        read_case_answers(file),
        str(about["error"]),
        _optional(about["latency"], lambda its: Latency(*_numbers(its[f"p{of}"] for of in (50, 95, 99)))),
        {str(name): float(value) for name, value in about["figures"].items()},
    )


def _own(about: Mapping[str, Any], answers: Mapping[str, ModelAnswers], file: Path) -> OwnRecords:
    def named(key: str) -> tuple[str, str]:
        of, _, name = key.partition(".")
        return name, of

    return OwnRecords(
        str(about["digest"]),
        str(about["error"]),
        {named(key.removeprefix(_OWN)): its for key, its in answers.items() if key.startswith(_OWN)},
        {named(key): dict(its) for key, its in json.loads(file.read_text(encoding="utf-8")).items()},
    )


def _optional(content: Any, make: Callable[[Any], _T]) -> _T | None:
    return None if content is None else make(content)


def _numbers(content: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in content)


def _shape(answers: ModelAnswers) -> list[int] | None:
    return None if answers.values is None else list(answers.values.shape)


def _write_answers(file: Path, asked: Mapping[str, ModelAnswers | None]) -> None:
    """A column ``candidate``, or ``candidate_0`` and so on where a row has several numbers."""
    columns: dict[str, Values] = {}
    for key, its in asked.items():
        if its is not None and its.values is not None:
            flat = its.values.reshape(len(its.values), -1)
            single = flat.shape[1] == 1
            columns |= {key if single else f"{key}_{place}": flat[:, place] for place in range(flat.shape[1])}
    with replacing(file) as temporary, duckdb.connect() as database:
        database.register("answers", pd.DataFrame(columns or {"candidate": np.empty(0)}).infer_objects())
        database.execute(f"COPY answers TO {text(temporary)} (FORMAT parquet)")


def _read_answers(file: Path) -> dict[str, Values]:
    with duckdb.connect() as database:
        columns = database.execute(f"FROM read_parquet({files([file])})").fetchnumpy()
    return {key: _plain(values) for key, values in columns.items()}


def _plain(values: Any) -> Values:
    """A column. DuckDB keeps NaN and None as NULL."""
    if values.dtype == object:
        return np.ma.filled(np.ma.asarray(values), None)
    return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)


def _values(columns: Mapping[str, Values], key: str, shape: Any) -> Values | None:
    if shape is None:
        return None
    names = [key] if key in columns else [f"{key}_{place}" for place in range(len(columns))]
    flat = [columns[column] for column in names if column in columns]
    kind = object if any(column.dtype == object for column in flat) else np.float64
    return np.column_stack(flat).astype(kind).reshape([int(length) for length in shape])
