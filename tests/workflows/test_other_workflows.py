"""The workflows besides CI: the weekly update of a generated repo, and the template's release."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import REPO, call, clone_template, commit_all, git, render
from tests.workflows.harness import Act, Run, edit_wheel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
APP = ["--var", "TEMPLATE_APP_ID=1", "--secret", "TEMPLATE_APP_PRIVATE_KEY=made-up"]
BRANCH = "template/update"
APPS_MAIL = "test-app[bot]@users.noreply.github.com"
STEP = "Update, and open or refresh the pull request"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with two releases; the second one changes a line of ruff.toml."""
    repo = clone_template(tmp_path_factory.mktemp("two-releases") / "template")
    git(repo, "tag", "v100.0.0")
    rules = repo / "prototype_template" / "ruff.toml.jinja"
    rules.write_text(rules.read_text(encoding="utf-8").replace("= 110", "= 111"), encoding="utf-8")
    changes = repo / "CHANGELOG.md"
    text = changes.read_text(encoding="utf-8")
    new = "## Unreleased\n\n### Changed\n\n- Lines may be longer.\n"
    changes.write_text(text.replace("## Unreleased\n", new, 1), "utf-8")
    commit_all(repo, "A newer standard")
    git(repo, "tag", "v100.1.0")
    return repo


@pytest.fixture
def old_project(template: Path, tmp_path: Path) -> Path:
    return render(template, tmp_path / "demo", ref="v100.0.0", project_name="demo")


def update(act: Act, repo: Path, *arguments: str) -> Run:
    return act.run(repo, workflow="update.yml", event="schedule", arguments=[*APP, *arguments])


def asked(run: Run) -> str:
    return run.gh_log.read_text(encoding="utf-8")


def test_an_update_refreshes_the_pull_request(act: Act, old_project: Path) -> None:
    """The branch of an earlier week is replaced: it has no commits of people. main has moved since."""
    git(old_project, "switch", "--quiet", "--create", BRANCH)
    earlier = ["--author", f"test-app[bot] <{APPS_MAIL}>", "--allow-empty", "--message", "An earlier update"]
    call(["git", "commit", "--quiet", *earlier], old_project, {"GIT_COMMITTER_EMAIL": APPS_MAIL})
    git(old_project, "switch", "--quiet", "main")
    (old_project / "models/README.md").unlink()
    commit_all(old_project, "Ours")
    commit_all(old_project, "Later")
    run = update(act, old_project, "--env", "ACT_GH_PULL=7")
    run.assert_green({"update": []})
    assert git(old_project, "rev-parse", f"{BRANCH}~1") == git(old_project, "rev-parse", "HEAD")
    changed = git(old_project, "diff", "--no-renames", "--name-status", "HEAD", BRANCH)
    [old] = (path.name for path in (old_project / "vendor").glob("*.whl"))
    new = git(old_project, "ls-tree", "--name-only", BRANCH, "vendor/").split()[-1]
    assert old != new
    assert changed.splitlines() == [
        "M\t.copier-answers.yml", "M\tpyproject.toml", "M\truff.toml", "M\tvendor/SHA256SUMS",
        *sorted([f"D\tvendor/{old}", f"A\t{new}"], key=lambda line: line[2:]),
    ]  # fmt: skip
    assert "= 111" in git(old_project, "show", f"{BRANCH}:ruff.toml")
    text = asked(run)
    assert "gh pr edit 7 --title chore: update to template v100.1.0 --body-file" in text
    assert "gh pr ready 7\n" in text
    assert "pr create" not in text
    assert "## What is new\n\n### Unreleased\n\n#### Changed\n\n- Lines may be longer.\n" in text
    assert "To do" not in text


def test_conflicts_are_a_draft_that_lists_them(act: Act, old_project: Path) -> None:
    """They are committed with their markers, for CI to find."""
    rules = old_project / "ruff.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("= 110", "= 79"), encoding="utf-8")
    run = update(act, old_project)
    run.assert_green({"update": []})
    assert "<<<" + "<<<<" in git(old_project, "show", f"{BRANCH}:ruff.toml")
    text = asked(run)
    assert re.search(r"^- ruff.toml:\d+: You and the template changed the same lines", text, re.MULTILINE)
    title = "chore: update to template v100.1.0"
    assert re.search(rf"gh pr create --head {BRANCH} --title {title} .* --draft$", text, re.MULTILINE)


def test_an_update_that_fails_is_red_and_says_why(act: Act, old_project: Path) -> None:
    answers = old_project / ".copier-answers.yml"
    text = answers.read_text(encoding="utf-8")
    assert "owners: " in text
    answers.write_text(re.sub("owners: .*", "owners: nobody", text), encoding="utf-8")
    run = update(act, old_project)
    run.assert_red("update", STEP, "::error title=mlroad update::Copier changed nothing", "Every owner")
    assert "pr create" not in (asked(run) if run.gh_log.exists() else "")


def test_a_wheel_that_was_replaced_with_its_sha256_is_found(act: Act, old_project: Path) -> None:
    """No code of that wheel may run in the job, because the job can change workflows."""
    edit_wheel(old_project, "mlroad/__init__.py", '"""ML Road', 'raise SystemExit("evil")\n"""ML Road')
    run = update(act, old_project)
    run.assert_red(
        "update", "Build the wheel again and compare", "The template does not build the committed wheel."
    )
    assert "evil" not in run.output
    assert "pr create" not in run.gh_log.read_text(encoding="utf-8")


def test_commits_of_people_are_never_overwritten(act: Act, old_project: Path) -> None:
    """The run is red if they wait for an older version than the newest, and says so otherwise."""
    git(old_project, "switch", "--quiet", "--create", BRANCH)
    commit_all(old_project, "Resolve a conflict")
    before = git(old_project, "rev-parse", BRANCH)
    git(old_project, "switch", "--quiet", "main")
    run = update(act, old_project)
    run.assert_red("update", STEP, f"The branch {BRANCH} has commits of people", "to get v100.1.0.")
    assert "commits of people" in "".join(run.summaries.values())
    assert git(old_project, "rev-parse", BRANCH) == before

    git(old_project, "switch", "--quiet", BRANCH)
    answers = old_project / ".copier-answers.yml"
    answers.write_text(answers.read_text("utf-8").replace("v100.0.0", "v100.1.0"), encoding="utf-8")
    commit_all(old_project, "Newest")
    before = git(old_project, "rev-parse", BRANCH)
    git(old_project, "switch", "--quiet", "main")
    run = update(act, old_project)
    run.assert_green({"update": []})
    assert "commits of people" in "".join(run.summaries.values())
    assert git(old_project, "rev-parse", BRANCH) == before
    assert "pr create" not in asked(run)


def test_the_newest_version_needs_no_pull_request(act: Act, template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "demo", ref="v100.1.0", project_name="demo")
    run = update(act, project)
    run.assert_green({"update": []})
    assert "gh pr" not in asked(run)
    assert BRANCH not in git(project, "branch")


def test_without_an_app_it_does_nothing(act: Act, project: Callable[..., Path]) -> None:
    repo = project()
    run = act.run(repo, workflow="update.yml", event="schedule")
    assert run.jobs == [], run.output
    # `mlroad fleet update` starts it like a person, who would wait for a pull request.
    run = act.run(repo, workflow="update.yml", event="workflow_dispatch")
    run.assert_red("app", "Say what is missing", "The variable TEMPLATE_APP_ID is not set.")


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
    """From a repo without Pages, so the job that publishes the documentation is skipped."""
    repo = clone_template(tmp_path / "template")
    changes = repo / "CHANGELOG.md"
    text = (
        "# Changelog\n\n## Unreleased\n\n- Later\n\n"
        "## 100.0.0 - 2026-11-24\n\n- Now: [A](docs/a.md#b), [C](https://c.example)\n\n## 99.0.0\n\n- Then\n"
    )
    changes.write_text(text, encoding="utf-8")
    run = release(act, repo)
    run.assert_red("build", TWICE, "Its version is not that of the tag v100.0.0.")
    assert [job.id for job in run.jobs] == ["build"], "nothing else may run"

    project = repo / "pyproject.toml"
    settings = re.sub(
        '^version = ".*"$', 'version = "100.0.0"', project.read_text("utf-8"), flags=re.MULTILINE
    )
    project.write_text(settings, encoding="utf-8")
    run = release(act, repo)
    run.assert_green({"build": [], "attest": [], "release": []})
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "gh release create v100.0.0 --verify-tag" in asked
    assert "dist/mlroad-100.0.0-py3-none-any.whl dist/SHA256SUMS" in asked
    linked = r"- Now: \[A\]\(https://github\.com/\S+/blob/v100\.0\.0/docs/a\.md#b\), \[C\]\(https://c\.e"
    assert re.search(linked, asked)
    assert "Later" not in asked
    assert "Then" not in asked
    published, attested = (
        (run.artifacts / name / "SHA256SUMS").read_text("utf-8").split()[0] for name in ("dist", "attested")
    )
    assert published == attested

    changes.write_text(text.replace("## 100.0.0", "## 100.0.1"), encoding="utf-8")
    run = release(act, repo)
    run.assert_red("build", "Take its part of the changelog", "## 100.0.0")
    assert not run.gh_log.exists()

    # A build that takes something of the machine into the wheel.
    backend = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    settings = re.sub(r"requires = \[.uv_build.*\nbuild-backend.*\n", backend, settings)
    project.write_text(settings, encoding="utf-8")
    (repo / "backend.py").write_text(BACKEND, encoding="utf-8")
    run = release(act, repo)
    run.assert_red("build", TWICE, "Two builds of the wheel differ.")


TWICE = "Build the wheel, twice"
BACKEND = """import os

def build_wheel(folder, *settings):
    name = "mlroad-100.0.0-py3-none-any.whl"
    with open(os.path.join(folder, name), "wb") as wheel:
        wheel.write(os.getcwd().encode())
    return name
"""


def release(act: Act, repo: Path) -> Run:
    return act.run(repo, workflow="release.yml", event="push", ref="refs/tags/v100.0.0")


# Stands for the release's own start.py. It fails where its file `rot` says so.
START = """import pathlib, sys
print("start.py", *sys.argv[1:])
sys.exit(pathlib.Path("rot").read_text().strip() in sys.argv)
"""


def test_the_newest_release_is_tried_each_week(act: Act, tmp_path: Path) -> None:
    """Not main, and not the tag that comes last in the alphabet."""
    repo = tmp_path / "template"
    file = repo / ".github" / "workflows" / "last-release.yml"
    file.parent.mkdir(parents=True)
    shutil.copy(REPO / ".github" / "workflows" / "last-release.yml", file)
    git(repo, "init", "--quiet", "--initial-branch", "main")
    (repo / "start.py").write_text(START, encoding="utf-8")

    def run(rot: str, tag: str = "") -> Run:
        (repo / "rot").write_text(rot, encoding="utf-8")
        commit_all(repo, "One more")
        if tag:
            git(repo, "tag", tag)
        return act.run(repo, workflow=file.name, event="schedule")

    run("").assert_red("last-release", CHECKOUT, "There is no release")
    run("factory", "v0.9.0").assert_red("last-release", CREATE, "start.py new")
    done = run("nothing", "v0.10.0")
    done.assert_green({"last-release": []})
    assert "v0.10.0" in "".join(done.summaries.values())
    run("new").assert_green({"last-release": []})  # main is not tried
    run("test", "v0.11.0").assert_red("last-release", "Run their CI")


CHECKOUT = "Check out the newest release"
CREATE = "Create both repos as a user does, and train their samples"
