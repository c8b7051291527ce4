"""Requests near decision thresholds, found by bisection between two requests with different decisions.

Runtimes that calculate differently disagree there first. The two requests of a threshold are a little apart
from it: a model that is right in FP32 decides about them as in FP64.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, islice, zip_longest

import numpy as np

from mlroad.models.tensors import Tensor

_STEPS = 30
_GAP = 0.002
"""The distance from the threshold, as a share of the distance between the two requests."""
_ATTEMPTS = 5
"""So many pairs are tried for each threshold that is wanted."""
Request = Sequence[Tensor]
Decide = Callable[[Request], str]


def boundaries(
    decide: Decide, by_decision: Mapping[str, Sequence[Request]], wanted: int
) -> Iterator[tuple[list[Tensor], str]]:
    """Pairs of requests, one on each side of a threshold, with a tag; at most ``wanted`` pairs.

    ``by_decision``: requests and their decisions. Those of different classes are paired in their order.
    """
    names = sorted(by_decision)
    columns = [
        zip(by_decision[one], by_decision[other], strict=False) for one, other in combinations(names, 2)
    ]
    pairs = (pair for pair in chain.from_iterable(zip_longest(*columns)) if pair)
    found = 0
    for low, high in islice(pairs, _ATTEMPTS * wanted):
        if found < wanted and (sides := _sides(decide, low, high)):
            found += 1
            tag = " | ".join(decide(side) for side in sides)
            yield from ((side, tag) for side in sides)


def _sides(decide: Decide, low: Request, high: Request) -> tuple[list[Tensor], list[Tensor]] | None:
    """Two requests on the way from ``low`` to ``high``, just before its decision changes and just after."""
    if [(its.name, its.datatype) for its in low] != [(its.name, its.datatype) for its in high]:
        return None
    start = decide(low)
    if decide(_between(low, high, 1.0)) == start:
        return None  # it is texts and booleans that decide
    before, after = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (before + after) / 2
        if decide(_between(low, high, middle)) == start:
            before = middle
        else:
            after = middle
    first, second = _between(low, high, max(0.0, before - _GAP)), _between(low, high, min(1.0, after + _GAP))
    return (first, second) if decide(first) == start != decide(second) else None


def _between(low: Request, high: Request, share: float) -> list[Tensor]:
    """Numbers between those of both requests; everything else is that of ``low``."""
    return [
        replace(one, data=(_number(one.datatype, one.data[0], other.data[0], share),))
        if one.family in {"number", "integer"} and len(one.data) == len(other.data) == 1
        else one
        for one, other in zip(low, high, strict=True)
    ]


def _number(datatype: str, one: object, other: object, share: float) -> float | int:
    assert isinstance(one, int | float)
    assert isinstance(other, int | float)
    if not (math.isfinite(one) and math.isfinite(other)):
        return one
    if isinstance(one, int) and isinstance(other, int):
        return one + round(share * (other - one))
    value = one + share * (other - one)
    return float(np.float32(value)) if datatype == "FP32" else value
