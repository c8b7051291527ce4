"""How far the answers of an ONNX model are from those of the Python model, in rows of the training data.

Conversions drift: ONNX Runtime calculates some steps in FP32, and skl2onnx converts some wrongly. Where the
data has less than 1,000 rows, more are made: their values are drawn from each column by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlroad.core.text import count
from mlroad.data.store import VerifiedVersion
from mlroad.models.model_process import ColumnSpec
from mlroad.models.not_exportable import NotExportable
from mlroad.models.pick import POOL, requests_of
from mlroad.models.tensor_batches import join
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Limit, Tolerance

LEAST = 1000
"""Rows that are compared at least: they show what goes wrong in one row of a hundred."""
FLIPS = 0.001
"""The share of rows whose decision may differ: those at a threshold, where FP32 and FP64 part."""
FAR = 0.01
"""The share of rows whose answers may differ by more than the inference tests allow."""
_ROUNDING = Limit(absolute=1e-6, relative=1e-5)
"""Differences that FP32 explains are allowed in any case."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the answers of two models are from each other, in the unit of the answers."""

    rows: int
    made: int
    """How many of them are not in the data."""
    largest: float
    mean: float
    p99: float
    flips: int
    """Rows with another decision: another label, another most probable class, another side of 0.5."""
    far: int
    """Rows whose answers differ by more than the inference tests allow."""

    def json(self) -> dict[str, Any]:
        """As parity.json has it."""
        return {
            "schema": 1,
            "rows": self.rows,
            "made_rows": self.made,
            "max_difference": self.largest,
            "mean_difference": self.mean,
            "p99_difference": self.p99,
            "flips": self.flips,
            "beyond_tolerance": self.far,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Parity:
        """What `json` wrote. Raises KeyError for anything else."""
        return cls(
            content["rows"],
            content["made_rows"],
            content["max_difference"],
            content["mean_difference"],
            content["p99_difference"],
            content["flips"],
            content["beyond_tolerance"],
        )

    def refusal(self, model: str, tolerance: Tolerance) -> str:
        """Why the ONNX model is not good enough, as a sentence; empty if it is."""
        if self.flips > FLIPS * self.rows:
            rows = f"{self.flips} of {count(self.rows, 'row')}"
            return f"The ONNX model of {model} decides differently from the Python model in {rows}."
        if self.far > FAR * self.rows:
            return (
                f"The ONNX model of {model} differs from the Python model by up to {self.largest:.4g}; in "
                f"{self.far} of {count(self.rows, 'row')} by more than the inference tests allow "
                f"(absolute {tolerance.limit.absolute:g}, relative {tolerance.limit.relative:g})."
            )
        return ""

    def __str__(self) -> str:
        made = f", {self.made} of them drawn column by column" if self.made else ""
        return (
            f"{count(self.rows, 'row')}{made}: the answers differ by up to {self.largest:.3g} "
            f"(mean {self.mean:.3g}, 99th percentile {self.p99:.3g}); decisions that differ: {self.flips}."
        )


def parity_requests(version: VerifiedVersion, columns: Sequence[ColumnSpec]) -> list[list[Tensor]]:
    """The rows of the data (at most `POOL`) as one request, and if they are few, another of shuffled rows.

    Rows without a value for a column that is not FP32 or FP64 are left out: no request can hold them.
    Raises NotExportable if there are no rows, and UserError if the model cannot read them.
    """
    label = version.version.id
    rows = requests_of(version.path, label, columns, POOL)
    whole = [row for row in rows if len(row) == len(columns)]
    if not whole:
        raise NotExportable(
            f"No row of {label} has a value in each column, so the models cannot be compared."
        )
    request = join(whole)
    missing = LEAST - len(whole)
    return [request] if missing <= 0 else [request, [_shuffled(tensor, missing) for tensor in request]]


def _shuffled(tensor: Tensor, rows: int) -> Tensor:
    seed = zlib.crc32(tensor.name.encode())
    places = np.random.default_rng(seed).choice(len(tensor.data), rows)
    return Tensor(tensor.name, tensor.datatype, (rows, 1), tuple(tensor.data[place] for place in places))


def parity_of(pairs: Sequence[tuple[Sequence[Tensor], Sequence[Tensor]]], tolerance: Tolerance) -> Parity:
    """Compare answers of the Python model with those of the ONNX model, request by request.

    The answers to the first request are those to rows of the data. Raises NotExportable for other kinds of
    answers.
    """
    apart: list[Any] = []
    flips, far = [], []
    for expected, answer in pairs:
        compared = [_compared(*both, tolerance) for both in _same_outputs(expected, answer)]
        distances, beyond, decided = (np.vstack(part) for part in zip(*compared, strict=True))
        apart.append(distances.max(axis=0))
        far.append(beyond.any(axis=0))
        flips.append(decided.any(axis=0))
    distance = np.concatenate(apart)
    return Parity(
        rows=len(distance),
        made=sum(len(part) for part in apart[1:]),
        largest=float(distance.max()),
        mean=float(distance.mean()),
        p99=float(np.percentile(distance, 99)),
        flips=int(np.concatenate(flips).sum()),
        far=int(np.concatenate(far).sum()),
    )


def _same_outputs(expected: Sequence[Tensor], answer: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    given = {tensor.name: tensor for tensor in answer}
    if given.keys() != {tensor.name for tensor in expected}:
        raise NotExportable(f"The outputs of the ONNX model are {', '.join(given)}.")
    for tensor in expected:
        other = given[tensor.name]
        if tensor.family != other.family or tensor.shape != other.shape:
            raise NotExportable(
                f"The ONNX model answers with {other.datatype} {list(other.shape)}, "
                f"the Python model with {tensor.datatype} {list(tensor.shape)}."
            )
        yield tensor, other


def _compared(expected: Tensor, answer: Tensor, tolerance: Tolerance) -> tuple[Any, Any, Any]:
    """By row: the largest difference, whether it is beyond the tolerance, whether a decision differs."""
    one, other = (np.array(tensor.data).reshape(expected.shape[0], -1) for tensor in (expected, answer))
    decisions = _decider(expected, one)
    differ = (decisions(one) != decisions(other)).any(axis=1)
    if expected.family not in ("number", "integer"):
        return np.zeros(len(one)), differ, differ
    limit = tolerance.of(expected.name)
    absolute = max(limit.absolute, _ROUNDING.absolute)
    relative = max(limit.relative, _ROUNDING.relative)
    one, other = one.astype(float), other.astype(float)
    alike = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        distance = np.where(alike, 0.0, np.abs(one - other))
    distance = np.where(np.isnan(distance), np.inf, distance)
    beyond = distance > absolute + relative * np.abs(one)
    return distance.max(axis=1), beyond.any(axis=1), differ


def _decider(expected: Tensor, values: Any) -> Callable[[Any], Any]:
    """What an application would do with each row: the label, the most probable class, or the side of 0.5.

    The expected answers alone tell which: the other model's may leave the range by a rounding.
    """
    if expected.family != "number":
        return lambda given: given
    if not ((values >= 0) & (values <= 1)).all():
        return lambda given: np.zeros((len(given), 1))
    if values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return lambda given: given.argmax(axis=1).reshape(-1, 1)
    return lambda given: given > 0.5
