"""Read contract.json, which `mlroad export` writes beside model.onnx."""

import json
from pathlib import Path
from typing import Any

from mlroad.models.tensors import FAMILIES

SCHEMA = 1
AGAIN = "Export the model again with `mlroad export`."


class ContractError(ValueError):
    """What is wrong with a contract, as a sentence."""


def read_contract(file: Path) -> dict[str, Any]:
    """The contract in a file. Raises ContractError, as the .NET harness refuses it (Core/Contract.cs)."""
    where = file.as_posix()
    try:
        contract = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ContractError(f"{where}: This file cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{where}: This is not JSON: {error}.") from None
    if not isinstance(contract, dict):
        raise ContractError(f"{where}: A contract should be a JSON object.")
    schema = contract.get("schema")
    if type(schema) is not int:
        raise ContractError(f"{where}: A contract should have the key schema, a whole number.")
    if schema != SCHEMA:
        raise ContractError(f"{where}: schema {schema} is not known to this version of mlroad. Update it.")
    for key in ("inputs", "outputs"):
        fields = contract.get(key)
        if not isinstance(fields, list) or not fields:
            raise ContractError(f"{where}: {key} should be a list of columns.")
        for field in fields:
            if wrong := _wrong(field):
                raise ContractError(f"{where}: In {key}, {wrong}.")
        names = [field["name"] for field in fields]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ContractError(f"{where}: In {key}, {twice} is there twice.")
    return contract


def _wrong(field: object) -> str:
    if not isinstance(field, dict):
        return "a column is not a JSON object"
    name, datatype, shape = (field.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or not name:
        return "a column has no name"
    if not isinstance(datatype, str) or datatype not in FAMILIES:
        return f"{name} has the datatype {json.dumps(datatype)}, which is not known"
    if not isinstance(shape, list) or not shape or any(type(length) is not int for length in shape):
        return f"{name} has the shape {json.dumps(shape)}; it should be a list of lengths"
    return "" if isinstance(field.get("required", True), bool) else f"required of {name} is not true or false"
