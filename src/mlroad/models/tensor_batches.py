"""Requests of single rows joined into one request, and answers taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from mlroad.models.tensors import Tensor


def joined(requests: Sequence[Sequence[Tensor]]) -> list[list[Tensor]]:
    """One request for each set of columns: an optional column without a value has no tensor."""
    alike: dict[tuple[tuple[str, str], ...], list[Sequence[Tensor]]] = {}
    for request in requests:
        alike.setdefault(tuple((tensor.name, tensor.datatype) for tensor in request), []).append(request)
    return [join(some) for some in alike.values()]


def join(requests: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """One request with the rows of all; they have the same columns in the same order."""
    return [
        replace(
            parts[0],
            shape=(sum(part.shape[0] for part in parts), *parts[0].shape[1:]),
            data=tuple(chain.from_iterable(part.data for part in parts)),
        )
        for parts in zip(*requests, strict=True)
    ]


def rows_of(answer: Sequence[Tensor], first: int, count: int) -> list[Tensor]:
    """Some rows of an answer. An output without so many rows is left as it is."""
    return [_rows(tensor, first, count) for tensor in answer]


def _rows(tensor: Tensor, first: int, count: int) -> Tensor:
    if not tensor.shape or tensor.shape[0] < first + count:
        return tensor
    each = len(tensor.data) // tensor.shape[0]
    return replace(
        tensor,
        shape=(count, *tensor.shape[1:]),
        data=tensor.data[first * each : (first + count) * each],
    )
