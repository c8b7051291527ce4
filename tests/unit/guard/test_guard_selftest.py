"""`mlroad guard selftest` is red for each way to switch a guard off, and green for what teams may change."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from mlroad.guard import planted_repo
from mlroad.guard.guard_selftest import TRIALS
from mlroad.guard.guard_settings import Settings, load_settings
from mlroad.guard.hook_trial import try_hooks
from mlroad.guard.required_steps import FACTORY, PROTOTYPE
from mlroad.guard.workflow_check import check_workflow, second_scan_command
from tests.unit.guard.conftest import SOURCE, environment

Project = Callable[..., Path]


def trial(word: str, settings: Settings) -> list[str]:
    [found] = [run for name, run in TRIALS.items() if word in name]
    return found(settings)


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} does not have {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "file", "old", "new"),
    [
        ("canary 1", "guard/secret_engine.py", "FILTERS = (",
         'FILTERS = (\n    "detect_secrets.filters.heuristic.is_indirect_reference",'),
        ("canary 3", "guard/secret_scan.py", "not self.house.allows(source.name, item.secret)",
         "not any(self.house.allows(source.name, other.secret) for other in found)"),
        ("each kind", "guard/patterns/service_tokens.py", "github_pat_", "gone_pat_"),
        ("each kind", "cli/guard.py", "sys.exit(1 if count else 0)", "sys.exit(0)"),
        ("notebooks", "guard/run_guards.py", "problems += check_notebook(", "check_notebook("),
        ("notebooks", "guard/notebooks.py", "        write(source.path", "        repr(source.path"),
        ("large files", "guard/run_guards.py", '"large-files" in guards', '"large-files" not in guards'),
        ("conflict", "guard/file_checks.py", "_MARKER.finditer(text)", '_MARKER.finditer("")'),
        (".rej", "guard/file_checks.py", '(".rej", ".orig")', '(".orig",)'),
        ("harmless", "cli/guard.py", "sys.exit(1 if count else 0)", "sys.exit(1)"),
        ("subfolder", "guard/guarded_files.py", '"--others", ', ""),
    ],
)  # fmt: skip
def test_a_guard_that_was_switched_off_is_noticed(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, file: str, old: str, new: str
) -> None:
    """The tool itself is changed, as a careless edit would: the trial that exists for it fails."""
    shutil.copytree(SOURCE, tmp_path / "broken/mlroad")
    replaced(tmp_path / "broken/mlroad" / file, old, new)
    monkeypatch.setattr(planted_repo, "_PACKAGE", tmp_path / "broken/mlroad")
    assert trial(word, load_settings(repo))


def test_a_missing_plugin_that_does_not_stop_the_scan_is_noticed(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlroad.guard.guard_selftest.open_secret_engine", lambda *_: nullcontext())
    assert trial("canary 2", load_settings(repo)) == ["the scan started without its plugin"]


def test_a_limit_above_that_of_github_is_noticed(repo: Path) -> None:
    (repo / "pyproject.toml").write_text("[tool.mlroad]\nmax-file-mb = 4000\n", encoding="utf-8")
    assert trial("large files", load_settings(repo)) == [
        "max-file-mb in pyproject.toml is 4000; GitHub refuses more than 100"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("template", ["prototype", "factory"])
def test_a_fresh_repo_is_green(project: Project, template: str) -> None:
    settings = load_settings(project(template=template))
    assert try_hooks(settings) == []
    assert check_workflow(settings) == []
    assert second_scan_command(settings.root)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("repos:\n", "exclude: .\nrepos:\n"),
        ("repos:\n", "default_stages: [manual]\nrepos:\n"),
        ("        entry: mlroad guard", "        types: [python]\n        entry: mlroad guard"),
        ("entry: mlroad guard --fix", "entry: true"),
        (" --models", ""),
        (" --fix --models --", " --fix --models"),
        ("entry: ruff check", "entry: ruff check --exit-zero"),
        ("repos:", "repositories:"),
    ],
    ids=str,
)
def test_a_hook_that_stops_nothing_is_noticed(project: Project, old: str, new: str) -> None:
    repo = project()
    replaced(repo / ".pre-commit-config.yaml", old, new)
    assert try_hooks(load_settings(repo))


@pytest.mark.slow
def test_ruff_rules_that_are_gone_and_missing_hooks_are_noticed(project: Project) -> None:
    repo = project()
    replaced(repo / "ruff.toml", '"B", "S", ', "")
    [fault] = try_hooks(load_settings(repo))
    assert "ruff-check" in fault
    assert "default.py" in fault
    (repo / ".pre-commit-config.yaml").unlink()
    assert try_hooks(load_settings(repo)) == [
        ".pre-commit-config.yaml is missing: no hook checks a commit. "
        "Restore it: git log -- .pre-commit-config.yaml"
    ]


@pytest.mark.slow
def test_a_teams_own_hooks_are_left_alone(project: Project) -> None:
    repo = project()
    own = (
        "repos:\n  - repo: local\n    hooks:\n      - id: ours\n        name: ours\n        entry: 'false'\n"
        "        language: system\n        always_run: true\n"
    )
    replaced(repo / ".pre-commit-config.yaml", "repos:\n", own)
    replaced(
        repo / ".pre-commit-config.yaml",
        "        entry: ruff check",
        "        exclude: ^legacy/\n        entry: ruff check",
    )
    assert try_hooks(load_settings(repo)) == []


LINT = "run: uv run ruff check --output-format=github"
ALL = "run: uv run mlroad guard --all"
JOB = "  guard:\n    name: guard\n"
SABOTAGE = [
    (LINT, f"{LINT} || true"),
    (LINT, f"{LINT} --exit-zero"),
    (LINT, f"{LINT}\n        continue-on-error: true"),
    (ALL, f"{ALL} || true"),
    (ALL, f"{ALL}; true"),
    (ALL, f"{ALL} | cat"),
    (ALL, f"{ALL} &"),
    (ALL, f"{ALL} --only conflicts"),
    (ALL, "run: |\n          set +e\n          uv run mlroad guard --all\n          echo done"),
    (ALL, "run: if uv run mlroad guard --all; then echo clean; fi"),
    (ALL, "run: '# uv run mlroad guard --all'"),
    (ALL, "run: echo skipped"),
    (ALL, f"{ALL}\n        continue-on-error: true"),
    (ALL, f"{ALL}\n        continue-on-error: ${{{{ github.actor == 'me' }}}}"),
    (ALL, f"{ALL}\n        if: false"),
    (ALL, f"{ALL}\n        shell: bash {{0}}"),
    (ALL, f"{ALL}\n        working-directory: docs"),
    (JOB, f"{JOB}    if: false\n"),
    (JOB, f"{JOB}    if: github.event_name == 'push'\n"),
    (JOB, f"{JOB}    continue-on-error: true\n"),
    (JOB, f"{JOB}    strategy:\n      matrix:\n        x: [1]\n"),
    (JOB, f"{JOB}    defaults:\n      run:\n        shell: sh\n"),
    ("run: uv run mlroad guard selftest", "run: uv run mlroad guard selftest || echo oh"),
    ("BASE: ${{ github.event.pull_request.base.sha", "BASE: ${{ github.sha || github.event"),
    ("--redact --no-validate", "--redact --no-validate --confidence high"),
    ("--exclude .venv\n", "--exclude .venv || true\n"),
    ("run: uv run mlroad check --format github", "run: uv run mlroad check --format github || true"),
    ("dataset verify --base HEAD^1", "dataset verify --base HEAD^1 || true"),
    ('run: uv run mlroad run "models/$MODEL"', 'run: uv run mlroad run "models/$MODEL" || true'),
    ("needs: [lint, types, guard,", "needs: [lint, types,"),
    ("    if: always()\n    runs-on", "    runs-on"),
    ("sys.exit(1 if failed else 0)", "sys.exit(0)"),
    ('job["result"] != "success"}', 'job["result"] == "cancelled"}'),
    ("  pull_request:\n", "  pull_request:\n    paths: [src/**]\n"),
    ("  pull_request:\n", ""),
    ("  merge_group:\n", ""),
    ("defaults:\n  run:\n    shell: bash\n", ""),
    ("          fetch-depth: 0 # every commit of the pull request\n",
     "          fetch-depth: 0\n          ref: main\n"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), SABOTAGE, ids=[str(number) for number in range(len(SABOTAGE))])
def test_a_job_that_cannot_fail_is_noticed(project: Project, old: str, new: str) -> None:
    repo = project(sample=False)
    replaced(repo / ".github/workflows/ci.yml", old, new)
    faults = check_workflow(load_settings(repo))
    assert faults
    assert all(fault.startswith(".github/workflows/ci.yml") for fault in faults)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("workflows/pr.yml", "run: uv run mlroad selftest\n", "run: uv run mlroad selftest || true\n"),
        ("workflows/pr.yml", ' --base HEAD^1\n      - name: Report', ' --base HEAD\n      - name: Report'),
        ("workflows/pr.yml", "uv run mypy |", "uv run mypy --no-error-summary || true |"),
        ("workflows/pr.yml", 'optional = {"comment"}', 'optional = set(jobs.pop("guard"))'),
        ("workflows/model.yml", 'gate "$MODEL" --run "$PROD"\n', 'gate "$MODEL" --run "$PROD" || true\n'),
        ("workflows/model.yml", ' --digest "$JUDGED" --judged\n', ' --judged\n'),
        ("workflows/model.yml", "    timeout-minutes: 120\n", "    continue-on-error: true\n"),
        ("workflows/model.yml", "prod\n        if: inputs.stage == 'prod'\n        run: uv run mlroad gate",
         "prod\n        if: inputs.stage == 'dev'\n        run: uv run mlroad gate"),
        ("workflows/model.yml", '--by "@$ACTOR" --publish\n', '--by "@$ACTOR" --publish\n          true\n'),
        ("workflows/approve.yml", "    environment: production\n", "    environment: preview\n"),
        ("workflows/approve.yml", '"$APPROVAL" != none', '"$APPROVAL" = on'),
        ("actions/setup/action.yml", "    sys.exit(1)", "    return"),
        ("actions/setup/action.yml", "shell: python\n", "shell: python\n      continue-on-error: true\n"),
    ],
    ids=str,
)  # fmt: skip
def test_a_factory_job_that_cannot_fail_is_noticed(project: Project, file: str, old: str, new: str) -> None:
    repo = project(template="factory", sample=False)
    replaced(repo / ".github" / file, old, new)
    assert check_workflow(load_settings(repo))


@pytest.mark.slow
@pytest.mark.parametrize("template", ["prototype", "factory"])
def test_each_required_step_is_missed_if_it_cannot_fail(project: Project, template: str) -> None:
    repo = project(template=template, sample=False)
    settings = load_settings(repo)
    for name, steps in {"prototype": PROTOTYPE, "factory": FACTORY}[template].items():
        file = repo / ".github" / "workflows" / name
        good = file.read_text(encoding="utf-8")
        for step in steps:
            last = step.pattern.rpartition(r"\n")[2]
            found = re.search(rf"(?m)^ *(?:run: )?(?:{last})(?= *$)", re.sub(r"\\\n +", "", good))
            line = found[0] if found else step.word
            spoiled = good.replace(line, f"{line} || true", 1)
            assert spoiled != good, step.word
            file.write_text(spoiled, encoding="utf-8", newline="\n")
            assert any(step.word in fault for fault in check_workflow(settings)), step.word
            for old in (*step.env.values(), step.environment and f"environment: {step.environment}\n"):
                assert old in good, old
                if old:
                    file.write_text(good.replace(old, "x: y\n"), encoding="utf-8", newline="\n")
                    assert check_workflow(settings), (step.word, old)
        file.write_text(good, encoding="utf-8", newline="\n")
    assert check_workflow(settings) == []


@pytest.mark.slow
def test_a_teams_own_changes_of_a_workflow_are_accepted(project: Project) -> None:
    repo = project(sample=False)
    file = repo / ".github/workflows/ci.yml"
    ours = "  ours:\n    if: false\n    continue-on-error: true\n    steps:\n      - run: make test || true\n"
    replaced(file, "\njobs:\n", f"\njobs:\n{ours}")
    replaced(file, "    timeout-minutes: 10\n", "    timeout-minutes: 30\n")
    replaced(file, "--exclude .venv\n", "--exclude .venv --exclude docs/example.json\n")
    replaced(file, "needs: [lint,", "needs: [ours, lint,")
    replaced(file, LINT, "run: |\n          # Ours\n          uv run ruff check --output-format=concise")
    assert check_workflow(load_settings(repo)) == []


@pytest.mark.slow
def test_the_command_is_red_for_a_sabotaged_repo_and_names_the_place(project: Project) -> None:
    """The whole command, as CI calls it."""
    repo = project(sample=False)
    replaced(repo / ".github/workflows/ci.yml", ALL, f"{ALL} || true")
    replaced(repo / ".github/workflows/ci.yml", "kingfisher scan .", "kingfisher scan docs")
    done = subprocess.run(
        [sys.executable, "-m", "mlroad", "guard", "selftest"],
        cwd=repo, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed == [
        "FAILED: CI runs every guard, and fails when one of them fails",
        "FAILED: the second scanner finds a secret",
    ]
    assert ".github/workflows/ci.yml:" in done.stdout


@pytest.mark.slow
def test_outside_a_generated_repo_only_the_guards_are_tested(repo: Path) -> None:
    settings = load_settings(repo)
    assert try_hooks(settings) == check_workflow(settings) == []
