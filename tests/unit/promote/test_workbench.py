"""What a run of a prototype's code leaves in the stage is not committed."""

from __future__ import annotations

import os
import random
import string
from contextlib import nullcontext
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from mlroad.core.git import GitError, dirty_files, read_blobs, run_git
from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import load_settings
from mlroad.promote.conflicts import put_in_place
from mlroad.promote.fetch_tag import Prototype, fetch_tag, not_in_origin
from mlroad.promote.make_promotion_plan import check_tag, has_model
from mlroad.promote.place_datasets import keep_large_data
from mlroad.promote.provenance import Provenance
from mlroad.promote.scan_prototype import scan_prototype
from mlroad.promote.workbench import Blob, workbench, write_files
from tests.support import commit_all, git


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    """A repo with a model and a dataset."""
    git(tmp_path, "init", "--quiet", ".")
    files = {name: Blob("100644", b"a: 1\n") for name in ("models/line/pipeline.yml", "datasets/x/1.yml")}
    write_files(tmp_path, files)
    (tmp_path / ".gitignore").write_text("__pycache__/\n.mlroad/\n", encoding="utf-8")
    commit_all(tmp_path, "Start")
    return tmp_path


def test_what_a_run_leaves_is_not_committed(factory: Path) -> None:
    with workbench(factory) as bench:
        bench.check_out(bench.head, "models/line", "datasets")
        write_files(bench.stage, {"models/line/provenance.yml": Blob("100644", b"tag: v1\n")})
        tree = bench.snapshot("line")
        left = ("models/line/steps/__pycache__/a.pyc", "models/line/gates.yml", "datasets/x/2.yml")
        write_files(bench.stage, {name: Blob("100755", b"bad\n") for name in left})
        (bench.stage / "datasets/x/1.yml").write_bytes(b"a: 2\n")
        (bench.stage / ".gitignore").write_bytes(b"*\n")
        (bench.stage / "models/line/pipeline.yml").unlink()
        if os.name != "nt":
            (bench.stage / "models/line/link").symlink_to("/etc")
        assert bench.final_tree(tree, "line") == tree
    found = git(factory, "diff", "--name-status", "HEAD", tree).split()
    assert found == ["A", "models/line/provenance.yml"]


def test_the_commit_of_the_start_counts(factory: Path) -> None:
    """Someone who commits while the model runs loses nothing: the promotion has the commit before."""
    with workbench(factory) as bench:
        bench.check_out(bench.head, "models/line", "datasets")
        before = bench.snapshot("line")
        (factory / "mine.txt").write_text("mine\n", encoding="utf-8")
        commit_all(factory, "Mine")
        assert bench.snapshot("line") == before


def test_data_that_a_run_changed_stays_behind(factory: Path) -> None:
    """Only data with the digest of its version is moved to data/ of the factory."""
    text = "type: uri_file\nname: x\nversion: {}\n"
    text += "path: azureml://datastores/d/paths/x.csv\ntags: {{digest: {}}}\n"
    with workbench(factory) as bench:
        for number, content in (("1", b"good"), ("2", b"bad")):
            digest = f"sha256:{sha256(b'good').hexdigest()}"
            files = {
                f"datasets/x/{number}.yml": text.format(number, digest).encode(),
                f"data/x/{number}/x.csv": content,
            }
            write_files(bench.stage, {name: Blob("100644", data) for name, data in files.items()})
        write_files(bench.stage, {"data/x/3/x.csv": Blob("100644", b"left")})
        keep_large_data(bench)
    assert [path.parent.name for path in factory.glob("data/*/*/*")] == ["1"]


@pytest.mark.parametrize(
    "repo, tag, commit, refused",
    [("p", "v1", "b" * 40, True), ("p", "v1", "a" * 40, False), ("q", "v1", "b" * 40, False)],
)
def test_a_moved_tag(factory: Path, repo: str, tag: str, commit: str, refused: bool) -> None:
    """A tag is compared with all earlier promotions, of other names and of deleted models, too."""
    for model, past in (("line", "v1"), ("other", "v2"), ("line", "v3")):
        text = Provenance("p", past, "a" * 40, model="line").text()
        write_files(factory, {f"models/{model}/provenance.yml": Blob("100644", text.encode())})
        commit_all(factory, past)
    (factory / "models/line/provenance.yml").unlink()
    commit_all(factory, "Deleted")
    with workbench(factory) as bench, pytest.raises(UserError) if refused else nullcontext() as told:
        check_tag(bench, Prototype(repo, tag, commit))
    if refused:
        assert "The tag v1 has moved: models/line came from" in str(told)


def test_a_tag_that_only_the_clone_has(factory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """provenance.yml names origin, and nobody else could find the tag there."""
    place = tmp_path_factory.mktemp("origin")
    git(place, "init", "--quiet", "--bare", ".")
    git(factory, "tag", "light")
    git(factory, "tag", "--annotate", "--message", "v1", "v1")
    head = git(factory, "rev-parse", "HEAD").strip()
    tags = [Prototype(place.as_posix(), name, head) for name in ("light", "v1")]
    assert not any(not_in_origin(str(factory), it) for it in tags), "there is no origin"
    git(factory, "remote", "add", "origin", place.as_posix())
    for it in tags:
        assert f"is not in origin ({place.as_posix()}) yet" in not_in_origin(str(factory), it)
        assert f"git push origin {it.tag}" in not_in_origin(str(factory), it)
        git(factory, "push", "--quiet", "origin", it.tag)
        assert not not_in_origin(str(factory), it)
        assert "another commit" in not_in_origin(str(factory), replace(it, commit="a" * 40))
        assert not not_in_origin(f"file://{factory}", replace(it, commit="a" * 40)), "an address is origin"
    git(factory, "remote", "set-url", "origin", f"{place}/nowhere")
    assert not any(not_in_origin(str(factory), it) for it in tags), "it cannot be asked"


def test_a_secret_of_an_old_name_is_found(factory: Path) -> None:
    """A model that was renamed is also looked for under the name that it was promoted from."""
    secret = "gh" + "p_" + "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=36))
    (factory / "models/line/notes.md").write_text(f"{secret}\n", encoding="utf-8")
    commit_all(factory, "A key")
    (factory / "models/line/notes.md").unlink()
    commit_all(factory, "No key")
    git(factory, "mv", "models/line", "models/straight")
    commit_all(factory, "Renamed")
    with workbench(factory) as bench:
        found = {
            names: [
                it.at.file.as_posix()
                for it in scan_prototype(bench, bench.head, names, load_settings(factory))
            ]
            for names in (("straight",), ("straight", "line"))
        }
    assert list(found.values()) == [[], ["models/line/notes.md"]]


def test_git_may_refuse_bare_repos(factory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COUNT", "1"), ("KEY_0", "safe.bareRepository"), ("VALUE_0", "explicit")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    with workbench(factory) as bench:
        assert bench.run("cat-file", "-t", bench.head).text == "commit"


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"])
def test_the_variables_of_a_hook_lead_to_no_other_repo(
    factory: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """git sets them for hooks, aliases and `rebase --exec`. The workbench would move the factory's HEAD."""
    places = {"GIT_WORK_TREE": ".", "GIT_OBJECT_DIRECTORY": ".git/objects"}
    monkeypatch.setenv(name, str(factory / places.get(name, ".git")))
    with workbench(factory) as bench:
        made = bench.commit(bench.tree("new", {"models/new/a": Blob("100644", b"only here\n")}), "New")
        bench.run("update-ref", "refs/heads/new", made)
    monkeypatch.delenv(name)
    assert "refs/heads/new" not in git(factory, "for-each-ref")
    assert not run_git(factory, "cat-file", "-e", made).ok
    assert git(factory, "status", "--porcelain") == ""


def test_a_file_in_the_way_stops_a_promotion(factory: Path) -> None:
    """Before anything has changed: the branch, the index and the file are as they were."""
    head, tree = git(factory, "rev-parse", "HEAD").strip(), git(factory, "write-tree").strip()
    write_files(factory, {"datasets/x/2.yml": Blob("100644", b"theirs\n")})
    commit_all(factory, "Promoted")
    made = git(factory, "rev-parse", "HEAD").strip()
    git(factory, "reset", "--quiet", "--hard", head)
    (factory / "datasets/x/2.yml").write_bytes(b"mine\n")
    with pytest.raises(UserError, match=r"datasets/x/2\.yml.* Move it away"):
        put_in_place(factory, tree, made, head)
    assert git(factory, "rev-parse", "HEAD").strip() == head
    assert git(factory, "status", "--porcelain") == "?? datasets/x/2.yml\n"
    (factory / "datasets/x/2.yml").unlink()
    put_in_place(factory, tree, made, head)
    assert git(factory, "rev-parse", "HEAD").strip() == made
    assert git(factory, "status", "--porcelain") == ""


def test_a_place_that_cannot_be_written(factory: Path) -> None:
    (factory / ".mlroad").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"\.mlroad cannot be written"), workbench(factory):
        pass


def test_a_repo_with_other_names_of_objects(factory: Path) -> None:
    """As `git init --object-format=sha256` makes it: it has promotions, but not from a usual repo."""
    other = factory / "other"
    git(factory, "init", "--quiet", "--object-format=sha256", str(other))
    commit_all(other, "Start")
    git(other, "tag", "v1")
    with workbench(other) as bench:
        assert fetch_tag(bench, str(other), "v1").commit == bench.head
    with workbench(factory) as bench, pytest.raises(UserError, match=r"The tag v1 of .* cannot be fetched: "):
        fetch_tag(bench, str(other), "v1")


def test_a_folder_of_ignored_files_is_not_a_model(factory: Path) -> None:
    (factory / "models/old/steps/__pycache__").mkdir(parents=True)
    (factory / "models/old/steps/__pycache__/a.pyc").touch()
    assert [has_model(factory, name) for name in ("line", "old", "none")] == [True, False, False]


def test_contents_of_any_bytes(factory: Path) -> None:
    contents = [b"", b"\n", b"a\nb", bytes(range(256)), b"0 blob 3\n", b""]
    names = [
        run_git(factory, "hash-object", "-w", "--stdin", stdin=content, check=True).text
        for content in contents
    ]
    assert read_blobs(factory, names) == contents
    assert read_blobs(factory, []) == []
    with pytest.raises(GitError, match="does not have the content"):  # as in a partial clone
        read_blobs(factory, [names[0], "1" * 40])


def test_files_that_differ_from_the_commit(factory: Path) -> None:
    """Each under its own name: a moved one is gone there and new here."""
    assert dirty_files(factory) == []
    git(factory, "mv", "models/line/pipeline.yml", "models/line/größe 1.yml")
    (factory / "datasets/x/new").mkdir()
    (factory / "datasets/x/new/2.yml").touch()
    moved = ["models/line/größe 1.yml", "models/line/pipeline.yml"]
    assert sorted(dirty_files(factory)) == ["datasets/x/new/2.yml", *moved]
    assert sorted(dirty_files(factory, untracked=False)) == moved
    assert dirty_files(factory, "datasets", "nowhere") == ["datasets/x/new/2.yml"]
