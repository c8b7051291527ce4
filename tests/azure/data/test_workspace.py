"""Which workspace is used, and the error when none is configured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.azure.loopback import arm
from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.fixtures import SETTINGS, Mlroad

CONFIG = {"subscription_id": arm.SUBSCRIPTION, "resource_group": arm.GROUP, "workspace_name": arm.WORKSPACE}
VARIABLES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No workspace in the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("place", ["config.json", ".azureml/config.json"])
def test_the_config_file_of_the_portal(
    cloud: Cloud, unset: pytest.MonkeyPatch, mlroad: Mlroad, repo: Path, sales: Path, place: str
) -> None:
    (repo / place).parent.mkdir(exist_ok=True)
    # Notepad adds a byte order mark when it saves the portal's file.
    (repo / place).write_text(json.dumps(CONFIG), encoding="utf-8-sig")
    assert mlroad("dataset", "register", "sales:1").exit_code == 0
    assert ("sales", "1") in cloud.arm.data


def test_no_workspace(unset: pytest.MonkeyPatch, mlroad: Mlroad, sales: Path) -> None:
    # azure/login sets a subscription, which alone does not name a workspace.
    unset.setenv("AZURE_SUBSCRIPTION_ID", arm.SUBSCRIPTION)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert done.err.startswith("No Azure ML workspace is configured for this repo. Download config.json")
    assert all(name in done.err for name in VARIABLES)


def test_an_incomplete_workspace(unset: pytest.MonkeyPatch, mlroad: Mlroad, sales: Path) -> None:
    unset.setenv("AZURE_ML_WORKSPACE", "mine")
    done = mlroad("dataset", "register", "sales:1")
    assert (done.exit_code, done.err) == (
        2,
        "AZURE_ML_WORKSPACE is set, but AZURE_SUBSCRIPTION_ID and AZURE_RESOURCE_GROUP is not. "
        "Set all three variables, or none.\n",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n"subscription_id": \n}', "config.json:3: MD601: This is not valid JSON"),
        ('{"subscription_id": "a", "workspace_name": 3}', "resource_group, workspace_name missing"),
        ("[]", "No Azure ML workspace is configured"),
        ('{"theme": "dark"}', "No Azure ML workspace is configured"),
    ],
)
def test_a_config_file_without_a_workspace(
    unset: pytest.MonkeyPatch, mlroad: Mlroad, repo: Path, sales: Path, text: str, said: str
) -> None:
    (repo / "config.json").write_text(text, encoding="utf-8")
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert said in done.err


def test_the_client_is_not_installed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, mlroad: Mlroad, sales: Path
) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai.ml", None)
    done = mlroad("dataset", "register", "sales:1")
    assert done.exit_code == 2
    assert "The Azure client is not installed" in done.err
    assert "uv sync --group azure" in done.err


def test_other_commands_do_not_import_azure(repo: Path) -> None:
    code = (
        "import sys; from mlroad.__main__ import main\n"
        "sys.argv = ['mlroad', 'dataset', 'list']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "sys.exit(any(name.split('.')[0] == 'azure' for name in sys.modules))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if "src" in p),
    }
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=repo, env=environment, check=False).returncode == 0
    )


@pytest.mark.slow
def test_a_separate_process(cloud: Cloud, repo: Path, sales: Path) -> None:
    """A fresh process, with nothing but the variables that a workflow sets."""
    paths = os.pathsep.join(p for p in sys.path if "src" in p)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(repo.parent),
        "PYTHONPATH": paths,
        **{name: cloud.environment()[name] for name in SETTINGS},
        **cloud.network(),
    }
    command = [
        sys.executable,
        "-c",
        "from mlroad.__main__ import main; main()",
        "dataset",
        "register",
        "--all",
    ]
    done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Registered sales:1\n")
