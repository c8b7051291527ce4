"""What a run prints without a terminal. A thread reads logs and prints, so a slow reader delays no step."""

import _thread
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from mlroad.run.log_reader import LogReader
from mlroad.run.run_state import RunState, StepState
from mlroad.run.run_summary import ending, headline, outcome

# Anchored to the start of a line: tried at every byte, it would read a long line once for each of its bytes.
_OVERWRITTEN = re.compile(rb"^[^\n]*\r(?!\n)", re.MULTILINE)


def without_overwritten(lines: bytes) -> bytes:
    """The lines as a terminal would show them in the end: of a progress bar, the last state."""
    return _OVERWRITTEN.sub(b"", lines) if b"\r" in lines else lines


class PlainDisplay:
    """Plain lines for CI, files and pipes: every line of every step, with the name of the step before it."""

    def __init__(self, quiet: bool = False) -> None:
        self._out = sys.stdout.buffer
        self._quiet = quiet
        self._events: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._logs: dict[str, LogReader] = {}
        self._broken = False
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self, run: RunState) -> None:
        self._thread.start()
        self.note(headline(run))

    def step_begins(self, step: StepState) -> None:
        self._events.put(lambda: self._begins(step))

    def step_ended(self, step: StepState) -> None:
        self._events.put(lambda: self._ended(step))

    def note(self, text: str) -> None:
        self._events.put(lambda: self._line(text))

    def end(self, run: RunState) -> None:
        self._events.put(None)
        self._thread.join()
        for line in ending(run):
            self._line(line)
        self._flush()

    def _work(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=0.1)
                if event is None:
                    return
                event()
            except Empty:
                for name, log in self._logs.items():
                    self._copy(name, log)
            if self._events.empty():
                self._flush()

    def _begins(self, step: StepState) -> None:
        self._line(f"{step.name}: starts" + (f" ({step.reason})" if step.reason else ""))
        if not self._quiet:
            self._logs[step.name] = LogReader(step.log)

    def _ended(self, step: StepState) -> None:
        log = self._logs.pop(step.name, None)
        if log:
            self._copy(step.name, log)
            self._prefixed(step.name, log.close())
        self._line(f"{step.name}: {outcome(step)}")
        for warning in step.warnings:
            self._line(f"{step.name}: warning: {warning}")

    def _copy(self, name: str, log: LogReader) -> None:
        while piece := log.read():
            self._prefixed(name, piece)

    def _prefixed(self, name: str, lines: bytes) -> None:
        if not lines:
            return
        prefix = f"[{name}] ".encode()
        self._write(prefix + without_overwritten(lines)[:-1].replace(b"\n", b"\n" + prefix) + b"\n")

    def _line(self, text: str) -> None:
        self._write(text.encode("utf-8", "replace") + b"\n")

    def _write(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            self._out.write(data)
        except OSError:
            self._stop_the_run()

    def _flush(self) -> None:
        if self._broken:
            return
        try:
            self._out.flush()
        except OSError:
            self._stop_the_run()

    def _stop_the_run(self) -> None:
        """The reader closed the pipe (`mlroad run … | head`): end, as a program that gets SIGPIPE does."""
        self._broken = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
        if os.name == "nt":
            _thread.interrupt_main()
        else:
            os.kill(os.getpid(), signal.SIGINT)
