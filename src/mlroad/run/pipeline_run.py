"""One run of a plan on this machine: its folder, its processes, its record and its run in MLflow."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlroad.core.files import remove
from mlroad.core.git import STATUS, git_environment, parse_status
from mlroad.core.model_source import source_digest
from mlroad.core.repo import is_model
from mlroad.core.run_folders import RunFolder, prune, root_of, runs_of
from mlroad.core.signals import raising
from mlroad.data.store import VerifiedVersion
from mlroad.run.code_snapshot import CodeSnapshot, take_snapshot
from mlroad.run.dataset_inputs import mlflow_inputs, mlflow_tags, with_digests
from mlroad.run.engine import Engine, Interrupted
from mlroad.run.event_display import EventDisplay
from mlroad.run.mlflow_tracker import Tracker
from mlroad.run.mlflow_use import mlflow_use
from mlroad.run.overrides import given_values
from mlroad.run.plain_display import PlainDisplay
from mlroad.run.plan import Plan, Text
from mlroad.run.processes import ProcessKeeper
from mlroad.run.reuse import ReuseStore, names_a_change
from mlroad.run.run_options import RunOptions
from mlroad.run.run_record import run_record, step_record
from mlroad.run.run_state import Display, RunState, StepState
from mlroad.run.run_summary import short
from mlroad.run.step_environment import PythonEnvironment
from mlroad.run.step_inputs import StepInputs
from mlroad.run.step_processes import StepProcesses
from mlroad.run.step_runner import ReusePolicy, StepRunner
from mlroad.run.step_tracking import StepTracking
from mlroad.run.tracking_address import is_database

_LONGEST_NAME = 200


class PipelineRun:
    """Call ``run`` once."""

    def __init__(
        self,
        file: Path,
        plan: Plan,
        environments: Mapping[str, PythonEnvironment],
        options: RunOptions,
        data: Mapping[str, VerifiedVersion],
    ) -> None:
        self._file = file
        self._plan = plan
        self._environments = environments
        self._options = options
        self._data = data
        self._root = root_of(file)
        self._runs = runs_of(file)
        self._folder = RunFolder(self._runs)
        self._keeper = ProcessKeeper(self._folder.id)
        self._git = _GitState(self._keeper, self._root)
        self._source: dict[str, Any] | None = None
        logs = self._folder.path / "logs"
        self._state = RunState(
            id=self._folder.id,
            title=short(file.parent if file.name == "pipeline.yml" else file),
            folder=self._folder.path,
            steps={name: StepState(name, logs / f"{name}.txt") for name in plan.steps},
            jobs=options.jobs or max(1, min(4, os.cpu_count() or 1)),
        )
        self._display = _display(options)
        experiment = plan.job.experiment_name or self._runs.name
        self._tracker = Tracker(self._root, experiment, logs / "mlflow.log", self._display.note)

    @property
    def folder(self) -> Path:
        return self._folder.path

    def run(self) -> int:
        """Run the steps. Returns the exit code of the command. Only the run's folder remains."""
        try:
            self._source = _source(self._file, self._options)
            snapshots = _take_snapshots(self._plan, self._folder.path / "code")
        except BaseException:
            self._keeper.close()
            self._folder.close()
            remove(self._folder.path)
            raise
        self._display.begin(self._state)
        for note in self._plan.notes:
            self._display.note(f"note: {note}")
        with raising(Interrupted):
            try:
                self._write_record()
                self._run_steps(snapshots)
            except (Interrupted, KeyboardInterrupt) as stopped:
                self._state.state = "cancelled"
                self._state.exit_code = 128 + getattr(stopped, "number", signal.SIGINT)
            finally:
                self._end()
        return self._state.exit_code or 0

    def _run_steps(self, snapshots: Mapping[str, CodeSnapshot]) -> None:
        steps = self._plan.steps
        uses = {name: mlflow_use(step.component.command, snapshots[name]) for name, step in steps.items()}
        named = {
            name
            for name in steps
            for wanted in self._options.steps
            if name == wanted or name.startswith(wanted + ".")
        }
        engine = Engine(
            steps,
            self._state,
            self._display,
            stop_on_failure=not self._plan.job.continue_on_step_failure,
            save=self._write_record_if_due,
        )
        processes = StepProcesses(self._keeper, engine.limit_set)
        inputs = StepInputs(self._plan, self._state, snapshots, self._environments, self._root)
        runner = StepRunner(
            plan=self._plan,
            state=self._state,
            folder=self._folder,
            snapshots=snapshots,
            environments=self._environments,
            inputs=inputs,
            store=ReuseStore(self._runs),
            policy=ReusePolicy(self._options.reuse, frozenset(named)),
            processes=processes,
            tracking=StepTracking(self._tracker, uses, self._logs_of_isolated_steps(), self._start_tracking),
            display=self._display,
        )
        try:
            self._state.state = engine.run(runner.run, processes)
            self._state.exit_code = 0 if self._state.state == "completed" else 1
        finally:
            inputs.save()

    def _logs_of_isolated_steps(self) -> dict[str, Path]:
        """The folders of steps whose own MLflow cannot write to the store of this run."""
        if not is_database(self._tracker.uri):
            return {}
        isolated = [name for name in self._plan.steps if not self._environments[name].is_own]
        return {name: self._folder.path / "steps" / name / "mlflow" for name in isolated}

    def _end(self) -> None:
        self._state.ended = time.time()
        if self._state.exit_code is None:
            self._state.exit_code = 1
        self._keeper.close()
        status = {"completed": "FINISHED", "cancelled": "KILLED"}.get(self._state.state, "FAILED")
        self._tracker.end(status)
        self._display.end(self._state)
        self._write_record()
        self._folder.close()
        if self._options.keep is not None:
            prune(self._runs, max(1, self._options.keep))

    def _start_tracking(self) -> None:
        tags = {"mlflow.source.name": short(self._file, self._root), "mlroad.run": self._folder.id}
        if commit := self._git.result()["commit"]:
            tags["mlflow.source.git.commit"] = commit
        tags |= mlflow_tags(self._data)
        given = given_values((*self._options.sets, *self._options.inputs))
        parameters = {**self._plan.parameters, **given}
        self._tracker.start(self._keeper, self._name(given), tags, parameters, mlflow_inputs(self._data))

    def _name(self, given: Mapping[str, str]) -> str:
        """The name of the run in MLflow, with the values given for it, or what else has changed."""
        name = self._plan.job.display_name or self._runs.name
        said = [f"{option}={value}" for option, value in given.items()]
        reasons = [step.reason for step in self._state.steps.values() if names_a_change(step.reason)]
        what = ", ".join(said or dict.fromkeys(reasons))
        return f"{name}: {what}"[:_LONGEST_NAME] if what else name

    def _write_record_if_due(self) -> None:
        if self._folder.is_due():
            self._write_record()

    def _write_record(self) -> None:
        try:
            self._folder.write(self._record())
        except OSError as error:
            self._display.note(f"warning: run.json cannot be written: {error.strerror}")

    def _record(self) -> dict[str, Any]:
        run, tracker = self._state, self._tracker
        return run_record(
            run,
            self._plan,
            self._root,
            experiment=tracker.experiment,
            platform_name=platform.platform(),
            git=self._git.result(),
            inputs=with_digests(self._data_inputs(), self._data),
            outputs={
                name: run.steps[made.step].outputs[made.output]
                for name, made in self._plan.outputs.items()
                if made.output in run.steps[made.step].outputs
            },
            steps={
                name: step_record(step, self._plan.steps[name].needs, with_digests(step.inputs, self._data))
                for name, step in run.steps.items()
            },
            mlflow={"tracking_uri": tracker.uri, "run_id": tracker.run_id} if tracker.run_id else None,
            source=self._source,
        )

    def _data_inputs(self) -> dict[str, Any]:
        """The data inputs of the pipeline, with the digests computed for the steps that read them."""
        found: dict[str, Any] = {}
        for name, source in self._plan.inputs.items():
            if isinstance(source, Text):
                continue
            about: dict[str, Any] = {"type": getattr(source, "type", None)}
            for step in self._state.steps.values():
                for port, given in step.inputs.items():
                    if self._plan.steps[step.name].inputs.get(port) == source:
                        about |= given
            if "path" not in about and getattr(source, "path", None):
                about["path"] = str(source.path)  # type: ignore[union-attr]
            found[name] = about
        return found


class _GitState:
    """The commit, and whether files differ from it. git runs while the run starts: it can take a second."""

    def __init__(self, keeper: ProcessKeeper, root: Path) -> None:
        self._answer: dict[str, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # git is not installed: there is no commit
            self._process = keeper.start_helper(
                ["git", *STATUS],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**git_environment(), "GIT_OPTIONAL_LOCKS": "0"},
            )

    def result(self) -> dict[str, Any]:
        """``commit`` (None outside a repo) and ``dirty``. Waits for git the first time."""
        if self._answer is None:
            output = self._process.communicate()[0].decode("utf-8", "replace") if self._process else ""
            self._answer = parse_status(output)
        return self._answer


def _take_snapshots(plan: Plan, folder: Path) -> dict[str, CodeSnapshot]:
    """Copy the code of all steps, each distinct folder once."""
    taken: dict[object, CodeSnapshot] = {}
    snapshots: dict[str, CodeSnapshot] = {}
    for name, step in plan.steps.items():
        component = step.component
        wanted = (component.code, component.additional_includes)
        if wanted not in taken:
            taken[wanted] = take_snapshot(*wanted, component.at, folder / str(len(taken)))
        snapshots[name] = taken[wanted]
    return snapshots


def _source(file: Path, options: RunOptions) -> dict[str, Any] | None:
    """The digest of a model's code, before the steps get copies of it; None for other pipelines."""
    if file.name != "pipeline.yml" or not is_model(file.parent):
        return None
    with suppress(OSError):
        as_written = not (options.sets or options.inputs or options.steps)
        return {"digest": source_digest(file.parent), "as_written": as_written}
    return None


def _display(options: RunOptions) -> Display:
    if options.events:
        return EventDisplay()
    plain = not sys.stdout.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    if plain:
        return PlainDisplay(options.quiet)
    from mlroad.run.live_display import LiveDisplay  # rich takes 50 ms to import

    return LiveDisplay()
