"""Requests joined into one request, and answers taken apart again."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from mlroad.models.tensors import Tensor


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


def rows_of(answer: Sequence[Tensor], first: int, count: int, total: int) -> tuple[Tensor, ...]:
    """``count`` of the ``total`` rows of an answer. Outputs of other lengths are left as they are."""
    return tuple(_rows(tensor, first, count) if tensor.shape[:1] == (total,) else tensor for tensor in answer)


def _rows(tensor: Tensor, first: int, count: int) -> Tensor:
    each = len(tensor.data) // (tensor.shape[0] or 1)
    return replace(
        tensor,
        shape=(count, *tensor.shape[1:]),
        data=tensor.data[first * each : (first + count) * each],
    )
