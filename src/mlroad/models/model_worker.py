"""One model in a separate process. Requests and answers are lines of JSON. See model_process.py.

A model's code can do anything: print, end the process, hang, or contain modules whose names another model
uses as well. None of that affects the calling process.

Started as ``python -P model_worker.py KIND MODEL COLUMNS OWN GIVEN``. OWN is the temporary folder
that it may write: it holds a copy of the model and an empty working folder. GIVEN holds what it is given. Or
forked by ``python -P model_worker.py fork SOCKET``, which waits for requests to do so (see fork_server.py).
The first answer describes the model: ``{"columns": [[name, type, required], …], "named": bool, "output":
name, "unconfined": […]}``. Then each request gets one, with its number. ``{"error": "…"}``: it failed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import mmap
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.machinery import SourceFileLoader
from numbers import Real
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np
import pandas as pd

from mlroad.core.text import cut
from mlroad.models.clock_reads import clock_reads
from mlroad.models.confine import confine, noticed_network_use
from mlroad.models.not_exportable import NotExportable
from mlroad.models.other_days import depends_on_day
from mlroad.models.own_functions import OwnFunctions
from mlroad.models.tensors import NUMPY, ONNX_TYPES, Tensor, answer_tensors, frame_of


class MlflowModel:
    """An MLflow model through its pyfunc flavor."""

    def __init__(self, path: str, _: list[str]) -> None:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        import mlflow.pyfunc

        self._path = path
        _leave_no_cache_in(path)
        # MLflow would compare the model's requirements with every installed package, and only warn.
        self._model = mlflow.pyfunc.load_model(path, suppress_warnings=True)
        signature = self._model.metadata.signature
        inputs = signature.inputs if signature is not None else None
        specs = inputs.inputs if inputs is not None else []
        self.columns: list[list[Any]] = [
            [
                str(spec.name or ""),
                getattr(spec.type, "name", str(spec.type)),
                getattr(spec, "required", True),
            ]
            for spec in specs
        ]
        self.named = inputs is not None and inputs.has_input_names() and not inputs.is_tensor_spec()
        outputs = signature.outputs.inputs if signature is not None and signature.outputs else []
        self.output = str(outputs[0].name) if len(outputs) == 1 and outputs[0].name else "prediction"

    def predict(self, frame: pd.DataFrame) -> Any:
        """The model's answer for some rows."""
        return self._model.predict(frame)

    def export(self, answers: list[dict[str, Any]]) -> tuple[bytes, dict[str, Any]]:
        """The model as ONNX, and what contract.json says of it; see `convert`."""
        from mlroad.models.onnx_convert import convert  # noqa: PLC0415 (takes seconds)

        return convert(self._model, self._path, answers)

    def prepared(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns that the model wants, in the number types of its signature where nothing is lost."""
        wanted = frame[[name for name, _, _ in self.columns if name in frame.columns]].copy()
        for name, kind, _ in self.columns:
            if name in wanted.columns and pd.api.types.is_numeric_dtype(wanted[name].dtype):
                wanted[name] = _as_kind(wanted[name], kind)
        return wanted


class OnnxModel:
    """An ONNX file with one input [n, k], or with one input [n, 1] for each column."""

    named = True
    output = "prediction"

    def __init__(self, path: str, order: list[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            Path(path).read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = self._session.get_inputs()
        listed = self._session.get_modelmeta().custom_metadata_map.get("columns")
        names = json.loads(listed) if listed else order
        self._single = len(self._inputs) == 1 and (len(names) != 1 or self._inputs[0].name != names[0])
        if not self._single:
            names = [given.name for given in self._inputs]
        if not isinstance(names, list) or not names:
            raise ValueError("its metadata property `columns` is not a JSON list of names")
        self.columns = [[str(name), "onnx", True] for name in names]
        for given in self._inputs:
            if given.type not in ONNX_TYPES:
                raise ValueError(f"its input {given.name} is a {given.type}, which is not supported")
        width = self._inputs[0].shape[-1]
        if self._single and isinstance(width, int) and width != len(names):
            raise ValueError(f"its input has {width} columns, and {len(names)} are named")
        outputs = self._session.get_outputs()
        self._output = next((out for out in outputs if out.name == "probabilities"), outputs[0])
        if len(outputs) > 1 and self._output.name != "probabilities":
            names = [out.name for out in outputs]
            raise ValueError(f"it has several outputs ({', '.join(names)}), none of them named probabilities")
        if not self._output.type.startswith("tensor("):
            raise ValueError(
                f"its output {self._output.name} is a {self._output.type}; export a tensor (zipmap: False)"
            )

    def predict(self, frame: pd.DataFrame) -> Any:
        """The answer for some rows; one row at a time if the file was exported for one."""
        if isinstance(self._inputs[0].shape[0], int) and len(frame) != self._inputs[0].shape[0]:
            rows = [self._run(frame.iloc[[row]]) for row in range(len(frame))]
            return np.concatenate(rows)
        return self._run(frame)

    def prepared(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns in the order of the inputs."""
        return frame[[name for name, _, _ in self.columns]]

    def _run(self, frame: pd.DataFrame) -> Any:
        if self._single:
            feed = {self._inputs[0].name: frame.to_numpy().astype(NUMPY[ONNX_TYPES[self._inputs[0].type]])}
        else:
            feed = {
                given.name: frame[[given.name]].to_numpy().astype(NUMPY[ONNX_TYPES[given.type]])
                for given in self._inputs
            }
        return self._session.run([self._output.name], feed)[0]


def _leave_no_cache_in(folder: str) -> None:
    """Write no bytecode beside a model's code; libraries keep theirs, and so load much faster."""
    write = SourceFileLoader.set_data

    def set_data(self: SourceFileLoader, path: str, data: bytes, **more: Any) -> None:
        if not Path(path).is_relative_to(folder):
            write(self, path, data, **more)

    setattr(SourceFileLoader, "set_data", set_data)  # noqa: B010


def _as_kind(column: Any, kind: str) -> Any:
    """Numbers in the type that the signature names, unless a value would change."""
    types = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32"}
    if kind not in types or column.dtype == bool:
        return column
    if kind in ("double", "float"):
        return column.astype(types[kind])
    values = column.to_numpy()
    if not np.isfinite(values).all():
        return column
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cast = column.astype(types[kind])
    return cast if (cast == column).all() else column


def as_array(answer: Any) -> Any:
    """A model's answer as an array [rows, …] of numbers, or of objects that are texts and numbers.

    Several outputs become columns. Raises ValueError with the reason if it is something else.
    """
    if isinstance(answer, dict):
        parts = [as_array(value) for value in answer.values()]
        if not parts or len({part.shape[:1] for part in parts}) > 1:
            raise ValueError("the model answers with a mapping whose outputs have different lengths")
        return _joined([part.reshape(len(part), -1) for part in parts])
    if isinstance(answer, pd.DataFrame) and len(answer.columns) > 1:
        return as_array({place: answer.iloc[:, place] for place in range(len(answer.columns))})
    if isinstance(answer, np.ma.MaskedArray):
        raise ValueError("the model answers with a masked array, whose masked values would count as answers")
    values = _values(answer)
    if values.dtype.kind in "iubf":
        return values
    if values.dtype.kind not in "OUT":  # `tolist` makes whole numbers of some dates
        what = (
            f"the model answers with values of the type {values.dtype}, which are neither numbers nor texts"
        )
        raise ValueError(what)
    flat = values.reshape(-1).tolist()
    if flat and all(isinstance(value, str) for value in flat):
        return values.astype(object)
    if flat and all(isinstance(value, list | tuple | np.ndarray) for value in flat):
        return np.stack([np.asarray(value, dtype=np.float64) for value in flat])
    return _numbers(flat).reshape(values.shape)


def _values(answer: Any) -> Any:
    if isinstance(answer, pd.DataFrame | pd.Series):
        return answer.to_numpy()
    values = np.asarray(answer)
    if values.dtype.kind in "UT" and isinstance(answer, list | tuple):
        return np.asarray(answer, dtype=object)  # NumPy would make texts of the numbers among them
    return values


def _numbers(flat: list[Any]) -> Any:
    # None and pandas' NA become NaN, which is reported. Complex numbers, dates, bytes, and texts among
    # numbers would be converted as well.
    if any(isinstance(value, str) for value in flat):
        place = next(place for place, value in enumerate(flat) if not isinstance(value, str))
        what = f"the model answers with texts, but value {place + 1} of {len(flat)} is {flat[place]!r:.60}"
        raise ValueError(what)
    wrong = next((value for value in flat if not _is_number(value)), None)
    if wrong is not None or not flat:
        shown = repr(wrong) if flat else "nothing"
        raise ValueError(f"the model answers with {shown[:60]}, which is neither a number nor a text")
    return np.array([np.nan if pd.isna(value) else float(value) for value in flat])


def _is_number(value: Any) -> bool:
    return value is None or value is pd.NA or isinstance(value, Real | Decimal | np.bool_)


def _joined(parts: list[Any]) -> Any:
    if all(part.dtype != object for part in parts):
        return np.column_stack(parts)
    return np.column_stack([part.astype(object) for part in parts])


_CLOCK_ROWS = 20
"""So many rows are predicted again at most twice, to see whether some of them depend on the time."""
_SCIKIT_LEARN = "loader_module: mlflow.sklearn"
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36
Answer = Callable[[dict[str, Any]], None]


def serve(
    kind: str, path: str, order: list[str], channel: tuple[TextIO, Answer], about: Mapping[str, Any]
) -> None:
    """Load the model, and answer requests until there are no more. ``about`` is added to the first answer."""
    requests, answer = channel
    watch = _Watch(may_connect=kind == "scorer")
    said: dict[str, Any]
    try:
        loaded = _KINDS[kind](path, order)
        said = {"columns": loaded.columns, "named": loaded.named, "output": loaded.output}
        said |= about
    except (Exception, SystemExit) as error:
        said = {"error": reason_of(error)}
    answer({**watch.checked(said), "number": 0})
    if "error" in said:
        return
    server = _Server(loaded, watch)
    for line in requests:
        request = json.loads(line)
        try:
            said = getattr(server, request["do"])(request)
            if request["do"] == "end":
                watch.wait()
        except Exception as error:
            said = {"error": reason_of(error)}
        answer({**watch.checked(said), "number": request["number"]})


class _Watch:
    """Notices what a model does beside answering: it forks its process and both go on, or uses a network."""

    def __init__(self, may_connect: bool) -> None:
        self._process = os.getpid()
        self._flag = mmap.mmap(-1, 1)
        """Shared with processes that are forked from this one."""
        self._network = [] if may_connect else noticed_network_use()
        self._forks = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=self._count)

    def _count(self) -> None:
        self._forks += 1

    def back(self) -> None:
        """Called when the model's code has returned: ends a forked process that came back from it.

        It must not write predictions or an answer: the process that it was forked from does.
        """
        if os.getpid() != self._process:
            self._flag[0] = 1
            os._exit(0)

    def checked(self, said: dict[str, Any]) -> dict[str, Any]:
        """``said``, or what is wrong."""
        self.back()
        if self._flag[0]:
            return {"error": "its code forks its process, and both processes return from predict"}
        if self._network:
            return {"error": f"its code uses the network ({self._network[0]}); models are judged without one"}
        return said

    def wait(self) -> None:
        """Give forked processes time to come back: two seconds while one of them lives."""
        until = time.monotonic() + 2
        while self._forks and not self._flag[0] and time.monotonic() < until and _has_live_child():
            time.sleep(0.01)


def _has_live_child() -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return any(child.status() != psutil.STATUS_ZOMBIE for child in psutil.Process().children())
    return True


_KINDS: dict[str, Any] = {
    "mlflow": MlflowModel, "onnx": OnnxModel, "evaluation": OwnFunctions, "scorer": OwnFunctions,
}  # fmt: skip


class _Server:
    """A loaded model. Each public method is a kind of request."""

    def __init__(self, model: Any, watch: _Watch) -> None:
        self._model = model
        self._watch = watch
        self._frame = pd.DataFrame()
        self._rows: dict[int, pd.DataFrame] = {}
        self._form = ""

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """Predict a whole table, which the calling process has written, and write the answers to a file."""
        self._frame = self._model.prepared(pd.read_pickle(request["frame"]))  # noqa: S301
        values = self._values(self._frame)
        self._watch.back()
        has_texts = values.dtype == object
        if has_texts:
            values = np.frombuffer(json.dumps(values.tolist()).encode(), np.uint8)
        np.save(request["out"], values, allow_pickle=False)
        return {"texts": has_texts}

    def row(self, request: dict[str, Any]) -> dict[str, Any]:
        """Predict one row of that table. The calling process takes the time."""
        values = self._values(self._rows[request["row"]])
        if values.shape[:1] != (1,):
            got = f"{len(values)} predictions" if values.ndim else "a bare value instead of a list"
            raise ValueError(f"it returned {got} for 1 row")
        return {"values": np.ravel(values).tolist()}

    def _values(self, frame: pd.DataFrame) -> Any:
        """The answer to some rows as an array; it must come in the form that the first one had."""
        answer = self._model.predict(frame.copy())  # what it does with its request is its own affair
        form = next((kind.__name__ for kind in (dict, pd.DataFrame) if isinstance(answer, kind)), "list")
        self._form = self._form or form
        if form != self._form:
            raise ValueError(f"it answered with a {self._form} before, and now with a {form}")
        return as_array(answer)

    def measure(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call a function of an evaluation.py."""
        return dict(self._model.measure(request))

    def export(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write the model as ONNX to a file."""
        try:
            content, about = self._model.export(request["answers"])
        except NotExportable as error:
            return {"refused": str(error)}
        self._watch.back()
        Path(request["out"]).write_bytes(content)
        return {"about": about}

    def rows(self, request: dict[str, Any]) -> dict[str, Any]:
        """Prepare the rows that `row` will be asked for: of the last table, or of a ``frame``."""
        if frame := request.get("frame"):
            self._frame = self._model.prepared(pd.read_pickle(frame))  # noqa: S301
        # Each with the index of a table of one row, as in production.
        self._rows = {row: self._frame.iloc[[row]].reset_index(drop=True) for row in request["rows"]}
        return {"done": True}

    def end(self, _: dict[str, Any]) -> dict[str, Any]:
        """Predict some rows again, to see whether the model's code reads the clock and depends on it."""
        clock: list[str] = []
        moves = False
        if self._rows:
            with contextlib.suppress(Exception):  # what fails for a single row has been recorded already
                ask = self._some_again()
                clock, names = clock_reads(ask)
                moves = bool(clock) and depends_on_day(ask, names)
        return {"clock": clock, "moves": moves}

    def _some_again(self) -> Callable[[], list[Any]]:
        """Asks for one row alone and for some together, fewer of a slow model."""
        started = time.monotonic()
        self.row({"row": next(iter(self._rows))})
        count = int(min(_CLOCK_ROWS, 1 + 1 / max(time.monotonic() - started, 1e-6)))
        rows = list(self._rows)[:: max(1, len(self._rows) // count)]
        some = pd.concat([self._rows[row] for row in rows], ignore_index=True)

        def ask() -> list[Any]:
            return [*self.row({"row": rows[0]})["values"], *np.ravel(self._values(some)).tolist()]

        return ask

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one inference request. Ending the process does not count as refusing the request."""
        try:
            frame = frame_of([Tensor.from_json(tensor) for tensor in request["inputs"]])
            outputs = answer_tensors(self._model.predict(frame), self._model.output)
        except SystemExit as error:
            return {"refused": reason_of(error), "ended": True}
        except Exception as error:
            return {"refused": reason_of(error)}
        return {"outputs": [tensor.json() for tensor in outputs]}


def reason_of(error: BaseException) -> str:
    """A model's exception on one short line, without the tables that MLflow prints."""
    if isinstance(error, SystemExit):
        return f"its code called sys.exit({error.code})"
    text = " ".join(str(error).split())
    if "Error: " in text and text.startswith("Failed to enforce schema"):
        text = text.partition("Error: ")[2]
    text = text.rstrip(".")
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return cut(text, 240)


def main() -> None:
    """Serve one model. What it prints goes to standard error, and its standard input is empty.

    Requests and answers have their own descriptors.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    def answer(content: dict[str, Any]) -> None:
        out.write(json.dumps(content) + "\n")

    kind, path, order, own, given = sys.argv[1:6]
    about = {"unconfined": confine(Path(own), Path(given), network=kind == "scorer")}
    serve(kind, path, json.loads(order), (requests, answer), about)


def fork_for(connection: socket.socket) -> None:
    """Fork a worker for each request, until the other end of the connection is closed."""
    gc.disable()  # to search the many objects of imports for garbage would take a fifth of their time
    with contextlib.suppress(ImportError):  # a worker that needs MLflow reports that it is missing
        import mlflow.pyfunc  # noqa: F401
    running: dict[int, int] = {}
    ended: dict[int, int] = {}
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1 << 18, 3)
        if not message:
            return
        request = json.loads(message)
        if "start" in request:
            _preload(*request["arguments"][:2])
            pid = os.fork()
            if pid == 0:
                connection.close()
                _become(request, descriptors)
            running[request["start"]] = pid
            for descriptor in descriptors:
                os.close(descriptor)
        elif "kill" in request:
            if request["kill"] in running:
                os.kill(running[request["kill"]], signal.SIGTERM)
                os.kill(running[request["kill"]], signal.SIGCONT)  # a model may have stopped it
        elif "pid" in request:
            connection.send(json.dumps({"value": running.get(request["pid"])}).encode())
        else:
            number = request["code"]
            if number in running:
                pid, status = os.waitpid(running[number], os.WNOHANG)
                if pid:
                    del running[number]
                    ended[number] = os.waitstatus_to_exitcode(status)
            connection.send(json.dumps({"value": ended.get(number)}).encode())


def _preload(kind: str, path: str) -> None:
    """Import scikit-learn before the fork, if the model needs it: each worker would take a second for that.

    Its import starts no threads, so it is safe to fork afterwards.
    """
    about = Path(path, "MLmodel")
    if kind != "mlflow" or "sklearn" in sys.modules:
        return
    with contextlib.suppress(Exception):  # the worker reports what is wrong
        if _SCIKIT_LEARN in about.read_text(encoding="utf-8"):
            for name in ("sklearn.pipeline", "sklearn.compose", "sklearn.linear_model", "mlflow.sklearn"):
                importlib.import_module(name)


def _become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Become the requested worker, and end as a separate process would."""
    code = 1
    try:
        for standard, descriptor in enumerate(descriptors):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        _supervised()
        gc.freeze()
        gc.enable()
        os.environ.clear()
        os.environ.update(request["environment"])
        tempfile.tempdir = None  # the server's
        time.tzset()
        os.chdir(request["folder"])
        sys.argv[1:] = request["arguments"]
        # The server's state would make every worker draw the same numbers, which a restart does not.
        random.seed()
        np.random.seed()
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _supervised() -> None:
    """Go on in a child. This process waits for its end, ends what it started, and ends in the same way."""
    import psutil

    libc = ctypes.CDLL(None)
    libc.prctl(_CHILD_SUBREAPER, 1)
    server, supervisor = os.getppid(), os.getpid()
    child = os.fork()
    if child == 0:
        _end_with(libc, supervisor, signal.SIGKILL)
        return
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    _end_with(libc, server, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    while descendants := psutil.Process().children(recursive=True):
        for process in descendants:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0):
                pass
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # the dispositions of some signals are fixed
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_with(libc: ctypes.CDLL, parent: int, number: int) -> None:
    """Send this process a signal when its parent ends, also if that has ended already."""
    libc.prctl(_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        fork_for(socket.socket(fileno=int(sys.argv[2])))
    else:
        main()
