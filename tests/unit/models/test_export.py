"""`mlroad export`: what it writes and what it refuses. A refused export loses nothing."""

from __future__ import annotations

import json

import pytest

from mlroad.core.digests import sha256_of_file
from tests.unit.models.conftest import Rents

pytestmark = pytest.mark.slow


def test_what_is_written(frozen: Rents) -> None:
    frozen.repo.write("factory.yml", "")
    card = (
        "| column | meaning | unit |\n|---|---|---|\n| `area` | living space | m² |\n| rooms | number | - |\n"
    )
    frozen.repo.write("models/rents/MODEL_CARD.md", card)

    said = frozen.repo.mlroad(f"export models/rents --run {frozen.run} --out ../given")

    assert said.code == 0, said
    assert said.out.startswith("1,000 rows, 940 of them drawn column by column: the answers differ by up to ")
    folder = frozen.repo / "../given"
    contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    assert contract["onnx_digest"] == f"sha256:{sha256_of_file(folder / 'model.onnx')}"
    assert (contract["dataset"], contract["version"]) == ("rents:1", frozen.run)
    inputs = {item["name"]: item for item in contract["inputs"]}
    assert (inputs["area"]["unit"], inputs["area"]["minimum"], inputs["area"]["maximum"]) == (
        "m²",
        20.5,
        109.5,
    )
    assert "unit" not in inputs["rooms"]
    assert inputs["district"]["allowed"] == ["01", "02", "03"]
    assert contract["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    parity = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    assert (parity["rows"], parity["flips"], parity["beyond_tolerance"]) == (1000, 0, 0)
    assert 0 <= parity["mean_difference"] <= parity["p99_difference"] <= parity["max_difference"] < 1e-9
