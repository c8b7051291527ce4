"""The runner's side of MLflow: it talks to the recorder process, and never imports MLflow."""

import contextlib
import getpass
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mlroad.run.processes import ProcessKeeper
from mlroad.run.tracking_address import tracking_uri

_PACKAGES = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.append(sys.argv.pop(1)); from mlroad.run.mlflow_recorder import main; main()"


class Tracker:
    """Tells the recorder what happens. If the recorder fails, the run goes on without it."""

    def __init__(self, repo: Path, experiment: str, log: Path, warn: Callable[[str], None]) -> None:
        self._repo = repo
        self.experiment = experiment
        self._log = log
        self._warn = warn
        self.uri = tracking_uri(repo)
        self.run_id: str | None = None
        self._experiment_id = ""
        self._ids: dict[str, str] = {}
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: SimpleQueue[bytes] = SimpleQueue()
        self._dead = True

    def start(
        self,
        keeper: ProcessKeeper,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        datasets: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Start the recorder and the parent run; returns at once."""
        if find_spec("mlflow") is None:
            self._warn("MLflow is not installed in this environment, so this run is not tracked.")
            return
        with self._log.open("wb") as log:
            self._process = keeper.start_helper(
                [
                    sys.executable,
                    "-P",
                    "-c",
                    _START,
                    str(_PACKAGES),
                    str(self._repo / ".runs" / ".mlflow.lock"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._repo,
                env={**os.environ, "MLFLOW_TRACKING_URI": self.uri},
                # Ctrl-C is for the runner, which tells the recorder how the run ended.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self._dead = False
        for work in (self._listen, self._send):
            threading.Thread(target=work, daemon=True).start()
        artifacts = self._repo / "mlruns" / re.sub(r"[^\w.-]", "_", self.experiment)
        self._say(
            do="begin",
            experiment=self.experiment,
            artifacts=artifacts.as_uri(),
            name=name,
            tags={"mlflow.user": _user(), "mlflow.source.type": "LOCAL", **tags},
            params=dict(params),
            datasets=[dict(dataset) for dataset in datasets],
        )

    def variables(self) -> dict[str, str]:
        """The variables of a step that seems not to use MLflow: if it does, it tracks to the same place."""
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": self.experiment}

    def begin_step(self, step: str, tags: Mapping[str, str]) -> None:
        """Ask for the MLflow run of a step; `step_run` waits for it."""
        self._say(do="step", step=step, tags=dict(tags), started=_now())

    def step_variables(self, step: str) -> dict[str, str]:
        """Wait for the MLflow run of a begun step. Returns the variables with which MLflow finds it."""
        run_id = self.step_run(step)
        if run_id is None:
            return self.variables()
        return {**self.variables(), "MLFLOW_EXPERIMENT_ID": self._experiment_id, "MLFLOW_RUN_ID": run_id}

    def step_run(self, step: str) -> str | None:
        """Wait for the id of the MLflow run of a step that has begun. None if the recorder has failed."""
        with self._changed:
            self._changed.wait_for(lambda: step in self._ids or self._dead)
            return self._ids.get(step)

    def add_from_files(self, step: str, folder: Path) -> None:
        """Copy what a step has logged to a file store into its MLflow run."""
        self._say(do="add_from_files", step=step, folder=os.fspath(folder))

    def end_step(
        self, step: str, status: str, params: Mapping[str, str], started: float, tags: Mapping[str, str]
    ) -> None:
        """End the MLflow run of a step; ``started`` is in seconds since 1970."""
        self._say(
            do="end_step",
            step=step,
            status=status,
            params=dict(params),
            tags=dict(tags),
            started=int(started * 1000),
            ended=_now(),
        )

    def reused(self, step: str, earlier: str, tags: Mapping[str, str]) -> None:
        """A step was reused: its MLflow run repeats what the earlier one logged."""
        self._say(do="reused", step=step, tags={**tags, "mlroad.reused_from": earlier}, **{"from": earlier})

    def end(self, status: str) -> None:
        """End the parent run and the recorder. Waits for the store to be written."""
        if self._process is None:
            return
        self._say(do="end", status=status)
        self._requests.put(b"")
        self._process.wait()

    def _say(self, **request: Any) -> None:
        """Send a request without waiting for the recorder, which may still be importing MLflow."""
        if not self._dead:
            self._requests.put(json.dumps(request).encode() + b"\n")

    def _send(self) -> None:
        assert self._process and self._process.stdin
        with contextlib.suppress(OSError):  # the recorder has ended, which `_listen` reports
            while request := self._requests.get():
                self._process.stdin.write(request)
                self._process.stdin.flush()
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process and self._process.stdout
        finished = False
        with self._process.stdout as answers:
            for line in answers:
                answer = json.loads(line)
                with self._changed:
                    if "begin" in answer:
                        self.run_id = answer["begin"]["run_id"]
                        self._experiment_id = answer["begin"]["experiment_id"]
                    elif "step" in answer:
                        self._ids[answer["step"]] = answer["run_id"]
                    finished = finished or "end" in answer
                    self._changed.notify_all()
        with self._changed:
            self._dead = True
            self._changed.notify_all()
        if not finished:
            self._warn(f"MLflow failed, so this run is not tracked any further. See {self._log}")


def _now() -> int:
    return int(time.time() * 1000)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
