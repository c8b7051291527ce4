"""`registry: mlflow` with a real `mlflow server`: the same promises as the local registry."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.core.template import EXCLUDE_NEWER
from mlroad.registry.mlflow_registry import MlflowRegistry
from tests.support import call, commit_all, tool
from tests.unit.registry.repos import aliases, factory, listed, register

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
    register(bare, 2)
    register(bare, 3)
    register(bare, 4)
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
