"""Runs one step: reuses its earlier outputs, or executes its command and publishes what it wrote."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.digests import digest_of
from mlroad.core.files import remove
from mlroad.core.problems import UserError
from mlroad.core.run_folders import RunFolder
from mlroad.run.code_snapshot import CodeSnapshot, unpack
from mlroad.run.command import fill
from mlroad.run.plan import ARTIFACTS, Plan, PlannedOutput, PlannedStep, Text
from mlroad.run.reuse import Entry, Fingerprint, KeptOutput, ReuseStore, states
from mlroad.run.run_state import Display, RunState, StepState
from mlroad.run.step_environment import PythonEnvironment, step_environment
from mlroad.run.step_inputs import StepInputs
from mlroad.run.step_processes import StepProcesses
from mlroad.run.step_tracking import StepTracking


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """Which steps may be reused."""

    reuse: bool = True
    always_run: frozenset[str] = frozenset()
    """Steps that run even if nothing has changed."""


@dataclass(frozen=True, slots=True)
class _Completed:
    """A step that has completed, before its working folder is deleted."""

    work: Path
    fingerprint: Fingerprint
    entry: Entry | None
    """How it can be reused, if it is deterministic."""


@dataclass(frozen=True, slots=True)
class StepRunner:
    """Runs the steps of one run, each call in its own thread."""

    plan: Plan
    state: RunState
    folder: RunFolder
    snapshots: Mapping[str, CodeSnapshot]
    environments: Mapping[str, PythonEnvironment]
    inputs: StepInputs
    store: ReuseStore
    policy: ReusePolicy
    processes: StepProcesses
    tracking: StepTracking
    display: Display

    def run(self, step: PlannedStep) -> Callable[[], None] | None:
        """Bring a step to its last state. Returns the remaining work, for which no other step has to wait."""
        state = self.state.steps[step.name]
        completed: _Completed | None = None
        try:
            completed = self._run(step, state)
        except UserError as error:
            state.state, state.reason = "failed", str(error)
        except OSError as error:
            state.state = "failed"
            state.reason = f"{error.filename or 'the run folder'}: {error.strerror or error}"
        finally:
            state.ended = time.time()
            self.tracking.end_step(state)
        return (lambda: self._clean_up(step, completed)) if completed else None

    def _run(self, step: PlannedStep, state: StepState) -> _Completed | None:
        state.started = time.time()
        state.state = "running"
        fingerprint = self.inputs.fingerprint(step, state)
        if self._reused(step, state, fingerprint):
            return None
        self.tracking.begin_run()
        work = self.folder.path / "steps" / step.name / "work"
        unfinished = work.with_name("unfinished")
        unpack(self.snapshots[step.name], work)
        (work / "outputs").mkdir(exist_ok=True)
        written = {name: unfinished / name for name, output in step.outputs.items() if not output.implicit}
        for name, path in written.items():
            (path.parent if step.outputs[name].is_file else path).mkdir(parents=True, exist_ok=True)
        state.command = self._command(step, written)
        variables = step_environment(
            self.environments[step.name],
            step.environment_variables,
            step.distribution,
            self.tracking.begin_step(step.name),
        )
        code = self._execute(step, state, work, variables)
        state.tracked = self.tracking.run_of(step.name)
        state.exit_code = code
        if self.processes.is_timed_out(step.name):
            state.state, state.reason = "timed out", f"it ran longer than its limit of {step.timeout:g} s"
        elif code and self.processes.stopping:
            state.state, state.reason = "cancelled", "the run was stopped"
        elif code:
            full = "; the disk is full: No space left on device" if _is_full(self.folder.path) else ""
            state.state, state.reason = "failed", f"exit code {code}{full}"
        else:
            return self._publish(step, state, fingerprint, written, work)
        return None

    def _command(self, step: PlannedStep, written: Mapping[str, Path]) -> str:
        inputs = {name: self.inputs.text(source) for name, source in step.inputs.items()}
        outputs = {name: path.as_posix() for name, path in written.items()}
        paths = [f"inputs.{name}" for name, source in step.inputs.items() if not isinstance(source, Text)]
        paths += [f"outputs.{name}" for name in written]
        return fill(step.component.command, inputs, outputs, frozenset(paths))

    def _execute(self, step: PlannedStep, state: StepState, work: Path, variables: Mapping[str, str]) -> int:
        process = self.processes.start(step.name, state.command, work, variables, state.log, step.timeout)
        if process is None:
            return 143
        self.display.step_begins(state)
        return process.wait()

    def _publish(
        self,
        step: PlannedStep,
        state: StepState,
        fingerprint: Fingerprint,
        written: Mapping[str, Path],
        work: Path,
    ) -> _Completed:
        """Move what a step has written to its final places; a folder in place of a file raises UserError."""
        for name, path in written.items():
            _right_kind(name, step.outputs[name], path)
        kept: dict[str, KeptOutput] = {}
        found = dict(written)
        if ARTIFACTS not in found:
            found[ARTIFACTS] = work.with_name("unfinished") / ARTIFACTS
            if any((work / "outputs").iterdir()):
                found[ARTIFACTS].mkdir(parents=True)
                (work / "outputs").replace(found[ARTIFACTS] / "outputs")
        for name, path in found.items():
            output = step.outputs[name]
            if not path.exists():
                if not output.implicit:
                    state.warnings.append(f"it did not write its output {name}")
                continue
            final = self.folder.path / output.place
            final.parent.mkdir(parents=True, exist_ok=True)
            _move(path, final)
            kept[name] = KeptOutput(output.place, digest_of(final), states(final))
            state.outputs[name] = _about(output, kept[name].digest)
        state.state = "completed"
        entry = None
        if step.deterministic:
            seconds = time.time() - (state.started or 0)
            entry = Entry(self.folder.id, seconds, kept, state.tracked)
        return _Completed(work, fingerprint, entry)

    def _clean_up(self, step: PlannedStep, completed: _Completed) -> None:
        """Keep a completed step for reuse, and delete its working folder."""
        if completed.entry:
            try:
                self._keep(step, completed.fingerprint, completed.entry)
            except OSError as error:
                self.display.note(f"warning: {step.name} cannot be kept for reuse: {error.strerror}")
        remove(completed.work.with_name("unfinished"))
        remove(completed.work)

    def _keep(self, step: PlannedStep, fingerprint: Fingerprint, entry: Entry) -> None:
        environment = self.environments[step.name]
        self.store.keep_environment(environment.digest, environment.contents)
        self.store.keep(step.name, fingerprint, entry)

    def _reused(self, step: PlannedStep, state: StepState, fingerprint: Fingerprint) -> bool:
        """Reuse the step if possible, or note the reason why not."""
        if not self.policy.reuse:
            state.reason = "--no-reuse"
        elif step.name in self.policy.always_run:
            state.reason = "named by --step"
        elif not step.deterministic:
            state.reason = (
                "is_deterministic is false" if not self.plan.job.force_rerun else "force_rerun is true"
            )
        else:
            entry = self.store.find(fingerprint)
            problem = self.store.problem(entry) if entry else self.store.why_not(step.name, fingerprint)
            if entry and not problem:
                return self._reuse(step, state, fingerprint, entry)
            state.reason = problem or ""
        return False

    def _reuse(self, step: PlannedStep, state: StepState, fingerprint: Fingerprint, entry: Entry) -> bool:
        places = {name: self.folder.path / step.outputs[name].place for name in entry.outputs}
        try:
            self.store.link(entry, places)
        except OSError as error:
            # The earlier run is being deleted right now, or the disk is full: running the step may say more.
            for path in places.values():
                remove(path) if path.is_dir() else path.unlink(missing_ok=True)
            state.reason = f"its earlier outputs cannot be read: {error.strerror}"
            return False
        kept = {
            name: KeptOutput(step.outputs[name].place, old.digest, old.files)
            for name, old in entry.outputs.items()
        }
        for name, old in kept.items():
            state.outputs[name] = _about(step.outputs[name], old.digest)
        state.reused_from, state.saved, state.tracked = entry.run, entry.seconds, entry.tracked
        state.reason = ""
        state.state = "reused"
        self._keep(step, fingerprint, Entry(self.folder.id, entry.seconds, kept, entry.tracked))
        return True


def _right_kind(name: str, output: PlannedOutput, path: Path) -> None:
    """The step that made an output is the one to blame, not the one that reads it later."""
    if path.is_dir() if output.is_file else path.is_file():
        made, meant = ("folder", "file") if output.is_file else ("file", "folder")
        what = f"its output {name} is of type {output.type}, but it made a {made} there."
        raise UserError(what, f"Write a {meant} to the path, or change the type to uri_{made}.")


def _is_full(folder: Path) -> bool:
    """Whether the disk is full, which keeps a step from writing the reason to its log."""
    return shutil.disk_usage(folder).free < 65536


def _about(output: PlannedOutput, digest: str) -> dict[str, object]:
    """The entry of an output in run.json."""
    asset: dict[str, object] = {"asset": output.asset} if output.asset else {}
    return {"path": output.place, "type": output.type, "digest": digest, **asset}


def _move(source: Path, target: Path) -> None:
    """Give a finished output its final name; into a folder that exists already, file by file."""
    if source.is_dir() and target.is_dir():
        for path in source.iterdir():
            _move(path, target / path.name)
        source.rmdir()
        return
    source.replace(target)
