"""`mlroad promote` registers the dev data of the model in the factory's workspace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.support import IDENTITY, commit_all, git
from tests.unit.cli.command import Command
from tests.unit.promote.conftest import ran, tagged

__all__ = ["ran", "tagged"]


def test_the_dev_data_is_registered(
    cloud: Cloud,
    no_waits: None,
    tagged: Path,
    rendered: Callable[..., Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    fresh = rendered(template="factory", sample=False)
    repo = Path(shutil.copytree(fresh, tmp_path / "factory", symlinks=True))
    settings = (repo / "factory.yml").read_text(encoding="utf-8")
    settings = settings.replace("registry: local", "registry: azureml")
    (repo / "factory.yml").write_text(settings, encoding="utf-8", newline="\n")
    commit_all(repo, "Azure")
    words = ("promote", f"{tagged}@line-v1", "line", "--no-run", "--target", "progression")
    said = Command(repo, capfd, monkeypatch)(*words)
    assert said.code == 0, said
    assert "Registered diabetes_train:1" in said.out
    assert list(cloud.arm.data) == [("diabetes_train", "1")]
    digest = cloud.arm.data["diabetes_train", "1"]["tags"]["digest"]
    assert digest in git(repo, "show", "promote/line-line-v1:datasets/diabetes_train/1.yml")
