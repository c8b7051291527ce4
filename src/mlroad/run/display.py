"""What a run shows. A thread of its own reads logs and writes, so that a slow reader never delays a step."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from mlroad.run.state import RunState, StepState
from mlroad.run.tail import Tail, last_lines

_OVERWRITTEN = re.compile(rb"[^\n]*\r(?!\n)")
_SHOWN_OF_A_FAILURE = 20


class PlainDisplay:
    """Plain lines: every line of every step behind the step's name. For CI, files and pipes."""

    def __init__(self, quiet: bool = False) -> None:
        self._out = sys.stdout.buffer
        self._quiet = quiet
        self._events: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._tails: dict[str, Tail] = {}
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
                for name, tail in self._tails.items():
                    self._copy(name, tail)
            if self._events.empty():
                self._flush()

    def _begins(self, step: StepState) -> None:
        self._line(f"{step.name}: starts" + (f" ({step.reason})" if step.reason else ""))
        if not self._quiet:
            self._tails[step.name] = Tail(step.log)

    def _ended(self, step: StepState) -> None:
        tail = self._tails.pop(step.name, None)
        if tail:
            self._copy(step.name, tail)
            self._prefixed(step.name, tail.close())
        self._line(f"{step.name}: {outcome(step)}")
        for warning in step.warnings:
            self._line(f"{step.name}: warning: {warning}")

    def _copy(self, name: str, tail: Tail) -> None:
        while piece := tail.read():
            self._prefixed(name, piece)

    def _prefixed(self, name: str, lines: bytes) -> None:
        if not lines:
            return
        if b"\r" in lines:  # progress bars: what the terminal would show at last
            lines = _OVERWRITTEN.sub(b"", lines)
        prefix = f"[{name}] ".encode()
        self._write(prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n")

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
        """The reader has left (`mlroad run … | head`): do as a program does that gets SIGPIPE."""
        self._broken = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
        if os.name == "nt":
            import _thread

            _thread.interrupt_main()
        else:
            os.kill(os.getpid(), signal.SIGINT)


def headline(run: RunState) -> str:
    """The first line of a run."""
    many = "1 step" if len(run.steps) == 1 else f"{len(run.steps)} steps"
    return f"Run {run.id} of {run.title}: {many}, up to {run.jobs} at a time"


def outcome(step: StepState) -> str:
    """What became of a step, in words."""
    if step.state == "reused":
        return f"reused from run {step.reused_from}, which took {duration(step.saved)}"
    if step.state == "completed":
        return f"completed in {duration(step.seconds)}"
    if step.state in ("skipped", "cancelled"):
        return f"{step.state}: {step.reason}"
    return f"{step.state} after {duration(step.seconds)}: {step.reason}"


def ending(run: RunState) -> Iterator[str]:
    """The end of the last lines of failed steps, and the summary."""
    for step in run.steps.values():
        if step.state not in ("failed", "timed out"):
            continue
        yield ""
        yield f"{step.name} {step.state}: {step.reason}"
        lines = last_lines(step.log, _SHOWN_OF_A_FAILURE)
        yield from (f"  | {line}" for line in lines)
        if step.log.exists():
            yield f"  {'the whole log' if lines else 'its log, which is empty'}: {short(step.log)}"
            work = run.folder / "steps" / step.name / "work"
            if work.exists():
                yield f"  its working folder: {short(work)}"
                yield f"  its command: {step.command.strip()}"
    yield ""
    yield from summary(run)


def summary(run: RunState) -> Iterator[str]:
    """A table of the steps with their durations, and where the outputs are."""
    width = max([len(step.name) for step in run.steps.values()], default=4)
    for step in run.steps.values():
        ran = step.state not in ("waiting", "skipped")
        time = duration(step.saved if step.state == "reused" else step.seconds) if ran else ""
        about = step.reason if step.state not in ("completed", "reused") else ""
        if step.state == "reused":
            time = f"({time})"
        yield f"{step.name:{width}}  {step.state:9}  {time:>10}  {about}".rstrip()
    outputs = sorted(path.name for path in (run.folder / "outputs").iterdir()) if run.folder.exists() else []
    if outputs:
        yield f"outputs: {', '.join(outputs)} in {short(run.folder / 'outputs')}"
    if (run.folder / "datastores").exists():
        yield f"outputs that name a path of their own: in {short(run.folder / 'datastores')}"
    yield f"{run.state} in {duration(run.seconds)}; everything is in {short(run.folder)}"


def duration(seconds: float) -> str:
    """Seconds as people write them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def short(path: Path) -> str:
    """A path relative to the working folder, where that is shorter."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
