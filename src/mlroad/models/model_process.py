"""Run a model in a separate process (model_worker.py), for the gate, `mlroad freeze` and `mlroad test`.

A model is code that its author wants to pass. The process gets a copy in a temporary folder, and only those
environment variables that Python needs: no tokens, and not the home folder of the job. `confine.py` says what
else it may not do, and on which systems. Whatever it writes where the answers belong is checked before it is
used, so a model can make itself fail, but not the process that asks it.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import json
import math
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from mlroad.core.problems import UserError
from mlroad.core.text import cut
from mlroad.models.confine import FILE_LIMIT
from mlroad.models.fork_server import FORKS, WORKER, Forked
from mlroad.models.not_exportable import NotExportable
from mlroad.models.tensors import SIGNATURE_TYPES, Tensor
from mlroad.models.worker_variables import SCORERS, worker_variables

if TYPE_CHECKING:
    import pandas as pd

TIMEOUT = 900.0
"""Seconds that a model may take for one answer, its whole holdout included."""
_ELSEWHERE = {
    "PYTHONHASHSEED": "random", "TZ": "XYZ-05:30", "LC_ALL": "C",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}  # fmt: skip
"""What another machine may have: no good model gives other answers there."""
_LONGEST = 1 << 26
"""Characters of one answer."""
_ASLEEP = 1.0
"""Seconds that a model may still work after an answer, before the next one is timed all the same."""
_LAST = 1 << 16
"""Bytes of what it printed that are read for the reason why it ended."""


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
    """Until the answer was there, timed by the process that asks."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds until an answer was there: the model's own, and those in which others had the processor."""

    own: float
    waited: float = 0.0


class ModelProcess:
    """A model in a process. Use it in a ``with`` block. It starts and loads in the background."""

    def __init__(
        self,
        path: Path,
        kind: Literal["mlflow", "onnx", "evaluation", "scorer"] = "mlflow",
        order: Sequence[str] = (),
        timeout: float = TIMEOUT,
        *,
        apart: bool = False,
    ) -> None:
        """Start it. ``order`` names the columns of an ONNX file that does not name its own.

        ``evaluation`` and ``scorer``: the path is an evaluation.py, whose functions `measure` calls.
        ``apart``: the process shares no state with others, such as the seed of Python's hashes, and has
        another time zone, locale and number of threads.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="mlroad-model-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name).resolve()
        self._own = self._folder / "own"
        """The only folder that it can write into, on systems that allow such limits."""
        self.timeout = timeout
        """Seconds that it may take for an answer."""
        self._about: dict[str, Any] | None = None
        self.unconfined: tuple[str, ...] = ()
        """What this system does not hide from it: files, network. Known after `load`."""
        self._unloadable = ""
        self._asked = 0
        self._data: dict[str, str] = {}
        self._main: int | None = None
        for name in ("work", "home", "tmp"):
            (self._own / name).mkdir(parents=True)
        self._given = self._folder / "given"
        self._given.mkdir()
        try:
            copy = _copied(path, self._own)
        except OSError as error:
            self._temporary.cleanup()
            raise UserError(f"{path} cannot be copied: {error}.", "Free some disk space.") from None
        self._copies = _stamps(path, copy)
        environment = {
            **worker_variables(self._own / "home", self._own / "tmp", SCORERS if kind == "scorer" else ()),
            # Nothing that a model does may reach the repo's own tracking store.
            "MLFLOW_TRACKING_URI": (self._own / "mlruns").as_uri(),
            **(_ELSEWHERE if apart else {}),
        }
        self._errors = (self._folder / "stderr.txt").open("wb")
        start = partial(Forked, apart=apart) if FORKS else self._spawn
        arguments = [kind, str(copy), json.dumps(list(order)), str(self._own), str(self._given)]
        self._process = start(arguments, self._own / "work", environment, self._errors)

    def _spawn(
        self, arguments: list[str], folder: Path, environment: dict[str, str], errors: BinaryIO
    ) -> subprocess.Popen[str]:
        worker = self._given / WORKER.name
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
            errors="replace",
        )

    def __enter__(self) -> ModelProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._temporary.cleanup()

    def _end(self) -> None:
        """End it and its children. (The supervisor of a forked worker ends the children.)"""
        import psutil

        children = []
        if isinstance(self._process, subprocess.Popen):
            with contextlib.suppress(psutil.Error):
                children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        self._process.wait()

    def finish(self) -> tuple[tuple[str, ...], bool]:
        """Say that nothing else is asked. Returns the places where its code reads the clock.

        Also returns whether it gives another answer on another day. Raises ModelBroken for what it did
        beside answering.
        """
        said = self._ask({"do": "end"})
        with _as_documented():
            clock = tuple(_readable(place)[:200] for place in said["clock"][:10])
            moves = said["moves"] is True
        self._end()
        for original, copy, stamp in self._copies:
            if _stamp(copy) != stamp and not _is_same(original, copy):
                raise ModelBroken(f"it changes its own file {copy.name} while it answers")
        return clock, moves

    def load(self) -> list[ColumnSpec]:
        """Wait until it is loaded. Returns the columns of its signature. Raises ModelBroken."""
        if self._unloadable:
            raise ModelBroken(self._unloadable)
        if self._about is None:
            try:
                self._about = self._answer()
                with _as_documented():
                    missing = self._about["unconfined"]
                    self.unconfined = tuple(what for what in ("files", "network") if what in missing)
                return self._columns()
            except ModelBroken as error:
                self._unloadable = str(error)
                raise
        return self._columns()

    def _columns(self) -> list[ColumnSpec]:
        assert self._about is not None
        with _as_documented():
            return [
                ColumnSpec(str(name), str(kind), bool(must)) for name, kind, must in self._about["columns"]
            ]

    def columns(self) -> list[tuple[str, bool]]:
        """The names of its input columns, each with whether it is required. Raises ModelBroken."""
        columns = self.load()
        if not columns or not (self._about and self._about.get("named")):
            raise ModelBroken(
                "its signature names no input columns: save it with signature=infer_signature(…)"
            )
        return [(column.name, column.required) for column in columns]

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        """Its answer to one inference request. Raises ModelBroken if it cannot be loaded."""
        self.load()
        return self.answers([inputs])[0]

    def answers(self, requests: Sequence[Sequence[Tensor]]) -> list[Answer]:
        """Its answers to some requests, each of them alone. They are sent before the first is answered."""
        self.load()
        numbers = range(self._asked + 1, self._asked + 1 + len(requests))
        self._asked += len(requests)
        text = "".join(
            _line({"do": "answer", "inputs": [tensor.json() for tensor in inputs]}, number)
            for number, inputs in zip(numbers, requests, strict=True)
        )
        # By a thread if it may not fit into the pipe: both processes would wait for the other one to read.
        sending = threading.Thread(target=self._send, args=(text,), daemon=True)
        started = time.perf_counter()
        sending.run() if len(requests) == 1 else sending.start()
        found = []
        with self._deadline() as deadline:
            for number in numbers:
                said = self._answer_to(number, deadline)
                now = time.perf_counter()
                found.append(replace(said, milliseconds=(now - started) * 1000))
                started = now
        return found

    def _send(self, text: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it has ended, and reading its answer says why
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _answer_to(self, number: int, deadline: _Deadline) -> Answer:
        try:
            said = self._read(number, deadline)
            with _as_documented():
                if "outputs" not in said:
                    return Answer(refused=_readable(said["refused"]), ended=bool(said.get("ended")))
                return Answer(tuple(Tensor.from_json(tensor) for tensor in said["outputs"]))
        except ModelBroken as error:
            return Answer(refused=str(error), ended=True)

    def export(self, outputs: Sequence[Tensor]) -> tuple[bytes, dict[str, Any]]:
        """The model as ONNX, and what contract.json says of it. ``outputs`` are one of its answers.

        In this process, because reading the model runs its code. Raises ModelBroken and NotExportable.
        """
        file = self._own / "model.onnx"
        about = [
            {"name": its.name, "shape": list(its.shape), "boolean": its.family == "boolean"}
            for its in outputs
        ]
        said = self._ask({"do": "export", "answers": about, "out": str(file)})
        with _as_documented():
            if "refused" in said:
                raise NotExportable(str(said["refused"]))
            with _written(file) as content:
                return content.read(), dict(said["about"])

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Its answer for all rows: numbers, or objects that are texts and numbers. Raises ModelBroken."""
        given, out = self._handed(frame), self._own / "predictions.npy"
        said = self._ask({"do": "predict", "frame": str(given), "out": str(out)})
        return _texts(_array(out)) if said.get("texts") is True else _array(out)

    def _with_files(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns of `Path` as the model wants them: the bytes if its signature says binary, else paths.

        The process can read nothing of the repo, so that paths are those of copies.
        """
        binary = {column.name for column in self.load() if column.type == "binary"}
        made = frame
        for name in frame.columns:
            cells = frame[name].tolist()
            if cells and isinstance(cells[0], Path):
                content = [file.read_bytes() if name in binary else self._copy_of(file) for file in cells]
                made = made.assign(**{str(name): _objects(content)})
        return made

    def _copy_of(self, file: Path) -> str:
        # Named by the whole path: two folders may have files of one name.
        folder = self._given / "files" / hashlib.sha256(str(file.parent).encode()).hexdigest()[:16]
        copy = folder / file.name
        if not copy.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        return str(copy)

    def give(self, data: dict[str, Any]) -> None:
        """Hand the functions of an evaluation.py truth, answers and rows, before `measure`."""
        data = {**data, "rows": self._with_files(data["rows"])}
        (self._given / "data.pickle").write_bytes(pickle.dumps(data))
        self._data = {"data": str(self._given / "data.pickle")}

    def measure(self, request: dict[str, Any]) -> float:
        """The value that a function of an evaluation.py gives for a row. Raises ModelBroken."""
        return float(self._measured(request, "value", ()))

    def measure_rows(self, request: dict[str, Any], rows: int) -> NDArray[np.float64]:
        """The value that it gives for each row. Raises ModelBroken."""
        return self._measured(request, "values", (rows,))

    def measure_samples(
        self, request: dict[str, Any], drawn: tuple[Any, Any, NDArray[Any]]
    ) -> tuple[NDArray[np.float64], float]:
        """The value that it gives for each sample of rows and each model, and the processor's seconds in all.

        ``drawn``: see `mlroad.models.own_functions.samples`. Raises ModelBroken.
        """
        file = self._given / "samples.pickle"
        file.write_bytes(pickle.dumps(drawn))
        shape = len(drawn[-1]), len(request["of"])
        found = self._measured({**request, "samples": str(file)}, "values", (math.prod(shape) + 1,))
        return found[:-1].reshape(shape), float(found[-1])

    def _measured(self, request: dict[str, Any], key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        said = self._ask({"do": "measure", **request, **self._data})
        self._data = {}
        with _as_documented():
            found = np.array(said[key], dtype=np.float64)
            if found.shape != shape:
                raise ValueError("another number of values")
            return found

    def prepare_rows(self, rows: Sequence[int], frame: pd.DataFrame | None = None) -> None:
        """Name the rows that `predict_row` will be asked for: of the last `predict`, or of ``frame``.

        Raises ModelBroken.
        """
        request: dict[str, Any] = {"do": "rows", "rows": list(rows)}
        if frame is not None:
            request["frame"] = str(self._handed(frame))
        self._ask(request)

    def _handed(self, frame: pd.DataFrame) -> Path:
        missing = [name for name, required in self.columns() if required and name not in frame.columns]
        if missing:
            raise ModelBroken(f"it needs the column {missing[0]}, which the holdout does not have")
        given = self._given / "frame.pickle"
        self._with_files(frame).to_pickle(given)
        return given

    def predict_row(self, row: int) -> tuple[list[float | str], Took]:
        """Its answer for one row alone, and the time that it took. Raises ModelBroken.

        Timed here: a model can change the clock of its own process. (Only Linux tells what it waited.)
        """
        if self._main is None:
            self._main = _worker_of(self._process)
        main = str(self._main)
        _until_asleep(main)  # what it waits for its last answer does not count for this one
        used, before = _processor(main)
        started = time.perf_counter()
        self._asked += 1
        self._send(_line({"do": "row", "row": row}, self._asked))
        # Until here, the model works already: what this process waited does not make the answer later.
        _, sent = _processor("thread-self")
        said = self._answer()
        wall = time.perf_counter() - started
        now_used, after = _processor(main)
        waited = after - before + _processor("thread-self")[1] - sent
        own = min(wall, max(wall - waited, now_used - used, wall / 1000))
        with _as_documented():
            values = [_text(its) if isinstance(its, str) else float(its) for its in said["values"]]
        return values, Took(own, wall - own)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        self._send(_line(request, self._asked))
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        with self._deadline() as deadline:
            return self._read(self._asked, deadline)

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[_Deadline]:
        deadline = _Deadline(self.timeout, self._process.kill)
        try:
            yield deadline
        finally:
            deadline.cancel()

    def _read(self, number: int, deadline: _Deadline) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline(_LONGEST)
        if deadline.late:
            raise ModelBroken(f"it gave no answer within {self.timeout:g} seconds")
        deadline.postpone()
        if not line:
            raise ModelBroken(self._death())
        if len(line) == _LONGEST:
            self._process.kill()
            raise ModelBroken("its answer is too long")
        with _as_documented():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("number") != number:
                raise ValueError("an answer that was not asked for")
            if "error" in answer:
                raise ModelBroken(_readable(answer["error"]))
            return answer

    def _death(self) -> str:
        code = self._process.wait()
        with Path(self._errors.name).open("rb") as file:
            file.seek(-min(_LAST, os.fstat(file.fileno()).st_size), os.SEEK_END)
            printed = file.read().decode("utf-8", "replace").strip().splitlines()
        last = f": {cut(printed[-1].strip(' .'), 240)}" if printed else ""
        return f"its process ended with code {code}{last}"


class _Deadline:
    """Ends a process that gives no answer within some seconds."""

    def __init__(self, seconds: float, end: Callable[[], object]) -> None:
        self.late = False
        self._seconds = seconds
        self._end = end
        self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        self._timer = threading.Timer(self._seconds, self._stop)
        self._timer.start()

    def _stop(self) -> None:
        self.late = True
        self._end()

    def postpone(self) -> None:
        """Count the seconds from now on. Not each time: starting a thread takes longer than some answers."""
        if time.monotonic() - self._started > min(1.0, self._seconds / 2):
            self.cancel()
            self._start()

    def cancel(self) -> None:
        self._timer.cancel()


def _line(request: Mapping[str, Any], number: int) -> str:
    return json.dumps({**request, "number": number}) + "\n"


def _worker_of(process: Forked | subprocess.Popen[str]) -> int:
    """The process in which the model runs: of a forked one, the first child of its supervisor."""
    if isinstance(process, subprocess.Popen):
        return process.pid
    import psutil

    with contextlib.suppress(psutil.Error, IndexError):
        return int(psutil.Process(process.pid()).children()[0].pid)
    return 0


def _processor(thread: str) -> tuple[float, float]:
    """The seconds that a thread had a processor, and those that it waited for one. 0 if that is unknown."""
    try:
        used, waited, _ = Path("/proc", thread, "schedstat").read_text(encoding="ascii").split()
        return int(used) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return 0.0, 0.0


def _until_asleep(process: str) -> None:
    """Wait until its main thread waits for something else than a processor, at most `_ASLEEP` seconds."""
    latest = time.monotonic() + _ASLEEP
    with contextlib.suppress(OSError, IndexError):
        while time.monotonic() < latest:
            # The name, in parentheses, may contain anything; the state is what follows.
            about = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
            if about.rpartition(")")[2].split()[0] != "R":
                return
            time.sleep(0.0005)


@contextlib.contextmanager
def _as_documented() -> Iterator[None]:
    """Raises ModelBroken for an answer that the worker does not give: the model wrote to its descriptor."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise ModelBroken("its code writes to the pipe that carries its answers") from None


def _copied(path: Path, folder: Path) -> Path:
    """A copy of the model (a folder or a file). No link: what the model writes stays in the copy."""
    copy = folder / "model" / path.name
    copy.parent.mkdir()
    if path.is_dir():
        shutil.copytree(path, copy, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(path, copy)
    return copy


def _stamps(path: Path, copy: Path) -> list[tuple[Path, Path, Any]]:
    """Each file of the model with its copy and the stamp of that."""
    if path.is_file():
        return [(path, copy, _stamp(copy))]
    files = (file for file in copy.rglob("*") if file.is_file())
    return [(path / file.relative_to(copy), file, _stamp(file)) for file in files]


def _stamp(file: Path) -> Any:
    """Changes when the file does; None without it. (Programs can set back mtime, but not ctime.)"""
    try:
        about = file.lstat()
    except OSError:
        return None
    return about.st_mode, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _is_same(original: Path, copy: Path) -> bool:
    try:
        return not copy.is_symlink() and filecmp.cmp(original, copy, shallow=False)
    except OSError:
        return False


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _array(file: Path) -> NDArray[Any]:
    """The array that the worker has written. Raises ModelBroken for anything else that is there."""
    with _written(file) as content:
        return np.asarray(np.load(content, allow_pickle=False))


@contextlib.contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """A file that the worker has written. Raises ModelBroken for anything else that is there."""
    # A pipe or a link that the model puts there instead must neither block this process nor lead elsewhere.
    flags = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
    try:
        descriptor = os.open(file, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
        with os.fdopen(descriptor, "rb") as content:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > FILE_LIMIT:
                raise ValueError("no regular file")
            yield content
    except ModelBroken:
        raise
    except Exception:  # NumPy's reader raises errors of many kinds for a damaged file
        raise ModelBroken("its code changes the file that holds its answer") from None


def _texts(octets: NDArray[Any]) -> NDArray[Any]:
    """Texts and numbers [rows] or [rows, columns], which the worker wrote as JSON. Raises ModelBroken."""
    with _as_documented():
        rows = json.loads(octets.astype(np.uint8).tobytes())
        is_flat = not any(isinstance(row, list) for row in rows)
        table = [[row] for row in rows] if is_flat else rows
        if len({len(row) for row in table}) > 1:
            raise ValueError("rows of different lengths")
        cells = [[_text(its) if isinstance(its, str) else float(its) for its in row] for row in table]
        found = np.empty((len(cells), len(cells[0]) if cells else 1), dtype=object)
        for place, row in enumerate(cells):
            found[place] = row
        return found[:, 0] if is_flat else found


def _readable(said: object) -> str:
    """A message that UTF-8 can encode: JSON can hold half of a character."""
    return str(said).encode("utf-8", "replace").decode()


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ModelBroken("it answers with a text that is not Unicode") from None
    return text
