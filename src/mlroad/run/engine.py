"""Runs a plan: starts what is ready, at most so many steps at a time, and answers for a clean end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from queue import Empty, SimpleQueue

from mlroad.core.digests import digest_of
from mlroad.core.files import remove
from mlroad.core.problems import UserError
from mlroad.core.run_folders import RunFolder
from mlroad.run.command import fill
from mlroad.run.mlflow_use import Use
from mlroad.run.plan import ARTIFACTS, Plan, PlannedStep, Target, Text
from mlroad.run.processes import Process, ProcessKeeper
from mlroad.run.reuse import Entry, Fingerprint, Kept, ReuseStore, states
from mlroad.run.snapshot import Frozen, unpack
from mlroad.run.state import GOOD, Display, RunState, StateName, StepState
from mlroad.run.step_environment import Site, step_environment
from mlroad.run.step_values import Values
from mlroad.run.tracking import Tracker

_TIDYING = 10.0
"""Seconds that the threads of ended steps get for what is left to do when the run ends."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run, not what."""

    jobs: int
    reuse: bool = True
    always: frozenset[str] = frozenset()
    """Steps that run even when nothing has changed."""


class Interrupted(Exception):
    """The run was told to stop; ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Made:
    """What is left to do for a completed step."""

    work: Path
    fingerprint: Fingerprint
    entry: Entry | None
    """How it can be reused, if it is deterministic."""


class Engine:
    """One run. ``run`` is called once."""

    def __init__(
        self,
        *,
        plan: Plan,
        codes: Mapping[str, Frozen],
        sites: Mapping[str, Site],
        uses: Mapping[str, Use],
        folder: RunFolder,
        runs: Path,
        settings: Settings,
        display: Display,
        tracker: Tracker,
        keeper: ProcessKeeper,
        state: RunState,
        record: Callable[[bool], None],
        start_tracking: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._codes = codes
        self._sites = sites
        self._uses = uses
        self._folder = folder
        self._settings = settings
        self._display = display
        self._tracker = tracker
        self._keeper = keeper
        self._state = state
        self._record = record
        self._start_tracking = start_tracking
        self._store = ReuseStore(runs)
        self._values = Values(plan, state, codes, sites, runs.parent.parent)
        self._events: SimpleQueue[str] = SimpleQueue()
        self._processes: dict[str, Process] = {}
        self._deadlines: dict[str, float] = {}
        self._timed_out: set[str] = set()
        self._stopping = False
        self._lock = threading.Lock()
        self._tracking_lock = threading.Lock()
        self._tracking_started = False
        self._reused_before: list[str] = []
        self._left = sum(use != "none" for use in uses.values())

    def run(self) -> StateName:
        """Run all steps. Raises Interrupted after everything has been stopped."""
        dependents: dict[str, list[str]] = {name: [] for name in self._plan.steps}
        waiting = {}
        for name, step in self._plan.steps.items():
            waiting[name] = len(step.needs)
            for need in step.needs:
                dependents[need].append(name)
        names = list(self._plan.steps)
        number = {name: index for index, name in enumerate(names)}
        ready = [number[name] for name in names if not waiting[name]]
        heapify(ready)
        running = 0
        threads: list[threading.Thread] = []
        stop = not self._plan.job.continue_on_step_failure
        try:
            while ready or running:
                while ready and running < self._settings.jobs and not self._stopping:
                    name = names[heappop(ready)]
                    running += 1
                    thread = threading.Thread(
                        target=self._thread, args=(self._plan.steps[name],), daemon=True
                    )
                    thread.start()
                    threads.append(thread)
                if not running:
                    break
                ended = self._next_event()
                if ended is None:
                    continue
                running -= 1
                good = self._state.steps[ended].state in GOOD
                self._display.step_ended(self._state.steps[ended])
                self._record(True)
                if not good and stop:
                    self._stop_all()
                for dependent in dependents[ended] if good else ():
                    waiting[dependent] -= 1
                    if not waiting[dependent]:
                        heappush(ready, number[dependent])
        except (KeyboardInterrupt, Interrupted) as stopped:
            self._end_of_interrupted(running)
            raise Interrupted(getattr(stopped, "number", signal.SIGINT)) from None
        finally:
            deadline = time.monotonic() + _TIDYING
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            self._skip_the_rest()
            with contextlib.suppress(OSError):
                self._values.save()
        return "completed" if all(step.state in GOOD for step in self._state.steps.values()) else "failed"

    def _next_event(self) -> str | None:
        """The next step that has ended; None when a timeout had to be enforced first."""
        with self._lock:
            first = min(self._deadlines.values(), default=None)
        try:
            # Waiting without end cannot be interrupted by Ctrl-C on Windows.
            left = 3600.0 if os.name != "nt" else 0.2
            left = left if first is None else max(0.0, min(left, first - time.monotonic()))
            return self._events.get(timeout=left) or None
        except Empty:
            now = time.monotonic()
            with self._lock:
                late = [name for name, deadline in self._deadlines.items() if deadline <= now]
                for name in late:
                    del self._deadlines[name]
                    self._timed_out.add(name)
                    self._processes[name].stop()
            return None

    def _stop_all(self) -> None:
        with self._lock:
            self._stopping = True
            for process in self._processes.values():
                process.stop()

    def _end_of_interrupted(self, running: int) -> None:
        """Stop all steps and wait for their end, ten seconds at most."""
        self._stop_all()
        deadline = time.monotonic() + 10
        while running and time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                if ended := self._events.get(timeout=0.2):
                    running -= 1
                    self._display.step_ended(self._state.steps[ended])

    def _skip_the_rest(self) -> None:
        for name, step in self._plan.steps.items():
            state = self._state.steps[name]
            if state.state != "waiting":
                continue
            bad = [need for need in step.needs if self._state.steps[need].state not in GOOD]
            state.state = "skipped"
            state.reason = f"it needs {bad[0]}" if bad else "the run had stopped"

    def _thread(self, step: PlannedStep) -> None:
        state = self._state.steps[step.name]
        made: Made | None = None
        try:
            made = self._work(step, state)
        except UserError as error:
            state.state, state.reason = "failed", str(error)
        except OSError as error:
            state.state, state.reason = (
                "failed",
                f"{error.filename or 'the run folder'}: {error.strerror or error}",
            )
        finally:
            state.ended = time.time()
            self._end_tracking(step, state)
            with self._lock:
                self._processes.pop(step.name, None)
                self._deadlines.pop(step.name, None)
            self._events.put(step.name)
        if made:
            self._tidy(step, made)

    def _tidy(self, step: PlannedStep, made: Made) -> None:
        """What the next step need not wait for: clear the table, and enter the step for reuse."""
        remove(made.work.with_name("unfinished"))
        remove(made.work)
        if made.entry:
            try:
                self._enter(step, made.fingerprint, made.entry)
            except OSError as error:
                self._display.note(f"warning: {step.name} cannot be kept for reuse: {error.strerror}")

    def _work(self, step: PlannedStep, state: StepState) -> Made | None:
        state.started = time.time()
        state.state = "running"
        fingerprint = self._values.fingerprint(step, state)
        if self._reused(step, state, fingerprint):
            return None
        self._begin_tracking()
        work = self._folder.path / "steps" / step.name / "work"
        unfinished = work.with_name("unfinished")
        unpack(self._codes[step.name], work)
        (work / "outputs").mkdir(exist_ok=True)
        given = {name: self._values.text(source) for name, source in step.inputs.items()}
        written = {name: unfinished / name for name, target in step.outputs.items() if not target.implicit}
        for name, path in written.items():
            (path.parent if step.outputs[name].is_file else path).mkdir(parents=True, exist_ok=True)
        paths = [f"inputs.{name}" for name, source in step.inputs.items() if not isinstance(source, Text)]
        paths += [f"outputs.{name}" for name in written]
        outputs = {name: path.as_posix() for name, path in written.items()}
        state.command = fill(step.component.command, given, outputs, frozenset(paths))
        use = self._uses[step.name]
        if use != "none":
            self._tracker.begin_step(step.name, {"mlroad.step": step.name})
        tracking = self._tracker.step_variables(step.name) if use == "tracking" else self._tracker.variables()
        variables = step_environment(
            self._sites[step.name], step.environment_variables, step.distribution, tracking
        )
        code = self._execute(step, state, work, variables)
        if use != "none":
            state.tracked = self._tracker.step_run(step.name)
        state.exit_code = code
        if step.name in self._timed_out:
            state.state, state.reason = "timed out", f"it ran longer than its limit of {step.timeout:g} s"
        elif code and self._stopping:
            state.state, state.reason = "cancelled", "the run was stopped"
        elif code:
            full = "; the disk is full: No space left on device" if _is_full(self._folder.path) else ""
            state.state, state.reason = "failed", f"exit code {code}{full}"
        else:
            return self._publish(step, state, fingerprint, written, work)
        return None

    def _execute(self, step: PlannedStep, state: StepState, work: Path, variables: Mapping[str, str]) -> int:
        with self._lock:
            if self._stopping:
                return 143
            process = self._keeper.start(state.command, work, variables, state.log)
            self._processes[step.name] = process
            if step.timeout:
                self._deadlines[step.name] = time.monotonic() + step.timeout
                self._events_wake()
        self._display.step_begins(state)
        return process.wait()

    def _events_wake(self) -> None:
        """Make the main thread look at the deadlines again."""
        self._events.put("")

    def _publish(
        self,
        step: PlannedStep,
        state: StepState,
        fingerprint: Fingerprint,
        written: Mapping[str, Path],
        work: Path,
    ) -> Made:
        """Move what a step has written to its final places."""
        kept: dict[str, Kept] = {}
        found = dict(written)
        if ARTIFACTS not in found:
            found[ARTIFACTS] = work.with_name("unfinished") / ARTIFACTS
            if any((work / "outputs").iterdir()):
                found[ARTIFACTS].mkdir(parents=True)
                (work / "outputs").replace(found[ARTIFACTS] / "outputs")
        for name, path in found.items():
            target = step.outputs[name]
            if not path.exists():
                if not target.implicit:
                    state.warnings.append(f"it did not write its output {name}")
                continue
            final = self._folder.path / target.place
            final.parent.mkdir(parents=True, exist_ok=True)
            _move(path, final)
            kept[name] = Kept(target.place, digest_of(final), states(final))
            state.outputs[name] = _about(target, kept[name].digest)
        state.state = "completed"
        entry = None
        if step.deterministic:
            seconds = time.time() - (state.started or 0)
            entry = Entry(self._folder.id, seconds, kept, state.tracked)
        return Made(work, fingerprint, entry)

    def _enter(self, step: PlannedStep, fingerprint: Fingerprint, entry: Entry) -> None:
        site = self._sites[step.name]
        self._store.keep_environment(site.digest, site.contents)
        self._store.keep(step.name, fingerprint, entry)

    def _reused(self, step: PlannedStep, state: StepState, fingerprint: Fingerprint) -> bool:
        """Reuse the step if that is possible; say why not otherwise."""
        if not self._settings.reuse:
            state.reason = "--no-reuse"
        elif step.name in self._settings.always:
            state.reason = "asked for by --step"
        elif not step.deterministic:
            state.reason = (
                "is_deterministic is false" if not self._plan.job.force_rerun else "force_rerun is true"
            )
        else:
            entry = self._store.find(fingerprint)
            trouble = self._store.trouble(entry) if entry else self._store.why_not(step.name, fingerprint)
            if entry and not trouble:
                return self._take(step, state, fingerprint, entry)
            state.reason = trouble or ""
        return False

    def _take(self, step: PlannedStep, state: StepState, fingerprint: Fingerprint, entry: Entry) -> bool:
        places = {name: self._folder.path / step.outputs[name].place for name in entry.outputs}
        try:
            self._store.give(entry, places)
        except OSError as error:
            # The earlier run is being deleted just now, or the disk is full: running the step may say more.
            for path in places.values():
                remove(path) if path.is_dir() else path.unlink(missing_ok=True)
            state.reason = f"its earlier outputs cannot be read: {error.strerror}"
            return False
        kept = {
            name: Kept(step.outputs[name].place, old.digest, old.files) for name, old in entry.outputs.items()
        }
        for name, old in kept.items():
            state.outputs[name] = _about(step.outputs[name], old.digest)
        state.reused_from, state.saved, state.tracked = entry.run, entry.seconds, entry.tracked
        state.reason = ""
        state.state = "reused"
        self._enter(step, fingerprint, Entry(self._folder.id, entry.seconds, kept, entry.tracked))
        return True

    def _begin_tracking(self) -> None:
        """Start the recorder when a step really runs, and one that uses MLflow has not ended yet."""
        with self._tracking_lock:
            if not self._tracking_started and self._left:
                self._tracking_started = True
                self._start_tracking()
                for name in self._reused_before:
                    self._track_reused(self._state.steps[name])

    def _end_tracking(self, step: PlannedStep, state: StepState) -> None:
        with self._tracking_lock:
            self._left -= self._uses[step.name] != "none"
            if not self._tracking_started:
                self._reused_before += [step.name] if state.state == "reused" else []
                return
            if state.state == "reused":
                self._track_reused(state)
                return
            status = {"completed": "FINISHED", "cancelled": "KILLED"}.get(state.state, "FAILED")
            values = {name: str(given["value"]) for name, given in state.inputs.items() if "value" in given}
            self._tracker.end_step(step.name, status, values, state.started or 0, {"mlroad.step": step.name})

    def _track_reused(self, state: StepState) -> None:
        if state.tracked:
            self._tracker.reused(state.name, state.tracked, {"mlroad.step": state.name})


def _is_full(folder: Path) -> bool:
    """Whether the disk has no room left, which a step can hardly say in its log."""
    return shutil.disk_usage(folder).free < 65536


def _about(target: Target, digest: str) -> dict[str, object]:
    asset: dict[str, object] = {"asset": target.asset} if target.asset else {}
    return {"path": target.place, "type": target.type, "digest": digest, **asset}


def _move(source: Path, target: Path) -> None:
    """Give a finished output its final name; into a folder that is there already, file by file."""
    if source.is_dir() and target.is_dir():
        for path in source.iterdir():
            _move(path, target / path.name)
        source.rmdir()
        return
    source.replace(target)
