"""Pipeline jobs: submitted, queried, cancelled. A job advances by one state each time its steps are queried.

Shapes: Job/PipelineJob/createOrUpdate of preview/2024-01-01-preview and Job/cancel of 2023-04-01-preview. The
nodes of a pipeline (properties.jobs) have no published schema; they are as azure-ai-ml 1.35.2 sends them. Run
history has no published specification either; its shapes are those that azure-ai-ml's client for it reads
(`_restclient/runhistory/models`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.azure.loopback.arm import AUDIENCE, DATAPLANE, PROVIDER, SYSTEM_DATA, WORKSPACE, WORKSPACE_ID, Arm
from tests.azure.loopback.assets import Assets
from tests.azure.loopback.blobs import Blobs
from tests.azure.loopback.computes import Computes
from tests.azure.loopback.entra import Entra
from tests.azure.loopback.server import Request, Response, arm_error

AML_AUDIENCE = "https://ml.azure.com"
_KNOWN = {
    "componentId", "computeId", "description", "displayName", "experimentName", "identity", "inputs",
    "isArchived", "jobType", "jobs", "notificationSetting", "outputs", "properties", "services", "settings",
    "sourceJobId", "tags",
}  # fmt: skip
_DATA_TYPES = {"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"}
_INPUT_TYPES = {"literal"} | _DATA_TYPES
_DONE = ("Completed", "Failed", "Canceled")
_TIME = "2026-01-01T00:{:02d}:{:02d}.0000000Z"

Produce = Callable[[str, str], Mapping[str, bytes]]
"""Maps an output's name and type to the files that the job writes there: ``{"": …}`` for a single file."""


@dataclass
class Job:
    """A submitted job and its progress."""

    properties: dict[str, Any]
    status: str = "NotStarted"
    steps: dict[str, str] = field(default_factory=dict)


@dataclass
class Jobs:
    """The jobs of a workspace. Tests configure what the jobs do before they are submitted."""

    arm: Arm
    entra: Entra
    blobs: Blobs
    environments: Assets
    components: Assets
    computes: Computes
    produce: Produce = lambda _name, _type: {}
    fails: dict[str, str] = field(default_factory=dict)
    """Steps that fail, and the service's error message."""
    never_begins: str = ""
    """The error that keeps all steps of the job from starting."""
    hangs: bool = False
    """Whether jobs run until they are cancelled."""
    silent: int = 0
    """How many times the job is NotResponding before it completes."""
    cancelled_by_itself: bool = False
    """Whether someone cancels the running job in the portal."""
    cancel_takes: int = 1
    """How many requests a cancelled job takes to become Canceled."""
    stored: dict[str, Job] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    """The text of each step's log, for the run's details."""

    def __post_init__(self) -> None:
        self.arm.route("PUT", "/jobs/(?P<name>[^/]+)", self._put)
        self.arm.route("GET", "/jobs/(?P<name>[^/]+)", self._get)
        self.arm.route("POST", "/jobs/(?P<name>[^/]+)/cancel", self._cancel)
        self.arm.route("GET", "/jobOperationResults/(?P<name>[^/]+)", lambda _r, _f: Response(200, b""))

    def _put(self, request: Request, found: Mapping[str, str]) -> Response:
        properties = request.json().get("properties") or {}
        problem = self._problem(request, properties)
        if problem:
            return arm_error(400, "UserError", problem)
        old = self.stored.get(found["name"])
        if old is None:
            steps = dict.fromkeys(properties["jobs"], "NotStarted")
            self.stored[found["name"]] = Job(properties, steps=steps)
        elif old.properties != properties:
            return arm_error(400, "UserError", "A job with this name already exists.")
        return Response(200 if old else 201, self._resource(found["name"]))

    def _problem(self, request: Request, properties: Mapping[str, Any]) -> str | None:
        if not self.entra.is_good(request.headers.get("x-azureml-token", ""), AML_AUDIENCE):
            return "A pipeline job needs the user's token in x-azureml-token."
        wrong = sorted(set(properties) - _KNOWN)
        if wrong or properties.get("jobType") != "Pipeline":
            return f"Not in a pipeline job: {wrong or 'this jobType'}."
        if not properties.get("jobs"):
            return "A pipeline needs steps."
        if not all(isinstance(text, str) for text in (properties.get("tags") or {}).values()):
            return "Tags are texts."
        for name, given in (properties.get("inputs") or {}).items():
            if given.get("jobInputType") not in _INPUT_TYPES:
                return f"Input {name} has no jobInputType."
            if given["jobInputType"] != "literal" and not self._is_data(given.get("uri", "")):
                return f"Input {name}: there is no data {given.get('uri')}."
        for name, output in (properties.get("outputs") or {}).items():
            if output.get("jobOutputType") not in _DATA_TYPES:
                return f"Output {name} has no jobOutputType."
        for name, node in properties["jobs"].items():
            if not self.components.has(str(node.get("componentId"))):
                return f"Step {name}: there is no component {node.get('componentId')}."
            where = node.get("computeId") or (properties.get("settings") or {}).get("default_compute")
            where = where or properties.get("computeId")
            if not self._is_compute(str(where)):
                return f"Step {name}: there is no compute {where}."
        return None

    def _is_data(self, uri: str) -> bool:
        found = re.fullmatch(rf"(?:azureml:)?{re.escape(WORKSPACE_ID)}/data/([^/]+)/versions/([^/]+)", uri)
        return bool(found and (found[1], found[2]) in self.arm.data) or uri.startswith(
            "azureml://datastores/"
        )

    def _is_compute(self, where: str) -> bool:
        name = where.rpartition("/")[2]
        return name == "serverless" or name in self.computes.stored

    def _get(self, _request: Request, found: Mapping[str, str]) -> Response:
        job = self.stored.get(found["name"])
        if job is None:
            return arm_error(404, "UserError", f"Job {found['name']} not found.")
        return Response(200, self._resource(found["name"]))

    def tick(self, name: str) -> None:
        """Advance by one state: each step is Queued, then Running, then done; then the next step begins."""
        job = self.stored[name]
        if job.status in _DONE:
            return
        if job.status == "CancelRequested":
            self.cancel_takes -= 1
            if self.cancel_takes <= 0:
                job.status = "Canceled"
                job.steps = {key: s if s == "Completed" else "Canceled" for key, s in job.steps.items()}
            return
        job.status = {"NotStarted": "Preparing"}.get(job.status, "Running")
        if job.status != "Running":
            return
        if self.never_begins:
            job.status = "Failed"
            return
        for step, state in job.steps.items():
            if state == "Completed":
                continue
            if state == "Running" and self.hangs:
                return
            if state == "Running" and self.cancelled_by_itself:
                job.status = job.steps[step] = "Canceled"
                return
            if state == "Running" and step in self.fails:
                job.steps[step] = job.status = "Failed"
                return
            job.steps[step] = {"NotStarted": "Queued", "Queued": "Running"}.get(state, "Completed")
            return
        self.silent -= 1
        job.status = "Completed" if self.silent < 0 else "NotResponding"
        if job.status == "Completed":
            self._leave_outputs(job)

    def _leave_outputs(self, job: Job) -> None:
        for name, output in job.properties["outputs"].items():
            found = re.fullmatch(r"azureml://(?:.*/)?datastores/([^/]+)/paths/(.+)", output["uri"])
            assert found, output
            store = self.arm.datastores[found[1]]
            for file, content in self.produce(name, output["jobOutputType"]).items():
                path = found[2].rstrip("/") + (f"/{file}" if file else "")
                self.blobs.put(store.account, store.container, path, content)

    def _cancel(self, _request: Request, found: Mapping[str, str]) -> Response:
        job = self.stored.get(found["name"])
        if job is None:
            return arm_error(404, "UserError", f"Job {found['name']} not found.")
        if job.status not in _DONE:
            job.status = "CancelRequested"
        where = f"{AUDIENCE}{WORKSPACE_ID}/jobOperationResults/{found['name']}?api-version=2023-04-01-preview"
        return Response(202, b"", {"Location": where, "Retry-After": "1"})

    def _resource(self, name: str) -> dict[str, Any]:
        job = self.stored[name]
        endpoint = f"https://ml.azure.com/runs/{name}?wsid={WORKSPACE_ID}"
        services = {"Studio": {"jobServiceType": "Studio", "endpoint": endpoint}}
        return {
            "id": f"{WORKSPACE_ID}/jobs/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/jobs",
            "properties": {**job.properties, "status": job.status, "services": services},
            "systemData": SYSTEM_DATA,
        }


class History:
    """Run history: the children of a job, and the details of each."""

    def __init__(self, jobs: Jobs, logs: str) -> None:
        self._jobs = jobs
        self._logs = logs
        """The URL of a step's log, with ``{}`` for the step."""

    def __call__(self, request: Request) -> Response:
        if request.path == "/discovery":
            return Response(200, {"api": f"https://{DATAPLANE}", "history": f"https://{DATAPLANE}"})
        if not self._jobs.entra.accepts(request, AUDIENCE):
            return _error(401, "Token is invalid.")
        found = re.fullmatch(
            rf"/history/v1\.0{re.escape(WORKSPACE_ID)}/runs/([^/]+)(/\w+)?", request.path, re.IGNORECASE
        )
        if not found or request.method != "GET":
            return _error(404, f"{request.method} {request.path} is not spoken here.")
        run, what = found[1], found[2] or ""
        if what == "/children" and run in self._jobs.stored:
            children = [self._run(run, step) for step in self._children(run)]
            self._jobs.tick(run)
            return Response(200, {"value": children})
        if what == "/details":
            for job in self._jobs.stored:
                for step in self._children(job):
                    if run == f"{job}.{step}":
                        return Response(200, self._details(job, step))
            if run in self._jobs.stored:
                about = {"runId": run, "status": self._jobs.stored[run].status}
                return Response(200, {**about, "error": _failure(self._jobs.never_begins)})
        return _error(404, f"Run {run} was not found.")

    def _children(self, job: str) -> list[str]:
        return [step for step, state in self._jobs.stored[job].steps.items() if state != "NotStarted"]

    def _run(self, job: str, step: str) -> dict[str, Any]:
        properties = self._jobs.stored[job].properties
        return {
            "runId": f"{job}.{step}",
            "parentRunId": job,
            "rootRunId": job,
            "experimentId": "experiment",
            "status": self._jobs.stored[job].steps[step],
            "displayName": properties["jobs"][step].get("display_name") or step,
            "createdUtc": _TIME.format(0, 0),
            "properties": {"azureml.moduleName": step, "azureml.rootpipelinerunid": job},
            "tags": {},
            "runType": "azureml.StepRun",
        }

    def _details(self, job: str, step: str) -> dict[str, Any]:
        number = list(self._jobs.stored[job].steps).index(step)
        state = self._jobs.stored[job].steps[step]
        error = _failure(self._jobs.fails[step]) if state == "Failed" else None
        return {
            "runId": f"{job}.{step}",
            "status": state,
            "startTimeUtc": _TIME.format(number, 0),
            "endTimeUtc": _TIME.format(number, 30) if state in _DONE else None,
            "error": error,
            "logFiles": {"user_logs/std_log.txt": self._logs.format(step)} if step in self._jobs.logs else {},
        }


def _failure(message: str) -> dict[str, Any] | None:
    return {"error": {"code": "UserError", "message": message}, "correlation": {}} if message else None


def _error(status: int, message: str) -> Response:
    """An error in the form of run history."""
    body = {"error": {"code": "UserError", "message": message}, "correlation": {"operation": WORKSPACE}}
    return Response(status, body)
