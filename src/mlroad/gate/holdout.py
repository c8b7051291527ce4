"""The frozen holdout as a table, its truth, and what of it is resampled together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.data import sql
from mlroad.data.open_table import open_table
from mlroad.data.reading import Reading
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion, find_verified
from mlroad.data.table import Column, Table
from mlroad.data.version_tables import open_version, reading_of
from mlroad.gate.bootstrap import Units, blocks_of
from mlroad.gate.gates_file import Gates
from mlroad.gate.metrics import read_truth
from mlroad.gate.tasks.task import Truth, codes_of, column_of
from mlroad.models.model_process import ModelBroken

MOST_SLICES = 50


@dataclass(frozen=True, slots=True)
class Holdout:
    """The rows that candidates are measured on: the table, and the truth of each row."""

    dataset: str
    digest: str
    frame: pd.DataFrame
    truth: Truth
    folder: Path | None = None
    """The folder of the files that the column ``files`` names; None if the holdout is a table."""
    files: str = ""

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.frame)

    def features(self, targets: Sequence[str]) -> pd.DataFrame:
        """All columns but the targets. Files are paths, which a model's process gets as it wants them."""
        features = self.frame.drop(columns=list(targets))
        if self.folder is not None:
            features[self.files] = [self.folder / name for name in features[self.files]]
        return features


@dataclass(frozen=True, slots=True)
class OpenedHoldout:
    """The holdout after its verification: the table, or the reason why it cannot be used."""

    table: Holdout | None = None
    used: VerifiedVersion | None = None
    problem: str = ""


def open_holdout(root: Path, gates: Gates) -> OpenedHoldout:
    """Verify and read the holdout.

    Raises UserError if its target or the columns of the slices are not what gates.yml says.
    """
    try:
        used = find_verified(root, gates.holdout)
    except UserError as error:
        return OpenedHoldout(problem=str(error))
    table = read_holdout(used, gates)
    check_slice_columns(gates, table.frame)
    units_of(table, gates)  # reports a column that is missing
    return OpenedHoldout(table, used)


def read_holdout(used: VerifiedVersion, gates: Gates) -> Holdout:
    """Read a verified version. Raises UserError if it is not a table, or its target is not usable."""
    with TableEngine() as engine:
        table = (
            _labels(engine, used, gates) if gates.files else open_version(engine, used, _reading(used, gates))
        )
        if table.format == "files":
            what = f"{used.version.id} is a folder of files."
            fix = "Name the table in it with their labels: `files: {table: labels.csv, column: file}`."
            raise UserError(Problem(gates.at("files"), "MR704", what, fix))
        rows = engine.rows(f"SELECT * FROM {table.view}")  # noqa: S608 (the engine's own name)
        columns = table.columns
        exact = _reference_texts(engine, table, gates)
    frame = _frame(columns, rows)
    if exact is not None:
        frame[gates.target] = exact
    if not len(frame):
        raise UserError(f"{used.version.id} has no rows.", "Freeze a holdout that has rows.")
    truth = read_truth(frame, gates)
    if gates.files:
        _check_files(used, gates, frame, gates.files.column)
        folder, column = used.path, gates.files.column
        return Holdout(used.version.id, str(used.version.digest), frame, truth, folder, column)
    return Holdout(used.version.id, str(used.version.digest), frame, truth)


def _reading(used: VerifiedVersion, gates: Gates) -> Reading:
    """How the version is read: a reference text stays as it is written, also 2026-01-31 and 007."""
    reading = reading_of(used.version)
    if gates.task != "text":
        return reading
    return replace(reading, kinds={**reading.kinds, gates.target: "string"})


def _reference_texts(engine: TableEngine, table: Table, gates: Gates) -> pd.Series[Any] | None:
    """The target of a CSV file exactly as it is written: for texts, an empty one and `None` are values."""
    if gates.task != "text" or not table.raw or table.column(gates.target) is None:
        return None
    rows = engine.rows(f"SELECT {sql.name(gates.target)} FROM {table.raw}")  # noqa: S608 (quoted)
    return pd.Series(["" if value is None else value for (value,) in rows], dtype=object)


def _labels(engine: TableEngine, used: VerifiedVersion, gates: Gates) -> Table:
    """The table with the labels. Raises UserError if the folder has none of this name."""
    assert gates.files
    name = gates.files.table
    if name not in {file.path for file in used.content.files or ()}:
        what = f"{used.version.id} has no file {name}."
        raise UserError(Problem(gates.at("files"), "MR704", what, "Name the table with the labels."))
    return open_table(engine, used.path / name, f"{used.version.id}/{name}", _reading(used, gates))


def _check_files(used: VerifiedVersion, gates: Gates, frame: pd.DataFrame, column: str) -> None:
    """Every row must name another file of the version, whose content was verified. Raises UserError."""
    named = column_of(frame, column, gates.at("files"), gates.holdout)
    known = {file.path for file in used.content.files or ()}
    lost = [str(name) for name in named if name not in known]
    twice = named[named.duplicated()]
    if lost or len(twice):
        what = f"has no file {lost[0]}" if lost else f"has several rows for {twice.iloc[0]}"
        fix = f"Write the path of each file in the folder into {column}, with /, each once."
        raise UserError(Problem(gates.at("files"), "MR704", f"{used.version.id} {what}.", fix))


def check_slice_columns(gates: Gates, frame: pd.DataFrame) -> None:
    """Raises UserError for slices by a column that cannot be used for slices."""
    problems: list[Problem] = []
    for gate in gates.slices:
        if gate.column not in frame.columns:
            what = f"{gates.holdout} has no column {gate.column}."
            problems.append(Problem(gate.at, "MR704", what, f"Choose one of: {', '.join(frame.columns)}."))
            continue
        names, _ = slice_of(frame, gate.column)
        if len(names) > MOST_SLICES:
            what = f"{gate.column} has {len(names)} values; at most {MOST_SLICES} slices are possible."
            fix = "Name another column, or make one with a few groups in a derived dataset."
            problems.append(Problem(gate.at, "MR704", what, fix))
        elif twice := repeated(names):
            what = f'{gate.column} has rows without a value and the text "{twice}": both get that name.'
            problems.append(Problem(gate.at, "MR704", what, "Change the text in a derived dataset."))
    if problems:
        raise UserError(problems)


def row_answers(answer: NDArray[Any], rows: int) -> NDArray[Any]:
    """A model's answer as numbers or texts [rows, …]. Raises ModelBroken if it does not answer each row."""
    if answer.shape[:1] != (rows,):
        got = answer.shape[0] if answer.ndim else 1
        raise ModelBroken(f"it returned {got} predictions for {rows} rows")
    return answer if answer.dtype == object else answer.astype(np.float64)


def units_of(holdout: Holdout, gates: Gates) -> Units:
    """What is resampled: queries, blocks in time, the values of `resample_by`, or rows."""
    truth = holdout.truth
    if "query" in truth.groups:
        return Units(truth.groups["query"], "queries")
    if "time" in truth.groups:
        return blocks_of(truth.groups["time"], gates.block)
    if name := gates.columns.get("resample_by"):
        column = column_of(holdout.frame, name, gates.at("resample_by"), gates.holdout)
        return Units(codes_of(column), f"values of {name}")
    return Units(strata=truth.values if truth.classes and truth.values.ndim == 1 else None)


def slice_of(frame: pd.DataFrame, column: str) -> tuple[list[str], NDArray[np.intp]]:
    """The sorted values of a column, and for each row the place of its value in that list.

    Rows without a value form the last slice, which is named ``missing``.
    """
    codes, uniques = pd.factorize(frame[column], sort=False)
    ordered = sorted(range(len(uniques)), key=lambda index: _sort_key(uniques[index]))
    names = [_shown(uniques[index]) for index in ordered]
    place = np.empty(len(uniques) + 1, dtype=np.intp)
    for new, old in enumerate(ordered):
        place[old] = new
    place[-1] = len(uniques)  # code -1: missing
    if (codes < 0).any():
        names.append("missing")
    return names, place[codes]


def repeated(names: Sequence[str]) -> str | None:
    """A name that two slices have: the text "missing", and rows without a value."""
    return next((name for name in names if names.count(name) > 1), None)


def _sort_key(value: Any) -> tuple[int, Any]:
    return (0, float(value)) if isinstance(value, int | float | np.number | bool) else (1, str(value))


def _shown(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating):
        return f"{float(value):.15g}"
    return str(value)


def _frame(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """The rows, each column in the type of its kind; integers with missing values become floats."""
    series: dict[str, Any] = {}
    for place, column in enumerate(columns):
        values = [row[place] for row in rows]
        gaps = any(value is None for value in values)
        if column.kind == "number" or (column.kind == "integer" and gaps):
            series[column.name] = np.array(
                [np.nan if value is None else float(value) for value in values], dtype=np.float64
            )
        elif column.kind == "integer":
            series[column.name] = np.array(values, dtype=np.int64 if _fits(values) else np.float64)
        elif column.kind == "boolean" and not gaps:
            series[column.name] = np.array(values, dtype=bool)
        elif column.kind in ("date", "datetime"):
            series[column.name] = pd.to_datetime(pd.Series(values, dtype=object))
        else:
            series[column.name] = pd.Series(values, dtype=object)
    return pd.DataFrame(series)


def _fits(values: Sequence[int]) -> bool:
    return not values or (max(values) < 2**63 and min(values) >= -(2**63))
