"""The functions of an evaluation.py in a process of their own, which model_worker.py runs like a model."""

import importlib.util
import inspect
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

_KEPT = 30 << 20


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
        """The value of a function for each row, for each of some samples of rows, or for one row."""
        if "data" in request:
            self._data = pickle.loads(Path(request["data"]).read_bytes())  # noqa: S301 (the gate's own)
            # From here on, glibc keeps the memory of samples. To allocate it takes a third of their time.
            np.empty(_KEPT, np.uint8)
        function = getattr(self._module, request["name"])
        if request["form"] == "scorer":
            return {"value": self._one(function, self._data["answers"][request["of"]], request["row"])}
        if request["form"] == "samples":
            drawn = samples(*pickle.loads(Path(request["samples"]).read_bytes()))  # noqa: S301 (the gate's own)
            started = time.process_time()
            found = [_number(value) for rows in drawn for value in self._calls(function, request["of"], rows)]
            return {"values": [*found, time.process_time() - started]}
        count = len(self._data["truth"])
        values = np.asarray(*self._calls(function, [request["of"]], np.arange(count)))
        if values.shape != (count,):
            raise ValueError(f"it gives values of the shape {list(values.shape)} for {count} rows")
        return {"values": [_number(value) for value in values.tolist()]}

    def _calls(self, function: Callable[..., Any], models: Sequence[str], rows: Any) -> Iterator[Any]:
        """What a function gives for each model's answers to these rows."""
        drawn = [self._data["truth"].take(rows, axis=0)]
        if len(inspect.signature(function).parameters) > 2:
            drawn.append(self._data["rows"].take(rows))
            drawn[1].index = range(len(rows))
        for of in models:
            # These are copies: what a function changes in them does not reach the next one.
            truth, *table = (its.copy() for its in drawn)
            yield function(truth, self._data["answers"][of].take(rows, axis=0), *table)

    def _one(self, function: Callable[..., Any], answers: Any, row: int) -> float:
        arguments = [_plain(self._data["truth"][row]), _plain(answers[row])]
        if len(inspect.signature(function).parameters) > 2:
            arguments.append(self._data["rows"].iloc[row].to_dict())
        return _number(function(*arguments))


def samples(numbers: Any, units: Any, counts: Any) -> Iterator[Any]:
    """The rows of each sample, from the ``counts`` of units [samples, units].

    ``numbers`` are the numbers of the rows that are drawn, ``units`` the unit of each; None: each is one. The
    rows of a unit stay together, in their order, so that blocks in time do, too.
    """
    if units is None:
        for count in counts:  # np.repeat takes twice as long
            ends = np.cumsum(count)
            yield numbers[np.cumsum(np.bincount(ends[:-1], minlength=ends[-1])[: ends[-1]])]
        return
    ordered = numbers[np.argsort(units, kind="stable")]
    sizes = np.bincount(units)
    starts = np.cumsum(sizes) - sizes
    for count in counts:
        drawn = np.repeat(np.arange(len(sizes)), count)
        ends = np.cumsum(sizes[drawn])
        moved = starts[drawn] - (ends - sizes[drawn])
        yield ordered[np.repeat(moved, sizes[drawn]) + np.arange(ends[-1])]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _number(value: Any) -> float:
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, bool | int | float):
        return float(value)
    raise TypeError(f"it gives {str(value)[:60]!r}, which is not a number")
