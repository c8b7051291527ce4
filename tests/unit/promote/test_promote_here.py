"""`mlroad promote` for models in the factory's own repo."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.unit.cli.command import Command


def put(factory: Command, prototype: Path, place: str, *, tests: bool) -> None:
    """Put the prototype's model and its dataset into the factory."""
    shutil.copytree(prototype / "models/line", factory.repo / place)
    shutil.copytree(prototype / "datasets/diabetes", factory.repo / "datasets/diabetes")
    if not tests:
        shutil.rmtree(factory.repo / place / "inference_tests")
        (factory.repo / place / "metrics.json").unlink()
    commit_all(factory.repo, "A model")


def created(factory: Command) -> list[str]:
    [branch] = git(factory.repo, "branch", "--list", "promote/*", "--format=%(refname:short)").split()
    changed = git(factory.repo, "diff", "--no-renames", "--name-only", "main", branch).split()
    git(factory.repo, "switch", "--quiet", branch)
    return changed


def test_an_experiment_becomes_a_model(factory: Command, tagged: Path) -> None:
    put(factory, tagged, "experimentation/line", tests=True)
    said = factory("promote", "experimentation/line", "--target", "progression", "--no-run")
    assert said.code == 0, said
    assert git(factory.repo, "status", "--porcelain") == ""
    made = created(factory)
    assert {"models/line/pipeline.yml", "models/line/gates.yml", "models/line/data.yml"} <= set(made)
    assert not [path for path in made if not path.startswith(("models/line/", "datasets/diabetes"))]
    assert factory("check").code == 0
    origin = (factory.repo / "models/line/provenance.yml").read_text(encoding="utf-8")
    assert git(factory.repo, "rev-parse", "main").strip() in origin


def test_an_experiment_gets_another_name(factory: Command, tagged: Path) -> None:
    put(factory, tagged, "experimentation/line", tests=True)
    said = factory("promote", "experimentation/line", "--as", "rents", "--target", "progression", "--no-run")
    assert said.code == 0, said
    assert "models/rents/pipeline.yml" in created(factory)
    assert factory("check").code == 0


@pytest.mark.slow
def test_a_prototype_that_became_a_factory(factory: Command, tagged: Path) -> None:
    """Its model has nothing that a factory needs, not even inference tests; one command completes it."""
    put(factory, tagged, "models/line", tests=False)
    before = factory("check")
    assert before.code == 1
    assert before.out.count("MR711") >= 4
    said = factory("promote", "models/line", "--target", "progression")
    assert said.code == 0, said
    assert "because it has no inference tests" in said.out
    assert "models/line/inference_tests/suite.yml" in created(factory)
    assert factory("check").code == 0


def test_what_is_refused(factory: Command, tagged: Path) -> None:
    """Files that are not committed, missing tests with --no-run, a name that is taken, a promoted model."""
    put(factory, tagged, "experimentation/line", tests=False)
    head = git(factory.repo, "rev-parse", "HEAD")

    def refused(told: str, *arguments: str) -> None:
        said = factory("promote", *arguments)
        assert said.code == 2, said
        assert told in said.err
        assert git(factory.repo, "branch", "--list", "promote/*") == ""
        assert git(factory.repo, "rev-parse", "HEAD") == head

    refused("has no inference tests, and --no-run", "experimentation/line", "--no-run")
    (factory.repo / "experimentation/line/notes.md").write_text("x\n", encoding="utf-8")
    refused("not committed: experimentation/line/notes.md", "experimentation/line")
    (factory.repo / "experimentation/line/notes.md").unlink()
    (factory.repo / "models/line/steps").mkdir(parents=True)
    (factory.repo / "models/line/steps/fit.py").touch()
    refused("models/line already exists", "experimentation/line")
    (factory.repo / "models/line/provenance.yml").write_text("repo: x\n", encoding="utf-8")
    refused("models/line was promoted already", "models/line")
    refused("There is no experimentation/other", "experimentation/other")
    refused("datasets is not a model folder of this repo", "datasets")
    refused("Name a tag and a model", f"{tagged}@line-v1")
