"""`mlroad run`: from a file and options to a finished run."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad import __version__
from mlroad.core.git import STATUS, parse_status
from mlroad.core.problems import Problem, UserError
from mlroad.core.repo import find_root, is_model, model_folders
from mlroad.core.run_folders import RunFolder, prune, root_of, runs_of
from mlroad.core.signals import raising
from mlroad.data.store import VerifiedVersion
from mlroad.pipeline.model import PipelineJob, RemoteData
from mlroad.run.dataset_inputs import mlflow_inputs, mlflow_tags, verified_data, with_digests, with_versions
from mlroad.run.display import PlainDisplay, short
from mlroad.run.engine import Engine, Interrupted, Settings
from mlroad.run.mlflow_use import mlflow_use
from mlroad.run.plan import Plan, PlannedStep, Text, make_plan, no_such, parts_of, selected
from mlroad.run.processes import ProcessKeeper
from mlroad.run.snapshot import Frozen, freeze
from mlroad.run.state import Display, RunState, StepState
from mlroad.run.step_environment import Site, own_site
from mlroad.run.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line."""

    sets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    jobs: int | None = None
    dry_run: bool = False
    reuse: bool = True
    isolated: bool = False
    keep: int | None = None
    quiet: bool = False


def pipeline_file(path: Path) -> Path:
    """The pipeline.yml of a model folder, or the file itself. Raises UserError."""
    if path.is_dir():
        file = path / "pipeline.yml"
        if not file.is_file():
            what = f"{path} holds no pipeline.yml."
            raise UserError(what, "Name a model folder such as models/my_model, or a pipeline's YAML file.")
        return file
    if not path.is_file():
        root = find_root(Path.cwd()) or Path()
        beside = sorted(folder for folder in path.parent.glob("*") if is_model(folder))
        known = beside or model_folders(Path() if root == Path.cwd() else root)
        raise UserError(no_such("pipeline", path.as_posix(), [folder.as_posix() for folder in known]))
    return path


def run(path: Path, options: Options) -> int:
    """Run a pipeline; the exit code of the command. Raises UserError before anything starts."""
    file = pipeline_file(path)
    plan = make_plan(checked(file, options))
    if options.steps:
        plan = selected(plan, list(options.steps))
    plan.refuse()
    root = root_of(file)
    plan = with_versions(plan, root)
    data = verified_data(plan, root)
    if options.dry_run:
        from mlroad.run.dry import describe

        print("\n".join(describe(plan)))
        return 0
    if any(isinstance(part, RemoteData) for step in plan.steps.values() for part in parts_of(step)):
        from mlroad.run.web import with_local_files

        plan = with_local_files(plan, root)
    if options.isolated:
        from mlroad.run.isolated import isolated_sites

        sites = isolated_sites(plan, root, print)
    else:
        sites = dict.fromkeys(plan.steps, own_site(root))
    return _Launch(file, plan, sites, options, data=data).run()


def checked(file: Path, options: Options) -> PipelineJob:
    """The pipeline with the options' values. Raises UserError if the checker finds what would break a run."""
    from mlroad.pipeline.checker import CLOUD_ONLY, check_job, in_order
    from mlroad.pipeline.loader import Loader
    from mlroad.pipeline.repo_index import RepoIndex
    from mlroad.run.overrides import override

    loader = Loader(RepoIndex(file.parent))
    loaded = loader.pipeline(file)
    _refuse(loaded.errors)
    if loaded.job is None:
        raise UserError(loaded.problems)
    job = override(loaded.job, options.sets, options.inputs)
    found = in_order(check_job(job, loader.repo))
    _refuse([problem for problem in found if problem.severity == "error" and problem.code not in CLOUD_ONLY])
    return job


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise UserError(problems)


class _Launch:
    """Everything that one run holds."""

    def __init__(
        self,
        file: Path,
        plan: Plan,
        sites: Mapping[str, Site],
        options: Options,
        *,
        data: Mapping[str, VerifiedVersion],
    ) -> None:
        self._file = file
        self._plan = plan
        self._data = data
        self._options = options
        self._root = root_of(file)
        self._runs = runs_of(file)
        self._folder = RunFolder(self._runs)
        self._keeper = ProcessKeeper(self._folder.id)
        self._git = _Git(self._keeper, self._root)
        jobs = options.jobs or max(1, min(4, os.cpu_count() or 1))
        logs = self._folder.path / "logs"
        states = {name: StepState(name, logs / f"{name}.txt") for name in plan.steps}
        title = short(file.parent if file.name == "pipeline.yml" else file)
        self._state = RunState(self._folder.id, title, self._folder.path, jobs, states)
        self._display: Display = _display(options)
        job = plan.job
        experiment = job.experiment_name or self._runs.name
        self._tracker = Tracker(self._root, experiment, logs / "mlflow.log", self._display.note)
        self._sites = sites
        self._exit = 1

    def run(self) -> int:
        """Run, and leave nothing behind but the run's folder."""
        try:
            codes = _freeze(self._plan, self._folder.path / "code")
        except BaseException:
            self._keeper.close()
            self._folder.close()
            from mlroad.core.files import remove

            remove(self._folder.path)
            raise
        uses = {n: mlflow_use(s.component.command, codes[n]) for n, s in self._plan.steps.items()}
        always = frozenset(
            name for name in self._plan.steps for wanted in self._options.steps
            if name == wanted or name.startswith(wanted + ".")
        )  # fmt: skip
        settings = Settings(self._state.jobs, self._options.reuse, always)
        self._display.begin(self._state)
        for note in self._plan.notes:
            self._display.note(f"note: {note}")
        engine = Engine(
            plan=self._plan,
            codes=codes,
            sites=self._sites,
            uses=uses,
            folder=self._folder,
            runs=self._runs,
            settings=settings,
            display=self._display,
            tracker=self._tracker,
            keeper=self._keeper,
            state=self._state,
            record=self._record,
            start_tracking=self._start_tracking,
        )
        with raising(Interrupted):
            try:
                self._record(False)
                self._state.state = engine.run()
                self._exit = 0 if self._state.state == "completed" else 1
            except (Interrupted, KeyboardInterrupt) as stopped:
                self._state.state = "cancelled"
                self._exit = 128 + getattr(stopped, "number", signal.SIGINT)
            finally:
                self._end()
        return self._exit

    def _end(self) -> None:
        self._state.ended = time.time()
        status = {"completed": "FINISHED", "cancelled": "KILLED"}.get(self._state.state, "FAILED")
        self._keeper.close()
        self._tracker.end(status)
        self._display.end(self._state)
        self._record(False)
        self._folder.close()
        if self._options.keep is not None:
            prune(self._runs, max(1, self._options.keep))

    def _start_tracking(self) -> None:
        commit = self._git.result()["commit"]
        tags = {"mlflow.source.name": _relative(self._file, self._root), "mlroad.run": self._folder.id}
        if commit:
            tags["mlflow.source.git.commit"] = commit
        tags |= mlflow_tags(self._data)
        params = {name: source.text for name, source in self._plan.inputs.items() if isinstance(source, Text)}
        name = self._plan.job.display_name or self._runs.name
        self._tracker.start(self._keeper, name, tags, params, mlflow_inputs(self._data))

    def _record(self, often: bool) -> None:
        if often and not self._folder.is_due():
            return
        try:
            self._folder.write(self._content())
        except OSError as error:
            self._display.note(f"warning: run.json cannot be written: {error.strerror}")

    def _content(self) -> dict[str, Any]:
        run = self._state
        return {
            "schema": 1,
            "id": run.id,
            "state": run.state,
            "exit_code": None if run.ended is None else self._exit,
            "pipeline": _relative(self._file, self._root),
            "experiment": self._tracker.experiment,
            "started": _iso(run.started),
            "ended": _iso(run.ended),
            "seconds": round(run.seconds, 3),
            "git": self._git.result(),
            "mlroad": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "arguments": sys.argv[1:],
            "parameters": {n: s.text for n, s in self._plan.inputs.items() if isinstance(s, Text)},
            "inputs": with_digests(self._data_inputs(), self._data),
            "outputs": {
                name: run.steps[made.step].outputs[made.output]
                for name, made in self._plan.outputs.items()
                if made.output in run.steps[made.step].outputs
            },
            "mlflow": {"tracking_uri": self._tracker.uri, "run_id": self._tracker.run_id}
            if self._tracker.run_id
            else None,
            "steps": {name: self._step(self._plan.steps[name], step) for name, step in run.steps.items()},
        }

    def _step(self, planned: PlannedStep, step: StepState) -> dict[str, Any]:
        return {
            "state": step.state,
            "reason": step.reason or None,
            "reused_from": step.reused_from,
            "saved_seconds": round(step.saved, 3) if step.reused_from else None,
            "needs": list(planned.needs),
            "started": _iso(step.started),
            "ended": _iso(step.ended),
            "seconds": round(step.seconds, 3),
            "exit_code": step.exit_code,
            "command": step.command or None,
            "log": f"logs/{step.name}.txt" if step.log.exists() else None,
            "inputs": with_digests(step.inputs, self._data),
            "outputs": step.outputs,
            "warnings": step.warnings,
            "mlflow_run_id": step.tracked,
        }

    def _data_inputs(self) -> dict[str, Any]:
        """The pipeline's data, with the digests that the steps which read it have found."""
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


class _Git:
    """The commit and whether files differ from it, asked for while the run starts."""

    def __init__(self, keeper: ProcessKeeper, root: Path) -> None:
        self._answer: dict[str, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # no git: no commit
            self._process = keeper.start_helper(
                ["git", *STATUS],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            )

    def result(self) -> dict[str, Any]:
        """``commit`` (None outside a repo) and ``dirty``. Waits for git the first time."""
        if self._answer is None:
            output = self._process.communicate()[0].decode("utf-8", "replace") if self._process else ""
            self._answer = parse_status(output)
        return self._answer


def _freeze(plan: Plan, folder: Path) -> dict[str, Frozen]:
    """Freeze the code of all steps, each distinct folder once."""
    frozen: dict[object, Frozen] = {}
    codes: dict[str, Frozen] = {}
    for name, step in plan.steps.items():
        component = step.component
        wanted = (component.code, component.additional_includes)
        if wanted not in frozen:
            frozen[wanted] = freeze(*wanted, component.at, folder / str(len(frozen)))
        codes[name] = frozen[wanted]
    return codes


def _display(options: Options) -> Display:
    plain = not sys.stdout.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    if plain:
        return PlainDisplay(options.quiet)
    from mlroad.run.live import LiveDisplay

    return LiveDisplay()


def _relative(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root).as_posix()
    except ValueError:
        return file.as_posix()


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
