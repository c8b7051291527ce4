"""What an application would do with an answer: the label, the most probable class, or the side of 0.5."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlroad.models.tensors import Tensor

_CLASSES = 20
"""Whole numbers are labels if there are at most so many, each twice on average."""


@dataclass(frozen=True, slots=True)
class Decider:
    """The output that decides, and how."""

    output: str
    how: Literal["label", "class", "side"]

    def decisions(self, outputs: Sequence[Tensor]) -> list[str]:
        """The decision of each row; none if the output is not there."""
        tensor = next((tensor for tensor in outputs if tensor.name == self.output), None)
        if tensor is None or not tensor.data:
            return []
        if self.how == "class":
            values = np.array(tensor.data).reshape(tensor.shape[0], -1)
            return [str(place) for place in values.argmax(axis=1)]
        if self.how == "side":
            return ["above 0.5" if float(value) > 0.5 else "below 0.5" for value in tensor.data]
        return [str(value) for value in tensor.data]


def find_decider(outputs: Sequence[Tensor], rows: int) -> Decider | None:
    """How these answers to some rows decide; None if no output does, as in a regression."""
    for tensor in outputs:
        if tensor.shape[:1] != (rows,) or not tensor.data:
            continue
        is_single = len(tensor.data) == rows
        if is_single and _are_labels(tensor):
            return Decider(tensor.name, "label")
        if tensor.family == "number" and all(0 <= float(value) <= 1 for value in tensor.data):
            sums = np.array(tensor.data).reshape(rows, -1).sum(axis=1)
            if is_single or np.allclose(sums, 1, atol=1e-3):
                return Decider(tensor.name, "side" if is_single else "class")
    return None


def _are_labels(tensor: Tensor) -> bool:
    if tensor.family in {"text", "boolean"}:
        return True
    distinct = len(set(tensor.data))
    whole = all(math.isfinite(value) and float(value).is_integer() for value in map(float, tensor.data))
    return whole and distinct <= _CLASSES and 2 * distinct <= len(tensor.data)
