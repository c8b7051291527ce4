"""Datasets of the repo in a pipeline: the version and its data must exist."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlroad.pipeline.checker import check_pipeline
from mlroad.pipeline.loader import load_pipeline
from mlroad.pipeline.model import DataAsset
from tests.unit.pipeline.mutations import BASE

ASSET = 'name: raw\nversion: "1"\ntype: uri_file\npath: ./1/raw.csv\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo whose valid pipeline uses version 1 of a dataset."""
    shutil.copytree(BASE, tmp_path / "models" / "base")
    data = tmp_path / "datasets" / "raw"
    (data / "1").mkdir(parents=True)
    (data / "1" / "raw.csv").write_text("a\n1\n", encoding="utf-8")
    (data / "1.yml").write_text(ASSET, encoding="utf-8")
    _point(tmp_path, "azureml:raw:1")
    return tmp_path


def _point(repo: Path, reference: str) -> None:
    pipeline = repo / "models" / "base" / "pipeline.yml"
    text = (BASE / "pipeline.yml").read_text(encoding="utf-8")
    pipeline.write_text(text.replace("./data/raw.csv", reference), encoding="utf-8")


def _found(repo: Path) -> list[tuple[str, str, int]]:
    found = check_pipeline(repo / "models" / "base" / "pipeline.yml")
    return [(problem.code, problem.severity, problem.at.line) for problem in found]


def test_resolved(repo: Path) -> None:
    value = load_pipeline(repo / "models" / "base" / "pipeline.yml").job.values["raw"]  # type: ignore[union-attr]
    assert isinstance(value, DataAsset)
    assert value.path == repo / "datasets" / "raw" / "1" / "raw.csv"
    assert value.file == repo / "datasets" / "raw" / "1.yml"
    assert _found(repo) == []


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("azureml:raw:2", "MR230"),
        ("azureml:rwa:1", "MR231"),
        ("azureml:raw@latest", "MR229"),
        ("azureml:raw", "MR233"),
    ],
)
def test_refused(repo: Path, reference: str, code: str) -> None:
    _point(repo, reference)
    assert _found(repo) == [(code, "error", 15)]


def test_did_you_mean(repo: Path) -> None:
    _point(repo, "azureml:rwa:1")
    assert "Did you mean raw?" in str(check_pipeline(repo / "models" / "base" / "pipeline.yml")[0])


def test_missing_data(repo: Path) -> None:
    (repo / "datasets" / "raw" / "1" / "raw.csv").unlink()
    assert _found(repo) == [("MR225", "error", 15)]


def test_other_type(repo: Path) -> None:
    asset = repo / "datasets" / "raw" / "1.yml"
    asset.write_text(ASSET.replace("uri_file", "uri_folder"), encoding="utf-8")
    assert ("MR226", "error", 15) in _found(repo)


def test_file_in_the_wrong_place(repo: Path) -> None:
    asset = repo / "datasets" / "raw" / "1.yml"
    asset.write_text(ASSET.replace('"1"', '"7"'), encoding="utf-8")
    assert _found(repo) == [("MR237", "error", 2)]


def test_data_in_a_cloud_is_not_checked(repo: Path) -> None:
    asset = repo / "datasets" / "raw" / "1.yml"
    asset.write_text(ASSET.replace("./1/raw.csv", "azureml://datastores/a/paths/raw.csv"), encoding="utf-8")
    assert _found(repo) == []
