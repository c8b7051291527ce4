"""What a verdict warns of: nothing that is certainly wrong, but a person should look before they trust it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from mlroad.core.text import count, some
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.leakage import telling_features
from mlroad.gate.metric_checks import MetricResult
from mlroad.gate.records import Records
from mlroad.gate.toothless import passed_by_a_guess


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
        *(_of_gates(gates, table, metrics) if table else ()),
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
    for what in telling_features(gates, table):
        told = f"{what}: a model that reads it has the answer. Is it known when the model is asked?"
        yield Warned("holdout.leakage", told)


def _of_gates(gates: Gates, table: Holdout, metrics: Mapping[str, MetricResult]) -> Iterator[Warned]:
    champions = {name: found.champion for name, found in metrics.items()}
    for what in passed_by_a_guess(gates, table.truth, champions):
        yield Warned("limits", what)


def _of_scores(gates: Gates, metrics: Mapping[str, MetricResult]) -> Iterator[Warned]:
    for name, found in metrics.items():
        metric = gates.metric(name)
        best = metric.low if metric.direction == "lower" else metric.high
        if found.candidate is not None and math.isfinite(best) and abs(found.candidate - best) < 1e-12:
            what = f"{name} is {found.candidate:g}, which is perfect. Does a feature hold the answer?"
            yield Warned("perfect", what)
