"""The factory's workflows from end to end: pull requests, merges and retraining, with the local registry.

Each run trains models, so a few runs serve many assertions: one merge (merge.py), and pull requests that
start from its registry. The models train in a second: tests/azure/models/test_sample.py does this with the
sample. A whole pull request with a model is in test_promoted.py.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import call, drop_steps, git
from tests.workflows.harness import Act, edit_wheel, made_up_token
from tests.workflows.merge import GOOD, Merged, edit, registry_log, set_slope, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
DOWNLOAD = "actions/download-artifact@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3"
LOGIN = "azure/login@a457da9ea143d694b1b9c7c869ebb04ebe844ef5"
STEPS = Path("models/diabetes/steps")
STATIC = ("lint", "types", "guard", "second-scan", "check", "selftest", "affected")
NO_AZURE = [(job, LOGIN) for job in ("model", "champion", "publish", "show", "approve")]
PROD_STEPS = [
    ("train", "Train on the prod data"), ("judge", "Gates (prod)"), ("judge", "Report (prod)"),
    ("judge", "Test that this model's gates reject bad candidates"),
]  # fmt: skip


def second_model(repo: Path) -> None:
    """Add a model by adding one folder: the sample with fewer steps."""
    folder = Path(shutil.copytree(repo / "models" / "diabetes", repo / "models" / "second"))
    edit(folder / "inference_tests" / "suite.yml", "^model: diabetes$", "model: second")
    drop_steps(folder, "evaluate", "predict")
    call([sys.executable, "-m", "mlroad", "sync", "models/second"], repo)


@pytest.fixture
def topic(merged: Merged, tmp_path: Path) -> Path:
    """A copy of the merged repo with its registry, which a test may change."""
    return Path(shutil.copytree(merged.repo, tmp_path / "demo", symlinks=True))


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    """The comments of the pull request, which already has one by a person."""
    folder = tmp_path / "comments"
    folder.mkdir()
    (folder / "1.md").write_text("Nice!\n", encoding="utf-8")
    return folder


def test_a_merge_makes_champions(merged: Merged) -> None:
    """Both models at once: two jobs push to one branch of the registry, and both succeed."""
    jobs = dict.fromkeys(("champion", "train", "judge", "publish"), ())
    for model in GOOD:
        merged.run.assert_green(jobs, skipped=NO_AZURE, called=f"({model})")
    assert merged.run.job("affected").result == "success"
    assert "second: models/second/" in merged.run.summaries["CD/affected"]
    log = registry_log(merged.repo)
    for model in GOOD:
        assert any(line.startswith(f"registry: register {model}:1") for line in log), log
        assert f"registry: approve {model}:1 (by @octocat)" in log
        # Each version is approved in a run of its own.
        approval = merged.approvals[model]
        approval.assert_green({"show": [], "approve": []}, skipped=NO_AZURE)
        steps = approval.job("approve").steps.values()
        told = next(step.log for step in steps if step.name == "Show the lineage")
        assert "approved by @octocat in environment production, run 1" in told
        commit = git(merged.repo, "rev-parse", "HEAD").strip()
        for fact in (f"{model}:1", commit[:7], "diabetes_train:1", "champion"):
            assert fact in told, f"mlroad why did not tell {fact}\n{told}"
    kept = [path.name for path in (merged.run.artifacts / "runs-tuned").rglob("*") if path.is_file()]
    assert {"run.json", "train.json", "verdict.json", "report.html"} <= set(kept)


def test_a_pull_request_that_improves_and_one_that_worsens(act: Act, topic: Path, comments: Path) -> None:
    pull = ("--env", f"ACT_GH_COMMENTS={comments}")
    base = git(topic, "rev-parse", "HEAD").strip()
    set_slope(topic, 10)
    run = act.run(topic, job="comment", workflow="pr.yml", base=base, arguments=pull)
    run.assert_green({"affected": [], "model": [{"model": "tuned"}], "comment": []}, skipped=NO_AZURE)
    summary = run.summaries["PR/model (tuned)"]
    assert "better" in summary.lower(), summary
    assert sorted(path.name for path in (run.artifacts / "report-tuned").iterdir()) == [
        "tuned.html",
        "tuned.md",
    ]
    assert {path.name for path in comments.iterdir()} == {"1.md", "2.md"}
    first = (comments / "2.md").read_text(encoding="utf-8")
    assert "better" in first.lower()

    set_slope(topic, 2)
    run = act.run(topic, job="comment", workflow="pr.yml", base=base, arguments=pull)
    run.assert_red("model", "Gates", "mae", "65")
    assert run.job("comment").result == "success", run.output
    assert {path.name for path in comments.iterdir()} == {"1.md", "2.md"}, (
        "the comment is updated, not repeated"
    )
    second = (comments / "2.md").read_text(encoding="utf-8")
    assert "worse" in second.lower()
    assert "66.93" in second, second
    assert second != first
    assert (comments / "1.md").read_text(encoding="utf-8") == "Nice!\n"


def test_what_a_model_job_stops(act: Act, topic: Path) -> None:
    """A failing unit test and an answer that was edited by hand, in one run: each fails in its own step."""
    folder = topic / "models" / "second"
    base = git(topic, "rev-parse", "HEAD").strip()
    write(folder / "tests" / "test_fit.py", "def test_nothing() -> None:\n    assert not 1\n")
    cases = folder / "inference_tests" / "cases.jsonl"
    cases.write_text(cases.read_text(encoding="utf-8").replace('"golden-', '"golden-x', 1), encoding="utf-8")
    run = act.run(topic, job="model", workflow="pr.yml", base=base)
    job = run.job("model", model="second")
    assert job.failed_steps() == ["Gates", "Unit tests and coverage"], run.output
    log = {step.name: step.log for step in job.steps.values()}
    assert "inference.pyfunc" in log["Gates"]
    assert "cases.jsonl" in log["Gates"]
    assert "test_nothing" in log["Unit tests and coverage"]
    assert (run.artifacts / "report-second" / "second.md").is_file()


def test_retraining(act: Act, topic: Path) -> None:
    run = act.run(topic, workflow="retrain.yml", event="schedule")
    assert run.jobs == [], "without RETRAIN_MODELS the schedule sleeps"

    inputs = {"model": "secnd", "stage": "prod"}
    run = act.run(topic, workflow="retrain.yml", event="workflow_dispatch", inputs=inputs)
    run.assert_red(
        "models",
        "List the models to train",
        "There is no model secnd. Choose one of: attacks, diabetes, loaded, second, tuned.",
    )

    before = registry_log(topic)
    inputs = {"model": "second", "stage": "dev"}
    run = act.run(topic, workflow="retrain.yml", event="workflow_dispatch", inputs=inputs)
    jobs = dict.fromkeys(("models", "champion", "train", "judge"), ())
    run.assert_green(jobs, skipped=[*NO_AZURE, *PROD_STEPS])
    assert registry_log(topic) == before


@pytest.fixture
def factory(project: Callable[..., Path]) -> Path:
    """A fresh factory with a folder for experiments; no model of it is ever trained in these tests."""
    return project(template="factory", experimentation=True)


def test_a_secret_in_an_experiment(act: Act, factory: Path) -> None:
    """The rest of an experiment is not checked: see test_green.py."""
    trial = factory / "experimentation" / "trial"
    write(trial / "connect.py", f'client = connect(token="{made_up_token()}")\n')
    run = act.run(factory, job="guard", workflow="pr.yml")
    run.assert_red(
        "guard", "Secrets, notebooks, large files, conflicts", "experimentation/trial/connect.py:1"
    )
    assert made_up_token() not in run.output, "a finding must not print the secret"


def test_a_comment_that_cannot_be_written(act: Act, factory: Path, comments: Path) -> None:
    """The pull request had a report but no longer affects any model: its comment is updated."""
    base = git(factory, "rev-parse", "HEAD").strip()
    write(factory / "notes.md", "Nothing to train.\n")
    old = comments / "2.md"
    old.write_text("<!-- mlroad report -->\nOld news\n", encoding="utf-8")
    pull = ("--env", f"ACT_GH_COMMENTS={comments}")
    refused = ("--env", "ACT_GH_READ_ONLY=yes")
    run = act.run(factory, job="comment", workflow="pr.yml", base=base, arguments=(*pull, *refused))
    run.assert_red("comment", "Create or update the comment", "HTTP 403")
    assert "Old news" in old.read_text(encoding="utf-8")
    run = act.run(factory, job="comment", workflow="pr.yml", base=base, arguments=pull)
    run.assert_green({"affected": [], "comment": []}, skipped=[("comment", DOWNLOAD)])
    assert "This change does not affect any model." in old.read_text(encoding="utf-8")


def style(repo: Path) -> None:
    write(repo / STEPS / "extra.py", 'import os\n\nHOME = os.path.join("a", "b")\n')


def layout(repo: Path) -> None:
    write(repo / STEPS / "layout.py", "a  =  1\n")


def wrong_types(repo: Path) -> None:
    write(
        repo / STEPS / "wrong_types.py",
        'def area() -> int:\n    return "wide"\n\n\ndef b(width):\n    return width\n',
    )


def no_gates(repo: Path) -> None:
    (repo / "models" / "diabetes" / "gates.yml").unlink()


def unknown_gate(repo: Path) -> None:
    edit(repo / "models" / "second" / "gates.yml", "^size:", "sizes:")


def leak(repo: Path) -> None:
    file = repo / "factory.yml"
    write(file, f"{file.read_text(encoding='utf-8')}# token: {made_up_token()}\n")


def blind_gate(repo: Path) -> None:
    """Someone "fixes" the tool so that every check passes."""
    blind = 'Check(id_, "passed" if result == "failed" else result,'
    edit_wheel(repo, "mlroad/gate/checks.py", "Check(id_, result,", blind)


def test_lint_stops_style(act: Act, factory: Path) -> None:
    style(factory)
    act.run(factory, job="lint", workflow="pr.yml").assert_red("lint", "Lint", "extra.py,line=3", "PTH118")


def test_every_job_fails_for_what_it_must_stop(act: Act, factory: Path) -> None:
    """One run of all jobs. Branch protection looks at `ci` alone, so `ci` names every job that failed."""
    second_model(factory)
    for plant in (layout, wrong_types, no_gates, unknown_gate, leak, blind_gate):
        plant(factory)
    workflow = factory / ".github" / "workflows" / "pr.yml"
    affected = r"(?<=        id: affected\n        env:\n)          BASE: .*$"
    edit(workflow, affected, "          BASE: nowhere")  # so that `affected` fails
    run = act.run(factory, workflow="pr.yml")
    run.assert_red("lint", "Format", "layout.py")
    types = f"::error file={STEPS}/wrong_types.py,line=2,title=mypy"
    run.assert_red("types", "Types", types, "line=5")
    missing = "file=models/diabetes,title=MR711::gates.yml is missing"
    run.assert_red("check", "Check pipelines, components and model folders", missing, "Did you mean size?")
    run.assert_red("guard", "Secrets, notebooks, large files, conflicts", "factory.yml:")
    run.assert_red("second-scan", "Second secret scan")
    run.assert_red("selftest", "Test that the gates reject bad candidates")
    run.assert_red(
        "affected", "Find the affected models", "does not know the commit nowhere", "check the name"
    )
    failed = [f"{job}: failure" for job in STATIC]
    run.assert_red("ci", "Check that every job succeeded", *failed, "model: skipped")
    assert not [job for job in run.jobs if job.id in ("model", "comment")]
    assert made_up_token() not in run.output, "a finding must not print the secret"

    edit(workflow.with_name("cd.yml"), "^          BASE: .*$", "          BASE: nowhere")
    run = act.run(factory, job="affected", workflow="cd.yml", event="push")
    run.assert_red("affected", "Find the affected models", "does not know the commit nowhere")
