"""The factory's workflows from end to end: pull requests, merges and retraining, with the local registry.

Each run trains models, so a few runs serve many assertions: one merge of two models, and pull requests that
start from its registry.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support import call, commit_all, git
from tests.unit.registry.github import GitHub, serving
from tests.workflows.harness import Act, Run, edit_wheel, made_up_token
from tests.workflows.quick_model import quick_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
DOWNLOAD = "actions/download-artifact@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3"
LOGIN = "azure/login@a457da9ea143d694b1b9c7c869ebb04ebe844ef5"
STEPS = Path("models/diabetes/steps")
TEST = '''"""The step exists."""

from pathlib import Path


def test_the_step_is_there() -> None:
    """A script of that name."""
    assert (Path(__file__).parents[1] / "steps" / "fit.py").is_file()
'''
STATIC = ("lint", "types", "guard", "second-scan", "check", "selftest", "affected")
NO_AZURE = [(job, LOGIN) for job in ("model", "champion", "publish", "show", "approve")]
PROD_STEPS = [
    ("train", "Train on the prod data"), ("judge", "Gates (prod)"), ("judge", "Report (prod)"),
    ("judge", "Test that this model's gates reject bad candidates"),
]  # fmt: skip


@dataclass(frozen=True)
class Merged:
    """A factory after its first merge, and the run that made two champions."""

    repo: Path
    run: Run
    approvals: dict[str, Run]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def edit(file: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {file}"
    file.write_text(text, encoding="utf-8", newline="\n")


def set_alpha(repo: Path, alpha: float) -> None:
    """A stronger penalty makes the sample's model worse: 10 is good, 100 fair, 200 misses its limit."""
    edit(repo / "models" / "diabetes" / "pipeline.yml", r"alpha: [\d.]+$", f"alpha: {alpha}")


def second_model(repo: Path) -> None:
    """Add a model by adding one folder: the sample with fewer steps."""
    folder = Path(shutil.copytree(repo / "models" / "diabetes", repo / "models" / "second"))
    edit(folder / "inference_tests" / "suite.yml", "^model: diabetes$", "model: second")
    pipeline = yaml.safe_load((folder / "pipeline.yml").read_text(encoding="utf-8"))
    for step in ("evaluate", "predict"):
        for output in pipeline["jobs"].pop(step)["outputs"]:
            del pipeline["outputs"][output]
    (folder / "pipeline.yml").write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
    call([sys.executable, "-m", "mlroad", "sync", "models/second"], repo)


def registry_log(repo: Path) -> list[str]:
    """What was done to the registry, newest first."""
    return git(repo, "log", "--format=%s", "registry").splitlines()


@pytest.fixture(scope="module")
def merged(act: Act, rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Merged:
    """The sample with a champion that can be improved, and a second model; one merge adds both."""
    repo = Path(shutil.copytree(rendered(template="factory"), tmp_path_factory.mktemp("merged") / "demo"))
    set_alpha(repo, 100.0)
    # The golden answers change with the model. A wide tolerance avoids another training to freeze them again.
    suite = repo / "models" / "diabetes" / "inference_tests" / "suite.yml"
    for key in ("tolerance", "retrained"):
        edit(suite, f"^{key}: .*", f"{key}: {{absolute: 200}}")
    quick_model(repo, "second")
    shutil.copy(repo / "models" / "diabetes" / "MODEL_CARD.md", repo / "models" / "second")
    write(repo / "models" / "second" / "tests" / "test_fit.py", TEST)
    commit_all(repo, "Two models")
    changed = {path.split("/")[1] for path in git(repo, "diff", "--name-only", "HEAD~1").split()}
    assert changed == {"diabetes", "second"}
    run = act.run(repo, workflow="cd.yml", event="push", base="HEAD~1")
    with serving(GitHub()) as github:
        approvals = {its["model"]: approve(act, repo, github, its) for its in dispatched(run)}
    return Merged(repo, run, approvals)


def dispatched(run: Run) -> list[dict[str, str]]:
    """The inputs of the runs of approve.yml that a run has started."""
    lines = [
        line for line in run.gh_log.read_text(encoding="utf-8").splitlines() if "workflow run approve" in line
    ]
    return [dict(re.findall(r"-f (\w+)=(\S+)", line)) for line in lines]


def approve(act: Act, repo: Path, github: GitHub, inputs: dict[str, str]) -> Run:
    """Run approve.yml as GitHub does after @octocat has approved the environment production."""
    title = f"Approve {inputs['model']}:{inputs['version']} ({inputs['lineage']})"
    github.add(1, title, ("octocat", "approved", "production"))
    return act.run(
        repo, workflow="approve.yml", event="workflow_dispatch", inputs=inputs, arguments=api(github)
    )


def api(github: GitHub) -> tuple[str, ...]:
    """Let the jobs ask this GitHub."""
    found = {"GITHUB_API_URL": github.address, "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1"}
    return tuple(word for name, value in found.items() for word in ("--env", f"{name}={value}"))


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
    twice: list[dict[str, str]] = [{}, {}]
    jobs = ("champion", "train", "judge", "publish")
    merged.run.assert_green({"affected": [], **dict.fromkeys(jobs, twice)}, skipped=NO_AZURE)
    assert "second: models/second/" in merged.run.summaries["CD/affected"]
    log = registry_log(merged.repo)
    for model in ("diabetes", "second"):
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
    kept = [path.name for path in (merged.run.artifacts / "runs-diabetes").rglob("*") if path.is_file()]
    assert {"run.json", "train.json", "verdict.json", "report.html"} <= set(kept)


def test_a_pull_request_that_improves_and_one_that_worsens(act: Act, topic: Path, comments: Path) -> None:
    pull = ("--env", f"ACT_GH_COMMENTS={comments}")
    base = git(topic, "rev-parse", "HEAD").strip()
    set_alpha(topic, 10.0)
    run = act.run(topic, workflow="pr.yml", base=base, arguments=pull)
    jobs = {**dict.fromkeys((*STATIC, "comment", "ci"), ()), "model": [{"model": "diabetes"}]}
    run.assert_green(jobs, skipped=NO_AZURE)
    summary = run.summaries["PR/model (diabetes)"]
    assert "better" in summary.lower(), summary
    assert sorted(path.name for path in (run.artifacts / "report-diabetes").iterdir()) == [
        "diabetes.html",
        "diabetes.md",
    ]
    assert {path.name for path in comments.iterdir()} == {"1.md", "2.md"}
    first = (comments / "2.md").read_text(encoding="utf-8")
    assert "better" in first.lower()

    set_alpha(topic, 200.0)
    run = act.run(topic, job="comment", workflow="pr.yml", base=base, arguments=pull)
    run.assert_red("model", "Gates", "mae", "55")
    assert run.job("comment").result == "success", run.output
    assert {path.name for path in comments.iterdir()} == {"1.md", "2.md"}, (
        "the comment is updated, not repeated"
    )
    second = (comments / "2.md").read_text(encoding="utf-8")
    assert "worse" in second.lower()
    assert "56.48" in second, second
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
        "models", "List the models to train", "There is no model secnd. Choose one of: diabetes, second."
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


def test_a_fork_and_an_experiment(act: Act, factory: Path) -> None:
    """Experiments affect no model and are not linted; a run of a fork does not comment."""
    base = git(factory, "rev-parse", "HEAD").strip()
    trial = factory / "experimentation" / "trial"
    write(trial / "look.py", "import os\ndef f( x )->int: return 'a'\n")
    write(trial / "pipeline.yml", "jobs: nonsense\n")
    write(trial / "test_look.py", "def test_it(): assert False\n")
    for job in ("lint", "types", "check", "affected"):
        run = act.run(factory, job=job, workflow="pr.yml", base=base, fork=True)
        run.assert_green({job: ()})
    assert "affecting no model: experimentation/" in run.summaries["PR/affected"]

    write(trial / "connect.py", f'client = connect(token="{made_up_token()}")\n')
    run = act.run(factory, job="guard", workflow="pr.yml", base=base)
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
        "affected", "Find the affected models", "does not know the commit nowhere", "fetch-depth: 0"
    )
    failed = [f"{job}: failure" for job in STATIC]
    run.assert_red("ci", "Check that every job succeeded", *failed, "model: skipped")
    assert not [job for job in run.jobs if job.id in ("model", "comment")]
    assert made_up_token() not in run.output, "a finding must not print the secret"

    edit(workflow.with_name("cd.yml"), "^          BASE: .*$", "          BASE: nowhere")
    run = act.run(factory, job="affected", workflow="cd.yml", event="push")
    run.assert_red("affected", "Find the affected models", "does not know the commit nowhere")
