"""Whatever a model's code puts in the place of its worker's answers is refused by name, or usable."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlroad.models.model_process import ModelBroken, ModelProcess, _array
from mlroad.models.tensors import FAMILIES, Tensor, TensorError, answer_tensors
from mlroad.models.tolerance import Limit, Tolerance, difference

TEXTS = st.text(st.sampled_from("a1é\ud800"), max_size=2)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.just(10**400),
    st.floats(),
    TEXTS,
    st.just([1]),
    st.just({}),
)
FORGED = st.fixed_dictionaries(
    {
        "name": st.one_of(st.just("y"), TEXTS, st.just(1)),
        "datatype": st.sampled_from([*FAMILIES, "FP16"]),
        "shape": st.one_of(st.lists(st.sampled_from([-1, 0, 1, 2, True, 1.0, "1"]), max_size=2), st.just(1)),
        "data": st.one_of(st.lists(VALUES, max_size=3), TEXTS, st.just({"a": 1}), st.none()),
    }
)


@given(FORGED)
@example({"name": "y", "datatype": "FP32", "shape": [], "data": [10**400]})
@example({"name": "y", "datatype": "INT64", "shape": [], "data": [10**400]})
def test_a_forged_tensor_is_refused_or_can_be_compared_and_recorded(forged: dict[str, Any]) -> None:
    try:
        tensor = Tensor.from_json(forged)
    except (KeyError, TypeError, ValueError):
        return
    wanted = Tensor(tensor.name, tensor.datatype, tensor.shape, tuple(type(its)() for its in tensor.data))
    for tolerance in (Tolerance(), Tolerance(Limit(1, 1))):
        difference([wanted], [tensor], tolerance).encode()
    line = json.dumps(tensor.json(), ensure_ascii=False, allow_nan=False)
    line.encode()
    assert Tensor.from_json(json.loads(line)).json() == tensor.json()


@pytest.mark.parametrize(
    "answer",
    [
        [1.5, np.nan],
        [1, 2],
        [[True], [False]],
        ["a", "é"],
        np.zeros((0, 2)),
        np.array([1e38], np.float32),
        np.array([255], np.uint8),
    ],
    ids=str,
)
def test_canary_the_workers_own_tensors_are_read(answer: Any) -> None:
    [tensor] = answer_tensors(answer)
    assert Tensor.from_json(tensor.json()).json() == tensor.json()


def test_half_of_a_character_is_no_answer() -> None:
    with pytest.raises(TensorError, match="not Unicode"):
        answer_tensors(["a", "\ud800"])


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


SHAPE = "{'descr': '<f8', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK\x03\x04no zip file", b"\x93NUMPY\x09\x00",
        npy("{'descr': (((\n"), npy("'''\n"), npy("{[]: 1}\n"),
        npy("[" * 5000 + "\n"), npy("\x00\n"), npy(SHAPE % f"({2**70},)"), npy(SHAPE % "(-1,)"),
        npy(SHAPE % f"({2**40}, {2**40})"), npy(SHAPE % "(True,)") + bytes(8), npy(SHAPE % "(2,)") + bytes(8),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n"),
    ],
)  # fmt: skip
def test_a_forged_file_of_predictions_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "predictions.npy").write_bytes(content)
    with pytest.raises(ModelBroken, match="changes the file that holds its answer"):
        _array(tmp_path / "predictions.npy")


def test_canary_a_file_of_predictions_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "predictions.npy", np.arange(3.0))
    assert _array(tmp_path / "predictions.npy").tolist() == [0, 1, 2]


def test_a_message_can_be_printed(tmp_path: Path) -> None:
    """An error, too, may hold half of a character, which no file and no terminal takes."""
    (tmp_path / "evaluation.py").write_text("raise ValueError('left \\ud800 right')\n", encoding="utf-8")
    with (
        ModelProcess(tmp_path / "evaluation.py", "evaluation") as process,
        pytest.raises(ModelBroken) as found,
    ):
        process.load()
    assert "left ? right" in str(found.value)
