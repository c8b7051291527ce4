"""`mlroad dataset fetch`: data is downloaded once, and only if its digest matches."""

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
from tests.azure.loopback.server import Response

SHORT = "azureml://datastores/workspaceblobstore/paths"
LONG = (
    f"azureml://subscriptions/{arm.SUBSCRIPTION}/resourcegroups/{arm.GROUP}/workspaces/{arm.WORKSPACE}"
    "/datastores/workspaceblobstore/paths"
)
TEXT = b"day,sold\n2026-01-01,3\n2026-01-02,4\n"
FILE = ("landing/sales.csv",)
FOLDER = tuple(f"landing/part {number}/d.csv" for number in range(8))


def landed(cloud: Cloud, mlroad: Mlroad, repo: Path, names: tuple[str, ...], at: str = SHORT) -> None:
    """Data in the cloud, and sales:1 in the repo for it, as if another machine had committed it."""
    copy = repo.parent / "copy"
    for number, name in enumerate(names):
        content = TEXT + f"2026-02-01,{number}\n".encode()
        cloud.blobs.put(ACCOUNT, CONTAINER, name, content)
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    source = copy / names[0] if len(names) == 1 else copy / "landing"
    address = f"{at}/{names[0]}" if len(names) == 1 else f"{at}/landing/"
    made = mlroad("dataset", "add", "sales", str(source), "--at", address)
    assert made.exit_code == 0, made.err
    shutil.rmtree(repo / "data")


@pytest.mark.parametrize("at", [SHORT, LONG])
@pytest.mark.parametrize("names", [FILE, FOLDER])
def test_remote_data_is_downloaded_once(
    cloud: Cloud, mlroad: Mlroad, repo: Path, names: tuple[str, ...], at: str
) -> None:
    landed(cloud, mlroad, repo, names, at)
    missing = mlroad("dataset", "verify", "sales:1")
    assert missing.exit_code == 1
    assert "mlroad dataset fetch sales:1" in missing.out

    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 0, done.err
    assert done.out.startswith("Downloaded sales:1: data/sales/1")
    found = [file for file in (repo / "data" / "sales" / "1").rglob("*") if file.is_file()]
    assert sorted(file.read_bytes() for file in found) == sorted(
        blob.content for blob in cloud.blobs.stored.values()
    )
    assert mlroad("dataset", "verify", "sales:1").exit_code == 0
    assert (repo / "data" / ".gitignore").is_file(), "large data must not get into git"

    before = len(cloud.proxy.log)
    again = mlroad("dataset", "fetch", "sales:1")
    assert again.out.startswith("Already here: sales:1")
    assert len(cloud.proxy.log) == before


@pytest.mark.parametrize("names", [FILE, FOLDER])
def test_data_changed_in_the_cloud_is_refused(
    cloud: Cloud, mlroad: Mlroad, repo: Path, names: tuple[str, ...]
) -> None:
    landed(cloud, mlroad, repo, names)
    cloud.blobs.put(ACCOUNT, CONTAINER, names[0], TEXT + b"2026-02-01,9\n")
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "1.yml:" in done.err
    assert "MD604: The data at azureml://" in done.err
    assert [file for file in (repo / "data").rglob("*") if file.name != ".gitignore" and file.is_file()] == []


def test_missing_local_data_comes_from_where_it_was_registered(
    cloud: Cloud, mlroad: Mlroad, repo: Path, sales: Path
) -> None:
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    content = sales.read_bytes()
    sales.unlink()
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 0, done.err
    assert sales.read_bytes() == content


def test_data_that_is_missing_everywhere(cloud: Cloud, mlroad: Mlroad, sales: Path) -> None:
    sales.unlink()
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "MD605: sales:1 is not registered in Azure ML, and its data is not on this machine." in done.err


def test_a_datastore_with_keys(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    cloud.arm.datastores["workspaceblobstore"] = arm.Datastore("workspaceblobstore", ACCOUNT, CONTAINER, SAS)
    landed(cloud, mlroad, repo, FILE)
    assert mlroad("dataset", "fetch", "sales:1").exit_code == 0


def test_a_data_lake(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    lake = arm.Datastore("lake", ACCOUNT, CONTAINER, kind="AzureDataLakeGen2")
    cloud.arm.datastores["lake"] = lake
    landed(cloud, mlroad, repo, FOLDER, at="azureml://datastores/lake/paths")
    cloud.blobs.put(ACCOUNT, CONTAINER, "landing/part 0", b"")
    cloud.blobs.stored[f"{ACCOUNT}.blob.core.windows.net/{CONTAINER}/landing/part 0"].metadata = {
        "hdi_isfolder": "true"
    }
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 0, done.err


def test_storage_errors_are_retried(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    landed(cloud, mlroad, repo, FILE)
    cloud.proxy.fail("GET", "sales.csv", lambda: Response(503, b"", {"x-ms-error-code": "ServerBusy"}))
    assert mlroad("dataset", "fetch", "sales:1").exit_code == 0


def test_no_permission_for_the_storage(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    landed(cloud, mlroad, repo, FILE)
    denied = Response(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
    cloud.proxy.fail("GET", "sales.csv", lambda: denied, times=99)
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "(Reader is enough to fetch)" in done.err
    assert len(cloud.proxy.asked("GET", "sales.csv")) == 1


def test_the_storage_rejects_the_sign_in(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    landed(cloud, mlroad, repo, FILE)
    unknown = Response(401, b"", {"x-ms-error-code": "InvalidAuthenticationInfo"})
    cloud.proxy.fail("GET", "sales.csv", lambda: unknown, times=99)
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "failed: Azure did not accept your sign-in (401: " in done.err
    assert "Sign in again (`az login`)" in done.err
    assert len(cloud.proxy.asked("GET", "sales.csv")) == 1
    assert not list((repo / "data").rglob("sales.csv"))


def in_seconds(seconds: int) -> str:
    """Format a time as an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("wait", ["2", "date"])
def test_storage_throttling_is_waited_for_as_requested(
    cloud: Cloud, mlroad: Mlroad, repo: Path, wait: str
) -> None:
    landed(cloud, mlroad, repo, FILE)
    # An HTTP date has no fractions of a second: 3 s from now may be only just over 2 s away.
    cloud.proxy.fail("GET", "sales.csv", lambda: busy(in_seconds(3) if wait == "date" else wait))
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 0, done.err
    told = re.fullmatch(r"Azure is busy or has an error: trying again in ([123]) s\.\n", done.err)
    assert told, done.err
    first, second = cloud.proxy.asked("GET", "sales.csv")[:2]
    assert first.status == 429
    assert second.at - first.at >= int(told[1]) - 0.6  # the message rounds the wait


@pytest.mark.parametrize("wait", ["3600", "date"])
def test_an_hour_of_storage_throttling_is_an_error(
    cloud: Cloud, mlroad: Mlroad, repo: Path, wait: str
) -> None:
    landed(cloud, mlroad, repo, FILE)
    cloud.proxy.fail("GET", "sales.csv", lambda: busy(in_seconds(3601) if wait == "date" else wait), times=99)
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert re.search(
        r"Azure is throttling requests, and asks to wait 3\d\d\d s\. Run it again later", done.err
    ), done
    assert len(cloud.proxy.asked("GET", "sales.csv")) == 1
    assert not list((repo / "data").rglob("sales.csv"))


@pytest.mark.slow
@pytest.mark.usefixtures("no_waits")
def test_storage_retries_are_limited(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    landed(cloud, mlroad, repo, FILE)
    cloud.proxy.fail("GET", "sales.csv", lambda: busy("1"), times=99)
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "Azure is still throttling requests after a wait (429: " in done.err
    assert "Run it again after 1 s; " in done.err
    assert len(cloud.proxy.asked("GET", "sales.csv")) == 4


def busy(wait: str) -> Response:
    return Response(429, b"", {"x-ms-error-code": "ServerBusy", "Retry-After": wait})


def test_a_datastore_of_another_type(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    cloud.arm.datastores["share"] = arm.Datastore("share", ACCOUNT, CONTAINER, kind="AzureFile")
    landed(cloud, mlroad, repo, FILE, at="azureml://datastores/share/paths")
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "only blobs and data lakes are supported" in done.err


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("azureml://jobs/one/outputs/two", "it is not the address of a datastore"),
        ("azureml://datastores/nowhere/paths", "Could not find datastore with name nowhere"),
    ],
)
def test_an_unreachable_address(cloud: Cloud, mlroad: Mlroad, repo: Path, at: str, said: str) -> None:
    landed(cloud, mlroad, repo, FILE, at=at)
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert said in done.err


def test_the_data_was_deleted_in_the_cloud(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    landed(cloud, mlroad, repo, FOLDER)
    cloud.blobs.stored.clear()
    done = mlroad("dataset", "fetch", "sales:1")
    assert (done.exit_code, done.err) == (
        2,
        f"There is nothing below {SHORT}/landing/. Check the address.\n",
    )


@pytest.mark.parametrize("name", ["landing/../../../evil.txt", "landing//etc/evil.txt", "landing/C:evil.txt"])
def test_a_blob_cannot_write_outside_of_its_folder(
    cloud: Cloud, mlroad: Mlroad, repo: Path, name: str
) -> None:
    landed(cloud, mlroad, repo, FOLDER)
    cloud.blobs.put(ACCOUNT, CONTAINER, name, b"evil")
    done = mlroad("dataset", "fetch", "sales:1")
    assert done.exit_code == 2
    assert "is not a path inside a folder" in done.err
    assert not list(repo.parent.rglob("*evil*"))
