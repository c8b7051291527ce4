"""The workflows beside CI: the weekly update of a generated repo, and the template's release."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import clone_template, commit_all, git, render
from tests.workflows.harness import Act

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
APP = ["--var", "TEMPLATE_APP_ID=1", "--secret", "TEMPLATE_APP_PRIVATE_KEY=made-up"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with two releases; the second one changes a line of ruff.toml."""
    repo = clone_template(tmp_path_factory.mktemp("two-releases") / "template")
    git(repo, "tag", "v100.0.0")
    rules = repo / "prototype_template" / "ruff.toml.jinja"
    rules.write_text(rules.read_text(encoding="utf-8").replace("= 110", "= 111"), encoding="utf-8")
    commit_all(repo, "A newer standard")
    git(repo, "tag", "v100.1.0")
    return repo


@pytest.fixture
def old_project(template: Path, tmp_path: Path) -> Path:
    return render(template, tmp_path / "demo", ref="v100.0.0", project_name="demo")


def test_an_update_becomes_a_pull_request(act: Act, template: Path, old_project: Path) -> None:
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_green({"update": []})
    changed = git(old_project, "diff", "--name-only", "HEAD", "template/v100.1.0").split()
    assert changed == [".copier-answers.yml", "ruff.toml"]
    assert "= 111" in git(old_project, "show", "template/v100.1.0:ruff.toml")
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "gh pr create --head template/v100.1.0" in asked
    assert "Both sides changed" not in asked


def test_conflicts_are_named_and_committed_for_ci_to_find(act: Act, old_project: Path) -> None:
    rules = old_project / "ruff.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("= 110", "= 79"), encoding="utf-8")
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_green({"update": []})
    assert "<<<" + "<<<<" in git(old_project, "show", "template/v100.1.0:ruff.toml")
    assert "- `ruff.toml`" in run.gh_log.read_text(encoding="utf-8")


def test_a_branch_that_somebody_may_work_in_is_left_alone(act: Act, old_project: Path) -> None:
    git(old_project, "branch", "template/v100.1.0")
    before = git(old_project, "rev-parse", "template/v100.1.0")
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    last = [("update", "Renew the generated parts of models"), ("update", "Open the pull request")]
    run.assert_green({"update": []}, skipped=last)
    assert git(old_project, "rev-parse", "template/v100.1.0") == before


def test_the_newest_version_needs_no_pull_request(act: Act, template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "demo", ref="v100.1.0", project_name="demo")
    run = act.run(project, workflow="update.yml", event="schedule", arguments=APP)
    last = [("update", "Renew the generated parts of models"), ("update", "Open the pull request")]
    run.assert_green({"update": []}, skipped=last)
    assert "pr create" not in run.gh_log.read_text(encoding="utf-8")


def test_without_an_app_it_sleeps(act: Act, project: Callable[..., Path]) -> None:
    run = act.run(project(), workflow="update.yml", event="schedule")
    assert run.jobs == [], run.output


def test_a_tag_becomes_a_release(act: Act, tmp_path: Path) -> None:
    repo = clone_template(tmp_path / "template")
    changes = repo / "CHANGELOG.md"
    text = (
        "# Changelog\n\n## Unreleased\n\n- Later\n\n## 100.0.0 - 2026-11-24\n\n- Now\n\n## 99.0.0\n\n- Then\n"
    )
    changes.write_text(text, encoding="utf-8")
    run = act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")
    run.assert_green({"release": []})
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "gh release create v100.0.0 --verify-tag" in asked
    assert "- Now" in asked
    assert "Later" not in asked
    assert "Then" not in asked


def test_a_tag_that_the_changelog_does_not_know_is_no_release(act: Act, tmp_path: Path) -> None:
    repo = clone_template(tmp_path / "template")
    run = act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")
    run.assert_red("release", "Make the release", "nothing stands under ## 100.0.0")
    assert not run.gh_log.exists()
