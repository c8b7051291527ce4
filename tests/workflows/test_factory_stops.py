"""The steps that stop a bad model between a merge and the champion, tested with one merge of five models.

Each model has one fault, which only the step that must stop it can detect. Otherwise the models are the same,
so each also shows that the other steps accept good models.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import call, commit_all, git
from tests.workflows.attacks import attack_while_loading, attack_while_training
from tests.workflows.harness import Act
from tests.workflows.quick_model import in_wrong_units, quick_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
# A model, the job and the step that must stop it, and that step's message.
STOPPED = [
    (
        "answers",
        "judge",
        "Gates (prod)",
        ["failed  inference.pyfunc: 1 of 1 inference tests failed: golden-1."],
    ),
    ("attacks", "judge", "Gates (dev)", ["failed  metrics.mae.limit: mae is 55.09", "at most 50"]),
    ("loaded", "judge", "Gates (prod)", ["failed  metrics.mae.limit: mae is 1,363"]),
    (
        "locked",
        "publish",
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
def factory(rendered: Callable[..., Path], tmp_path: Path) -> Path:
    """A factory to which a test adds models."""
    return Path(shutil.copytree(rendered(template="factory"), tmp_path / "demo", symlinks=True))


def test_what_a_merge_stops(act: Act, factory: Path) -> None:
    """One test, so that there is only one run, whichever worker gets it."""
    quick_model(factory, "answers", retrained=0.01)
    attack_while_training(factory, "attacks")
    attack_while_loading(factory, "loaded", in_wrong_units(factory))
    quick_model(factory, "locked")
    quick_model(factory, "alone")
    commit_all(factory, "Five models")
    hook = factory / ".git" / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(LOCK, encoding="utf-8", newline="\n")
    hook.chmod(0o755)
    run = act.run(factory, workflow="cd.yml", event="push", base="HEAD~1")
    for model, stopping, step, messages in STOPPED:
        run.assert_red(stopping, step, *messages, called=f"({model})")
        for job in ("champion", "train"):
            assert run.job(job, called=f"({model})").result == "success", run.output
        published = [job for job in run.jobs if job.id == "publish" and f"({model})" in job.name]
        assert len(published) == (stopping == "publish"), model
    for job in ("train", "judge", "publish"):
        assert run.job(job, called="(alone)").result == "success", run.output
    log = git(factory, "log", "--format=%s", "registry").splitlines()
    assert log
    assert all(line.startswith("registry: register alone:") for line in log), log
    # It is registered, and asks for approval: that is a run of its own.
    said = run.gh_log.read_text(encoding="utf-8")
    asked = re.findall(
        r"workflow run approve.yml --ref main -f model=(\w+) -f version=(\d+) -f lineage=\S+", said
    )
    assert asked == [("alone", "1")]


def test_in_one_job_the_attack_would_succeed(act: Act, factory: Path) -> None:
    """The workflow as it was when one job trained, judged and published: so the attack is real.

    (A model that attacks while it is loaded is stopped there as well: by its closed-off process.)
    """
    workflows = factory / ".github" / "workflows"
    shutil.copy(Path(__file__).with_name("one_job_model.yml"), workflows / "model.yml")
    caller = (workflows / "cd.yml").read_text(encoding="utf-8")
    (workflows / "cd.yml").write_text(caller[: caller.index("    secrets:")], encoding="utf-8")
    commit_all(factory, "The workflow of before")
    attack_while_training(factory, "attacks")
    commit_all(factory, "One model")
    run = act.run(factory, workflow="cd.yml", event="push", base="HEAD~1")
    log = call(["git", "log", "--format=%s", "registry"], factory, check=False).stdout
    published = {line.split()[2].partition(":")[0] for line in log.splitlines()}
    assert published == {"attacks"}, run.output
