"""Versions in pipelines: `check` refuses unpinned or missing versions, `run` refuses modified data."""

from __future__ import annotations

import json
import re
import shlex
import time
from typing import Any

import pytest

from mlroad.core import digests
from mlroad.core.hash_cache import FileState
from mlroad.data.version_lookup import VersionPaths
from tests.unit.data.conftest import TABLE, Repo

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
inputs:
  raw:
    type: uri_file
    path: azureml:numbers:1
settings:
  default_compute: azureml:serverless
jobs:
  copy:
    type: command
    command: cat "${{inputs.raw}}" > "${{outputs.copied}}"
    environment: azureml:any:1
    inputs:
      raw: ${{parent.inputs.raw}}
    outputs:
      copied:
        type: uri_file
"""


@pytest.fixture
def model(repo: Repo) -> Repo:
    repo.good("add numbers raw/numbers.csv")
    repo.write("models/m/pipeline.yml", PIPELINE)
    repo.write("models/m/environment/conda.yml", "dependencies: [python=3.11]\n")
    repo.mlroad("sync")
    return repo


def point(repo: Repo, path: str) -> None:
    repo.write("models/m/pipeline.yml", PIPELINE.replace("azureml:numbers:1", path))


def records(repo: Repo) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in repo.path.glob(".runs/m/*/run.json")]


def test_a_version_that_exists(model: Repo) -> None:
    said = model.mlroad("check models/m")
    assert said.code == 0, said


@pytest.mark.parametrize(
    "path", ["azureml:numbers@latest", "azureml:numbers:2", "azureml:number:1", "azureml:numbers:latest"]
)
def test_what_check_refuses(model: Repo, path: str) -> None:
    point(model, path)
    for command in ("check models/m", "run models/m"):
        said = model.mlroad(command)
        assert said.code in (1, 2), said
        assert "models/m/pipeline.yml:6" in said.text
    assert not records(model)


def test_a_run_names_its_data(model: Repo) -> None:
    said = model.mlroad("run models/m")
    assert said.code == 0, said
    (record,) = records(model)
    about = record["inputs"]["raw"]
    assert (about["dataset"], about["dataset_digest"]) == ("numbers:1", about["digest"])
    assert "run models/m/pipeline.yml" in model.good("lineage numbers:1")


@pytest.mark.parametrize("option", ["", " --dry-run", " --step copy", " --no-reuse"])
def test_one_byte(model: Repo, option: str) -> None:
    model.write("datasets/numbers/1/numbers.csv", TABLE.replace("one", "onE"))
    said = model.mlroad(f"run models/m{option}")
    assert said.code == 2, said
    assert "datasets/numbers/1/numbers.csv: MD203" in said.text
    assert not records(model)


def test_another_version_for_once(model: Repo) -> None:
    model.write("raw/numbers.csv", TABLE + "4,four\n")
    model.good("add numbers raw/numbers.csv")
    said = model.mlroad("run models/m --input raw=azureml:numbers:2")
    assert said.code == 0, said
    assert [record["inputs"]["raw"]["dataset"] for record in records(model)] == ["numbers:2"]
    model.write("datasets/numbers/2/numbers.csv", TABLE)
    assert model.mlroad("run models/m --input raw=azureml:numbers:2").code == 2


DATA = "datasets/numbers/1/numbers.csv"


@pytest.mark.parametrize("given", [DATA, "./link.csv", "../repo/" + DATA])
def test_a_path_to_the_data_of_a_version(model: Repo, given: str) -> None:
    """A path on the command line or in the pipeline refers to the same version as its name."""
    (model / "link.csv").symlink_to(DATA)
    assert model.mlroad(f"run models/m --input raw={given}").code == 0
    point(model, f"../../{given}")
    assert model.mlroad("run models/m").code == 0
    for record in records(model):
        about = record["inputs"]["raw"]
        assert (about["dataset"], about["dataset_digest"]) == ("numbers:1", about["digest"])
        assert record["steps"]["copy"]["inputs"]["raw"]["dataset"] == "numbers:1"
    model.write(DATA, TABLE.replace("one", "onE"))
    before = len(records(model))
    for command in ("run models/m", f"run models/m --input raw={given}", "run models/m --dry-run"):
        said = model.mlroad(command)
        assert (said.code, f"{DATA}: MD203" in said.text) == (2, True), said
    assert len(records(model)) == before


@pytest.mark.parametrize("place", ["x.csv", "2/3/x.csv", "it's #1.csv"])
def test_a_path_to_data_that_stays_in_its_place(model: Repo, place: str) -> None:
    name = f"data/march/{place}"
    model.write(name, TABLE + "4,four\n")
    model.good(f"add march {shlex.quote(name)}")
    run = f"run models/m --input {shlex.quote(f'raw={name}')}"
    assert model.mlroad(run).code == 0
    assert [record["inputs"]["raw"]["dataset"] for record in records(model)] == ["march:1"]
    model.write(name, TABLE)
    said = model.mlroad(run)
    assert (said.code, "MD203" in said.text) == (2, True), said


def test_a_path_on_two_lines(model: Repo) -> None:
    """YAML written by other tools may fold it at a space."""
    name = "data/march/of the north.csv"
    model.write(name, TABLE + "4,four\n")
    model.good(f"add march '{name}'")
    version = (model / "datasets/march/1.yml").read_text(encoding="utf-8")
    folded = re.sub(r"^(path: .*of the) ", r"\1\n  ", version, flags=re.MULTILINE)
    assert folded != version
    model.write("datasets/march/1.yml", folded)
    assert model.mlroad(f"run models/m --input 'raw={name}'").code == 0
    assert [record["inputs"]["raw"]["dataset"] for record in records(model)] == ["march:1"]


def test_a_path_to_a_part_of_a_version(model: Repo) -> None:
    model.write("raw/pets/a.csv", TABLE)
    model.write("raw/pets/b.csv", TABLE)
    model.good("add pets raw/pets")
    run = "run models/m --input raw=datasets/pets/1/a.csv"
    assert model.mlroad(run).code == 0
    (record,) = records(model)
    assert record["inputs"]["raw"]["dataset"] == "pets:1"
    model.write("datasets/pets/1/a.csv", TABLE + "4,four\n")
    assert model.mlroad(run).code == 2


def test_a_path_to_the_folder_of_a_version(model: Repo) -> None:
    text = PIPELINE.replace("azureml:numbers:1", "../../datasets/numbers/1").replace("cat", "ls")
    model.write(
        "models/m/pipeline.yml", text.replace("raw:\n    type: uri_file", "raw:\n    type: uri_folder")
    )
    assert model.mlroad("run models/m").code == 0
    model.write(DATA, TABLE + "4,four\n")
    assert model.mlroad("run models/m").code == 2


@pytest.mark.parametrize(
    "path", ["raw/numbers.csv", "datasets/numbers/numbers.csv", "datasets/numbers/2/x.csv"]
)
def test_a_path_to_other_data(model: Repo, path: str) -> None:
    """Data that belongs to no version may change, even when a version is broken."""
    model.write(path, TABLE)
    model.write(DATA, TABLE + "4,four\n")
    said = model.mlroad(f"run models/m --input raw={path}")
    assert said.code == 0, said
    (record,) = records(model)
    assert "dataset" not in record["inputs"]["raw"]


def test_a_thousand_versions_do_not_slow_a_run_down(model: Repo) -> None:
    text = (model / "datasets/numbers/1.yml").read_text(encoding="utf-8")
    for number in range(2, 1002):
        model.write(f"datasets/numbers/{number}.yml", text.replace("./1/", f"./{number}/"))
    started = time.process_time()
    assert VersionPaths(model.path).of(model / "raw/numbers.csv") is None
    assert time.process_time() - started < 1


def test_data_in_the_cloud(model: Repo) -> None:
    """The local copy is used if it exists and matches; otherwise the run says how to get it."""
    model.good("add far raw/numbers.csv --at azureml://datastores/lake/paths/x.csv")
    point(model, "azureml:far:1")
    assert model.mlroad("run models/m").code == 0
    copy = model / "data/far/1/x.csv"
    copy.write_bytes(copy.read_bytes().replace(b"one", b"onE"))
    said = model.mlroad("run models/m")
    assert (said.code, "data/far/1/x.csv: MD203" in said.text) == (2, True), said
    copy.unlink()
    said = model.mlroad("run models/m")
    assert (said.code, "mlroad dataset fetch far:1" in said.text) == (2, True), said


def test_large_data_is_not_read_for_each_run(model: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlroad.data.create_version.SMALL", 1)
    model.good("add large raw/numbers.csv --stage prod")
    point(model, "azureml:large:1")
    time.sleep(2.1)
    assert model.mlroad("run models/m --dry-run").code == 0
    read: list[str] = []
    hashed = digests._hash

    def counted(file: str, state: FileState) -> str:
        read.append(file)
        return hashed(file, state)

    monkeypatch.setattr(digests, "_hash", counted)
    assert model.mlroad("run models/m --dry-run").code == 0
    assert not read


def test_check_reports_that_dev_and_prod_disagree(model: Repo) -> None:
    """Only the schemas are compared, without the data."""
    model.write("raw/prod.csv", TABLE.replace("name", "title"))
    model.good("add numbers raw/prod.csv --stage prod")
    for version in ("1", "2"):
        model.good(f"schema infer numbers:{version} --file schema_{version}.yml")
        file = model / f"datasets/numbers/{version}.yml"
        text = file.read_text(encoding="utf-8")
        if "schema:" not in text.partition("tags:")[2]:
            file.write_text(f"{text}  schema: schema_{version}.yml\n", encoding="utf-8")
    said = model.mlroad("check")
    assert said.code == 1, said
    assert "MD50" in said.text
    assert "title" in said.text
