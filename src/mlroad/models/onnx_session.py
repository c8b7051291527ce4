"""Ask an exported model: the runtime `onnx` of `mlroad test`.

It checks requests by contract.json, as the .NET harness does (harness/dotnet/Core): each column once, in its
datatype, with equally many rows. FP64 is rounded to FP32, and whole numbers become numbers, where the graph
asks for that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mlroad.models.model_process import Answer, ModelBroken
from mlroad.models.read_contract import AGAIN, ContractError, read_contract
from mlroad.models.tensors import FAMILIES, NUMPY, ONNX_TYPES, Tensor, TensorError, answer_tensors


def _check(file: Path, what: str, said: Mapping[str, str], found: Mapping[str, Any]) -> None:
    """Compare the graph with contract.json, as the .NET harness does. Raises ModelBroken."""
    again = "Export both again with `mlroad export`"
    if said.keys() != found.keys():
        raise ModelBroken(
            f"{file.as_posix()}: The {what}s are {', '.join(found)}, "
            f"but contract.json says {', '.join(said)}. {again}"
        )
    for name, datatype in said.items():
        kind = found[name].type
        if kind not in ONNX_TYPES or FAMILIES[ONNX_TYPES[kind]] != FAMILIES[datatype]:
            raise ModelBroken(
                f"{file.as_posix()}: {name} is a {kind}, but {datatype} in contract.json. {again}"
            )


class OnnxSession:
    """model.onnx and contract.json of a folder that `mlroad export` wrote. Use it in a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        """Load it. Raises ModelBroken."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                (folder / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelBroken(f"{folder.as_posix()}: {' '.join(str(error).split())[:300]}") from None
        try:
            contract = read_contract(folder / "contract.json")
        except ContractError as error:
            raise ModelBroken(f"{str(error).rstrip('.')}. {AGAIN.rstrip('.')}") from None
        self._columns = {column["name"]: column for column in contract["inputs"]}
        self._inputs = {given.name: given for given in self._session.get_inputs()}
        outputs = {given.name: given for given in self._session.get_outputs()}
        self._outputs = [column["name"] for column in contract["outputs"]]
        for what, said, found in (
            ("input", contract["inputs"], self._inputs),
            ("output", contract["outputs"], outputs),
        ):
            _check(folder / "model.onnx", what, {item["name"]: item["datatype"] for item in said}, found)

    def __enter__(self) -> OnnxSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._session

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        """Its answer to one inference request."""
        try:
            feed = self._feed(inputs)
            began = time.perf_counter()
            values = self._session.run(self._outputs, feed)
            took = (time.perf_counter() - began) * 1000
            outputs = [
                tensor
                for name, value in zip(self._outputs, values, strict=True)
                for tensor in answer_tensors({name: value})
            ]
        except TensorError as error:
            return Answer(refused=str(error))
        except Exception as error:  # the runtime's own classes are not public
            return Answer(refused=" ".join(str(error).split())[:300])
        return Answer(tuple(outputs), milliseconds=took)

    def _feed(self, inputs: Sequence[Tensor]) -> dict[str, Any]:
        found: dict[str, Tensor] = {}
        for tensor in inputs:
            if tensor.name not in self._columns:
                raise TensorError(
                    f"there is no input {tensor.name}; the inputs are {', '.join(self._columns)}"
                )
            if tensor.name in found:
                raise TensorError(f"there are two inputs {tensor.name}")
            found[tensor.name] = tensor
        lengths = {tensor.shape[0] if tensor.shape else 0 for tensor in inputs}
        if len(lengths) > 1:
            raise TensorError("the inputs differ in length")
        if not lengths or 0 in lengths:
            raise TensorError("the request has no rows")
        rows = lengths.pop()
        return {name: self._array(name, found.get(name), rows) for name in self._columns}

    def _array(self, name: str, tensor: Tensor | None, rows: int) -> Any:
        about = self._columns[name]
        wanted = FAMILIES[about["datatype"]]
        if tensor is None:
            if about.get("required", True):
                raise TensorError(f"the input {name} is missing")
            if wanted not in {"number", "text"}:
                raise TensorError(
                    f"the input {name} is missing, and {about['datatype']} has no missing value"
                )
            values: Any = np.full(rows, np.nan) if wanted == "number" else np.full(rows, "", dtype=object)
        else:
            if tensor.family != wanted and (tensor.family, wanted) != ("integer", "number"):
                raise TensorError(
                    f"the input {name} is {tensor.datatype}, but {about['datatype']} is expected"
                )
            if len(tensor.data) != rows:
                raise TensorError(
                    f"the input {name} has the shape {list(tensor.shape)}, but [{rows}, 1] is expected"
                )
            values = np.array(tensor.data, dtype=object if wanted == "text" else None)
            if about.get("required", True) and wanted == "number" and np.isnan(values.astype(float)).any():
                raise TensorError(
                    f"the input {name} has a missing value, but the model needs one in each row"
                )
        kind = NUMPY[ONNX_TYPES[self._inputs[name].type]]
        with np.errstate(over="ignore"):
            cast = values.astype(kind)
        if wanted == "number" and (np.isinf(cast) & np.isfinite(values.astype(float))).any():
            raise TensorError(f"the input {name} contains a value that is too large for the model's FP32")
        return cast.reshape(rows, 1)
