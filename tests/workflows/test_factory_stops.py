"""What the road from a merge to the champion stops, job by job and step by step: one merge of five models.

Each has one fault planted, which nothing before the step that must stop it can see. They differ in nothing
else, so each is the proof that the step which stops another one lets good models pass.
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
# A model, the step that must stop it, and what that says.
STOPPED = [
    ("worse", "Gates (dev)", ["failed  metrics.mae.limit: mae is 55.09", "at most 50"]),
    ("answers", "Inference tests (prod)", ["golden-1: prediction[0] is 161.041, expected 164.287"]),
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
# The words of GitHub for a ruleset that the workflow may not bypass.
LOCK = """#!/bin/sh
case "$1 $(git log -1 --format=%s "$3")" in
  "refs/heads/registry registry: register locked:"*)
    echo "error: GH013: Repository rule violations found for $1." >&2
    exit 1 ;;
esac
"""


@pytest.fixture
def five(rendered: Callable[..., Path], tmp_path: Path) -> Path:
    """A factory with five models more in its last commit."""
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
    """One test, so that the run is made once, however tests are shared out."""
    run = act.run(five, workflow="cd.yml", event="push", base="HEAD~1")
    for model, step, messages in STOPPED:
        run.assert_red("candidate", step, *messages, called=f"({model})")
        job = run.job("candidate", called=f"({model})")
        ran = [its.name for its in job.steps.values() if its.result]
        assert ("Train on the prod data" in ran) == (model != "worse"), ran
        assert ("Register the candidate" in ran) == (model == "locked"), ran
    # The last one is registered, and nobody approves: it becomes no champion.
    assert run.job("candidate", called="(alone)").result == "success", run.output
    said = "::error title=approve::Nobody approved. Add reviewers to the environment production"
    run.assert_red("approve", "Make it the champion", said)
    log = git(five, "log", "--format=%s", "registry").splitlines()
    assert log
    assert all(line.startswith("registry: register alone:") for line in log), log
