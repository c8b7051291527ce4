"""The workflows besides CI: the weekly update of a generated repo, and the template's release."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import clone_template, commit_all, git, render
from tests.workflows.harness import Act, edit_wheel

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
    changed = git(old_project, "diff", "--no-renames", "--name-status", "HEAD", "template/v100.1.0")
    [old] = (path.name for path in (old_project / "vendor").glob("*.whl"))
    new = git(old_project, "ls-tree", "--name-only", "template/v100.1.0", "vendor/").split()[-1]
    assert old != new
    assert changed.splitlines() == [
        "M\t.copier-answers.yml", "M\tpyproject.toml", "M\truff.toml", "M\tvendor/SHA256SUMS",
        *sorted([f"D\tvendor/{old}", f"A\t{new}"], key=lambda line: line[2:]),
    ]  # fmt: skip
    assert "= 111" in git(old_project, "show", "template/v100.1.0:ruff.toml")
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "gh pr create --head template/v100.1.0" in asked
    assert "changed on both sides" not in asked


def test_conflicts_are_named_and_committed_for_ci_to_find(act: Act, old_project: Path) -> None:
    rules = old_project / "ruff.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("= 110", "= 79"), encoding="utf-8")
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_green({"update": []})
    assert "<<<" + "<<<<" in git(old_project, "show", "template/v100.1.0:ruff.toml")
    assert "- `ruff.toml`" in run.gh_log.read_text(encoding="utf-8")


def test_a_wheel_that_was_replaced_with_its_sha256_is_found(act: Act, old_project: Path) -> None:
    """No code of that wheel may run in the job, because the job can change workflows."""
    edit_wheel(old_project, "mlroad/__init__.py", '"""ML Road', 'raise SystemExit("evil")\n"""ML Road')
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_red(
        "update", "Build the wheel again and compare", "The template does not build the committed wheel."
    )
    assert "evil" not in run.output
    assert "pr create" not in run.gh_log.read_text(encoding="utf-8")


def test_a_branch_that_may_hold_work_is_left_alone(act: Act, old_project: Path) -> None:
    git(old_project, "branch", "template/v100.1.0")
    before = git(old_project, "rev-parse", "template/v100.1.0")
    run = act.run(old_project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_green({"update": []}, skipped=[("update", "Open the pull request")])
    assert git(old_project, "rev-parse", "template/v100.1.0") == before


def test_the_newest_version_needs_no_pull_request(act: Act, template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "demo", ref="v100.1.0", project_name="demo")
    run = act.run(project, workflow="update.yml", event="schedule", arguments=APP)
    run.assert_green({"update": []}, skipped=[("update", "Open the pull request")])
    assert "pr create" not in run.gh_log.read_text(encoding="utf-8")


def test_without_an_app_it_does_nothing(act: Act, project: Callable[..., Path]) -> None:
    run = act.run(project(), workflow="update.yml", event="schedule")
    assert run.jobs == [], run.output


def test_a_model_that_is_ready_gets_its_tag(act: Act, tagged: Path, tmp_path: Path) -> None:
    """The tag is pushed, and the summary names the next command. A model that is not ready gets none."""
    repo = Path(shutil.copytree(tagged, tmp_path / "demo", symlinks=True))
    git(repo, "tag", "--delete", "line-v1")
    asked = {"workflow": "promote.yml", "event": "workflow_dispatch"}
    run = act.run(repo, **asked, inputs={"model": "line"})  # type: ignore[arg-type]
    run.assert_green({"tag": []})
    assert git(repo, "rev-parse", "line-v1^{commit}") == git(repo, "rev-parse", "HEAD")
    [summary] = run.summaries.values()
    assert "@line-v1 line" in summary
    run = act.run(repo, **asked, inputs={"model": "diabetes"})  # type: ignore[arg-type]
    run.assert_red("tag", "Check that the model is ready", "3 of 12 left: inference tests, metrics, tagged")
    assert git(repo, "tag").split() == ["line-v1"]


def test_a_tag_becomes_a_release(act: Act, tmp_path: Path) -> None:
    repo = clone_template(tmp_path / "template")
    changes = repo / "CHANGELOG.md"
    text = (
        "# Changelog\n\n## Unreleased\n\n- Later\n\n## 100.0.0 - 2026-11-24\n\n- Now\n\n## 99.0.0\n\n- Then\n"
    )
    changes.write_text(text, encoding="utf-8")
    run = act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")
    run.assert_red("release", "Build the wheel", "Its version is not that of the tag v100.0.0.")

    project = repo / "pyproject.toml"
    settings = re.sub(
        '^version = ".*"$', 'version = "100.0.0"', project.read_text("utf-8"), flags=re.MULTILINE
    )
    project.write_text(settings, encoding="utf-8")
    run = act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")
    run.assert_green({"release": []})
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "gh release create v100.0.0 --verify-tag" in asked
    assert "dist/mlroad-100.0.0-py3-none-any.whl dist/SHA256SUMS" in asked
    assert "- Now" in asked
    assert "Later" not in asked
    assert "Then" not in asked

    changes.write_text(text.replace("## 100.0.0", "## 100.0.1"), encoding="utf-8")
    run = act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")
    run.assert_red("release", "Create the release", "## 100.0.0")
    assert not run.gh_log.exists()
