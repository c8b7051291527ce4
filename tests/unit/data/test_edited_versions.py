"""Edits of version files and data: each is found, and the message names the file that changed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlroad.core.digests import digest_content
from mlroad.data.create_version import VersionDraft, create_version
from mlroad.data.version import checksum_of, load_version
from tests.support import commit_all
from tests.unit.data.conftest import TABLE, Repo, start

OTHER = TABLE.replace("one", "onE")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """first:1 -> second:1 -> third:1, and pets:1, a folder."""
    folder = start(tmp_path_factory.mktemp("chain") / "repo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        parents: tuple[str, ...] = ()
        for name in ("first", "second", "third"):
            Path(f"raw/{name}.csv").write_text(f"{TABLE}4,{name}\n", encoding="utf-8")
            draft = VersionDraft(
                name, Path(f"raw/{name}.csv"), parents=parents, derivation={"split": {"side": name}}
            )
            parents = (create_version(Path(), draft).version.id,)
        for name in ("a", "b"):
            Path("raw/pets").mkdir(exist_ok=True)
            Path(f"raw/pets/{name}.png").write_text(name)
        create_version(Path(), VersionDraft("pets", Path("raw/pets")))
    commit_all(folder, "data")
    return folder


@pytest.fixture
def chain(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Repo:
    return Repo(Path(shutil.copytree(made, tmp_path / "chain")), capfd, monkeypatch)


def edit(repo: Repo, name: str, key: str, value: str, *, checksum: bool = False) -> None:
    """Change a tag of version 1; with ``checksum`` also the tag that gives such edits away."""
    file = repo / f"datasets/{name}/1.yml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    (content if key in content else content["tags"])[key] = value
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    if checksum:
        edit(repo, name, "checksum", checksum_of(load_version(file)))


def forget(repo: Repo, *keys: str) -> None:
    """Make all version files such as they were before mlroad wrote these tags, and commit them."""
    for file in repo.path.glob("datasets/*/1.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key in keys:
            content["tags"].pop(key, None)
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    repo.commit()


def line_of(repo: Repo, name: str, key: str) -> int:
    lines = (repo / f"datasets/{name}/1.yml").read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, start=1) if line.strip().startswith(f"{key}:"))


EDITS = {
    "digest": "sha256:" + "0" * 64,
    "size": "7",
    "rows": "7",
    "stage": "prod",
    "parent": "first:1,pets:1",
    "derivation": '{"split":{"side":"other"}}',
    "parent_digest": "sha256:" + "0" * 64,
    "checksum": "sha256:" + "0" * 64,
}


@pytest.mark.parametrize("key", EDITS)
@pytest.mark.parametrize("command", ["verify", "lineage third:1"])
def test_an_edited_tag(chain: Repo, key: str, command: str) -> None:
    if key == "parent":
        edit(chain, "second", "parent_digest", "sha256:" + "0" * 64 + ",sha256:" + "0" * 64)
    edit(chain, "second", key, EDITS[key])
    said = chain.dataset(command)
    assert said.code == 1
    assert f"datasets/second/1.yml:{line_of(chain, 'second', key)}: MD209: " in said.text
    assert "1.csv" not in said.text, "the data did not change"


def test_what_may_be_edited(chain: Repo) -> None:
    for key, value in (("description", "other"), ("schema", "other.yml"), ("own", "tag")):
        edit(chain, "second", key, value)
    assert chain.dataset("verify").code == 0
    assert chain.dataset("lineage third:1").code == 0


def test_the_data_is_blamed_if_the_data_changed(chain: Repo) -> None:
    chain.write("datasets/second/1/second.csv", OTHER)
    said = chain.refused("verify", "datasets/second/1/second.csv: MD203", code=1)
    assert "MD209" not in said


@pytest.mark.parametrize("name", ["second", "pets"])
def test_the_digest_is_blamed_without_a_checksum_too(chain: Repo, name: str) -> None:
    """A version file from before the checksum is compared with git."""
    forget(chain, "checksum")
    assert chain.dataset("verify").code == 0
    edit(chain, name, "digest", "sha256:" + "0" * 64)
    said = chain.refused("verify", f"datasets/{name}/1.yml:{line_of(chain, name, 'digest')}: MD209", code=1)
    assert "MD203" not in said
    assert "MD204" not in said
    edit(chain, "first", "rows", "9")
    chain.refused("verify", "The rows of first:1 were edited: its data has 4", code=1)


@pytest.mark.parametrize("command", ["verify", "lineage third:1"])
def test_an_ancestor_that_was_replaced_as_a_whole(chain: Repo, command: str) -> None:
    """Data, digest, size, rows and checksum agree with each other; the child knows better."""
    file = chain.write("datasets/first/1/first.csv", OTHER)
    content = digest_content(file)
    for key, value in (("digest", content.digest), ("size", str(content.size)), ("rows", "3")):
        edit(chain, "first", key, value, checksum=True)
    said = chain.refused(command, f"datasets/first/1.yml:{line_of(chain, 'first', 'digest')}: MD206", code=1)
    assert "second:1 was made from first:1" in said
    assert "Traceback" not in said
    if command != "verify":
        assert re.search(r"first:1 \(.*\) sha256:\w+ CHANGED", said)


def test_versions_from_before_parents_had_digests(chain: Repo) -> None:
    forget(chain, "checksum", "parent_digest")
    assert chain.dataset("verify").code == 0
    assert chain.dataset("lineage third:1").code == 0


def test_full_counts_the_rows_again(chain: Repo) -> None:
    edit(chain, "first", "rows", "9", checksum=True)
    assert chain.dataset("verify first:1").code == 0
    chain.refused("verify first:1 --full", "The rows of first:1 were edited: its data has 4", code=1)


@pytest.mark.parametrize("shape", [lambda n: [n - 1, n - 2], lambda n: [n - 1]])
def test_shared_ancestors_are_shown_once(chain: Repo, shape: Callable[[int], list[int]]) -> None:
    """Each of 60 versions has two parents: as a tree, there are more than 10^12 paths."""
    pets = load_version(chain / "datasets/pets/1.yml")
    for number in range(1, 61):
        parents = ",".join(f"deep:{parent}" for parent in shape(number) if parent > 0)
        tags = {"digest": str(pets.digest), "stage": "dev", **({"parent": parents} if parents else {})}
        about = {
            "name": "deep", "version": str(number), "type": "uri_folder", "path": "../pets/1", "tags": tags
        }  # fmt: skip
        chain.write(f"datasets/deep/{number}.yml", yaml.safe_dump(about))
        shutil.copy(chain / "datasets/pets/1.sha256", chain / f"datasets/deep/{number}.sha256")
    for reference in ("deep:60", "deep:1"):
        lines = chain.good(f"lineage {reference}").splitlines()
        assert len(lines) < 200
    assert "and more: `mlroad dataset lineage deep:40`" in chain.good("lineage deep:60")
