"""`mlroad dataset register`, with the real azure-ai-ml client."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.azure.loopback import arm
from tests.azure.loopback.cloud import ACCOUNT, CONTAINER, SAS, Cloud
from tests.azure.loopback.fixtures import Mlroad
from tests.azure.loopback.server import Response, arm_error

ASSET = r"/data/sales/versions/1$"


def stored(cloud: Cloud, ending: str) -> bytes:
    """Return the only blob whose name ends with the suffix."""
    found = [blob.content for name, blob in cloud.blobs.stored.items() if name.endswith(ending)]
    assert len(found) == 1, sorted(cloud.blobs.stored)
    return found[0]


def test_a_file_is_uploaded_and_registered_once(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    first = mlroad("dataset", "register", "sales:1")
    assert (first.exit_code, first.err) == (0, "")
    assert first.out.startswith("Registered sales:1\n")
    assert f"https://ml.azure.com/data/sales/1/details?wsid={arm.WORKSPACE_ID}" in first.out
    asset = cloud.arm.data["sales", "1"]
    assert asset["dataType"] == "uri_file"
    assert asset["tags"]["digest"].startswith("sha256:")
    assert asset["tags"]["stage"] == "dev"
    assert stored(cloud, "/sales.csv") == sales.read_bytes()

    before = len(cloud.proxy.log)
    again = mlroad("dataset", "register", "--all")
    assert again.out == "sales:1 is already registered with the same digest.\n"
    assert {seen.request.method for seen in cloud.proxy.log[before:]} <= {"GET", "POST"}
    assert not cloud.proxy.asked("POST", "management")


@pytest.mark.parametrize("kind", ["uri_folder", "mltable"])
def test_a_folder_is_uploaded_completely(cloud: Cloud, mlroad: Mlroad, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "two words"
    (folder / "in ner").mkdir(parents=True)
    for name in ("a b.csv", "in ner/é.csv", "in ner/d.csv", "e.csv"):
        (folder / name).write_text(f"x\n{len(name)}\n", encoding="utf-8")
    if kind == "mltable":
        recipe = (
            'paths:\n  - file: "./a b.csv"\ntransformations:\n  - read_delimited:\n      delimiter: ","\n'
        )
        (folder / "MLTable").write_text(recipe, encoding="utf-8")
    assert mlroad("dataset", "add", "mine", str(folder)).exit_code == 0
    done = mlroad("dataset", "register", "mine")
    assert (done.exit_code, done.err) == (0, "")
    assert cloud.arm.data["mine", "1"]["dataType"] == kind
    for file in folder.rglob("*"):
        if file.is_file():
            assert stored(cloud, file.relative_to(folder).as_posix()) == file.read_bytes()


def test_a_datastore_with_keys_is_used_by_its_signature(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.arm.datastores["workspaceblobstore"] = arm.Datastore("workspaceblobstore", ACCOUNT, CONTAINER, SAS)
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    (upload,) = cloud.proxy.asked("PUT", "sales.csv")
    assert "sig" in upload.request.query
    assert "authorization" not in upload.request.headers


def test_throttling_is_waited_for_as_requested(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.fail("PUT", ASSET, lambda: arm_error(429, "TooManyRequests", "Slow down.", Retry_After="1"))
    done = mlroad("dataset", "register", "sales:1")
    assert (done.exit_code, done.err) == (0, "Azure is busy or has an error: trying again in 1 s.\n")
    first, second = cloud.proxy.asked("PUT", ASSET)
    assert (first.status, second.status) == (429, 201)
    assert second.at - first.at >= 1


def test_retry_after_may_be_a_date(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    """Retry-After may hold an HTTP date."""

    def busy() -> Response:
        then = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
        return arm_error(429, "TooManyRequests", "Slow down.", Retry_After=then)

    cloud.proxy.fail("PUT", ASSET, busy)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 0, done.err
    told = re.fullmatch(r"Azure is busy or has an error: trying again in ([123]) s\.\n", done.err)
    assert told, done.err
    first, second = cloud.proxy.asked("PUT", ASSET)
    assert second.at - first.at >= int(told[1]) - 0.6  # the message rounds the wait


@pytest.mark.slow
@pytest.mark.usefixtures("no_waits")
def test_the_error_shows_the_time_of_retry_after(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    past = "Tue, 24 Nov 2020 10:00:00 GMT"
    cloud.proxy.fail("GET", ASSET, lambda: arm_error(429, "Busy", "Slow.", Retry_After=past), times=99)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert f"Run it again after {past}; it continues" in done.err


def test_service_errors_are_retried_with_growing_waits(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.fail("PUT", ASSET, lambda: arm_error(500, "InternalError", "Something broke."), times=2)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 0, done.err
    _, two, three = (seen.at for seen in cloud.proxy.asked("PUT", ASSET))
    assert three - two >= 1.6
    assert done.err == "Azure is busy or has an error: trying again in 2 s.\n", "the first try is at once"


@pytest.mark.slow
@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "Azure is still throttling requests after a wait (429: Slow down). Run it again after 1 s"),
        (503, "Azure has an error (503: Slow down). It was tried several times."),
    ],
)
def test_retries_are_limited(cloud: Cloud, mlroad: Mlroad, sales: Path, status: int, said: str) -> None:
    cloud.proxy.fail("GET", ASSET, lambda: arm_error(status, "Busy", "Slow down.", Retry_After="1"), times=99)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert said in done.err
    assert len(cloud.proxy.asked("GET", ASSET)) == 5


def test_an_hour_of_throttling_is_an_error(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.fail("GET", ASSET, lambda: arm_error(429, "Busy", "Slow down.", Retry_After="3600"), times=99)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert done.err == (
        "Azure is throttling requests, and asks to wait 3600 s. "
        "Run it again later; it continues where it stopped.\n"
    )
    assert len(cloud.proxy.asked("GET", ASSET)) == 1


@pytest.mark.parametrize(
    ("method", "status", "said"),
    [
        ("GET", 401, "Azure did not accept your sign-in (401: It is not so). Sign in again (`az login`)"),
        (
            "GET",
            403,
            "you lack permission in ml-workspace (403: It is not so). Ask for the role AzureML Data",
        ),
        ("PUT", 409, "conflict (409: It is not so). It was changed by someone else at the same time"),
        ("PUT", 400, "Azure refused (400: It is not so)."),
    ],
)
def test_permanent_errors_are_not_retried(
    cloud: Cloud, mlroad: Mlroad, sales: Path, method: str, status: int, said: str
) -> None:
    cloud.proxy.fail(method, ASSET, lambda: arm_error(status, "Some", "It is not so."), times=99)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert said in done.err
    assert len(cloud.proxy.asked(method, ASSET)) == 1
    assert ("sales", "1") not in cloud.arm.data

    cloud.proxy.faults.clear()
    assert mlroad("dataset", "register", "sales:1").exit_code == 0, "a later call finishes the work"


def test_a_workspace_that_does_not_exist(
    cloud: Cloud, mlroad: Mlroad, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_ML_WORKSPACE", "another")
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "not found in Azure (404: " in done.err
    assert (
        "/workspaces/another (from AZURE_ML_WORKSPACE and the other two variables): check each part"
        in done.err
    )
    assert not cloud.proxy.asked("PUT", "")


def test_a_wrong_secret_shows_the_message_of_entra(
    cloud: Cloud, mlroad: Mlroad, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "Entra ID did not accept the credentials: AADSTS7000215: Invalid client secret" in done.err


def test_not_signed_in(cloud: Cloud, mlroad: Mlroad, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert done.err == (
        "Looking for sales:1 failed: you are not signed in to Azure. Run `az login` (on a laptop), "
        "use azure/login (in a workflow), or give the job a managed identity.\n"
    )


def test_azure_is_unreachable(
    cloud: Cloud, mlroad: Mlroad, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert done.err.startswith("Looking for sales:1 failed: Azure cannot be reached for the sign-in.")


def test_a_dropped_connection_is_retried(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.cut("PUT", ASSET)
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    assert len(cloud.proxy.asked("PUT", ASSET)) == 2


def test_a_token_that_expires_in_the_middle_is_renewed(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.entra.lifetime = 1
    cloud.proxy.fail("PUT", ASSET, lambda: arm_error(429, "Busy", "Slow down.", Retry_After="2"))
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 0, done.err
    first, second = cloud.proxy.asked("PUT", ASSET)
    assert first.request.headers["authorization"] != second.request.headers["authorization"]


def denied() -> Response:
    """The answer of the storage to a user without a role."""
    return Response(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})


def test_no_permission_for_the_storage(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.fail("PUT", "sales.csv", denied, times=99)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "Uploading sales:1 failed: you lack permission for the storage account (403: " in done.err
    assert "Ask for the role Storage Blob Data Contributor on the storage account mlstore" in done.err
    assert len(cloud.proxy.asked("PUT", "sales.csv")) == 1
    assert not cloud.arm.data


def test_storage_errors_are_retried(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    cloud.proxy.fail("PUT", "sales.csv", lambda: Response(500, b"", {"x-ms-error-code": "InternalError"}))
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    first, second = cloud.proxy.asked("PUT", "sales.csv")
    assert second.at - first.at >= 1
    assert stored(cloud, "/sales.csv") == sales.read_bytes()


def test_an_interrupted_upload_is_finished_by_the_next_call(
    cloud: Cloud, mlroad: Mlroad, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.csv").write_text(f"x\n{number}\n", encoding="utf-8")
    assert mlroad("dataset", "add", "mine", str(folder)).exit_code == 0
    cloud.proxy.fail("PUT", "/20.csv", denied)
    cut = mlroad("dataset", "register", "mine:1")
    assert cut.exit_code == 2
    assert not cloud.arm.data
    there = set(cloud.blobs.stored)
    assert len(there) < 40

    before = len(cloud.proxy.log)
    assert mlroad("dataset", "register", "mine:1").exit_code == 0
    assert stored(cloud, "/20.csv") == b"x\n20\n"
    assert ("mine", "1") in cloud.arm.data
    sent = [seen for seen in cloud.proxy.log[before:] if seen.request.address.endswith(".csv")]
    assert len(sent) == 40 - len(there), "what had arrived was not sent again"


def test_changed_data_is_not_uploaded(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    sales.write_text(sales.read_text(encoding="utf-8").replace("3", "9"), encoding="utf-8", newline="\n")
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "MD203" in done.err
    assert not cloud.proxy.asked("PUT", "")


def test_other_data_under_the_same_name_is_refused(
    cloud: Cloud, mlroad: Mlroad, repo: Path, sales: Path, tmp_path: Path
) -> None:
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    before = dict(cloud.arm.data["sales", "1"])
    shutil.rmtree(repo / "datasets" / "sales")
    other = tmp_path / "other.csv"
    other.write_text("day,sold\n2026-01-01,9\n", encoding="utf-8")
    assert mlroad("dataset", "add", "sales", str(other)).exit_code == 0
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "1.yml:" in done.err
    assert (
        "MD602: sales:1 is already registered in ml-workspace with different data (the digest sha256:"
        in done.err
    )
    assert "create the next one" in done.err

    # Another machine registers between our check and our write: the service refuses, and so does mlroad.
    cloud.proxy.fail("GET", ASSET, lambda: arm_error(404, "UserError", "Not found."))
    late = mlroad("dataset", "register", "sales:1")
    assert late.exit_code == 2
    assert "Azure refused (400: Asset paths cannot be updated)." in late.err
    assert cloud.arm.data["sales", "1"] == before


@pytest.mark.parametrize("name", [".amlignore", ".gitignore"])
def test_an_ignore_file_in_the_data_is_data(cloud: Cloud, mlroad: Mlroad, tmp_path: Path, name: str) -> None:
    """azure-ai-ml's own upload would leave files out, so the registered data would not match the digest."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n", encoding="utf-8")
    (folder / name).write_text("*.csv\n", encoding="utf-8")
    assert mlroad("dataset", "add", "mine", str(folder)).exit_code == 0
    assert mlroad("dataset", "register", "mine:1").exit_code == 0
    assert stored(cloud, "/a.csv") == b"x\n1\n"
    assert stored(cloud, f"/{name}") == b"*.csv\n"


@pytest.mark.parametrize(
    "arguments", [("sales:2",), ("sale:1",), ("sales:latest",), (), ("--all", "sales:1")]
)
def test_an_invalid_reference(cloud: Cloud, mlroad: Mlroad, sales: Path, arguments: tuple[str, ...]) -> None:
    done = mlroad("dataset", "register", *arguments)
    assert (done.exit_code, done.out) == (2, "")
    assert done.err
    assert not cloud.proxy.log
