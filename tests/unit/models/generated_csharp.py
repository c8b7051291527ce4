"""The C# files that the harness's own tests compile.

``python -m tests.unit.models.generated_csharp`` renews them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlroad.models.csharp_codegen import csharp
from tests.support import REPO

FOLDER = REPO / "factory_template/harness/dotnet/Tests/Generated"


def column(name: str, datatype: str, *tail: int, **more: Any) -> dict[str, Any]:
    """A column of a contract."""
    return {"name": name, "datatype": datatype, "shape": [-1, *tail], **more}


TINY = {
    "schema": 1,
    "model": "tiny",
    "version": "3",
    "dataset": "people:1",
    "inputs": [
        column("age", "FP64", 1, unit="years", minimum=0, maximum=99),
        column("city", "BYTES", 1, allowed=["Bonn", "Ulm"]),
    ],
    "outputs": [column("prediction", "FP64")],
}
"""As ModelFolder.cs has it."""
ODD = {
    "schema": 1,
    "model": "odd-models",
    "version": "1 */ \u2028 </summary>",
    "inputs": [
        column("a b", "FP32", 1),
        column("a_b", "INT64"),
        column("größe", "FP64", 1, required=False, minimum=-1e300, maximum=1e-9),
        column("note", "BYTES", 1, required=False),
        column("class", "BOOL", 1),
        column("small", "INT8", minimum=-128, maximum=127),
        column("1st place", "UINT32"),
        column("large", "UINT64", minimum=0, maximum=2**64 - 1),
        column("vector", "FP32", 3, unit="m/s²"),
        column("pair", "BYTES", 2, 1),
        column("Example", "INT16"),
        column(
            '"; \\ \r\n{{ x }}', "BYTES", allowed=['"', "\\", "\n", "\u2029", "🙂", "</summary>", "{{ x }}"]
        ),
        column("🙂", "UINT8"),
        column("%", "UINT16"),
        column("optional number", "INT32", required=False),
    ],
    "outputs": [
        column("label", "BYTES"),
        column("ToString", "FP32", 3, labels=["a", "b", "<c>"]),
        column("OddModelsAnswer", "INT64"),
    ],
}
"""Every datatype, and names that are not identifiers, or others' names."""
ROWS: Mapping[str, Mapping[str, Any]] = {"tiny": {"age": [20.0], "city": ["Ulm"]}, "odd-models": {}}


def sources() -> dict[str, str]:
    """The text of each file, by name."""
    namespace = "MLRoad.Inference.Tests.Generated"
    return {
        "Tiny.g.cs": csharp(TINY, namespace, ROWS["tiny"]),
        "OddModels.g.cs": csharp(ODD, namespace, ROWS["odd-models"]),
    }


if __name__ == "__main__":
    for name, text in sources().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
