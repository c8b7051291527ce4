"""C# records for a model's requests and answers, from the contract.json that `mlroad export` wrote.

The generated file needs the harness's Core (harness/dotnet/Core in the factory), which has what is the same
for all models. It compiles with nullable references and warnings as errors.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mlroad.core.files import write_text
from mlroad.core.problems import UserError
from mlroad.models.csharp_names import comment, is_namespace, pascal_case, string_literal, unique_names
from mlroad.models.read_contract import AGAIN, ContractError, read_contract

_TYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "INT8": "sbyte",
    "INT16": "short",
    "INT32": "int",
    "INT64": "long",
    "UINT8": "byte",
    "UINT16": "ushort",
    "UINT32": "uint",
    "UINT64": "ulong",
    "FP32": "float",
    "FP64": "double",
    "BYTES": "string",
}
_FLOATS: Mapping[str, str] = {"FP32": "f", "FP64": "d"}
"""With the suffixes of their literals."""
_MISSING: Mapping[str, str] = {"FP32": "float.NaN", "FP64": "double.NaN", "BYTES": '""'}
_IS_MISSING: Mapping[str, str] = {
    "FP32": "float.IsNaN",
    "FP64": "double.IsNaN",
    "BYTES": "string.IsNullOrEmpty",
}
_TAKEN = (
    *("Equals", "Finalize", "GetHashCode", "GetType", "MemberwiseClone", "ReferenceEquals", "ToString"),
    *("Clone", "Deconstruct", "EqualityContract", "PrintMembers"),
    *("Example", "Problems", "Unusual", "ToTensors", "FromTensors"),
)
"""Members of each object, each record, and the generated ones."""


@dataclass(frozen=True, slots=True)
class Member:
    """A column of the contract as a property of a record."""

    column: str
    name: str
    datatype: str
    tail: tuple[int, ...]
    """The lengths behind the number of rows."""
    required: bool = True
    unit: str = ""
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    labels: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many values each row has."""
        return prod(self.tail)

    @property
    def can_miss(self) -> bool:
        """Only numbers and texts have a missing value: NaN, and the empty text."""
        return not self.required and self.count == 1 and self.datatype in _MISSING

    @property
    def each(self) -> str:
        """The type of one value."""
        return _TYPES[self.datatype]

    @property
    def type(self) -> str:
        """The property's type."""
        if self.count != 1:
            return f"IReadOnlyList<{self.each}>"
        return f"{self.each}?" if self.can_miss else self.each

    @property
    def has_range(self) -> bool:
        is_number = self.datatype not in ("BYTES", "BOOL") and self.count == 1
        return is_number and self.minimum is not None and self.maximum is not None

    @property
    def about(self) -> str:
        """The column in words."""
        said = [f"in {self.unit}"] if self.unit else []
        if self.has_range:
            said.append(f"{self.minimum:g} to {self.maximum:g} in the training data")
        if self.allowed:
            said.append(f"{', '.join(self.allowed)} in the training data")
        if self.labels:
            said.append(f"the probabilities of {', '.join(self.labels)}")
        if self.count != 1:
            said.append(f"{self.count} values")
        if self.can_miss:
            said.append("may be missing")
        return f"{self.column}{': ' if said else ''}{', '.join(said)}."

    @property
    def problem(self) -> str:
        """The check of its value, if there is something to check."""
        column, required = string_literal(self.column), "true" if self.required else "false"
        if self.count != 1:
            return f".Values({column}, {self.name}, {self.count}, {required})"
        if self.required and self.datatype in _MISSING:
            return f".{'Text' if self.datatype == 'BYTES' else 'Number'}({column}, {self.name})"
        return ""

    @property
    def unusual(self) -> str:
        """The comparison with the training data, if its range or its categories are known."""
        if self.allowed and self.count == 1:
            known = ", ".join(map(string_literal, self.allowed))
            return f".Category({string_literal(self.column)}, {self.name}, [{known}])"
        if not self.has_range:
            return ""
        limits = f"{_number(self.minimum, 'FP64')}, {_number(self.maximum, 'FP64')}"
        return f".Range({string_literal(self.column)}, {self.name}, {limits})"

    @property
    def written(self) -> str:
        """Its tensor, from `rows`."""
        kind = "Column" if self.count == 1 else "Columns"
        value = f"row.{self.name}{f' ?? {_MISSING[self.datatype]}' if self.can_miss else ''}"
        tail = ", ".join(map(str, self.tail))
        return (
            f"RowTensors.{kind}({string_literal(self.column)}, DataType.{self.datatype}, [{tail}], rows, "
            f"row => {value})"
        )

    def read(self, values: str) -> str:
        """Its value in a `row`, from the name of the array with the values of all rows."""
        if self.count != 1:
            return f"RowTensors.Row({values}, row, rows)"
        value = f"{values}[row]"
        if not self.can_miss:
            return value
        return f"{values}.Length == 0 || {_IS_MISSING[self.datatype]}({value}) ? null : {value}"

    def example(self, values: Sequence[Any] | None) -> str:
        """A literal of values, or of typical ones; empty if it may be missing and is."""
        if values is None and self.can_miss:
            return ""
        typical = {"BYTES": (*self.allowed, "text")[0], "BOOL": True}.get(self.datatype, self.minimum or 0)
        some = [_literal(value, self.datatype) for value in (values or [typical] * self.count)[: self.count]]
        return some[0] if self.count == 1 else f"[{', '.join(some)}]"


def write_csharp(folder: Path, target: Path | None, namespace: str) -> tuple[Path, str]:
    """Write the C# file for an exported model; returns its path and an example call. Raises UserError."""
    if not is_namespace(namespace):
        raise UserError(f"{namespace!r} is not a namespace.", "Write one such as MyApp.Models.")
    contract = _usable_contract(folder / "contract.json")
    file = target or folder / f"{_name(contract)}.g.cs"
    try:
        write_text(file, csharp(contract, namespace, _golden_row(folder / "cases.jsonl")))
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from None
    return file, _call(contract)


def csharp(contract: Mapping[str, Any], namespace: str, row: Mapping[str, Sequence[Any]]) -> str:
    """The C# source. ``row`` has values for the example, by column."""
    name = _name(contract)
    inputs = _members(contract["inputs"], f"{name}Request")
    examples = {member.name: member.example(row.get(member.column)) for member in inputs}
    environment = Environment(  # noqa: S701 (C#, whose literals and comments have filters of their own)
        loader=PackageLoader("mlroad.models"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(comment=comment, literal=string_literal)
    data = contract.get("dataset") or "unknown data"
    return environment.get_template("model.g.cs.jinja").render(
        model=contract["model"],
        about=f"{contract['model']} {contract['version']}, trained on {data}",
        namespace=namespace,
        name=name,
        inputs=inputs,
        outputs=_members(contract["outputs"], f"{name}Answer"),
        example={name: text for name, text in examples.items() if text},
        call=_call(contract),
        columns=f"{_columns(contract['inputs'])} -> {_columns(contract['outputs'])}",
    )


def _name(contract: Mapping[str, Any]) -> str:
    return pascal_case(contract["model"], "Model")


def _call(contract: Mapping[str, Any]) -> str:
    """How an application calls the generated code."""
    name = _name(contract)
    output = _members(contract["outputs"], f"{name}Answer")[0].name
    return (
        f'using var model = {name}Model.Load("Models/{contract["model"]}");\n'
        f"var answer = model.Predict({name}Request.Example);\n"
        f"Console.WriteLine(answer.{output});"
    )


def _members(columns: Sequence[Mapping[str, Any]], record: str) -> list[Member]:
    names = unique_names([column["name"] for column in columns], (*_TAKEN, record))
    return [
        Member(
            column["name"],
            name,
            column["datatype"],
            tuple(column["shape"][1:]),
            column.get("required", True),
            column.get("unit") or "",
            tuple(column.get("allowed") or ()),
            column.get("minimum"),
            column.get("maximum"),
            tuple(map(str, column.get("labels") or ())),
        )
        for column, name in zip(columns, names, strict=True)
    ]


def _columns(columns: Sequence[Mapping[str, Any]]) -> str:
    """As `Contract.Columns` of the harness writes them."""
    return ", ".join(
        f"{column['name']}: {column['datatype']}[{', '.join(map(str, column['shape']))}]"
        + ("" if column.get("required", True) else "?")
        for column in columns
    )


def _usable_contract(file: Path) -> dict[str, Any]:
    try:
        contract = read_contract(file)
    except ContractError as error:
        raise UserError(str(error), AGAIN) from None
    for column in (*contract["inputs"], *contract["outputs"]):
        if any(length < 1 for length in column["shape"][1:]):
            what = f"{file}: {column['name']} has the shape {column['shape']}"
            what += "; only the number of rows may be open."
            raise UserError(what, "Use the classes InferenceModel and Tensor of the harness for this model.")
    try:
        csharp(contract, "Tried", {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{file} is not a contract: {error!r}.", AGAIN) from None
    return contract


def _literal(value: Any, datatype: str) -> str:
    if datatype == "BYTES":
        return string_literal(str(value))
    if datatype == "BOOL":
        return "true" if value else "false"
    return _number(value, datatype) if datatype in _FLOATS else str(int(value))


def _number(value: Any, datatype: str) -> str:
    number = float(value)
    if math.isfinite(number):
        return f"{number!r}{_FLOATS[datatype]}"
    name = "NaN" if math.isnan(number) else "PositiveInfinity" if number > 0 else "NegativeInfinity"
    return f"{_TYPES[datatype]}.{name}"


def _golden_row(cases: Path) -> dict[str, Any]:
    """The values of the first golden case by column; empty without one."""
    try:
        with cases.open(encoding="utf-8") as lines:
            found = next(case for case in map(json.loads, lines) if case["kind"] == "golden")
        return {tensor["name"]: tensor["data"] for tensor in found["request"]["inputs"]}
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return {}  # the example has values of the contract then
