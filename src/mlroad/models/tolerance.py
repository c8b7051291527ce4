"""How far an answer may differ from the expected one, and the comparison itself.

A number passes if |answer - expected| <= absolute + relative * |expected|, as in numpy.isclose. NaN and
infinite answers never pass. Values of different families are never equal: 1 is not 1.0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlroad.models.tensors import Tensor, Value


@dataclass(frozen=True, slots=True)
class Limit:
    """The sum of both parts is allowed. If both are 0, the values must be equal."""

    absolute: float = 0.0
    relative: float = 0.0

    def allows(self, expected: Value, answer: Value) -> bool:
        """Whether ``answer`` passes. Texts and booleans must be equal."""
        if isinstance(expected, str | bool) or isinstance(answer, str | bool):
            return type(expected) is type(answer) and expected == answer
        if isinstance(expected, int) and isinstance(answer, int) and not (self.absolute or self.relative):
            return expected == answer  # beyond 2**53 as well
        if not math.isfinite(answer):
            return False
        return abs(answer - expected) <= self.allowed(expected)

    def allowed(self, expected: float) -> float:
        """The largest difference from ``expected`` that passes."""
        return self.absolute + self.relative * abs(expected)

    def json(self) -> dict[str, float]:
        """As the files have it: without parts that are 0, but never empty."""
        relative = {"relative": self.relative} if self.relative else {}
        return relative if relative and not self.absolute else {"absolute": self.absolute, **relative}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A limit for all outputs, limits for some, and the share of golden cases that may break them."""

    limit: Limit = Limit()
    outputs: Mapping[str, Limit] = field(default_factory=dict)
    may_differ: float = 0.0

    def of(self, output: str) -> Limit:
        """The limit of an output: its own, or the one for all."""
        return self.outputs.get(output, self.limit)


@dataclass(frozen=True, slots=True)
class CaseTolerance:
    """The limits that a case states itself. They go before those of the suite."""

    limit: Limit | None = None
    outputs: Mapping[str, Limit] = field(default_factory=dict)

    def over(self, suite: Tolerance) -> Tolerance:
        """The tolerance of the case, where ``suite`` has the limits that it does not state."""
        others = {} if self.limit else suite.outputs
        return Tolerance(self.limit or suite.limit, {**others, **self.outputs}, suite.may_differ)

    def json(self) -> dict[str, Any]:
        """As cases.jsonl has it."""
        own = self.limit.json() if self.limit else {}
        outputs = {name: limit.json() for name, limit in self.outputs.items()}
        return {**own, **({"outputs": outputs} if outputs else {})}


def difference(expected: Sequence[Tensor], answer: Sequence[Tensor], tolerance: Tolerance) -> str:
    """What is wrong with an answer, as one sentence; empty if it passes."""
    wanted, given = {t.name: t for t in expected}, {t.name: t for t in answer}
    for name, tensor in wanted.items():
        got = given.get(name)
        if got is None:
            return f"The output {name} is missing; the outputs are {', '.join(given)}."
        if got.family != tensor.family:
            return f"{name} is {got.datatype}, but {tensor.datatype} was expected."
        if got.shape != tensor.shape:
            return f"{name} has the shape {list(got.shape)}, but {list(tensor.shape)} was expected."
        if said := _values(tensor, got, tolerance.of(name)):
            return said
    if more := [name for name in given if name not in wanted]:
        return f"The output {more[0]} was not expected."
    return ""


def direction(before: Tensor, after: Tensor, holds: str, at_least: float) -> str:
    """What is wrong if each value of an output should ``increase`` or ``decrease``; empty if each does."""
    if before.family not in {"number", "integer"} or after.family not in {"number", "integer"}:
        return f"{before.name} is {before.datatype}, which cannot {holds}."
    if before.shape != after.shape:
        return (
            f"{before.name} has the shape {list(after.shape)} after the change, {list(before.shape)} before."
        )
    sign = 1 if holds == "increase" else -1
    for place, (one, other) in enumerate(zip(before.data, after.data, strict=True)):
        moved = sign * (float(other) - float(one))
        if not (moved > 0 and moved >= at_least):
            by = f" by {shown(at_least)} or more" if at_least else ""
            what = f"{before.name}{before.index(place)} should {holds}{by}"
            return f"{what}, but goes from {shown(one)} to {shown(other)}."
    return ""


def _values(expected: Tensor, got: Tensor, limit: Limit) -> str:
    pairs = list(zip(expected.data, got.data, strict=True))
    wrong = [place for place, pair in enumerate(pairs) if not limit.allows(*pair)]
    if not wrong:
        return ""
    worst = max(wrong, key=lambda place: distance(*pairs[place]))
    want, have = pairs[worst]
    apart = ""
    if expected.family in {"number", "integer"}:
        assert isinstance(want, int | float)
        allowed = limit.allowed(want)
        apart = f": differs by {distance(want, have):.4g}, allowed is {allowed:.4g}"
    others = f" ({len(wrong)} of {len(pairs)} values differ; this one the most)" if len(pairs) > 1 else ""
    return f"{got.name}{got.index(worst)} is {shown(have)}, expected {shown(want)}{apart}{others}."


def distance(want: Value, have: Value) -> float:
    """How far two values are apart; infinity unless both are numbers."""
    if not (isinstance(want, int | float) and isinstance(have, int | float)) or not math.isfinite(have):
        return math.inf
    return abs(have - want)


def shown(value: Value) -> str:
    """A value as messages show it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
