"""Version files: what Azure ML reads, what is refused, and on which line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.data.version import (
    DatasetVersion,
    load_version,
    parse_reference,
    version_text,
    write_version,
)

DIGEST = "sha256:" + "0" * 64
GOOD = f"""\
$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json
name: sales
version: "2"
type: uri_file
path: ./2/sales.csv
tags:
  digest: {DIGEST}
  size: "12"
  rows: "3"
  stage: prod
  parent: sales:1
  derivation: '{{"step":"models/m/steps/clean.py"}}'
  source: a shop
"""


def put(folder: Path, text: str, name: str = "sales", version: str = "2") -> Path:
    file = folder / "datasets" / name / f"{version}.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def test_a_good_file(tmp_path: Path) -> None:
    version = load_version(put(tmp_path, GOOD))
    assert (version.id, version.stage, version.rows, version.size) == ("sales:2", "prod", 3, 12)
    assert (version.parent, version.tags) == ("sales:1", {"source": "a shop"})
    assert version.at("tags.digest").line == 7
    assert version.derivation == {"step": "models/m/steps/clean.py"}


@pytest.mark.parametrize(
    "version",
    [
        {"description": "two\nlines: 'with' \"quotes\" and ünïcödé"},
        {"parents": ("a:1", "b:2"), "derivation": {"step": "x", "parameters": {"text": 'it\'s "so": [1]'}}},
        {"digest": DIGEST, "size": 0, "rows": 0, "schema": "schema.yml", "tags": {"no": "yes", "1": "2"}},
        {"type": "uri_folder", "path": "azureml://datastores/blob/paths/a b/", "stage": "prod"},
    ],
)
def test_what_is_written_is_read_back(tmp_path: Path, version: dict[str, object]) -> None:
    file = tmp_path / "datasets" / "sales" / "2.yml"
    given = {"type": "uri_file", "path": "./2/sales.csv", **version}
    written = DatasetVersion(file=file, name="sales", version="2", **given)  # type: ignore[arg-type]
    write_version(written)
    assert load_version(file) == written
    with pytest.raises(FileExistsError):
        write_version(written)
    assert [path.name for path in file.parent.iterdir()] == ["2.yml"]


@pytest.mark.slow  # azure-ai-ml takes seconds to import
def test_azure_ml_reads_them(tmp_path: Path) -> None:
    from azure.ai.ml import load_data

    version = load_version(put(tmp_path, GOOD))
    (tmp_path / "datasets" / "sales" / "2").mkdir()
    (tmp_path / "datasets" / "sales" / "2" / "sales.csv").write_text("a\n1\n", encoding="utf-8")
    file = put(tmp_path, version_text(version))
    asset = load_data(file)
    assert (asset.name, asset.version, asset.type, asset.tags["digest"]) == ("sales", "2", "uri_file", DIGEST)
    assert all(isinstance(value, str) for value in asset.tags.values())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("name: sales\n", "", 0, "name is missing"),
        ("path: ./2/sales.csv\n", "", 0, "path is missing"),
        ("name: sales", "name: sails", 2, "the folder is sales"),
        ("name: sales", "name: 'no name'", 2, "is not a valid dataset name"),
        ('version: "2"', 'version: "3"', 3, "the file is 2.yml"),
        ('version: "2"', "version: v2", 3, "not a version"),
        ('version: "2"', "version: [2]", 3, "must be a string"),
        ("uri_file", "uri_fiel", 4, "not a data type"),
        ('"12"', '"12 kB"', 8, "not a number"),
        ('"3"', "3", 9, "tags are strings"),
        ("prod", "production", 10, "dev or prod"),
        ("sales:1", "the old one", 11, "is not a dataset version"),
        (DIGEST, "sha256:abc", 7, "is not a digest"),
        ("stage: prod", "size: '1'", 10, "size"),
        ('{"step":"models/m/steps/clean.py"}', "{step", 12, "not valid JSON"),
        ("tags:", "tags: [", 8, "valid YAML"),
    ],
)
def test_mistakes_are_reported_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as error:
        load_version(put(tmp_path, GOOD.replace(old, new, 1)))
    assert words in str(error.value)
    assert [problem.at.line for problem in error.value.problems] == [line]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        text = GOOD.replace("uri_file", "file").replace("prod", "test").replace('"12"', '"x"')
        load_version(put(tmp_path, text))
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"text", b"\xff\xfe\x00", b"a: \x00"])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    file = put(tmp_path, "")
    file.write_bytes(content)
    with pytest.raises(UserError, match="MD101"):
        load_version(file)


@pytest.mark.parametrize("text", ["sales:1", "azureml:sales:1", "a-b_C:12"])
def test_references(text: str) -> None:
    name, version = parse_reference(text)
    assert text.endswith(f"{name}:{version}")


@pytest.mark.parametrize(
    "text",
    [
        "sales",
        "sales@latest",
        "azureml:sales@latest",
        "sales:latest",
        "sales:0",
        "sales:01",
        "sales:v1",
        ":1",
        "",
    ],
)
def test_invalid_references(text: str) -> None:
    with pytest.raises(UserError, match="such as diabetes:1"):
        parse_reference(text)
