"""A process that writes a run to MLflow, so that the runner never waits for MLflow's imports.

It reads requests from standard input and answers on standard output, one JSON object per line:

    {"do": "begin", "experiment": …, "artifacts": uri, "name": …, "tags": {…}, "params": {…},
     "datasets": [{"name": …, "digest": …, "source": …, "profile": …}]}
                                                    answers {"begin": {"run_id": …, "experiment_id": …}}
    {"do": "step", "step": …, "tags": {…}, "started": ms}    answers {"step": …, "run_id": …}
    {"do": "reused", "step": …, "from": run id, "tags": {…}}    repeats an earlier run's metrics and params
    {"do": "add_from_files", "step": …, "folder": …}    copies what the step has logged to a file store
    {"do": "end_step", "step": …, "status": …, "params": {…}, "ended": ms}
    {"do": "end", "status": …}                      answers {"end": true} and ends

If its input ends without "end", the runner has died: the open MLflow runs become KILLED.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from mlroad.core.files import remove
from mlroad.core.locks import locked


class Recorder:
    """The parent run of a pipeline and the child runs of its steps."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._client: Any = None
        self._experiment = ""
        self._parent = ""
        self._steps: dict[str, str] = {}

    def begin(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open the store (two runs at once must not create it twice), and start the parent run."""
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        with locked(self._lock):
            self._client = MlflowClient()
            found = self._client.get_experiment_by_name(request["experiment"])
            if found is None:
                uri = os.environ["MLFLOW_TRACKING_URI"]
                place = request["artifacts"] if uri.startswith("sqlite:") else None
                try:
                    self._experiment = self._client.create_experiment(
                        request["experiment"], artifact_location=place
                    )
                except MlflowException:  # on a server, another client may have created it first
                    found = self._client.get_experiment_by_name(request["experiment"])
        if found is not None:
            self._experiment = found.experiment_id
        run = self._client.create_run(self._experiment, tags=request["tags"], run_name=request["name"])
        self._parent = run.info.run_id
        for name, value in request["params"].items():
            self._client.log_param(self._parent, name, value)
        self._log_inputs(request["datasets"])
        return {"begin": {"run_id": self._parent, "experiment_id": self._experiment}}

    def step(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start the child run of a step."""
        return {"step": request["step"], "run_id": self._start(request)}

    def reused(self, request: dict[str, Any]) -> None:
        """Add a finished child run with what the earlier run of the same step logged."""
        from mlflow.entities import Metric, Param
        from mlflow.exceptions import MlflowException

        run_id = self._start(request)
        try:
            earlier = self._client.get_run(request["from"])
        except MlflowException:  # deleted since
            earlier = None
        if earlier:
            metrics = [Metric(m, v, earlier.info.end_time or 0, 0) for m, v in earlier.data.metrics.items()]
            params = [Param(name, value) for name, value in earlier.data.params.items()]
            self._client.log_batch(run_id, metrics=metrics, params=params)
        self._client.set_terminated(run_id, "FINISHED")
        del self._steps[request["step"]]

    def add_from_files(self, request: dict[str, Any]) -> None:
        """Copy the runs of a file store: the first into the step's run, further ones as its children."""
        from mlflow.entities import Param, RunTag
        from mlflow.tracking import MlflowClient

        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        uri = Path(request["folder"]).as_uri()
        source = MlflowClient(tracking_uri=uri, registry_uri=uri)
        experiments = [it.experiment_id for it in source.search_experiments()]
        step = self._steps[request["step"]]
        runs = source.search_runs(experiments, order_by=["attributes.start_time"])
        for number, run in enumerate(runs):
            tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
            run_id = self._child(step, run) if number else step
            values = (source.get_metric_history(run.info.run_id, name) for name in run.data.metrics)
            metrics = [value for history in values for value in history]
            params = [Param(name, value) for name, value in run.data.params.items()]
            self._client.log_batch(run_id, metrics, params, [RunTag(*tag) for tag in tags.items()])
            artifacts = Path(request["folder"], run.info.experiment_id, run.info.run_id, "artifacts")
            if artifacts.is_dir() and any(artifacts.iterdir()):
                self._client.log_artifacts(run_id, str(artifacts))
            if number:
                self._client.set_terminated(run_id, run.info.status, run.info.end_time)
        remove(Path(request["folder"]))

    def end_step(self, request: dict[str, Any]) -> None:
        """End a step's run. Its inputs become parameters, unless the step has logged one of that name."""
        run_id = self._steps.get(request["step"]) or self._start(request)
        logged = self._client.get_run(run_id).data.params
        for name, value in request["params"].items():
            if name not in logged:
                self._client.log_param(run_id, name, value)
        self._client.set_terminated(run_id, request["status"], request["ended"])
        del self._steps[request["step"]]

    def end(self, request: dict[str, Any]) -> dict[str, Any]:
        """End the parent run and the child runs that are still open."""
        for run_id in self._steps.values():
            self._client.set_terminated(run_id, "KILLED")
        if self._parent:
            self._client.set_terminated(self._parent, request["status"])
        return {"end": True}

    def _log_inputs(self, datasets: list[dict[str, str]]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag
        from mlflow.exceptions import MlflowException

        use = [InputTag("mlflow.data.context", "pipeline")]
        given = [DatasetInput(Dataset(source_type="azureml", **about), use) for about in datasets]
        if given:
            # Older servers have no inputs; the tags of the run name the datasets too.
            with contextlib.suppress(MlflowException):
                self._client.log_inputs(self._parent, given)

    def _child(self, step: str, run: Any) -> str:
        tags = {"mlflow.parentRunId": step}
        made = self._client.create_run(self._experiment, run.info.start_time, tags, run.info.run_name)
        return str(made.info.run_id)

    def _start(self, request: dict[str, Any]) -> str:
        tags = {**request["tags"], "mlflow.parentRunId": self._parent}
        run = self._client.create_run(
            self._experiment, start_time=request.get("started"), tags=tags, run_name=request["step"]
        )
        self._steps[request["step"]] = run.info.run_id
        return str(run.info.run_id)


def main() -> None:
    """Serve one run. Standard output is reserved for answers; libraries print to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    recorder = Recorder(Path(sys.argv[1]))
    last: dict[str, Any] = {}
    for line in sys.stdin:
        last = json.loads(line)
        answer = getattr(recorder, last["do"])(last)
        if answer is not None:
            answers.write(json.dumps(answer) + "\n")
    if last.get("do") != "end":
        recorder.end({"status": "KILLED"})
