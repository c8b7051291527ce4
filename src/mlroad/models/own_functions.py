"""The functions of an evaluation.py in a process of their own, which model_worker.py runs like a model."""

from __future__ import annotations

import base64
import importlib.util
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class OwnFunctions:
    """A loaded evaluation.py."""

    columns: ClassVar[list[Any]] = []
    named = False
    output = ""

    def __init__(self, path: str, _: list[str]) -> None:
        spec = importlib.util.spec_from_file_location("evaluation", path)
        assert spec
        assert spec.loader
        self._module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._module)
        self._data: dict[str, Any] = {}

    def measure(self, request: dict[str, Any]) -> dict[str, Any]:
        """The values of a function for all rows, or its value for a sample of rows or for one row."""
        if "data" in request:
            self._data = pickle.loads(Path(request["data"]).read_bytes())  # noqa: S301 (the gate's own)
        function = getattr(self._module, request["name"])
        answers = self._data["answers"][request["of"]]
        if request["form"] == "scorer":
            return {"value": self._one(function, answers, request["row"])}
        if request["form"] == "sample":
            rows = np.frombuffer(base64.b64decode(request["rows"]), np.int64)
            return {"value": _number(self._call(function, answers, rows))}
        values = np.asarray(self._call(function, answers, slice(None)))
        count = len(answers)
        if values.shape != (count,):
            raise ValueError(f"it gives values of the shape {list(values.shape)} for {count} rows")
        return {"values": [_number(value) for value in values.tolist()]}

    def _call(self, function: Callable[..., Any], answers: Any, rows: Any) -> Any:
        # Copies: what a function changes in them must not reach the next one.
        arguments = [self._data["truth"][rows].copy(), answers[rows].copy()]
        if len(inspect.signature(function).parameters) > 2:
            arguments.append(self._data["rows"].iloc[rows].reset_index(drop=True))
        return function(*arguments)

    def _one(self, function: Callable[..., Any], answers: Any, row: int) -> float:
        arguments = [_plain(self._data["truth"][row]), _plain(answers[row])]
        if len(inspect.signature(function).parameters) > 2:
            arguments.append(self._data["rows"].iloc[row].to_dict())
        return _number(function(*arguments))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _number(value: Any) -> float:
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, bool | int | float):
        return float(value)
    raise TypeError(f"it gives {str(value)[:60]!r}, which is not a number")
