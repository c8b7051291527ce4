"""`mlroad train --target azureml` when the job, Azure or the sign-in fails, or the user interrupts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.server import Response, arm_error
from tests.azure.models.conftest import Factory

pytestmark = pytest.mark.slow
VARIABLES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")
JOB = r"/jobs/[^/]+$"


def the_record(repo: Path) -> dict[str, Any]:
    (folder,) = (repo / ".runs" / "tiny").iterdir()
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return loaded


def is_candidate(repo: Path) -> bool:
    return bool(list(repo.glob(".runs/tiny/*/train.json")))


def test_a_step_fails(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.jobs.fails = {"train": "Execution failed. User process 'python' exited with status code 1."}
    cloud.jobs.logs = {"train": "x"}
    cloud.blobs.put("mlstore", "azureml-logs", "train.txt", b"a\nValueError: no such column\n")
    done = factory.train()
    assert done.exit_code == 1
    assert "The step train failed: Execution failed. User process 'python' exited" in done.out
    assert "train | ValueError: no such column" in done.out
    assert "https://ml.azure.com/runs/tiny-dev-" in done.out
    found = the_record(tiny)
    assert (found["state"], found["exit_code"]) == ("failed", 1)
    assert found["steps"]["prep"]["state"] == "completed"
    assert found["steps"]["train"]["state"] == "failed"
    assert found["steps"]["train"]["reason"].startswith("Execution failed")
    assert not is_candidate(tiny)


def test_no_step_starts(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.jobs.never_begins = "Image build failed. For more details check the log file."
    done = factory.train()
    assert done.exit_code == 1
    assert "The job failed.\nImage build failed. For more details" in done.out
    assert the_record(tiny)["state"] == "failed"


@pytest.mark.parametrize(
    ("setting", "state", "said"),
    [
        ({"cancelled_by_itself": True}, "cancelled", "The job was cancelled in Azure ML"),
        ({"silent": 10_000}, "failed", "has not responded for 15 minutes"),
    ],
)
def test_the_job_ends_without_success(
    cloud: Cloud, tiny: Path, factory: Factory, setting: dict[str, Any], state: str, said: str
) -> None:
    for name, value in setting.items():
        setattr(cloud.jobs, name, value)
    done = factory.train()
    assert done.exit_code == 1
    assert said in done.out
    assert the_record(tiny)["state"] == state
    assert not is_candidate(tiny)


def test_a_compute_that_responds_again(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.jobs.silent = 3
    done = factory.train()
    assert done.exit_code == 0, done.out
    assert "job: not responding" in done.out
    assert is_candidate(tiny)


def test_throttled_while_it_is_submitted_and_followed(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    busy = lambda: arm_error(429, "TooManyRequests", "Slow down.", Retry_After="1")  # noqa: E731
    cloud.proxy.fail("PUT", JOB, busy)
    cloud.proxy.fail("GET", "/children$", busy)
    done = factory.train()
    assert done.exit_code == 0, done.err
    assert done.err.count("Azure is busy or has an error: trying again in 1 s.") == 2
    first, second = cloud.proxy.asked("PUT", JOB)
    assert (first.status, second.status) == (429, 201)
    assert second.at - first.at >= 1
    assert len(cloud.jobs.stored) == 1
    assert is_candidate(tiny)


@pytest.mark.usefixtures("no_waits")
def test_service_errors_are_retried(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    broken = lambda: arm_error(500, "InternalError", "Something broke.")  # noqa: E731
    cloud.proxy.fail("PUT", "/components/", broken)
    cloud.proxy.fail("GET", JOB, broken, times=2)
    assert factory.train().exit_code == 0
    assert len(cloud.jobs.stored) == 1


@pytest.mark.usefixtures("no_waits")
def test_a_long_fault_does_not_lose_the_job(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    """The fault outlasts the client's own retries (five per request); mlroad then sends the next request."""
    cloud.proxy.fail("GET", JOB, lambda: arm_error(503, "Busy", "Not now."), times=5)
    done = factory.train()
    assert done.exit_code == 0, done.err
    assert "The job goes on; trying again." in done.out


def test_the_token_expires_in_the_middle(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    begun = threading.Event()
    tick = cloud.jobs.tick

    def revoke(name: str) -> None:
        tick(name)
        if cloud.jobs.stored[name].steps["prep"] == "Running" and not begun.is_set():
            begun.set()
            cloud.entra.revoke_all()

    cloud.jobs.tick = revoke  # type: ignore[method-assign]  # the cloud's, not ours
    done = factory.train()
    assert done.exit_code == 0, done.out + done.err
    assert begun.is_set()
    assert "signing in again" in done.out
    assert [seen for seen in cloud.proxy.log if seen.status == 401]
    assert is_candidate(tiny)


def test_a_sign_in_that_cannot_be_renewed(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.proxy.fail("GET", JOB, lambda: arm_error(401, "InvalidAuthenticationToken", "Expired."), times=99)
    done = factory.train()
    assert done.exit_code == 2
    assert "Sign in again (`az login`)" in done.err
    assert "The job goes on, but is not followed any more: https://ml.azure.com/runs/" in done.out
    assert "az ml job cancel --name" in done.out
    assert the_record(tiny)["state"] == "failed"


def test_no_permission_to_submit(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.proxy.fail("PUT", JOB, lambda: arm_error(403, "AuthorizationFailed", "No action."), times=99)
    done = factory.train()
    assert done.exit_code == 2
    assert "AzureML Data Scientist" in done.err
    assert not is_candidate(tiny)


def test_a_failed_upload_of_code_ends_the_training(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    """azure-ai-ml alone would wait forever here."""
    denied = Response(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
    cloud.proxy.fail("PUT", "/snapshots/", lambda: denied, times=99)
    done = factory.train()
    assert done.exit_code == 2
    assert "Ask for the role Storage Blob Data Contributor" in done.err
    assert not cloud.jobs.stored


def test_outputs_that_cannot_be_fetched_are_not_a_candidate(
    cloud: Cloud, tiny: Path, factory: Factory
) -> None:
    denied = Response(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
    cloud.proxy.fail("GET", "/factory/tiny/.*weights", lambda: denied, times=99)
    done = factory.train()
    assert done.exit_code == 2
    assert "Fetching the output model failed" in done.err
    assert the_record(tiny)["state"] == "failed"
    assert not is_candidate(tiny)


def test_a_missing_output_is_not_a_candidate(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.jobs.produce = lambda _name, _type: {}
    done = factory.train()
    assert done.exit_code == 2
    assert not is_candidate(tiny)


def test_no_workspace(tiny: Path, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    done = factory.train()
    assert done.exit_code == 2
    assert done.err.startswith("No Azure ML workspace is configured for this repo.")


def test_no_client(tiny: Path, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai.ml", None)
    done = factory.train()
    assert done.exit_code == 2
    assert "Run `uv sync --group azure` first." in done.err


def test_a_mistake_in_the_pipeline_sends_no_request(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    pipeline = tiny / "models" / "tiny" / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("prep.outputs.table", "prep.outputs.tabel"), encoding="utf-8")
    before = len(cloud.proxy.log)
    done = factory.train()
    assert done.exit_code == 2
    assert "pipeline.yml:" in done.err
    assert len(cloud.proxy.log) == before


@pytest.fixture
def started(cloud: Cloud, factory: Factory) -> Iterator[subprocess.Popen[str]]:
    """A training in a separate process, whose job runs until it is cancelled."""
    cloud.jobs.hangs = True
    process = factory.start()
    yield process
    process.kill()
    process.communicate()


def wait_until_it_runs(cloud: Cloud, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not any(job.status == "Running" for job in cloud.jobs.stored.values()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "the job was never submitted"
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_job(
    cloud: Cloud, tiny: Path, started: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    wait_until_it_runs(cloud, started)
    started.send_signal(number)
    out, _ = started.communicate(timeout=120)
    assert started.returncode == code, out
    assert "The job is cancelled." in out
    assert "Traceback" not in out
    assert [job.status for job in cloud.jobs.stored.values()] == ["Canceled"]
    found = the_record(tiny)
    assert (found["state"], found["exit_code"]) == ("cancelled", code)
    assert not is_candidate(tiny)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_second_signal_exits_at_once(cloud: Cloud, tiny: Path, started: subprocess.Popen[str]) -> None:
    cloud.jobs.cancel_takes = 10_000
    wait_until_it_runs(cloud, started)
    started.send_signal(signal.SIGINT)
    end = time.monotonic() + 120
    while not cloud.proxy.asked("POST", "/cancel$"):
        assert time.monotonic() < end
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    out, _ = started.communicate(timeout=120)
    assert started.returncode == 130, out
    assert "Traceback" not in out
    name = next(iter(cloud.jobs.stored))
    assert f"az ml job cancel --name {name} --resource-group" in out
    assert the_record(tiny)["state"] == "cancelled"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_stopped_during_the_download(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    """Only half of the outputs were downloaded, so they do not count as a candidate."""
    asked = threading.Event()

    def slow() -> Response:
        asked.set()
        return Response(503, b"", {"x-ms-error-code": "ServerBusy"})

    cloud.proxy.fail("GET", "/factory/tiny/.*weights", slow, times=99)
    process = factory.start()
    assert asked.wait(120)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130, out
    assert "there is no candidate here" in out
    assert not cloud.proxy.asked("POST", "/cancel$")
    assert the_record(tiny)["state"] == "cancelled"
    assert not is_candidate(tiny)
