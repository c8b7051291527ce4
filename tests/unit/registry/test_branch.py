"""The registry in its git branch: pull, push, --publish, and errors of git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlroad.registry.branch_git import BranchGit
from tests.support import commit_all, git
from tests.unit.registry.repos import (
    PACKAGES,
    aliases,
    begin,
    factory,
    judge_run,
    listed,
    make_run,
    register,
)


@pytest.fixture
def remote(repo: Path, tmp_path: Path) -> Path:
    """A bare repo that is the origin of ``repo``."""
    bare = tmp_path / "origin.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    git(repo, "remote", "add", "origin", str(bare))
    git(repo, "push", "--quiet", "origin", "main")
    return bare


def clone(remote: Path, name: str, *options: str) -> Path:
    git(remote.parent, "clone", "--quiet", *options, remote.as_uri(), name)
    return remote.parent / name


def head(remote: Path) -> str:
    return git(remote, "rev-parse", "refs/heads/registry").strip()


def state(repo: Path) -> str:
    """The user's git state: the checked-out commit, the index, the branches and the stash."""
    status = git(repo, "status", "--porcelain=v2", "--branch")
    return status + git(repo, "branch", "-v") + git(repo, "stash", "list")


def test_push_and_pull_carry_the_registry_to_another_machine(repo: Path, remote: Path) -> None:
    assert "There is no branch registry in origin yet" in factory(repo, "registry", "pull").stdout
    register(repo, 1)
    (repo / "uncommitted.txt").write_text("mine", encoding="utf-8")
    (repo / "staged.txt").write_text("mine", encoding="utf-8")
    git(repo, "add", "staged.txt")
    before = state(repo)
    assert "Pushed" in factory(repo, "registry", "push", "-m", "first").stdout
    assert state(repo) == before
    assert "Nothing to push." in factory(repo, "registry", "push").stdout

    other = clone(remote, "other")
    before = state(other)
    assert "1 versions, 1 new here" in factory(other, "registry", "pull").stdout
    assert state(other) == before
    assert aliases(other) == {"candidate": 1}
    factory(other, "approve", "diabetes")
    factory(other, "registry", "push")
    factory(repo, "registry", "pull")
    assert aliases(repo) == {"candidate": 1, "champion": 1}
    files = git(remote, "ls-tree", "-r", "--name-only", "registry").split()
    assert "mlflow.db" in files
    assert all(name == "mlflow.db" or name.startswith("models/diabetes/") for name in files)
    assert git(remote, "log", "--format=%s", "registry").split("\n")[1] == "registry: first"


def test_bytes_come_through_as_they_are(repo: Path, remote: Path) -> None:
    """Despite any line-ending settings, filters and ignored names in git."""
    git(repo, "config", "core.autocrlf", "true")
    (repo / ".git" / "info" / "attributes").write_text("* text eol=crlf\n", encoding="utf-8")
    (repo / ".git" / "info" / "exclude").write_text("*\n", encoding="utf-8")
    run = make_run(repo, 1, judged=False)
    folder = repo / ".runs" / "diabetes" / run
    content = b"a\r\nb\nc\r\n\x00\xff"
    (folder / "outputs" / "model" / "weights .bin").write_bytes(content)
    judge_run(repo, run)
    factory(repo, "register", "diabetes", "--run", run, "--publish")
    other = clone(remote, "other")
    factory(other, "registry", "pull")
    path = factory(other, "registry", "path", "diabetes:1").stdout.strip()
    assert (other / path / "weights .bin").read_bytes() == content
    factory(other, "approve", "diabetes", "--publish")  # the digests have not changed


def test_a_push_after_someone_elses_is_refused(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    other = clone(remote, "other")
    factory(other, "registry", "pull")
    factory(other, "approve", "diabetes", "--publish")
    register(repo, 2)
    done = factory(repo, "registry", "push", check=False)
    assert done.returncode == 3
    assert "has new commits since it was pulled" in done.stderr
    lost = factory(repo, "registry", "pull", check=False)
    assert lost.returncode == 2
    assert "unpushed changes" in lost.stderr
    assert [its["version"] for its in listed(repo)] == [1, 2]
    factory(repo, "registry", "pull", "--discard")
    assert aliases(repo) == {"candidate": 1, "champion": 1}
    assert [its["version"] for its in listed(repo)] == [1]


def test_publish_pulls_first_and_redoes_nothing_twice(repo: Path, remote: Path) -> None:
    run = make_run(repo, 1)
    factory(repo, "register", "diabetes", "--run", run, "--publish")
    first = head(remote)
    factory(repo, "register", "diabetes", "--run", run, "--publish")
    assert head(remote) == first
    other = clone(remote, "other")
    assert "approved" in factory(other, "approve", "diabetes", "--publish").stdout
    factory(repo, "registry", "tag", "diabetes@champion", "deployed=production", "--publish")
    factory(other, "registry", "pull")
    assert listed(other)[0]["deployed"] == "production"


def test_a_refused_candidate_is_not_published(repo: Path, remote: Path) -> None:
    run = make_run(repo, 1, error=70)
    done = factory(repo, "register", "diabetes", "--run", run, "--publish", check=False)
    assert done.returncode == 1
    assert git(remote, "branch", "--list", "registry") == ""


@pytest.mark.slow
def test_publishing_at_once_loses_nothing(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    clones = [clone(remote, f"clone{number}") for number in range(3)]
    runs = [make_run(each, 2 + number) for number, each in enumerate(clones)]
    children = [
        begin(each, "register", "diabetes", "--run", run, "--publish")
        for each, run in zip(clones, runs, strict=True)
    ]
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * 3
    factory(repo, "registry", "pull")
    found = listed(repo)
    assert [its["version"] for its in found] == [1, 2, 3, 4]
    assert sorted(its["run"] for its in found[1:]) == sorted(runs)
    assert aliases(repo) == {"candidate": 4}


@pytest.mark.slow
def test_the_first_two_to_publish_at_once(repo: Path, remote: Path) -> None:
    """There is no branch yet: one of them creates it, the other follows."""
    clones = [clone(remote, f"clone{number}") for number in range(2)]
    runs = [make_run(each, number) for number, each in enumerate(clones)]
    children = [
        begin(each, "register", "diabetes", "--run", run, "--publish")
        for each, run in zip(clones, runs, strict=True)
    ]
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0]
    factory(repo, "registry", "pull", "--discard")
    assert [its["version"] for its in listed(repo)] == [1, 2]


def test_losing_the_race_at_the_last_moment(repo: Path, remote: Path) -> None:
    """Someone else pushes between our fetch and our push: a hook in the remote simulates this."""
    register(repo, 1)
    factory(repo, "registry", "push")
    other = clone(remote, "other")
    factory(other, "registry", "pull")
    rival = git(remote, "commit-tree", "registry^{tree}", "-p", "registry", "-m", "rival").strip()
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\nrm $0\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/registry {rival}\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    factory(other, "approve", "diabetes", "--publish")
    assert git(remote, "log", "--format=%s", "registry").split("\n")[1] == "rival"
    factory(repo, "registry", "pull", "--discard")
    assert aliases(repo) == {"candidate": 1, "champion": 1}


def test_a_branch_that_changes_at_every_push(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(
        "#!/bin/sh\n"
        "unset GIT_QUARANTINE_PATH\n"
        "new=$(GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a "
        "GIT_OBJECT_DIRECTORY=$PWD/objects git commit-tree 'registry^{tree}' -p registry -m rival$$)\n"
        "git update-ref refs/heads/registry $new\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    done = factory(repo, "approve", "diabetes", "--publish", check=False)
    assert done.returncode == 3
    assert "first, 5 times in a row" in done.stderr


def test_an_unreadable_remote_is_not_treated_as_empty(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    remote.rename(remote.with_name("gone.git"))
    for words in (("registry", "pull"), ("registry", "push"), ("approve", "diabetes", "--publish")):
        done = factory(repo, *words, check=False)
        assert done.returncode == 1
        assert "cannot be read" in done.stderr
        assert "Traceback" not in done.stderr
    assert aliases(repo) == {"candidate": 1}


def test_a_deleted_branch_is_not_treated_as_empty(repo: Path, remote: Path) -> None:
    """Every command reports it, nothing is lost locally, and the suggested command recreates the branch."""
    register(repo, 1)
    factory(repo, "registry", "push")
    before = head(remote)
    git(remote, "update-ref", "-d", "refs/heads/registry")
    for words in (
        ("registry", "pull"), ("registry", "pull", "--discard"), ("registry", "push"),
        ("approve", "diabetes", "--publish"),
    ):  # fmt: skip
        done = factory(repo, *words, check=False)
        assert done.returncode == 1
        assert "was deleted from origin" in done.stderr
        assert "`mlroad registry push --restore`" in done.stderr
        assert "--discard" not in done.stderr
        assert aliases(repo) == {"candidate": 1}
    assert "Restored the branch registry in origin" in factory(repo, "registry", "push", "--restore").stdout
    assert head(remote) == before
    factory(repo, "approve", "diabetes", "--publish")
    assert "Nothing to push." in factory(repo, "registry", "push", "--restore").stdout


def test_a_branch_is_restored_with_what_was_not_pushed_yet(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    factory(repo, "approve", "diabetes")
    git(remote, "update-ref", "-d", "refs/heads/registry")
    factory(repo, "registry", "push", "--restore", "-m", "back")
    assert git(remote, "log", "--format=%s", "registry").split("\n")[:2] == [
        "registry: back",
        "registry: update",
    ]
    other = clone(remote, "other")
    factory(other, "registry", "pull")
    assert aliases(other) == {"candidate": 1, "champion": 1}
    assert "up to date with the branch" in factory(repo, "registry", "pull").stdout


def test_a_branch_is_restored_without_its_history(repo: Path, remote: Path) -> None:
    """A registry folder copied to a new clone, where git does not have the old commits."""
    register(repo, 1)
    factory(repo, "registry", "push")
    git(remote, "update-ref", "-d", "refs/heads/registry")
    git(remote, "gc", "--quiet", "--prune=now")
    other = clone(remote, "other")
    shutil.copytree(repo / ".registry", other / ".registry")
    factory(other, "registry", "push", "--restore")
    factory(repo, "registry", "pull", "--discard")
    assert aliases(repo) == {"candidate": 1}


def test_someone_else_restores_the_branch_at_the_same_time(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    factory(repo, "approve", "diabetes")
    rival = git(remote, "commit-tree", "registry^{tree}", "-m", "rival").strip()
    git(remote, "update-ref", "-d", "refs/heads/registry")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\nrm $0\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/registry {rival}\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    done = factory(repo, "registry", "push", "--restore", check=False)
    assert done.returncode == 3
    assert aliases(repo) == {"candidate": 1, "champion": 1}
    assert "was rewritten" in factory(repo, "registry", "pull", check=False).stderr
    assert aliases(repo) == {"candidate": 1, "champion": 1}


REWRITES = {"back": ("rev-parse", "registry~1"), "root": ("commit-tree", "registry^{tree}", "-m", "new")}


@pytest.mark.parametrize("depth", [(), ("--depth", "1")], ids=["full", "shallow"])
@pytest.mark.parametrize("rewrite", REWRITES)
def test_a_rewritten_branch_is_refused(
    repo: Path, remote: Path, depth: tuple[str, ...], rewrite: str
) -> None:
    """Every command refuses it and keeps the champion, until it is put back or explicitly accepted."""
    register(repo, 1)
    factory(repo, "registry", "push")
    other = clone(remote, "other", *depth)
    factory(other, "registry", "pull")
    factory(repo, "approve", "diabetes", "--publish")
    factory(other, "registry", "pull")  # a shallow clone also follows a branch that was not rewritten
    good = head(remote)
    git(remote, "update-ref", "refs/heads/registry", git(remote, *REWRITES[rewrite]).strip())
    for words in (
        ("registry", "pull"), ("registry", "push"), ("registry", "push", "--restore"),
        ("registry", "tag", "diabetes:1", "a=b", "--publish"), ("approve", "diabetes", "--publish"),
    ):  # fmt: skip
        done = factory(other, *words, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "was rewritten" in done.stderr
        assert f"`git push origin +{good}:refs/heads/registry`" in done.stderr
        assert aliases(other) == {"candidate": 1, "champion": 1}
    git(other, "push", "--quiet", "origin", f"+{good}:refs/heads/registry")
    assert "up to date" in factory(other, "registry", "pull").stdout
    git(remote, "update-ref", "refs/heads/registry", git(remote, *REWRITES[rewrite]).strip())
    assert (
        "Warning: The branch registry in origin was rewritten"
        in factory(other, "registry", "pull", "--discard").stdout
    )
    assert ("champion" in aliases(other)) == (rewrite == "root")
    assert "rewritten" not in factory(other, "registry", "pull", "--discard").stdout
    factory(other, "registry", "tag", "diabetes:1", "a=b", "--publish")


@pytest.mark.parametrize("depth", [(), ("--depth", "1")], ids=["full", "shallow"])
def test_a_copied_registry_whose_commit_git_does_not_have(
    repo: Path, remote: Path, depth: tuple[str, ...]
) -> None:
    """As from the cache of a workflow: the commit is in the branch's history, so nothing was rewritten."""
    register(repo, 1)
    factory(repo, "registry", "push")
    shutil.copytree(repo / ".registry", remote.parent / "cached")
    factory(repo, "approve", "diabetes", "--publish")
    other = clone(remote, "other", *depth)
    factory(other, "registry", "pull")
    factory(repo, "registry", "tag", "diabetes:1", "a=b", "--publish")
    shutil.rmtree(other / ".registry")
    shutil.copytree(remote.parent / "cached", other / ".registry")
    factory(other, "registry", "pull")
    assert aliases(other) == {"candidate": 1, "champion": 1}


def without(remote: Path, *paths: str) -> str:
    """Add a commit to the branch that lacks these paths; return the commit before."""
    place = remote.parent / "by hand"
    before = head(remote)
    if not place.exists():
        git(remote.parent, "clone", "--quiet", "--branch", "registry", str(remote), place.name)
    git(place, "fetch", "--quiet")
    git(place, "reset", "--quiet", "--hard", "origin/registry")
    git(place, "rm", "--quiet", "-r", *paths)
    git(place, "commit", "--quiet", "--allow-empty", "-m", "Remove")
    git(place, "push", "--quiet", "origin", "HEAD:registry")
    return before


@pytest.mark.parametrize(
    ("paths", "lacks"),
    [
        (["mlflow.db", "models"], "a readable mlflow.db"),
        (["mlflow.db"], "a readable mlflow.db"),
        (["models"], "lineage.json"),
    ],
)
def test_a_branch_that_was_emptied_is_refused(repo: Path, remote: Path, paths: list[str], lacks: str) -> None:
    register(repo, 1)
    register(repo, 2)
    factory(repo, "registry", "push")
    good = without(remote, *paths)
    for words in (("pull",), ("pull", "--discard")):
        done = factory(repo, "registry", *words, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{lacks}. The local registry is kept." in done.stderr
        assert f"`git push origin +{good}:refs/heads/registry`" in done.stderr
    path = factory(repo, "registry", "path", "diabetes:2").stdout.strip()
    assert (repo / path).is_dir()
    done = factory(clone(remote, "other"), "registry", "pull", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "`git push origin +COMMIT:refs/heads/registry`" in done.stderr
    assert list((repo / ".registry" / ".staged").iterdir()) == []
    git(repo, "push", "--quiet", "origin", f"+{good}:refs/heads/registry")
    factory(repo, "registry", "pull")


def test_a_branch_with_a_broken_database_is_refused(repo: Path, remote: Path) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    blob = git(remote, "hash-object", "-w", "/dev/null").strip()
    git(remote, "read-tree", "registry")
    git(remote, "update-index", "--cacheinfo", f"100644,{blob},mlflow.db")
    tree = git(remote, "write-tree").strip()
    commit = git(remote, "commit-tree", tree, "-p", "registry", "-m", "bad").strip()
    git(remote, "update-ref", "refs/heads/registry", commit)
    done = factory(repo, "registry", "pull", check=False)
    assert done.returncode == 1
    assert "lacks a readable mlflow.db" in done.stderr
    assert aliases(repo) == {"candidate": 1}


@pytest.mark.parametrize("restore", [False, True])
def test_versions_without_their_content_are_not_pushed(repo: Path, remote: Path, restore: bool) -> None:
    register(repo, 1)
    factory(repo, "registry", "push")
    register(repo, 2)
    shutil.rmtree((repo / factory(repo, "registry", "path", "diabetes:1").stdout.strip()).parent)
    if restore:
        git(remote, "update-ref", "-d", "refs/heads/registry")
    done = factory(repo, "registry", "push", *(["--restore"] if restore else []), check=False)
    assert done.returncode == 2
    assert "their content is missing here: models/diabetes/" in done.stderr
    assert "pull --discard" in done.stderr
    if not restore:
        factory(repo, "registry", "pull", "--discard")
        assert [its["version"] for its in listed(repo)] == [1]


def test_no_remote_at_all(repo: Path) -> None:
    done = factory(repo, "registry", "pull", check=False)
    assert done.returncode == 1
    assert "origin" in done.stderr


def test_a_remote_that_refuses_the_push(repo: Path, remote: Path) -> None:
    register(repo, 1)
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    done = factory(repo, "registry", "push", check=False)
    assert done.returncode == 1
    assert "protected branch" in done.stderr
    words = ["--run", make_run(repo, 2), "--dev-run", make_run(repo, 2, "dev")]
    done = factory(repo, "register", "diabetes", *words, "--publish", check=False)
    assert done.returncode == 1
    assert "protected branch" in done.stderr
    hook.unlink()
    assert "Pushed" in factory(repo, "registry", "push").stdout


def test_another_branch_with_that_name_is_not_a_registry(repo: Path, remote: Path) -> None:
    git(repo, "push", "--quiet", "origin", "main:registry")
    done = factory(repo, "registry", "pull", check=False)
    assert done.returncode == 1
    assert "contains .gitignore, which does not belong to a registry" in done.stderr


def test_a_file_that_github_would_refuse(repo: Path, remote: Path) -> None:
    register(repo, 1)
    path = repo / factory(repo, "registry", "path", "diabetes:1").stdout.strip()
    with (path / "weights.bin").open("wb") as file:
        file.truncate(95_000_001)
    done = factory(repo, "registry", "push", check=False)
    assert done.returncode == 2
    assert "weights.bin (95 MB)" in done.stderr
    assert "registry: azureml" in done.stderr


def test_a_shallow_clone_as_in_ci(repo: Path, remote: Path) -> None:
    register(repo, 1)
    register(repo, 2)
    factory(repo, "registry", "push")
    commit_all(repo, "Later")
    git(repo, "push", "--quiet", "origin", "main")
    shallow = clone(remote, "shallow", "--depth", "1")
    factory(shallow, "approve", "diabetes:1", "--publish")
    factory(shallow, "approve", "diabetes:2", "--publish")
    full = clone(remote, "full")
    factory(full, "registry", "pull")
    assert git(full, "rev-parse", "--is-shallow-repository").strip() == "false"
    factory(full, "rollback", "diabetes", "--publish")
    assert aliases(full) == {"candidate": 2, "champion": 1}


def test_cleaned_versions_leave_the_branch(repo: Path, remote: Path) -> None:
    for number in (1, 2, 3):
        register(repo, number)
    factory(repo, "registry", "push")
    other = clone(remote, "other")
    factory(other, "registry", "pull")
    factory(repo, "clean", "--keep", "1", "--days", "0", "--yes", "--publish")
    factory(other, "registry", "pull")
    for each in (repo, other):
        assert [its["version"] for its in listed(each)] == [3]
        assert len(list((each / ".registry" / "models" / "diabetes").iterdir())) == 1


def test_without_a_git_identity(repo: Path, remote: Path) -> None:
    register(repo, 1)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "EMAIL": "",
        "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)),
    }  # fmt: skip
    git(repo, "config", "user.useConfigOnly", "true")
    done = subprocess.run(
        [sys.executable, "-m", "mlroad", "registry", "push"],
        cwd=repo, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert git(remote, "log", "-1", "--format=%an", "registry").strip() == "mlroad"


def test_azure_has_no_branch(repo: Path) -> None:
    (repo / "factory.yml").write_text("registry: azureml\n", encoding="utf-8")
    for word in ("pull", "push"):
        assert "there is no branch" in factory(repo, "registry", word).stdout


def test_what_is_published_was_merged(repo: Path, remote: Path) -> None:
    commit_all(repo, "Not pushed")
    run = make_run(repo, 1)
    words = ("register", "diabetes", "--run", run, "--publish")
    done = factory(repo, *words, check=False)
    assert done.returncode == 1
    assert "is not in the branch main of origin. Push it, or merge its pull request" in done.stderr
    git(repo, "push", "--quiet", "origin", "HEAD:refs/heads/feature")
    assert factory(repo, *words, check=False).returncode == 1
    assert git(remote, "branch", "--list", "registry") == ""
    git(repo, "push", "--quiet", "origin", "main")
    factory(repo, *words)
    assert git(remote, "branch", "--list", "registry")


def test_a_commit_that_others_have_built_on(repo: Path, remote: Path) -> None:
    """In CI: a shallow checkout of a merged commit, detached, whose branch has moved on since."""
    commit_all(repo, "Merged")
    git(repo, "push", "--quiet", "origin", "main")
    shallow = clone(remote, "shallow", "--depth", "1")
    git(shallow, "checkout", "--quiet", "--detach")
    commit_all(repo, "Later")
    git(repo, "push", "--quiet", "origin", "main")
    factory(shallow, "register", "diabetes", "--run", make_run(shallow, 1), "--publish")
    assert aliases(shallow) == {"candidate": 1}
    commit_all(shallow, "A pull request")
    done = factory(shallow, "register", "diabetes", "--run", make_run(shallow, 2), "--publish", check=False)
    assert done.returncode == 1
    assert "is not in the branch main of origin" in done.stderr


def test_an_origin_without_a_branch(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "empty.git")
    git(repo, "remote", "add", "origin", str(tmp_path / "empty.git"))
    run = make_run(repo, 1)
    done = factory(repo, "register", "diabetes", "--run", run, "--publish", check=False)
    assert done.returncode == 1
    assert "origin has no default branch" in done.stderr
    assert "Push it first: `git push origin main`." in done.stderr
    factory(repo, "register", "diabetes", "--run", run)


def test_an_origin_whose_head_names_another_branch(repo: Path, remote: Path) -> None:
    """The message is no loop: main has been pushed already."""
    git(remote, "symbolic-ref", "HEAD", "refs/heads/master")
    words = ("register", "diabetes", "--run", make_run(repo, 1), "--publish")
    done = factory(repo, *words, check=False)
    assert done.returncode == 1
    assert "git push" not in done.stderr
    assert "there are: main." in done.stderr
    assert "`git symbolic-ref HEAD refs/heads/main`" in done.stderr
    git(remote, "symbolic-ref", "HEAD", "refs/heads/main")
    factory(repo, *words)


def test_the_variables_of_a_hook_lead_to_no_other_repo(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = git(repo, "rev-parse", "HEAD:factory.yml").strip()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    BranchGit(repo).extract({"factory.yml": blob}, tmp_path)
    assert (tmp_path / "factory.yml").read_bytes() == (repo / "factory.yml").read_bytes()
