"""The frozen holdout as a table, and what models say of its rows as one number for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion
from mlroad.data.table import Column
from mlroad.data.version_tables import open_version
from mlroad.gate.gates_file import Gates
from mlroad.gate.metrics import Floats
from mlroad.models.process import ModelBroken

Kind = Literal["value", "probability", "label"]


@dataclass(frozen=True, slots=True)
class Holdout:
    """The rows that judge: the table, and its target as numbers [n]."""

    dataset: str
    digest: str
    frame: pd.DataFrame
    truth: Floats

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.frame)

    def features(self, target: str) -> pd.DataFrame:
        """All columns but the target, which no model may see."""
        return self.frame.drop(columns=[target])


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says: one number [n], and what it is."""

    values: Floats
    kind: Kind


def read_holdout(used: VerifiedVersion, gates: Gates) -> Holdout:
    """Read a verified version. Raises UserError if it is no table, or its target cannot be judged by."""
    with TableEngine() as engine:
        table = open_version(engine, used)
        if table.format == "files":
            raise UserError(
                f"{used.version.id} is no table.", "The gate needs rows: CSV, Parquet, JSON Lines."
            )
        rows = engine.rows(f"SELECT * FROM {table.view}")  # noqa: S608 (the engine's own name)
        columns = table.columns
    frame = _frame(columns, rows)
    names = list(frame.columns)
    if gates.target not in names:
        raise UserError(
            Problem(
                gates.at_target,
                "MR704",
                f"{used.version.id} has no column {gates.target}.",
                f"There are: {', '.join(names)}.",
            )
        )
    if not len(frame):
        raise UserError(f"{used.version.id} has no rows.", "Freeze a holdout with rows.")
    truth = _truth(frame[gates.target], gates)
    return Holdout(used.version.id, str(used.version.digest), frame, truth)


def predictions(
    answer: NDArray[Any], rows: int, gates: Gates, *, labels_suffice: bool = False
) -> Predictions:
    """One number for each row from a model's answer. Raises ModelBroken for what is not clearly that.

    Regression: [n] or [n, 1]. Classification: [n, 2] is the probabilities of class 0 and class 1, with the
    sum 1 in each row; numbers in [0, 1] that are not all 0 or 1 are the probability of class 1; 0 and 1 alone
    are labels, which are refused where a metric needs probabilities, unless ``labels_suffice``.
    """
    if answer.shape[:1] != (rows,):
        got = answer.shape[0] if answer.ndim else 1
        raise ModelBroken(f"it gives {got} predictions for {rows} rows")
    values = answer.astype(np.float64)
    bad = int((~np.isfinite(values.reshape(rows, -1))).any(axis=1).sum())
    if bad:
        raise ModelBroken(f"{bad} of {rows} predictions are NaN or infinite")
    if gates.task == "classification" and values.shape == (rows, 2):
        inside = ((values >= 0) & (values <= 1)).all()
        if not inside or np.abs(values.sum(axis=1) - 1).max() > 1e-4:
            raise ModelBroken("it gives two numbers for each row, which are no probabilities with the sum 1")
        return Predictions(np.ascontiguousarray(values[:, 1]), "probability")
    if values.ndim > 1 and values.size != rows:
        raise ModelBroken(f"it gives an array of the shape {list(values.shape)} for {rows} rows")
    values = values.reshape(rows)
    if gates.task == "regression":
        return Predictions(values, "value")
    if np.isin(values, (0.0, 1.0)).all():
        if gates.wants_probabilities and not labels_suffice:
            raise ModelBroken(
                "it gives the labels 0 and 1, and gates.yml asks for a metric of probabilities: save it "
                'with pyfunc_predict_fn="predict_proba"'
            )
        return Predictions(values, "label")
    if values.min() < 0 or values.max() > 1:
        raise ModelBroken(
            f"it gives numbers from {values.min():g} to {values.max():g}, which are no probabilities"
        )
    return Predictions(values, "probability")


def slice_of(frame: pd.DataFrame, column: str) -> tuple[list[str], NDArray[np.intp]]:
    """The values of a column in their order, and for each row which one it has: ``code`` into the list.

    Rows without a value are a slice of their own, named ``missing``, which comes last.
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
    """A name that two slices have (the text "missing", and no value at all)."""
    return next((name for name in names if names.count(name) > 1), None)


def _sort_key(value: Any) -> tuple[int, Any]:
    return (0, float(value)) if isinstance(value, int | float | np.number | bool) else (1, str(value))


def _shown(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating):
        return f"{float(value):.15g}"
    return str(value)


def _truth(column: pd.Series[Any], gates: Gates) -> Floats:
    name = gates.target
    if column.dtype == object or not pd.api.types.is_numeric_dtype(column.dtype):
        missing = column.isna().any()
        what = "has rows without a value" if missing else "is no number"
        fix = (
            "Make it 0 and 1 in a derived dataset." if gates.task == "classification" else "Mend the dataset."
        )
        raise UserError(Problem(gates.at_target, "MR704", f"The target {name} {what}.", fix))
    values = np.asarray(column.to_numpy(dtype=np.float64))
    if not np.isfinite(values).all():
        what = f"The target {name} has rows without a value."
        raise UserError(Problem(gates.at_target, "MR704", what, "Freeze a holdout without them."))
    if gates.task == "classification" and not np.isin(values, (0.0, 1.0)).all():
        what = f"The target {name} has other values than 0 and 1."
        raise UserError(Problem(gates.at_target, "MR704", what, "Only two classes can be gated: 0 and 1."))
    return values


def _frame(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """The rows with the column types that their kinds mean; integers with gaps become floats."""
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
