"""`mlroad train --target azureml`: pipeline.yml as a job of Azure ML, and its outputs as a run here."""

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from mlroad.azure.client import connect
from mlroad.azure.compute import ensure_compute
from mlroad.azure.data_assets import DataAssets
from mlroad.azure.environment_assets import Environments
from mlroad.azure.errors import AzureError, plain_errors
from mlroad.azure.follow_job import DONE, SILENT, JobFollower, Stopped, in_words
from mlroad.azure.job import load, place_outputs, portal_url, step_names, submit
from mlroad.azure.job_record import JobRecord
from mlroad.azure.storage import default_datastore, download, parse_address
from mlroad.azure.workspace import Workspace
from mlroad.core.factory_settings import load_settings
from mlroad.core.run_folders import RunFolder
from mlroad.core.signals import raising
from mlroad.data.store import find
from mlroad.data.version import DatasetVersion
from mlroad.pipeline.model import DataAsset
from mlroad.run.launch import checked
from mlroad.run.make_plan import make_plan
from mlroad.run.model_folder import ModelFolder, Stage
from mlroad.run.plan import Plan
from mlroad.run.run_options import RunOptions
from mlroad.run.train_locally import note_candidate

_LINES_OF_A_LOG = 20


def train_on_azure(model: ModelFolder, stage: Stage, *, create_compute: bool = False) -> int:
    """Train on Azure ML with the data of ``stage``. Returns the exit code of the command.

    0 done, 1 the job failed or was cancelled in Azure ML, 130 or 143 stopped here (the job is cancelled).
    Raises UserError for a mistake in the model folder or the settings, AzureError if Azure refuses or fails.
    """
    inputs = tuple(f"{name}={version}" for name, version in model.data(stage).items())
    plan = make_plan(checked(model.path / "pipeline.yml", RunOptions(inputs=inputs)))
    settings = load_settings(model.root)
    training: _Training | None = None
    with raising(Stopped):
        try:
            assets = DataAssets(model.root)
            data = _registered(assets, model, plan)
            ensure_compute(
                assets.client, assets.workspace, settings.compute, create=create_compute, tell=_tell
            )
            training = _Training(model, stage, plan, data, assets, settings.compute)
            return training.run()
        except Stopped as stopped:
            if training is None:
                _tell("Stopped before anything was submitted.")
            return 128 + stopped.number


def _registered(assets: DataAssets, model: ModelFolder, plan: Plan) -> dict[str, DatasetVersion]:
    """Register the dataset versions that the pipeline reads as data assets. Returns the versions by input."""
    found: dict[str, DatasetVersion] = {}
    for name, source in plan.inputs.items():
        if isinstance(source, DataAsset) and source.version:
            found[name] = find(model.root, f"{source.name}:{source.version}")
            made = assets.register(found[name])
            _tell(f"data {found[name].id} {'is now registered' if made.is_new else 'is registered already'}")
    return found


class _Training:
    """One job, from its submission to the candidate."""

    def __init__(
        self,
        model: ModelFolder,
        stage: Stage,
        plan: Plan,
        data: Mapping[str, DatasetVersion],
        assets: DataAssets,
        compute: str,
    ) -> None:
        self._model, self._stage = model, stage
        self._client, self._workspace = assets.client, assets.workspace
        self._job = load(model.path / "pipeline.yml", data, compute)
        environments = Environments(self._client, self._workspace, _tell).use_in(self._job)
        with plain_errors("Asking for the default datastore", self._workspace):
            datastore = default_datastore(self._client)
        folder = RunFolder(model.runs)
        self._record = JobRecord(folder, model.root, plan, data, environments)
        self._name_it()
        self._places = place_outputs(self._job, datastore, model.name)
        self._follower = JobFollower(
            self._workspace, self._job.name, step_names(self._job), _tell, self._note_states
        )

    def run(self) -> int:
        """Submit the job, follow it and fetch its outputs. Returns the exit code."""
        state, code = "failed", 2
        try:
            self._record.write()
            self._submit()
            code = self._follow()
            if code == 0:
                state = "completed"
            elif self._follower.state == "Canceled":
                state = "cancelled"
        except Stopped as stopped:
            state, code = "cancelled", 128 + stopped.number
            self._stop()
        except AzureError:
            if self._record.job and self._follower.state not in DONE:
                how_to_cancel = _how_to_cancel(self._job.name, self._workspace)
                url = self._record.job["url"]
                _tell(f"\nThe job goes on, but is not followed any more: {url}\n{how_to_cancel}")
            raise
        finally:
            self._record.end(state, code)
        if code == 0:
            about = {"name": self._job.name, "url": self._record.job["url"]}
            note_candidate(self._model, self._record.folder.path, self._stage, target="azureml", job=about)
        return code

    def _name_it(self) -> None:
        """Set a unique name and tags, so that people find the job and Azure ML refuses to run it twice."""
        record, job = self._record, self._job
        job.name = f"{self._model.name}-{self._stage}-{record.folder.id}-{secrets.token_hex(2)}"
        job.display_name = f"{self._model.name} on {self._stage} data"
        job.experiment_name = job.experiment_name or self._model.name
        commit = record.git["commit"] or "none"
        digests = {f"dataset.{version.id}": str(version.digest) for version in record.data.values()}
        own = {
            "mlroad.run.model_folder": self._model.name,
            "mlroad.stage": self._stage,
            "mlroad.commit": commit + ("-dirty" if record.git["dirty"] else ""),
            "mlroad.run": record.folder.id,
        }
        job.tags = {**(job.tags or {}), **own, **digests}

    def _submit(self) -> None:
        _tell(f"submitting {self._job.name}")
        job = submit(self._workspace, self._job)
        self._record.job = {"name": self._job.name, "url": portal_url(job, self._workspace)}
        self._record.write()
        _tell(f"\n{self._record.job['url']}\n")

    def _follow(self) -> int:
        state = self._follower.until_done()
        url = self._record.job["url"]
        if state in ("Completed", "Finished"):
            self._note_details()
            self._fetch()
            return 0
        if state == "Canceled":
            _tell(f"\nThe job was cancelled in Azure ML, so there is no candidate. {url}")
        elif state == SILENT:
            _tell(f"\nThe compute of the job has not responded for 15 minutes. {url}")
            _tell(f"It may still run and cost money. {_how_to_cancel(self._job.name, self._workspace)}")
        else:
            self._note_details()
            _tell("\n".join(["", "The job failed.", *self._reasons(), url]))
        return 1

    def _note_states(self) -> None:
        for name, child in self._follower.steps.items():
            self._record.set_state(name, child.state)
        self._record.write()

    def _note_details(self) -> None:
        """Record the times, errors and logs of the steps, as far as run history has them."""
        for name in self._follower.steps:
            details = self._follower.details(name)
            if details is None:
                continue
            self._record.set_times(name, details.start_time_utc, details.end_time_utc)
            self._record.step(name).reason = _error(details) or ""
            log = _log(details.log_files or {})
            if log is not None and re.fullmatch(r"[\w.-]+", name):
                (self._record.folder.path / "logs" / f"{name}.txt").write_bytes(log)

    def _reasons(self) -> Iterator[str]:
        failed = [name for name, child in self._follower.steps.items() if child.state == "Failed"]
        if not failed:  # there was no compute, or the image could not be built
            yield from filter(None, [_error(self._follower.details(None))])
        for name in failed:
            reason = self._record.step(name).reason
            yield f"The step {name} failed{f': {reason}' if reason else '.'}"
            log = self._record.folder.path / "logs" / f"{name}.txt"
            if log.exists():
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                yield from (f"  {name} | {line}" for line in lines[-_LINES_OF_A_LOG:])

    def _fetch(self) -> None:
        """Fetch the outputs. Raises AzureError; then the run does not become a candidate."""
        _tell("")
        # The token from before the job may have expired.
        client = connect(self._workspace)
        outputs = self._record.folder.path / "outputs"
        for name, place in self._places.items():
            type_ = self._job.outputs[name].type
            address = parse_address(self._model.root, place)
            with plain_errors(f"Fetching the output {name}", self._workspace):
                download(client, address, type_ == "uri_file", outputs, name)
            self._record.add_output(name, type_)
            _tell(f"fetched outputs/{name}")

    def _stop(self) -> None:
        """Cancel the job. A second signal ends the command at once."""
        if self._follower.state in ("Completed", "Finished"):
            _tell(
                "\nStopped. The job had finished: its outputs are in Azure, and there is no candidate here."
            )
            return
        how_to_cancel = _how_to_cancel(self._job.name, self._workspace)
        try:
            _tell(f"\nCancelling {self._job.name} (press Ctrl-C again to exit now) …")
            state = self._follower.cancel()
        except Stopped:
            _tell(f"Stopped. The job may still run and cost money. {how_to_cancel}")
        except AzureError as error:
            _tell(f"{error}\nThe job may still run and cost money. {how_to_cancel}")
        else:
            if not state:
                _tell("The job had not been submitted yet.")
            elif state == "Canceled":
                _tell("The job is cancelled.")
            else:
                _tell(f"The job is {in_words(state)}. {how_to_cancel}")


def _how_to_cancel(job: str, workspace: Workspace) -> str:
    return (
        f"To cancel it: `az ml job cancel --name {job} --resource-group {workspace.group} "
        f"--workspace-name {workspace.name} --subscription {workspace.subscription}`"
    )


def _error(details: Any | None) -> str | None:
    """The error message in run history."""
    said = getattr(getattr(getattr(details, "error", None), "error", None), "message", None)
    return str(said) if said else None


def _log(files: Mapping[str, str]) -> bytes | None:
    """The log of a step; None if it cannot be read."""
    from azure.core.exceptions import AzureError as ClientError
    from azure.storage.blob import BlobClient

    url = files.get("user_logs/std_log.txt")
    if not url:
        return None
    try:
        return bytes(BlobClient.from_blob_url(url).download_blob().readall())
    except ClientError:
        return None


def _tell(text: str) -> None:
    print(text, flush=True)
