"""`registry: mlflow` with a real `mlflow server`: the same promises as the local registry."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mlroad.core.digests import digest_of
from mlroad.core.files import write_json
from mlroad.core.problems import UserError
from mlroad.core.template import EXCLUDE_NEWER
from mlroad.registry.base import CANDIDATE, Version
from mlroad.registry.mlflow_registry import MlflowRegistry
from mlroad.registry.registered_model import LINEAGE, check_models
from tests.support import call, commit_all, tool
from tests.unit.registry.faulty_proxy import Fault, before
from tests.unit.registry.repos import aliases, factory, listed, register

EACH_REQUEST = "MLROAD_EACH_REQUEST" in os.environ
"""Whether each request is spoiled once, in each way: that takes minutes."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that keeps artifacts too."""
    folder, port = tmp_path_factory.mktemp("server"), _free_port()
    options = ["--backend-store-uri", "sqlite:///server.db", "--artifacts-destination", "artifacts"]
    command = [tool("uv"), "tool", "run", "--quiet", "--python", sys.executable]
    command += ["--exclude-newer", EXCLUDE_NEWER, "--from", "mlflow==3.17.2", "mlflow", "server"]
    command += [*options, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    address = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
        try:
            _wait_for(f"{address}/health", process)
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server did not start"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server gives no answer")


def test_from_a_run_to_a_champion(server: str, bare: Path, tmp_path: Path) -> None:
    (bare / "factory.yml").write_text(
        f"registry: mlflow\nmlflow: {{tracking_uri: '{server}'}}\n", encoding="utf-8"
    )
    commit_all(bare, "A server")
    assert "there is no branch to pull" in factory(bare, "registry", "pull").stdout
    first = register(bare, 1)
    for number in (2, 3, 4):
        register(bare, number, twin=False)
    assert "already registered as diabetes:1" in factory(bare, "register", "diabetes", "--run", first).stdout
    assert aliases(bare) == {"candidate": 4}
    factory(bare, "approve", "diabetes:1")
    factory(bare, "approve", "diabetes:2")
    factory(bare, "rollback", "diabetes")
    assert aliases(bare) == {"candidate": 4, "champion": 1}
    assert "diabetes_train:1" in factory(bare, "why", "diabetes@champion").stdout
    assert "diabetes:2" in factory(bare, "who-used", "diabetes_train:1").stdout

    # Another machine downloads, and notices a file that was changed, here or on the server.
    other = Path(shutil.copytree(bare, tmp_path / "other", ignore=shutil.ignore_patterns(".registry")))
    path = other / factory(other, "registry", "path", "diabetes:1").stdout.strip()
    assert "# prod 1" in (path / "MLmodel").read_text(encoding="utf-8")
    (path / "MLmodel").write_text("changed\n", encoding="utf-8")
    factory(other, "why", "diabetes:1")  # fetches it again
    assert "# prod 1" in (path / "MLmodel").read_text(encoding="utf-8")
    registry = MlflowRegistry(server, tmp_path / "cache")
    run = registry.version("diabetes", 1).tags["content_run"]
    registry._client.log_text(run, "changed\n", "content/model/MLmodel")
    with pytest.raises(UserError, match="is not the one that was registered"):
        registry.model_path(registry.version("diabetes", 1), "prod")

    cleaned = factory(bare, "clean", "--keep", "1", "--days", "0", "--yes")
    assert cleaned.stdout.splitlines() == ["deleted diabetes:3"]
    assert [its["version"] for its in listed(bare)] == [1, 2, 4], "what is in use, and what a rollback undoes"


def publish(address: str, folder: Path, run: str) -> Version:
    """Register a version of the model `lost` and make it the candidate, as `register` does."""
    content = folder / f"{run}-{secrets.token_hex(4)}"
    for stage in ("model", "dev/model"):
        (content / stage).mkdir(parents=True)
        (content / stage / "MLmodel").write_text(f"{run} {stage}\n", encoding="utf-8")
    digests = {
        "model_digest": digest_of(content / "model"),
        "dev_model_digest": digest_of(content / "dev/model"),
    }
    lineage = {"id": run, "run": run, "datasets": [], **digests}
    for place in ("", "model", "dev/model"):
        write_json(content / place / LINEAGE, lineage)
    registry = MlflowRegistry(address, folder / "cache")
    version = registry.add("lost", lineage, content)
    registry.set_alias(version, CANDIDATE, forward=True)
    return registry.version("lost", version.number)


@pytest.mark.parametrize(
    ("fault", "on"),
    [("lose", True), ("html", False), ("hang", True)]
    + [("drop", True), ("401", True), ("500", False), ("json", True)] * EACH_REQUEST,
)
def test_all_of_it_is_published_or_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, on: bool
) -> None:
    """Whatever request the server does not get, or answers wrongly, alone or with all later ones (``on``).

    The next attempt completes it.
    """
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1" if fault == "hang" else "60")
    first, step = (0, 1) if EACH_REQUEST else (3 * len(fault) + on, 14)
    must_fail = on and fault != "json"  # the last answers, of the alias, say nothing that is wrong
    with before(server) as proxy:
        publish(proxy.address, tmp_path, f"{fault}-{on}")
        asked = len(proxy.asked)
        assert asked > 10
        for at in range(first, asked, step):
            run = f"{fault}-{on}-{at}"
            proxy.begin(partial(_from, fault, at, 999 if on else at))
            with pytest.raises(UserError, match="MLflow server") if must_fail else suppress(UserError):
                publish(proxy.address, tmp_path, run)
            check_complete(server, tmp_path, run)
            proxy.begin(lambda _: "")
            found = publish(proxy.address, tmp_path, run)
            assert CANDIDATE in found.aliases
            assert check_complete(server, tmp_path, run) == [found.number]


def _from(fault: Fault, first: int, last: int, number: int) -> Fault:
    return fault if first <= number <= last else ""


def check_complete(server: str, folder: Path, run: str) -> list[int]:
    """The versions of a run: each is complete, and there is at most one."""
    registry = MlflowRegistry(server, folder / "cache")
    found = [its for its in registry.versions("lost") if its.tags["lineage_id"] == run]
    for version in found:
        check_models(registry, version)
    assert len(found) <= 1
    return [its.number for its in found]


def test_a_lost_answer_and_two_publishers_make_one_version(server: str, tmp_path: Path) -> None:
    """MLflow's client repeats a request whose answer was lost: the server has made the version twice then."""
    with before(server) as proxy:
        made = "model-versions/create"
        proxy.begin(lambda _: "lose" if made in proxy.asked[-1] and made not in str(proxy.asked[:-1]) else "")
        found = publish(proxy.address, tmp_path, "twice")
        assert sum(made in its for its in proxy.asked) == 2
    with ThreadPoolExecutor(4) as pool:
        numbers = {its.number for its in pool.map(partial(publish, server, tmp_path), ["both"] * 4)}
    assert [check_complete(server, tmp_path, run) for run in ("twice", "both")] == [
        [found.number],
        [*numbers],
    ]


def test_a_server_that_does_not_answer(bare: Path) -> None:
    address = f"http://127.0.0.1:{_free_port()}"
    given = address.replace("//", "//ada:let-me-in@")
    (bare / "factory.yml").write_text(
        f"registry: mlflow\nmlflow: {{tracking_uri: '{given}'}}\n", encoding="utf-8"
    )
    # MLflow's own seven retries would take minutes.
    done = call([sys.executable, "-m", "mlroad", "list"], bare, {}, check=False)
    assert done.returncode == 2
    assert f"The MLflow server {address} could not list the models: it does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "let-me-in" not in done.stderr


def _free_port() -> int:
    with socket.socket() as its:
        its.bind(("127.0.0.1", 0))
        return int(its.getsockname()[1])
