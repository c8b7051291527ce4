"""MLflow models made by hand: a tiny good one, and models that replay given answers.

MLflow loads them like any other model, through the ``loader_module`` of the python_function flavor. They need
neither a training run nor a machine-learning library.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Answers = NDArray[Any]
Way = Literal["", "wrong alone", "by order"]

_REPLAY = '''"""A model that gives stored answers to the rows of a table."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd


class Replay:
    def __init__(self, folder):
        self.answers = np.load(folder / "answers.npy")
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        self.way, self.slow_ms, self.floats, self.files = (
            plan[key] for key in ("way", "slow_ms", "floats", "files")
        )
        self.table, self.known, self.calls = pd.read_pickle(folder / "rows.pickle"), {}, 0

    def predict(self, frame):
        if not self.known:
            names = [name for name in frame.columns if name in self.table.columns]
            self.known = dict(zip(self.keys(self.table[names]), self.answers))
        if len(frame) == len(self.table) != len(self.answers):
            return self.answers
        rows = self.keys(frame.assign(**{name: frame[name].map(digest) for name in self.files}))
        if len(rows) == 1:
            self.calls += 1
            if self.slow_ms and self.calls % 8 == 0:  # often enough for the 95th percentile
                time.sleep(self.slow_ms / 1000)
            if self.way == "wrong alone":
                return 0 * self.answers[:1] if self.answers.dtype.kind == "f" else self.answers[self.other()]
        if self.way == "by order":
            return self.answers[: len(rows)]
        return np.array([self.known[row] for row in rows])

    def keys(self, frame):
        """A key for each row: the same for a table and for what is made of it on the way to a model."""
        columns = [[self.key(name, cell) for cell in frame[name]] for name in frame.columns]
        return list(zip(*columns))

    def key(self, name, cell):
        if cell is None or cell is pd.NA:
            return "nan"
        if isinstance(cell, (bool, int, float, np.number, np.bool_)):
            return repr(float(np.float32(cell) if name in self.floats else cell))
        return str(cell)

    def other(self):
        """The row of another answer each time."""
        return [self.calls % len(self.answers)]


def digest(file):
    """Of a path or of a file's content."""
    return hashlib.sha256(file if isinstance(file, bytes) else Path(file).read_bytes()).hexdigest()


def _load_pyfunc(path):
    return Replay(Path(path))
'''

_LINEAR = '''"""y = x w + b."""

import json
from pathlib import Path

import numpy as np


class Linear:
    def __init__(self, folder):
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        self.columns, self.weights, self.bias = plan["columns"], np.array(plan["weights"]), plan["bias"]

    def predict(self, frame):
        return frame[self.columns].to_numpy(dtype=np.float64) @ self.weights + self.bias


def _load_pyfunc(path):
    return Linear(Path(path))
'''


def save_replay(
    folder: Path, like: Path, rows: pd.DataFrame, answers: Answers, way: Way = "", slow_ms: float = 0.0
) -> None:
    """Save a model in ``folder`` that answers these rows with ``answers`` ([n] or [n, k]).

    It reads the same columns as the model ``like``. If there are not as many answers as rows, it gives all
    of them for the whole table. ``way``: it answers 0 to each single row, or by the
    order of the rows. Every eighth single row takes ``slow_ms`` milliseconds.
    """
    import yaml

    about = yaml.safe_load((like / "MLmodel").read_text(encoding="utf-8"))
    if folder.exists():
        shutil.rmtree(folder)
    inputs = json.loads((about.get("signature") or {}).get("inputs") or "[]")
    files = [name for name in rows.columns if len(rows) and isinstance(rows[name].iloc[0], Path)]
    _save(folder, "factory_replay", _REPLAY, about, {
        "way": way, "slow_ms": slow_ms, "files": files,
        "floats": [its["name"] for its in inputs if its["type"] == "float"],
    })  # fmt: skip
    rows = rows.assign(**{name: rows[name].map(_digest) for name in files})
    rows.to_pickle(folder / "data" / "rows.pickle")
    # Texts as such: an array of objects could only be loaded by pickle.
    np.save(folder / "data" / "answers.npy", answers.astype(str) if answers.dtype == object else answers)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def save_linear(folder: Path, columns: Sequence[str], weights: Floats, bias: float) -> None:
    """Save a linear model of numeric columns in ``folder``; ``weights`` is [columns]."""
    inputs = [{"type": "double", "name": name, "required": True} for name in columns]
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]
    signature = {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}
    plan = {"columns": list(columns), "weights": weights.tolist(), "bias": bias}
    _save(folder, "factory_linear", _LINEAR, {"signature": signature}, plan)


def save_linear_onnx(file: Path, columns: Sequence[str], weights: Floats, bias: float) -> None:
    """Save the same model as an ONNX file with one input [rows, columns] of float32."""
    from onnx import TensorProto, helper, save_model

    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(columns)])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    constants = [
        helper.make_tensor("w", TensorProto.FLOAT, [len(columns), 1], weights.astype(np.float32).tolist()),
        helper.make_tensor("b", TensorProto.FLOAT, [1], [bias]),
    ]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["y"])]
    graph = helper.make_graph(nodes, "linear", [given], [answer], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"columns": json.dumps(list(columns))})
    save_model(model, str(file))


def _save(folder: Path, module: str, code: str, like: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    import yaml

    (folder / "code").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "code" / f"{module}.py").write_text(code, encoding="utf-8")
    (folder / "data" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    about = {
        "flavors": {"python_function": {"loader_module": module, "code": "code", "data": "data"}},
        "signature": like.get("signature"),
        "model_uuid": "0" * 32,
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(about), encoding="utf-8")
