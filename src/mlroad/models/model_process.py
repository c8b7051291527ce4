"""Run a model in a separate process (model_worker.py), for the gate, `mlroad freeze` and `mlroad test`.

A model is code that its author wants to pass. The process gets a copy in a temporary folder, beside a copy of
the worker, and only those environment variables that Python needs: no tokens, and no path by which it
would find the repo and the holdout's answers by chance. That is not a sandbox: code that searches the whole
disk finds them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import UserError
from mlroad.models.fork_server import FORKS, WORKER, Forked
from mlroad.models.tensors import SIGNATURE_TYPES, Tensor

TIMEOUT = 900.0
"""Seconds that a model may take for one answer, its whole holdout included."""
_NAMES = frozenset({
    "PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    "TEMP", "TMP", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED",
    "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "CUDA_VISIBLE_DEVICES",
    "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK",
})  # fmt: skip
_BEGINNINGS = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "NUMEXPR_", "VECLIB_", "BLIS_")


class ModelBroken(Exception):
    """A model that cannot be loaded or cannot answer, with the reason as a sentence."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column that the model reads."""

    name: str
    type: str
    required: bool

    @property
    def datatype(self) -> str:
        """Its datatype in the Open Inference Protocol; empty if it has none."""
        return SIGNATURE_TYPES.get(self.type, "")


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to one request: ``outputs``, or the reason why there are none."""

    outputs: tuple[Tensor, ...] | None = None
    refused: str = ""
    ended: bool = False
    """Whether the model ended its process, or tried to. That is never a refusal."""
    milliseconds: float = 0.0
    """Of the model itself, without reading the tensors."""


class ModelProcess:
    """A model in a process. Use it in a ``with`` block. It starts and loads in the background."""

    def __init__(
        self,
        path: Path,
        kind: Literal["mlflow", "onnx"] = "mlflow",
        order: Sequence[str] = (),
        timeout: float = TIMEOUT,
    ) -> None:
        """Start it. ``order`` names the columns of an ONNX file that does not name its own."""
        self._temporary = tempfile.TemporaryDirectory(prefix="mlroad-model-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name).resolve()
        self.timeout = timeout
        """Seconds that it may take for an answer."""
        self._about: dict[str, Any] | None = None
        self._unloadable = ""
        (self._folder / "work").mkdir()
        try:
            copy = _copied(path, self._folder)
        except OSError as error:
            self._temporary.cleanup()
            raise UserError(f"{path} cannot be copied: {error}.", "Free some disk space.") from None
        # Nothing that a model does may reach the repo's own tracking store.
        environment = {
            **_allowed(os.environ),
            "MLFLOW_TRACKING_URI": (self._folder / "mlruns").as_uri(),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",  # keeps what a model prints before it ends its process
        }
        self._errors = (self._folder / "stderr.txt").open("wb")
        start = Forked if FORKS else self._spawn
        arguments = [kind, str(copy), json.dumps(list(order))]
        self._process = start(arguments, self._folder / "work", environment, self._errors)

    def _spawn(
        self, arguments: list[str], folder: Path, environment: dict[str, str], errors: BinaryIO
    ) -> subprocess.Popen[str]:
        worker = self._folder / WORKER.name
        shutil.copyfile(WORKER, worker)
        return subprocess.Popen(
            [sys.executable, "-P", str(worker), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=environment,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> ModelProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._temporary.cleanup()

    def load(self) -> list[ColumnSpec]:
        """Wait until it is loaded. Returns the columns of its signature. Raises ModelBroken."""
        if self._unloadable:
            raise ModelBroken(self._unloadable)
        if self._about is None:
            try:
                self._about = self._answer()
            except ModelBroken as error:
                self._unloadable = str(error)
                raise
        return [ColumnSpec(*column) for column in self._about["columns"]]

    def columns(self) -> list[tuple[str, bool]]:
        """The names of its input columns, each with whether it is required. Raises ModelBroken."""
        columns = self.load()
        if not columns or not (self._about and self._about["named"]):
            raise ModelBroken(
                "its signature names no input columns: save it with signature=infer_signature(…)"
            )
        return [(column.name, column.required) for column in columns]

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        """Its answer to one inference request. Raises ModelBroken if it cannot be loaded."""
        self.load()
        try:
            said = self._ask({"do": "answer", "inputs": [tensor.exact_json() for tensor in inputs]})
        except ModelBroken as error:
            return Answer(refused=str(error), ended=True)
        if "outputs" not in said:
            return Answer(refused=str(said["refused"]), ended=bool(said.get("ended")))
        outputs = tuple(Tensor.from_exact_json(tensor) for tensor in said["outputs"])
        return Answer(outputs, milliseconds=float(said["ms"]))

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Its answer for all rows, an array of numbers of any shape. Raises ModelBroken."""
        missing = [name for name, required in self.columns() if required and name not in frame.columns]
        if missing:
            raise ModelBroken(f"it needs the column {missing[0]}, which the holdout does not have")
        given, out = self._folder / "frame.pickle", self._folder / "predictions.npy"
        frame.to_pickle(given)
        self._ask({"do": "predict", "frame": str(given), "out": str(out)})
        return np.asarray(np.load(out, allow_pickle=False))

    def prepare_rows(self, rows: Sequence[int]) -> None:
        """Name the rows of the last `predict` that `predict_row` will be asked for. Raises ModelBroken."""
        self._ask({"do": "rows", "rows": list(rows)})

    def predict_row(self, row: int) -> tuple[list[float], float]:
        """Its answer for one row alone, and the seconds that it took. Raises ModelBroken.

        Timed here: a model can change the clock of its own process.
        """
        started = time.perf_counter()
        said = self._ask({"do": "row", "row": row})
        return [float(value) for value in said["values"]], time.perf_counter() - started

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ModelBroken(self._death()) from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self.timeout, stop)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            raise ModelBroken(f"it gave no answer within {self.timeout:g} seconds")
        if not line:
            raise ModelBroken(self._death())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelBroken(str(answer["error"]))
        return answer

    def _death(self) -> str:
        code = self._process.wait()
        self._errors.flush()
        printed = Path(self._errors.name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = f": {printed[-1][:300]}" if printed else ""
        return f"its process ended with code {code}{last}"


def _allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that Python, the numeric libraries and MLflow need. None of them is a token."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _NAMES or name.upper().startswith(_BEGINNINGS)
    }


def _copied(path: Path, folder: Path) -> Path:
    """A copy of the model (a folder or a file), by hard links where the file system has them."""
    copy = folder / "model" / path.name
    copy.parent.mkdir()
    if path.is_dir():
        shutil.copytree(path, copy, copy_function=_link)
    else:
        _link(path, copy)
    return copy


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(Path(source).resolve(), target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
