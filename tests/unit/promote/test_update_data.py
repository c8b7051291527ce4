"""data.yml of a model that is promoted again: each data input gets its own new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.promote.factory_drafts import update_data

PIPELINE = """type: pipeline
inputs:
  rows: {type: uri_file, path: azureml:x:2}
  more: {type: uri_file, path: azureml:x:1}
  limit: 3
jobs:
  fit:
    type: command
    component: ./fit.yml
    inputs: {rows: "${{parent.inputs.rows}}"}
"""
FIT = """type: command
name: fit
inputs: {rows: {type: uri_file}}
command: python fit.py --rows ${{inputs.rows}}
environment: azureml:fit:1
"""


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "line"
    folder.mkdir(parents=True)
    (folder / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    (folder / "fit.yml").write_text(FIT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "rows:\n  dev: azureml:x:1\n  prod: azureml:x:1\nmore:\n  dev: azureml:x:1\n  prod: azureml:x:1\n",
        "more: {dev: azureml:x:1, prod: azureml:x:1} # same\nrows: {prod: azureml:x:1, dev: 'azureml:x:1'}\n",
        '# dev: azureml:x:1\r\nrows:\r\n  dev: "azureml:x:1" # now\r\n  prod: azureml:x:1\r\n'
        "more:\r\n  dev: azureml:x:1\r\n  prod: azureml:x:1",
        'rows: {dev: "azureml:x\\x3a1", prod: azureml:x:1}\nmore: {dev: azureml:x:1, prod: azureml:x:1}\n',
    ],
)
def test_inputs_on_one_version(stage: Path, text: str) -> None:
    """Only the version of the input that changed is another one, and nothing else in the file is."""
    file = stage / "models/line/data.yml"
    file.write_bytes(text.encode())
    update_data(stage, "line")
    new = file.read_bytes().decode()
    assert new.replace("x:2", "x:1") == text.replace("\\x3a", ":")
    place = new.index("x:2")
    assert new.rindex("rows:", 0, place) > new.find("more:", 0, place)
    assert new.rindex("dev:", 0, place) > new.rfind("prod:", new.index("rows:"), place)
    assert new.count("x:2") == 1
