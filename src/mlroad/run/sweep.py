"""`mlroad sweep`: a run for each point, several at once. Steps that do not depend on the point run once."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlroad.core.run_folders import read_record, runs_of
from mlroad.core.signals import raising
from mlroad.core.text import count, duration
from mlroad.pipeline.model import PipelineJob
from mlroad.run.engine import Interrupted
from mlroad.run.launch import checked
from mlroad.run.make_plan import make_plan
from mlroad.run.overrides import given_values, override
from mlroad.run.plan import Joined, PlannedStep, Text
from mlroad.run.run_options import RunOptions
from mlroad.run.run_state import GOOD
from mlroad.run.run_values import metrics_of
from mlroad.run.sweep_points import Point


@dataclass(slots=True)
class SweepRun:
    """One point and its run."""

    point: Point
    values: Mapping[str, str]
    """The values by short name."""
    run: str | None = None
    state: str = "not started"
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    """What a run that did not start printed."""

    @property
    def name(self) -> str:
        """The values in one line."""
        return ", ".join(f"{name}={value}" for name, value in self.values.items())


class Sweep:
    """The runs of one sweep. Call ``run`` once."""

    def __init__(
        self, file: Path, points: Sequence[Point], inputs: tuple[str, ...], at_once: int | None
    ) -> None:
        """Check the pipeline and all points. Raises UserError before anything starts."""
        self._file = file
        self._inputs = inputs
        job = checked(file, RunOptions(sets=points[0], inputs=inputs))
        self._shared = _shared([override(job, point, ()) for point in points])
        self.runs = [SweepRun(point, given_values(point)) for point in points]
        processors = os.cpu_count() or 1
        self.at_once = min(at_once or max(1, min(4, processors)), len(points))
        self._jobs = max(1, processors // self.at_once)
        self._ready = threading.Event()
        self._broken = threading.Event()
        self._stopped = threading.Event()
        self._children: set[subprocess.Popen[str]] = set()

    def run(self, tell: Callable[[str], None]) -> int:
        """Run all points; ``tell`` prints a line. Returns the exit code of the command."""
        tell(f"{count(len(self.runs), 'run')}, up to {self.at_once} at a time")
        if self._shared:
            tell(f"once for all runs: {', '.join(self._shared)}")
        code = 0
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                with raising(Interrupted):
                    waiting = [pool.submit(self._one, self.runs[0], tell)]
                    # A long wait cannot be interrupted on Windows.
                    while not (self._ready.wait(0.2) or waiting[0].done()):
                        pass
                    if waiting[0].done():
                        waiting[0].result()
                    if not self._broken.is_set():
                        waiting += [pool.submit(self._one, run, tell) for run in self.runs[1:]]
                    _wait_for(waiting)
            except (Interrupted, KeyboardInterrupt) as stopped:
                code = 128 + getattr(stopped, "number", 2)
                self._stopped.set()
                for child in [*self._children]:
                    child.terminate()
        metrics = self._metrics()
        for run in self.runs:
            run.metrics = metrics.get(run.run or "", {})
        return code or int(any(run.state != "completed" for run in self.runs))

    def _one(self, run: SweepRun, tell: Callable[[str], None]) -> None:
        if self._stopped.is_set():
            return
        options = [word for option in run.point for word in ("--set", option)]
        options += [word for option in self._inputs for word in ("--input", option)]
        command = [sys.executable, "-m", "mlroad", "run", str(self._file), "--events", *options]
        started = time.monotonic()
        with subprocess.Popen(
            [*command, "--jobs", str(self._jobs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as child:
            assert child.stdout and child.stderr
            self._children.add(child)
            left = set(self._shared)
            for line in child.stdout:
                if line.startswith("{"):  # other lines are for people, such as that a file is downloaded
                    self._heard(run, json.loads(line), left)
            run.problem = child.stderr.read().strip()
        self._children.discard(child)
        run.seconds = time.monotonic() - started
        run.state = {0: "completed", 1: "failed"}.get(child.returncode, "cancelled" if run.run else "failed")
        if run is self.runs[0]:
            self._ready.set()
        tell(f"{run.name}: {run.state} after {duration(run.seconds)}{self._why(run)}")

    def _heard(self, run: SweepRun, event: Mapping[str, str], left: set[str]) -> None:
        """Note an event. The other runs start when the first one has done what all of them share."""
        run.run = event.get("run", run.run)
        step = event.get("step")
        if run is not self.runs[0] or (step and step not in left):
            return
        if step:
            left.discard(step)
            if event["state"] not in GOOD:
                self._broken.set()
        if not left:
            self._ready.set()

    def _why(self, run: SweepRun) -> str:
        if run.problem:
            return f"\n  {run.problem}"
        if run.state != "failed" or run.run is None:
            return ""
        record = read_record(runs_of(self._file) / run.run) or {}
        bad = [(name, step) for name, step in record.get("steps", {}).items() if step["state"] == "failed"]
        return "".join(f"\n  {name}: {step['reason']}; log: {self._log(run, step)}" for name, step in bad)

    def _log(self, run: SweepRun, step: Mapping[str, Any]) -> str:
        return (runs_of(self._file) / str(run.run) / str(step["log"])).as_posix()

    def _metrics(self) -> dict[str, dict[str, float]]:
        runs = runs_of(self._file)
        records = [record for run in self.runs if run.run and (record := read_record(runs / run.run))]
        return metrics_of(records, runs.parent.parent)


def _wait_for(waiting: Sequence[Future[None]]) -> None:
    for one in waiting:
        while not one.done():
            time.sleep(0.05)
        one.result()


def _shared(jobs: Sequence[PipelineJob]) -> list[str]:
    """The steps that are the same for all points, and need only such steps."""
    plans = [make_plan(job).steps for job in jobs]
    shared: list[str] = []
    for name, step in plans[0].items():
        same = all(_essence(plan[name]) == _essence(step) for plan in plans)
        if same and all(need in shared for need in step.needs):
            shared.append(name)
    return shared


def _essence(step: PlannedStep) -> object:
    """What an override can change in a step, without positions in files."""

    def plain(source: object) -> object:
        if isinstance(source, Text):
            return source.text
        if isinstance(source, Joined):
            return tuple(map(plain, source.parts))
        return getattr(source, "path", None) or (getattr(source, "step", ""), getattr(source, "output", ""))

    return {name: plain(source) for name, source in step.inputs.items()}, dict(step.environment_variables)
