"""`mlroad doctor` compares a repo with what its version of the template delivers."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mlroad.core.problems import UserError
from mlroad.core.standards import Age, age, age_among
from mlroad.core.template import Origin
from tests.support import call, commit_all, git, render
from tests.unit.github.api_server import TOKEN, GitHub, serving

pytestmark = pytest.mark.slow


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    with serving(GitHub()) as its:
        monkeypatch.setenv("GITHUB_API_URL", its.address)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        yield its


def doctor(repo: Path, *arguments: str) -> CompletedProcess[str]:
    return call([sys.executable, "-m", "mlroad", "doctor", *arguments], repo, check=False)


@pytest.fixture(scope="module")
def template(template_repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the releases v1.0.0, v1.2.0 and v1.10.0."""
    repo = Path(shutil.copytree(template_repo, tmp_path_factory.mktemp("doctor") / "template"))
    git(repo, "tag", "v1.0.0")
    for tag in ("v1.2.0", "v1.10.0", "nightly-2"):
        commit_all(repo, tag)
        git(repo, "tag", tag)
    return repo


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    made = render(template, tmp_path / "demo", ref="v1.0.0", project_name="demo", sample=False)
    hook = made / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n", encoding="utf-8")
    return made


def test_a_repo_as_delivered_is_healthy_and_one_that_was_edited_is_told_how(repo: Path) -> None:
    fresh = doctor(repo)
    assert fresh.returncode == 0, fresh.stdout + fresh.stderr
    assert "v1.10.0 is 2 releases newer. Update: `mlroad update`." in fresh.stdout
    assert "deleted" not in fresh.stdout
    assert "nothing to do" not in fresh.stdout  # there is an update
    before = git(repo, "count-objects", "-v")

    with (repo / "ruff.toml").open("a", encoding="utf-8") as file:
        file.write("# ours\n")
    (repo / "docs/tools.md").unlink()
    (repo / "tools").mkdir()
    (repo / ".editorconfig").rename(repo / "tools/.editorconfig")
    with (repo / "README.md").open("a", encoding="utf-8") as file:
        file.write("The README is ours.\n")
    commit_all(repo, "Our edits")
    after_commit = git(repo, "count-objects", "-v")
    said = doctor(repo, "--json")
    assert said.returncode == 0, "edits and newer releases are no faults"
    document = json.loads(said.stdout)
    assert [(found["file"], found["state"], found["now"]) for found in document["differences"]] == [
        (".editorconfig", "renamed", "tools/.editorconfig"),
        ("docs/tools.md", "deleted", ""),
        ("ruff.toml", "changed", ""),
    ]
    assert document["age"] == {"newest": "v1.10.0", "behind": 2}
    said = call([sys.executable, "-m", "mlroad", "fleet", ".", "--drift", "--json"], repo)
    [row] = json.loads(said.stdout)["repos"]
    assert (row["drift"], row["behind"], row["problem"]) == (3, 2, "")
    assert git(repo, "count-objects", "-v") == after_commit != before  # nothing is written into the repo

    said = doctor(repo, "--diff", "ruff.toml")
    assert "+# ours\n" in said.stdout
    assert doctor(repo, "--restore", "ruff.toml", "--restore", "docs/tools.md").returncode == 0
    assert "# ours" not in (repo / "ruff.toml").read_text(encoding="utf-8")
    document = json.loads(doctor(repo, "--json").stdout)
    assert [found["file"] for found in document["differences"]] == [".editorconfig"]


def test_what_is_to_do_is_red(repo: Path, github: GitHub) -> None:
    git(repo, "remote", "add", "origin", "https://github.com/o/r.git")
    (repo / ".git/hooks/pre-commit").unlink()
    (repo / ".python-version").write_text("3.9\n", encoding="utf-8")
    (repo / "notes.md").write_text("<<<<<<< ours\n", encoding="utf-8")
    git(repo, "add", "notes.md")
    [wheel] = (repo / "vendor").glob("*.whl")
    wheel.write_bytes(b"changed")
    done = doctor(repo)
    assert done.returncode == 1
    assert github.changes == []
    # Without the template, the rest is still said.
    answers = repo / ".copier-answers.yml"
    answers.write_text(
        re.sub("_src_path: .*", "_src_path: gone", answers.read_text("utf-8")), encoding="utf-8"
    )
    wheel.unlink()
    lost = doctor(repo)
    assert (lost.returncode, "hooks are not installed" in lost.stdout) == (2, True)
    assert f"vendor/{wheel.name} is missing. Build it: `mlroad setup`." in lost.stdout
    assert "Standards  The template at gone cannot be reached" in lost.stdout
    for said in (
        "hooks are not installed",
        ".python-version says 3.9",
        "notes.md has conflict",
        "was changed. Rest",
        "GitHub     ruleset main: create it",
    ):
        assert said in done.stdout


def test_a_restore_loses_no_edit_and_knows_its_files(repo: Path) -> None:
    with (repo / "ruff.toml").open("a", encoding="utf-8") as file:
        file.write("# ours\n")
    refused = doctor(repo, "--restore", "ruff.toml")
    assert refused.returncode == 2
    assert "ruff.toml has changes that are not committed. Commit or stash them first." in refused.stderr
    git(repo, "checkout", "--", "ruff.toml")
    # Files in the way that git does not have, or that are of another kind
    (repo / ".vscode/settings.json").unlink()
    (repo / "docs/tools.md").unlink()
    (repo / ".gitignore").write_text(".vscode/\n", encoding="utf-8")
    (repo / "docs/tools.md").mkdir()
    (repo / "docs/tools.md/ours.md").write_text("ours\n", encoding="utf-8")
    commit_all(repo, "Our edits")
    (repo / ".vscode/settings.json").write_text("{}\n", encoding="utf-8")
    for name in (".vscode/settings.json", "docs/tools.md"):
        refused = doctor(repo, "--restore", "./ruff.toml", "--restore", name)
        assert refused.returncode == 2
        assert f"in the way of the template's {name}. Rename it first" in refused.stderr
    assert (repo / ".vscode/settings.json").read_text(encoding="utf-8") == "{}\n"
    unknown = doctor(repo, "--diff", "ruff.tml")
    assert unknown.returncode == 2
    assert "Did you mean ruff.toml?" in unknown.stderr


def test_the_age_without_releases_and_without_a_template(template_repo: Path, tmp_path: Path) -> None:
    commit = git(template_repo, "rev-parse", "HEAD").strip()
    assert age(Origin(str(template_repo), commit[:7])) == Age(commit[:12], 0)
    assert age(Origin(str(template_repo), "abcdef0")) == Age(commit[:12], None)
    # As Copier records it in a template that has only other tags.
    head = {"HEAD": commit, "refs/tags/nightly": "f" * 40, "refs/tags/nightly^{}": "e" * 40}
    assert age_among(head, f"nightly-3-g{commit[:7]}") == Age(commit[:12], 0)
    assert age_among(head, "nightly-2-gabcdef0") == Age(commit[:12], None)
    assert age_among(head, "nightly") == Age(commit[:12], None)
    assert age_among({**head, "refs/tags/nightly^{}": commit}, "nightly") == Age(commit[:12], 0)
    with pytest.raises(UserError, match="cannot be reached"):
        age(Origin(str(tmp_path / "gone"), commit))
