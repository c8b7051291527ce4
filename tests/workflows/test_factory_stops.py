"""The steps that stop a bad model between a merge and the champion, tested with one merge of five models.

Each model has one fault, which only the step that must stop it can detect. Otherwise the models are the same,
so each also shows that the other steps accept good models.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.workflows.harness import Act
from tests.workflows.quick_model import in_wrong_units, quick_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
# A model, the step that must stop it, and that step's message.
STOPPED = [
    ("worse", "Gates (dev)", ["failed  metrics.mae.limit: mae is 55.09", "at most 50"]),
    ("answers", "Gates (prod)", ["failed  inference.python: 1 of 1 inference tests failed: golden-1."]),
    ("units", "Gates (prod)", ["failed  metrics.mae.limit: mae is 1,363"]),
    (
        "locked",
        "Register the candidate",
        [
            "The branch registry cannot be pushed to origin",
            "GH013: Repository rule violations found for refs/heads/registry.",
        ],
    ),
]
# What GitHub prints when a ruleset refuses a push.
LOCK = """#!/bin/sh
case "$1 $(git log -1 --format=%s "$3")" in
  "refs/heads/registry registry: register locked:"*)
    echo "error: GH013: Repository rule violations found for $1." >&2
    exit 1 ;;
esac
"""


@pytest.fixture
def five(rendered: Callable[..., Path], tmp_path: Path) -> Path:
    """A factory whose last commit adds five models."""
    repo = Path(shutil.copytree(rendered(template="factory"), tmp_path / "demo", symlinks=True))
    quick_model(repo, "worse", limit=50)
    quick_model(repo, "answers", retrained=0.01)
    quick_model(repo, "units", prod=in_wrong_units(repo))
    quick_model(repo, "locked")
    quick_model(repo, "alone")
    commit_all(repo, "Five models")
    hook = repo / ".git" / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(LOCK, encoding="utf-8", newline="\n")
    hook.chmod(0o755)
    return repo


def test_what_a_merge_stops(act: Act, five: Path) -> None:
    """One test, so that there is only one run, whichever worker gets it."""
    run = act.run(five, workflow="cd.yml", event="push", base="HEAD~1")
    for model, step, messages in STOPPED:
        run.assert_red("candidate", step, *messages, called=f"({model})")
        job = run.job("candidate", called=f"({model})")
        ran = [its.name for its in job.steps.values() if its.result]
        assert ("Train on the prod data" in ran) == (model != "worse"), ran
        assert ("Register the candidate" in ran) == (model == "locked"), ran
    # The last one is registered but not approved, so it does not become champion.
    assert run.job("candidate", called="(alone)").result == "success", run.output
    said = "::error title=approve::Nobody approved. Add reviewers to the environment production"
    run.assert_red("approve", "Make it the champion", said)
    log = git(five, "log", "--format=%s", "registry").splitlines()
    assert log
    assert all(line.startswith("registry: register alone:") for line in log), log
