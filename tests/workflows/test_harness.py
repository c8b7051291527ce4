"""The harness itself: when act exits with 0, the assertions still detect jobs and steps that did not run."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from tests.support import git
from tests.workflows.harness import Act, Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    return folder


def run(act: Act, repo: Path, jobs: str) -> Run:
    file = repo / ".github" / "workflows" / "ci.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "on: pull_request\njobs:\n" + textwrap.indent(textwrap.dedent(jobs), "  "), encoding="utf-8"
    )
    return act.run(repo)


def test_a_job_whose_label_is_unknown_did_not_run(act: Act, repo: Path) -> None:
    done = run(act, repo, 'one: {runs-on: my-own-runner, steps: [{run: "true"}]}')
    with pytest.raises(AssertionError, match=r"ci\.yml/one: None"):
        done.assert_green({"one": []})


def test_a_job_that_was_not_expected_is_noticed(act: Act, repo: Path) -> None:
    done = run(act, repo, 'one: {runs-on: ubuntu-latest, steps: [{run: "true"}]}')
    done.assert_green({"one": []})
    with pytest.raises(AssertionError, match="other jobs ran"):
        done.assert_green({})


def test_what_a_failed_step_said_is_told_first(act: Act, repo: Path) -> None:
    """CI's log may show only the beginning of a long message."""
    done = run(
        act, repo, "one: {runs-on: ubuntu-latest, steps: [{run: echo a}, {name: b, run: echo c; exit 1}]}"
    )
    with pytest.raises(AssertionError, match=r"other jobs ran .*\nci\.yml/one, b:\n(.*\n)*c\n"):
        done.assert_green({})


def test_a_skipped_step_is_not_green(act: Act, repo: Path) -> None:
    done = run(
        act, repo, 'one: {runs-on: ubuntu-latest, steps: [{run: "true"}, {name: b, if: false, run: "true"}]}'
    )
    with pytest.raises(AssertionError, match="step b: did not run"):
        done.assert_green({"one": []})
    done.assert_green({"one": []}, skipped=[("one", "b")])


def test_a_failure_that_the_workflow_forgives_is_not_green(act: Act, repo: Path) -> None:
    jobs = 'one: {runs-on: ubuntu-latest, steps: [{name: a, continue-on-error: true, run: "false"}]}'
    done = run(act, repo, jobs)
    assert done.job("one").result == "success"
    with pytest.raises(AssertionError, match="step a: failure"):
        done.assert_green({"one": []})


def test_red_is_red_in_the_right_step_with_the_right_words(act: Act, repo: Path) -> None:
    done = run(act, repo, "one: {runs-on: ubuntu-latest, steps: [{name: a, run: echo sorry; exit 1}]}")
    done.assert_red("one", "a", "sorry")
    with pytest.raises(AssertionError, match="failed"):
        done.assert_red("one", "b")
    with pytest.raises(AssertionError, match="did not print"):
        done.assert_red("one", "a", "hello")


def test_a_checkout_holds_what_is_committed_and_no_more(act: Act, repo: Path) -> None:
    (repo / ".gitignore").write_text("ignored.txt\n", encoding="utf-8")
    (repo / "ignored.txt").write_text("x\n", encoding="utf-8")
    (repo / "kept.txt").write_text("x\n", encoding="utf-8")
    jobs = f"""\
        one:
          runs-on: ubuntu-latest
          steps:
            - uses: {CHECKOUT} # v6.0.2
            - run: test -f kept.txt && test ! -e ignored.txt
            - name: one commit deep
              run: test "$(git rev-list --count HEAD)" = 1
            - name: nothing of the caller
              run: test -z "$PYTEST_CURRENT_TEST" && ! command -v uv
        """
    (repo / "first.txt").write_text("x\n", encoding="utf-8")
    run(act, repo, jobs).assert_green({"one": []})
    (repo / "second.txt").write_text("x\n", encoding="utf-8")
    run(act, repo, jobs).assert_green({"one": []})


def test_an_action_without_a_stand_in_is_named(act: Act, repo: Path) -> None:
    with pytest.raises(AssertionError, match="some/action: write a stand-in"):
        run(act, repo, f"one: {{runs-on: ubuntu-latest, steps: [{{uses: some/action@{'0' * 40}}}]}}")
