"""Tensors of the Open Inference Protocol V2 (KServe), as JSON and in Python.

A request holds one tensor for each column of the model's signature, of shape [n] or [n, 1] for n rows. An
answer holds one tensor for each output. Source: https://kserve.github.io/website/docs/concepts/architecture/
data-plane/v2-protocol, whose datatypes these are; data in row-major order, nested or flat.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["boolean", "integer", "number", "text"]
Value = bool | int | float | str
_BITS = (8, 16, 32, 64)
FAMILIES: dict[str, Family] = {
    "BOOL": "boolean",
    **{f"INT{bits}": "integer" for bits in _BITS},
    **{f"UINT{bits}": "integer" for bits in _BITS},
    "FP32": "number",
    "FP64": "number",
    "BYTES": "text",
}
"""The supported datatypes, with the family of their values. FP16 is not supported."""
SIGNATURE_TYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
"""The datatypes of the column types of an MLflow signature. datetime and binary have none."""
NUMPY = {
    "BOOL": "bool",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
    **{f"INT{bits}": f"int{bits}" for bits in _BITS},
    **{f"UINT{bits}": f"uint{bits}" for bits in _BITS},
}
"""NumPy's name of each datatype."""
ONNX_TYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
"""The datatypes of the tensors of ONNX Runtime that an exported model may have."""
_DATATYPES = {name: datatype for datatype, name in NUMPY.items() if datatype != "BYTES"}
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can escape it, UTF-8 cannot encode it."""
_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_FLOATS = ("FP32", "FP64")
_FP32 = struct.Struct("<f")
_MOST_DIMENSIONS, _LONGEST = 8, 2**31 - 1
"""Of a shape; the .NET harness reads no others."""


class TensorError(ValueError):
    """What is wrong with a tensor, as a clause."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor; ``data`` is flat, in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: tuple[Value, ...]

    @property
    def family(self) -> Family:
        """The kind of its values: FP32 and FP64 are one family, all integers another."""
        return FAMILIES[self.datatype]

    def json(self) -> dict[str, Any]:
        """As the protocol writes it, with flat data, and NaN and infinities as strings.

        JSON has no such numbers; these are the strings that the JSON mapping of Protocol Buffers uses.
        """
        data = list(self.data)
        if self.datatype in _FLOATS and not all(map(math.isfinite, self.data)):  # type: ignore[arg-type]
            data = [_NON_FINITE.get(str(value), value) for value in data]
        return {"name": self.name, "shape": list(self.shape), "datatype": self.datatype, "data": data}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Tensor:
        """The tensor that `json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        datatype, shape = content["datatype"], tuple(content["shape"])
        name = str(_value("the name", "BYTES", content["name"]))
        is_number = FAMILIES[datatype] == "number"
        try:
            data = tuple(float(its) if is_number else _value(name, datatype, its) for its in content["data"])
        except OverflowError:  # a whole number of more than 308 digits
            raise TensorError(f"{name} has a number that is too large for {datatype}") from None
        if datatype == "FP32":
            data = tuple(map(_rounded, data))
        if not all(type(length) is int and length >= 0 for length in shape) or len(data) != math.prod(shape):
            raise TensorError(f"{name} has {len(data)} values, which are not its shape")
        return cls(name, datatype, shape, data)

    def index(self, position: int) -> str:
        """The index of the value at a flat ``position``: ``[2, 0]``."""
        found: list[int] = []
        for length in reversed(self.shape):
            position, rest = divmod(position, length)
            found.append(rest)
        return f"[{', '.join(map(str, reversed(found)))}]"


def read_tensor(value: Mapping[str, Any]) -> Tensor:
    """The tensor that JSON describes. The keys were checked before: name, shape, datatype, data.

    Raises TensorError for a value that does not fit the datatype, or data that does not fit the shape.
    """
    name, datatype, shape, data = (value[key] for key in ("name", "datatype", "shape", "data"))
    if not isinstance(name, str) or not name or not is_unicode(name):
        raise TensorError(f"a tensor's name is {_shown(name)}; it should be text")
    if not isinstance(datatype, str) or datatype not in FAMILIES:
        raise TensorError(f"the datatype of {name} is {_shown(datatype)}; there are {', '.join(FAMILIES)}")
    if (
        not isinstance(shape, list)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(length) is int and 0 <= length <= _LONGEST for length in shape)
    ):
        raise TensorError(f"the shape of {name} is {_shown(shape)}; it should be a list of lengths")
    if not isinstance(data, list):
        raise TensorError(f"the data of {name} is {_shown(data)}; it should be a list")
    flat = _flat(name, data, shape) if any(isinstance(item, list) for item in data) else data
    if len(flat) != math.prod(shape):
        raise TensorError(
            f"{name} has the shape {shape}, which is {math.prod(shape)} values, but data has {len(flat)}"
        )
    return Tensor(name, datatype, tuple(shape), tuple(_value(name, datatype, item) for item in flat))


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode it. JSON can escape half of a character."""
    return not _SURROGATE.search(text)


def frame_of(tensors: Sequence[Tensor]) -> Any:
    """The table (pandas.DataFrame) of a request: a column for each tensor, in its datatype.

    Raises TensorError if a tensor is not a column, two have the same name, or their numbers of rows differ.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    rows: dict[int, str] = {}
    for tensor in tensors:
        if len(tensor.shape) not in {1, 2} or tensor.shape[1:] not in {(), (1,)}:
            raise TensorError(
                f"{tensor.name} has the shape {list(tensor.shape)}; a column is [rows] or [rows, 1]"
            )
        if tensor.name in columns:
            raise TensorError(f"there are two tensors {tensor.name}")
        rows.setdefault(tensor.shape[0], tensor.name)
        columns[tensor.name] = np.array(tensor.data, dtype=NUMPY[tensor.datatype])
    if len(rows) > 1:
        said = " and ".join(f"{name} has {count} rows" for count, name in rows.items())
        raise TensorError(f"the tensors differ in length: {said}")
    return pd.DataFrame(columns)


def answer_tensors(answer: Any, name: str = "prediction") -> list[Tensor]:
    """A model's answer as tensors: each column of a table, each entry of a dict, or one named ``name``.

    Raises TensorError for an answer that is not an array of numbers, texts or booleans.
    """
    import numpy as np

    if isinstance(answer, Mapping):
        named = [(str(key), np.asarray(value)) for key, value in answer.items()]
    else:
        import pandas as pd

        columns = answer.items() if isinstance(answer, pd.DataFrame) else [(name, answer)]
        named = [(str(column), np.asarray(values)) for column, values in columns]
    if not named:
        raise TensorError("the answer is empty")
    return [_from_array(*item) for item in named]


def _from_array(name: str, array: Any) -> Tensor:
    if array.dtype.kind in "OUST":
        # Unwrap NumPy scalars in an array of objects.
        flat = [value.item() if hasattr(value, "item") else value for value in array.ravel().tolist()]
        if all(isinstance(value, str) for value in flat):
            if any(_SURROGATE.search(value) for value in flat):
                raise TensorError(f"the output {name} contains a text that is not Unicode")
            return Tensor(name, "BYTES", array.shape, tuple(flat))
        kinds = {type(value) for value in flat}
        if kinds <= {bool} or kinds <= {int} or kinds <= {int, float}:
            import numpy as np

            return _from_array(name, np.array(flat).reshape(array.shape))
        raise TensorError(f"the output {name} contains {', '.join(sorted(kind.__name__ for kind in kinds))}")
    if array.dtype.name == "float16":
        array = array.astype("float32")
    datatype = _DATATYPES.get(array.dtype.name)
    if datatype is None:
        raise TensorError(
            f"the output {name} has the type {array.dtype.name}, which the protocol does not have"
        )
    return Tensor(name, datatype, tuple(array.shape), tuple(array.ravel().tolist()))


def _flat(name: str, data: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    """The values of nested lists. Raises TensorError if their lengths do not fit ``shape``."""
    level = [data]
    for length in shape:
        if not all(isinstance(part, list) and len(part) == length for part in level):
            raise TensorError(f"the nested data of {name} does not have the shape {list(shape)}")
        level = [item for part in level for item in part]
    return level


def _value(name: str, datatype: str, item: Any) -> Value:
    if type(item) is float and datatype == "FP64" and math.isfinite(item):
        return item  # most of them
    family = FAMILIES[datatype]
    if family == "text" and isinstance(item, str) and not _SURROGATE.search(item):
        return item
    if family == "boolean" and isinstance(item, bool):
        return item
    if family == "integer" and type(item) is int:
        bits = int(datatype.lstrip("UINT"))
        low, high = (0, 2**bits - 1) if datatype[0] == "U" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if low <= item <= high:
            return item
    if family == "number" and item in _NON_FINITE.values():
        return float(item)
    if family == "number" and type(item) in {int, float}:
        try:
            number = float(item)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            with suppress(TensorError):
                return number if datatype == "FP64" else _rounded(number)
    raise TensorError(f"{name} contains {_shown(item)}, which is not a valid {datatype}")


def _rounded(number: Value) -> float:
    """The FP32 that a decimal number means: other runtimes write 0.1 for 0.10000000149011612."""
    try:
        return float(_FP32.unpack(_FP32.pack(number))[0])
    except OverflowError:
        raise TensorError(f"{number:g} is too large for FP32") from None


def _shown(value: object) -> str:
    import json

    # An integer of many digits has no decimal text, and a list may be nested too deeply for one.
    with suppress(ValueError, RecursionError):
        text = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
        return text if len(text) <= 60 else f"{text[:57]}…"
    return f"a value of the type {type(value).__name__}"
