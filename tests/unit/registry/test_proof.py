"""What is proved about a version: its signatures, its approval on GitHub, and its files."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlroad.gate.register import _is_same
from mlroad.registry.github_approval import title
from mlroad.registry.local_registry import LocalRegistry
from mlroad.registry.signed_facts import KEY, SIGNERS
from tests.support import git
from tests.unit.registry.github import GitHub, serving
from tests.unit.registry.repos import factory, listed, make_run, register


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    with serving(GitHub()) as its:
        monkeypatch.setenv("GITHUB_API_URL", its.address)
        monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
        monkeypatch.setenv("GH_TOKEN", "made-up")
        yield its


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A private key, and the line that names its public key."""
    file = tmp_path_factory.mktemp("keys") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)], check=True)
    public = file.with_suffix(".pub").read_text(encoding="utf-8")
    return file.read_text(encoding="utf-8"), f'registry namespaces="mlroad-registry" {public}'


def story(repo: Path, version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(factory(repo, "why", version, "--json").stdout)
    return found


def shown_title(repo: Path, number: int) -> str:
    return title(LocalRegistry.of(repo).version("diabetes", number))


def test_an_approval_that_github_confirms(three: Path, github: GitHub) -> None:
    github.add(7, shown_title(three, 1), ("octocat", "approved", "production"))
    digest = LocalRegistry.of(three).version("diabetes", 1).tags["lineage_digest"]
    factory(three, "approve", "diabetes:1", "--github-run", "7", "--lineage", digest)
    told = factory(three, "why", "diabetes:1").stdout
    assert "approved by @octocat in environment production, run 7" in told
    assert story(three, "diabetes:1")["history"][0]["confirmed"] is True
    # Later, GitHub says something else, or nothing: then it is only a claim.
    github.approvals[7][0]["user"]["login"] = "somebody"
    told = factory(three, "why", "diabetes:1").stdout
    assert "claimed by @octocat" in told
    assert "According to GitHub, it was @somebody." in told
    del github.runs[7]
    assert "GitHub does not find it (HTTP 404)." in factory(three, "why", "diabetes:1").stdout


@pytest.mark.parametrize(
    ("about", "reviews", "reason"),
    [
        (1, [], "knows no approval of the environment production"),
        (1, [("octocat", "rejected", "production")], "knows no approval"),
        (1, [("octocat", "approved", "registry")], "knows no approval"),
        (2, [("octocat", "approved", "production")], "is about something else: Approve diabetes:2"),
    ],
)
def test_an_approval_that_github_does_not_confirm(
    three: Path, github: GitHub, about: int, reviews: list[tuple[str, str, str]], reason: str
) -> None:
    """Among them: the approval of another version, with which the first must not become champion."""
    github.add(7, shown_title(three, about), *reviews)
    done = factory(three, "approve", "diabetes:1", "--github-run", "7", check=False)
    assert done.returncode == 1
    assert reason in done.stderr
    github.runs[7] = {"path": ".github/workflows/pr.yml", "display_title": shown_title(three, 1)}
    done = factory(three, "approve", "diabetes:1", "--github-run", "7", check=False)
    assert "is not a run of .github/workflows/approve.yml" in done.stderr
    assert LocalRegistry.of(three).by_alias("diabetes", "champion") is None


def test_only_what_was_shown_is_approved(three: Path) -> None:
    """An empty digest is one that was not shown: a workflow's input may be empty."""
    other = LocalRegistry.of(three).version("diabetes", 2).tags["lineage_digest"]
    for wrong in (other, ""):
        done = factory(three, "approve", "diabetes:1", "--lineage", wrong, check=False)
        assert done.returncode == 1
        assert "It is not the version that was shown" in done.stderr
        assert factory(three, "why", "diabetes:1", "--lineage", wrong, check=False).returncode == 2


def test_a_champion_is_not_approved_again_by_another_lineage(three: Path) -> None:
    factory(three, "approve", "diabetes:1")
    own, other = (LocalRegistry.of(three).version("diabetes", n).tags["lineage_digest"] for n in (1, 2))
    for wrong in (other, "sha256:00"):
        done = factory(three, "approve", "diabetes:1", "--lineage", wrong, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"its lineage is {own}, not {wrong}." in done.stderr
    for right in ([], ["--lineage", own]):
        assert "already the champion" in factory(three, "approve", "diabetes:1", *right).stdout


def test_a_name_on_the_command_line_is_a_claim(three: Path) -> None:
    factory(three, "approve", "diabetes:1", "--by", "@octocat")
    assert "claimed by @octocat" in factory(three, "why", "diabetes:1").stdout
    assert story(three, "diabetes:1")["history"][0]["confirmed"] is False


def test_only_former_champions_can_come_back(three: Path) -> None:
    factory(three, "approve", "diabetes:1")
    factory(three, "approve", "diabetes:3")
    done = factory(three, "rollback", "diabetes", "--to", "2", check=False)
    assert done.returncode == 1
    assert "It has never been the champion" in done.stderr
    done = factory(three, "approve", "diabetes:2", check=False)
    assert "gh workflow run Retrain -f model=diabetes" in done.stderr
    factory(three, "rollback", "diabetes", "--to", "1")
    factory(three, "rollback", "diabetes", "--to", "3")


def test_what_the_workflow_wrote_is_signed(
    repo: Path, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What someone wrote without the key shows as unverified everywhere, whatever is signed later."""
    private, public = keys
    (repo / SIGNERS).parent.mkdir(exist_ok=True)
    (repo / SIGNERS).write_text(public, encoding="utf-8")
    monkeypatch.setenv(KEY, private)
    register(repo, 1)
    factory(repo, "approve", "diabetes:1", "--by", "@octocat")
    assert story(repo, "diabetes:1")["verified"] is True
    assert "the workflow (its signature is valid)" in factory(repo, "why", "diabetes:1").stdout
    assert "UNVERIFIED" not in factory(repo, "list").stdout

    monkeypatch.delenv(KEY)
    register(repo, 2, champion=1)
    assert "It was not registered by the workflow." in factory(repo, "why", "diabetes:2").stdout
    factory(repo, "approve", "diabetes:2", "--by", "@octocat")
    assert factory(repo, "list").stdout.count("UNVERIFIED") == 1
    # The signature of one version, or of another fact, does not fit.
    registry = LocalRegistry.of(repo)
    signature = registry.version("diabetes", 1).tags["signature"]
    registry.set_tags(registry.version("diabetes", 2), {"signature": signature})
    assert story(repo, "diabetes:2")["verified"] is False
    # A later signed change does not cover the earlier one.
    monkeypatch.setenv(KEY, private)
    factory(repo, "rollback", "diabetes", "--to", "1")
    assert story(repo, "diabetes:1")["verified"] is True
    assert story(repo, "diabetes:2")["verified"] is False
    # An alias that was moved by hand to an earlier champion.
    run = register(repo, 3, champion=1)
    factory(repo, "approve", "diabetes:3", "--by", "@octocat")
    assert story(repo, "diabetes:3")["verified"] is True
    registry.set_alias(registry.version("diabetes", 1), "champion")
    assert "The workflow made diabetes:3 the champion later" in story(repo, "diabetes:1")["unverified"]
    # The next attempt signs what a killed one left, but not what someone changed.
    other = registry.version("diabetes", 3).tags["signature"]
    registry.set_tags(registry.version("diabetes", 3), {"signature": ""})
    again = ["register", "diabetes", "--run", run, "--dev-run", run.replace("-1", "-0", 1)]
    factory(repo, *again)
    assert registry.version("diabetes", 3).tags["signature"] == other
    registry.set_tags(registry.version("diabetes", 3), {"signature": ""})
    found = registry.version("diabetes", 3)
    forged = replace(found, lineage={**found.lineage, "commit": "0" * 40})
    assert not _is_same(registry, forged, found.lineage)
    assert _is_same(registry, found, found.lineage)
    # A forged entry, and a changed one.
    version = registry.version("diabetes", 1)
    notes = json.loads(version.tags["history"])
    notes[0]["by"] = "@somebody"
    registry.set_tags(version, {"history": json.dumps(notes)})
    assert "was not signed by the workflow" in story(repo, "diabetes:1")["unverified"]


def test_a_repo_without_a_key_says_so(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"The repo has no {SIGNERS}" in factory(three, "why", "diabetes:1").stdout
    assert "UNVERIFIED" not in factory(three, "list").stdout
    monkeypatch.setenv(KEY, "nonsense")
    done = factory(three, "approve", "diabetes:1", check=False)
    assert done.returncode == 2
    assert f"The key in {KEY} cannot sign" in done.stderr


def test_a_changed_model_file_is_noticed_by_readers(three: Path) -> None:
    path = three / factory(three, "registry", "path", "diabetes:1").stdout.strip()
    (path / "MLmodel").write_text("another\n", encoding="utf-8")
    done = factory(three, "why", "diabetes:1", check=False)
    assert done.returncode == 2
    assert "The prod model of diabetes:1 is not the one that was registered" in done.stderr
    shutil.rmtree(path)
    assert "it is missing" in factory(three, "why", "diabetes:1", check=False).stderr
    factory(three, "why", "diabetes:2")


def test_a_champion_travels_to_a_machine_without_the_registry(three: Path, tmp_path: Path) -> None:
    factory(three, "approve", "diabetes:2")
    run = make_run(three, 4, champion=2)
    folder = tmp_path / "champion"
    digest = factory(three, "registry", "save", "diabetes", str(folder)).stdout.split()[-1]
    shutil.rmtree(three / ".registry")
    refused = factory(three, "registry", "load", str(folder), "--digest", digest[:-1] + "x", check=False)
    assert refused.returncode == 2
    factory(three, "registry", "load", str(folder), "--digest", digest)
    assert "diabetes:2" in factory(three, "why", "diabetes@champion").stdout
    done = factory(three, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 2
    assert "read-only copy" in done.stderr


def test_runs_travel_without_the_results_of_a_machine_that_trains(three: Path, tmp_path: Path) -> None:
    run, folder = make_run(three, 4), tmp_path / "handed"
    digest = factory(three, "hand-over", "diabetes", str(folder), "--run", run, "--run", "").stdout.split()[
        -1
    ]
    (three / ".runs" / "diabetes" / run / "gate" / "records.json").unlink()
    factory(three, "take-over", "diabetes", str(folder), "--digest", digest)
    assert not (three / ".runs" / "diabetes" / run / "gate").exists()
    factory(three, "take-over", "diabetes", str(folder), "--digest", digest, "--judged")
    assert (three / ".runs" / "diabetes" / run / "gate" / "records.json").is_file()
    (folder / run / "outputs" / "model" / "MLmodel").write_text("another\n", encoding="utf-8")
    done = factory(three, "take-over", "diabetes", str(folder), "--digest", digest, check=False)
    assert done.returncode == 2
    assert "is not what was handed over" in done.stderr


def test_a_deleted_database_is_not_an_empty_registry(three: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    git(three, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(three, "push", "--quiet", "origin", "main")
    factory(three, "registry", "push")
    database = three / ".registry" / "mlflow.db"
    database.unlink()
    run = make_run(three, 4)
    for words in (
        ("list",),
        ("why", "diabetes:1"),
        ("approve", "diabetes"),
        ("register", "diabetes", "--run", run),
    ):
        done = factory(three, *words, check=False)
        assert done.returncode == 2, words
        assert "mlflow.db is missing." in done.stderr
    assert not database.exists()
    factory(three, "registry", "pull")
    assert len(listed(three)) == 3

    # A file that was changed here is restored; one that was changed in the branch is reported.
    folder = three / factory(three, "registry", "path", "diabetes:1").stdout.strip()
    (folder / "MLmodel").write_text("another\n", encoding="utf-8")
    assert "had been changed here. They are restored." in factory(three, "registry", "pull").stdout
    factory(three, "why", "diabetes:1")
    (folder / "MLmodel").write_text("another\n", encoding="utf-8")
    state = three / ".registry" / ".branch"
    known = json.loads(state.read_text(encoding="utf-8"))
    known["folders"] = {}  # as if every version were new
    state.write_text(json.dumps(known), encoding="utf-8")
    factory(three, "registry", "tag", "diabetes:1", "a=b")
    factory(three, "registry", "push")
    git(tmp_path, "clone", "--quiet", "origin.git", "other")
    told = factory(tmp_path / "other", "registry", "pull").stdout
    assert "Warning: The prod model of diabetes:1 is not the one that was registered" in told


def test_the_branch_refuses_a_version_of_the_size_that_the_team_sets(three: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    git(three, "remote", "add", "origin", str(tmp_path / "origin.git"))
    (three / "factory.yml").write_text("local: {branch_limit_mb: 1}\n", encoding="utf-8")
    factory(three, "registry", "push")
    big = three / factory(three, "registry", "path", "diabetes:3").stdout.strip() / "big.bin"
    big.write_bytes(bytes(1_100_000))
    git(three, "update-ref", "-d", "refs/remotes/origin/registry")
    git(tmp_path / "origin.git", "update-ref", "-d", "refs/heads/registry")
    (three / ".registry" / ".branch").unlink()
    done = factory(three, "registry", "push", check=False)
    assert done.returncode == 2
    assert "takes 1 MB, and the branch registry takes at most 1 MB for a version" in done.stderr
    assert "registry: mlflow" in done.stderr
