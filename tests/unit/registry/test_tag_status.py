"""`mlroad promote --status` in a prototype: where its tags are candidate or champion."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.unit.registry.repos import factory, register


@pytest.fixture
def prototype(tmp_path: Path) -> Path:
    """A prototype with four tags, of which a factory took two."""
    folder = tmp_path / "prototype"
    (folder / "models").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "demo"\n', encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number in (1, 2, 3, 4):
        commit_all(folder, f"Version {number}")
        git(folder, "tag", "--annotate", "--message", "ready", f"diabetes-v{number}")
    return folder


def commit_of(prototype: Path, tag: str) -> str:
    return git(prototype, "rev-parse", f"{tag}^{{commit}}").strip()


def from_tag(repo: Path, prototype: Path, tag: str) -> None:
    """Let the model of a factory come from a tag."""
    file = repo / "models" / "diabetes" / "provenance.yml"
    text = re.sub("^(tag|commit): .*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text += f"tag: {tag}\ncommit: {commit_of(prototype, tag)}\n"
    file.write_text(text, encoding="utf-8")
    commit_all(repo, f"Promote {tag}")


@pytest.mark.slow
def test_where_the_tags_are(repo: Path, prototype: Path) -> None:
    from_tag(repo, prototype, "diabetes-v1")
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    from_tag(repo, prototype, "diabetes-v2")
    register(repo, 2, champion=1)
    from_tag(repo, prototype, "diabetes-v4")
    told = factory(prototype, "promote", "--status", "--factory", str(repo)).stdout
    rows = [re.split(" {2,}", line) for line in told.splitlines()]
    assert rows == [
        ["TAG", "COMMIT", "FACTORY", "WHERE"],
        *(
            [f"diabetes-v{number}", commit_of(prototype, f"diabetes-v{number}")[:7], place, use]
            for number, place, use in (
                (1, str(repo), "diabetes:1 champion"),
                (2, str(repo), "diabetes:2 candidate"),
                (3, "-", "not promoted"),
                (4, str(repo), "diabetes: promoted, not registered yet"),
            )
        ),
    ]
    assert f"diabetes-v1 (commit {commit_of(prototype, 'diabetes-v1')[:12]})" in factory(
        repo, "why", "diabetes@champion"
    ).stdout  # fmt: skip

    # The same from a setting, for programs, and from a clone.
    git(repo, "switch", "--quiet", "--create", "work")
    remote = repo.parent / "remote.git"
    git(repo, "clone", "--quiet", "--bare", str(repo), str(remote))
    git(repo, "remote", "add", "origin", str(remote))
    factory(repo, "registry", "push")
    settings = f'\n[tool.mlroad]\nfactories = ["{remote.as_uri()}"]\n'
    with (prototype / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    found = json.loads(factory(prototype, "promote", "--status", "--json").stdout)
    uses = {it["tag"]: [(use["version"], use["aliases"]) for use in it["uses"]] for it in found["tags"]}
    assert uses == {
        "diabetes-v1": [(1, ["champion"])],
        "diabetes-v2": [(2, ["candidate"])],
        "diabetes-v3": [],
        "diabetes-v4": [(None, [])],
    }

    # The copy of a factory follows the factory, also if its registry was recreated.
    new = git(remote, "commit-tree", "registry^{tree}", "-m", "new").strip()
    git(remote, "update-ref", "refs/heads/registry", new)
    assert json.loads(factory(prototype, "promote", "--status", "--json").stdout) == found


def test_what_it_cannot_say(prototype: Path, tmp_path: Path) -> None:
    said = factory(prototype, "promote", "--status", check=False)
    assert (said.returncode, "No factory is configured" in said.stderr) == (2, True)
    said = factory(prototype, "promote", "--status", "--factory", str(tmp_path), check=False)
    assert said.returncode == 1
    assert "it has no factory.yml" in said.stdout
    said = factory(prototype, "promote", "../x@v1", "diabetes", check=False)
    assert (said.returncode, "needs a model factory" in said.stderr) == (2, True)
