"""`mlroad dataset lineage` and `gc`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlroad.data.create_version import VersionDraft, create_version
from mlroad.run.derive import DeriveOptions, derive_version
from tests.support import commit_all, git
from tests.unit.data.conftest import TABLE, Repo, start

STEP = "models/m/steps/clean.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """numbers:1 -> numbers:2 -> clean:1, and a run of numbers:2. Made once, because steps are processes."""
    folder = start(tmp_path_factory.mktemp("family") / "repo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        version = create_version(Path(), VersionDraft("numbers", Path("raw/numbers.csv"))).version
        commit_all(folder, "numbers:1")
        first = DeriveOptions("numbers", Path(STEP), [version.id], ["at_least=2"])
        second = DeriveOptions("clean", Path(STEP), ["numbers:2"], ["at_least=3"])
        digest = derive_version(Path(), first).version.digest
        derive_version(Path(), second)
    record = {
        "id": "20260101-000000-abcd",
        "pipeline": "models/m/pipeline.yml",
        "state": "completed",
        "git": {"commit": "0" * 40},
        "mlflow": {"run_id": "1234567890"},
        "inputs": {"raw": {"dataset": "numbers:2", "dataset_digest": digest, "path": "somewhere"}},
        "steps": {"prep": {"inputs": {"raw": {"dataset": "numbers:2"}, "n": {"value": "3"}}}},
    }
    file = folder / ".runs/m/20260101-000000-abcd/run.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture
def family(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Repo:
    return Repo(Path(shutil.copytree(made, tmp_path / "family")), capfd, monkeypatch)


def test_the_trees(family: Repo) -> None:
    commit = git(family.path, "rev-parse", "HEAD").strip()[:7]
    lines = family.good("lineage numbers:2").splitlines()
    assert lines[0].startswith("numbers:2 (dev, 2 rows) sha256:")
    assert lines[0].endswith(" verified")
    assert lines[1:4] == [
        "├── made from",
        f"│   by {STEP} at {commit} at_least=2",
        lines[3],
    ]
    assert lines[3].startswith("│   └── numbers:1 (dev, 3 rows)")
    assert lines[4:] == [
        "└── used by",
        "    ├── run models/m/pipeline.yml 20260101-000000-abcd: completed, MLflow run 12345678",
        f"    └── clean:1 (dev, 1 row) by {STEP} at {commit} at_least=3",
    ]
    assert "nothing: it was added" in family.good("lineage numbers:1")
    assert "20260101-000000-abcd" in family.good("lineage numbers:1"), "descendants' runs, too"
    assert "nothing yet" in family.good("lineage clean:1")


def test_other_formats(family: Repo) -> None:
    found = json.loads(family.good("lineage numbers:2 --format json"))
    assert found["versions"]["numbers:2"]["runs"][0]["id"] == "20260101-000000-abcd"
    assert found["versions"]["clean:1"]["parents"] == ["numbers:2"]
    chart = family.good("lineage clean:1 --format mermaid").splitlines()
    assert chart[0] == "flowchart LR"
    assert sum("-->|" in line for line in chart) == 2


def test_tampering_with_any_ancestor_is_reported(family: Repo) -> None:
    family.write("datasets/numbers/1/numbers.csv", TABLE.replace("one", "onE"))
    said = family.refused("lineage clean:1", "datasets/numbers/1/numbers.csv: MD203", code=1)
    assert "numbers:1 (dev, 3 rows) sha256:" in said
    assert said.count("CHANGED") == 1
    assert family.dataset("lineage numbers:2").code == 1
    family.write("datasets/clean/1/clean.csv", "id,name\n")
    family.write("datasets/numbers/1/numbers.csv", TABLE)
    assert family.dataset("lineage numbers:2").code == 0, "what came after is another version's affair"


def test_a_run_with_other_data_under_the_name(family: Repo) -> None:
    file = family / ".runs/m/20260101-000000-abcd/run.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record["inputs"]["raw"]["dataset_digest"] = "sha256:" + "0" * 64
    record["steps"] = {}
    file.write_text(json.dumps(record), encoding="utf-8")
    assert "with different data under this name" in family.good("lineage numbers:2")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"inputs": {"a": 3}}'])
def test_broken_records_of_runs_are_ignored(family: Repo, content: str) -> None:
    family.write(".runs/m/1/run.json", content)
    family.good("lineage numbers:2")


# ---- gc ----


@pytest.fixture
def large(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """numbers:1 and numbers:2 with their data below data/."""
    monkeypatch.setattr("mlroad.data.create_version.SMALL", 1)
    repo.good("add numbers raw/numbers.csv")
    repo.write("raw/numbers.csv", TABLE + "4,four\n")
    repo.good("add numbers raw/numbers.csv")
    repo.commit()
    return repo


def test_nothing_that_is_named_is_removed(large: Repo) -> None:
    assert large.good("gc --yes") == "Nothing to delete.\n"
    large.write("data/numbers/kept.txt", "not a version's")
    (large / "datasets/numbers/2.yml").unlink()
    large.commit("numbers:2 is gone on main")
    git(large.path, "branch", "old", "HEAD~1")
    said = large.good("gc")
    assert "data/numbers/kept.txt" in said
    assert "data/numbers/2" not in said, "another branch names it"
    git(large.path, "branch", "-D", "old")
    said = large.good("gc")
    assert "data/numbers/2: no version on any branch names it" in said
    assert (large / "data/numbers/2/numbers.csv").exists(), "only told so far"
    assert "freed" in large.good("gc --yes")
    assert not (large / "data/numbers/2").exists()
    assert (large / "data/numbers/1/numbers.csv").exists()
    assert "1 version verified" in large.good("verify")


def test_leftovers_and_copies(large: Repo) -> None:
    large.write("data/numbers/.new-abc/x.csv", TABLE)
    large.write("datasets/numbers/.new-abc/x.csv", TABLE)
    large.write(".mlroad/work-abc/x.csv", TABLE)
    large.good("add far raw/numbers.csv --at azureml://datastores/lake/paths/x.csv")
    said = large.good("gc --yes")
    assert said.count("left by an interrupted command") == 3
    assert (large / "data/far/1/x.csv").exists()
    assert "a copy of azureml://" in large.good("gc --copies --yes")
    assert not (large / "data/far/1/x.csv").exists()
    assert large.good("gc --copies --yes") == "Nothing to delete.\n"


def test_an_unreadable_version_stops_everything(large: Repo) -> None:
    large.write("datasets/numbers/2.yml", "path: [")
    large.refused("gc --yes", "datasets/numbers/2.yml")


def test_outside_of_git(tmp_path: Path, repo: Repo) -> None:
    plain = Repo(tmp_path / "plain", repo.capfd, repo.monkeypatch)
    plain.write("raw/numbers.csv", TABLE)
    (plain / "datasets").mkdir()
    plain.good("add numbers raw/numbers.csv")
    plain.write("data/numbers/9/x.csv", TABLE)
    assert "data/numbers/9" in plain.good("gc")
