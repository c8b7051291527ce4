"""What a verdict warns of: nothing that is certainly wrong, but a person should look before they trust it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from mlroad.core.text import count, some
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.metric_checks import MetricResult
from mlroad.gate.records import Records

_LEAST_ROWS = 10
_SURE = 0.9999
"""A feature with this correlation to the target, or more, is the target in another unit."""
_FEW = 0.5
"""A feature with more distinct values than this share of the rows determines everything by chance."""


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning."""

    id: str
    what: str


def warnings_of(
    gates: Gates, table: Holdout | None, metrics: Mapping[str, MetricResult], records: Records
) -> list[dict[str, str]]:
    """The warnings, as the verdict holds them."""
    found = [
        *_of_records(records),
        *(_of_holdout(gates, table) if table else ()),
        *_of_scores(gates, metrics),
    ]
    return [asdict(one) for one in found]


def _of_records(records: Records) -> Iterator[Warned]:
    if records.overlap:
        for what in records.overlap.warnings:
            yield Warned("slices", what)
    if records.clock:
        places = some(records.clock, 3)
        what = (
            f"The model's code reads the clock when it predicts ({places}): its answers may change with time."
        )
        yield Warned("clock", what)
    if records.unconfined:
        kinds = {"files": "the repo and the home folder", "network": "the network"}
        closed = " and ".join(kinds.get(what, what) for what in records.unconfined)
        what = f"This system cannot close {closed} to a model's code. Let a Linux machine judge it as well."
        yield Warned("isolation", what)


def _of_holdout(gates: Gates, table: Holdout) -> Iterator[Warned]:
    repeated = int(table.frame.astype(str).duplicated().sum())
    if repeated:
        what = f"{repeated} of {count(table.rows, 'row')} of {gates.holdout} repeat an earlier row"
        yield Warned("holdout.repeated", f"{what}, so intervals are narrower than they should be.")
    for target in gates.targets:
        for feature in table.frame.columns:
            if feature not in gates.targets and table.rows >= _LEAST_ROWS:
                how = _determines(table.frame[feature], table.frame[target])
                if how:
                    what = f"{feature} {how} {target}: a model that reads it has the answer."
                    yield Warned("holdout.leakage", f"{what} Is it known when the model is asked?")


def _determines(feature: pd.Series, target: pd.Series) -> str:
    """How a feature tells the target; empty if it does not."""
    numbers = [pd.api.types.is_numeric_dtype(column.dtype) for column in (feature, target)]
    if all(numbers):
        both = np.array([feature.to_numpy(dtype=np.float64), target.to_numpy(dtype=np.float64)])
        both = both[:, np.isfinite(both).all(axis=0)]
        if both.shape[1] >= _LEAST_ROWS and (np.ptp(both, axis=1) > 0).all():
            if abs(np.corrcoef(both)[0, 1]) >= _SURE:
                return "is a multiple of"
            ranks = pd.DataFrame(both.T).rank().to_numpy()
            if both.shape[1] > len(np.unique(both[1])) and len(np.unique(both[1])) <= 2:
                return ""  # ranks of two values say nothing
            if abs(np.corrcoef(ranks.T)[0, 1]) >= 1 - 1e-12:
                return "is in the same order as"
    texts = feature.astype(str)
    distinct = texts.nunique()
    several = target.astype(str).nunique() > 1
    if several and distinct <= _FEW * len(texts) and (target.astype(str).groupby(texts).nunique() == 1).all():
        return "determines"
    return ""


def _of_scores(gates: Gates, metrics: Mapping[str, MetricResult]) -> Iterator[Warned]:
    for name, found in metrics.items():
        metric = gates.metric(name)
        best = metric.low if metric.direction == "lower" else metric.high
        if found.candidate is not None and math.isfinite(best) and abs(found.candidate - best) < 1e-12:
            what = f"{name} is {found.candidate:g}, which is perfect. Does a feature hold the answer?"
            yield Warned("perfect", what)
