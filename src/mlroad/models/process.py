"""The gate's side of a model in a process of its own (see worker.py).

A model is code that its author wants to pass. It gets a copy of itself in a temporary folder, beside a copy
of the worker, and no more of the environment than Python needs: neither tokens, nor a path by which it would
find the repo and the holdout's answers by chance. That is no sandbox: who searches the whole disk finds them.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import UserError
from mlroad.models.fork_server import FORKS, WORKER, Forked

TIMEOUT = 900.0
"""Seconds that a model may take for its whole holdout. Nobody waits longer for an answer."""
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


class ModelProcess:
    """A loaded model. Use it in a ``with`` block; it starts at once, and loads while others work."""

    def __init__(
        self,
        path: Path,
        kind: Literal["mlflow", "onnx"] = "mlflow",
        order: Sequence[str] = (),
        timeout: float = TIMEOUT,
    ) -> None:
        """Start it. ``order`` names the columns of an ONNX file that does not name them itself."""
        self._temporary = tempfile.TemporaryDirectory(prefix="factory-gate-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name).resolve()
        self.timeout = timeout
        """Seconds that it may take for an answer."""
        self._columns: list[list[Any]] | None = None
        self._ready = False
        (self._folder / "work").mkdir()
        try:
            copy = _copied(path, self._folder)
        except OSError as error:
            self._temporary.cleanup()
            raise UserError(f"{path} cannot be copied: {error}.", "Train it anew, or make room.") from None
        # Nothing that a model does while it is loaded or asked may reach the repo's own tracking store.
        environment = {
            **_allowed(os.environ),
            "MLFLOW_TRACKING_URI": (self._folder / "mlruns").as_uri(),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",  # what a model says before it ends its process is not lost
        }
        self._said = (self._folder / "stderr.txt").open("wb")
        start = Forked if FORKS else self._anew
        arguments = [kind, str(copy), json.dumps(list(order))]
        self._process = start(arguments, self._folder / "work", environment, self._said)

    def _anew(
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
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._temporary.cleanup()

    def columns(self) -> list[tuple[str, bool]]:
        """The names of its inputs, each with whether it must be there. Raises ModelBroken."""
        if not self._ready:
            self._columns = self._answer()["columns"]
            self._ready = True
        if not self._columns:
            raise ModelBroken(
                "its signature names no input columns: save it with signature=infer_signature(…)"
            )
        return [(name, required) for name, _, required in self._columns]

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Its answer for all rows, an array of numbers of any shape. Raises ModelBroken."""
        missing = [name for name, required in self.columns() if required and name not in frame.columns]
        if missing:
            raise ModelBroken(f"it wants the column {missing[0]}, which the holdout does not have")
        given, out = self._folder / "frame.pickle", self._folder / "predictions.npy"
        frame.to_pickle(given)
        self._ask({"do": "predict", "frame": str(given), "out": str(out)})
        return np.asarray(np.load(out, allow_pickle=False))

    def seconds_of_row(self, row: int) -> float:
        """How long one row of the frame of the last `predict` takes. Raises ModelBroken."""
        return float(self._ask({"do": "time", "row": row})["ms"]) / 1000

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
        self._said.flush()
        said = Path(self._said.name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = f": {said[-1][:300]}" if said else ""
        return f"its process ended with code {code}{last}"


def _allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python, the libraries for numbers and MLflow need; no token is among it."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _NAMES or name.upper().startswith(_BEGINNINGS)
    }


def _copied(path: Path, folder: Path) -> Path:
    """The model (a folder or a file) in a folder of its own, by hard links where the file system can."""
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
