"""One `mlroad update` moves a repo from vendored source to the wheel."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.support import call, clone_template, commit_all, contents, git, render

# The last commit whose repos carried modelkit/ and factory/.
VENDORED = "e94a859"
NEW_JOB = """
  docs:
    runs-on: ubuntu-latest
    steps:
      - run: echo "the team's own job"
"""
NEW_HOOK = """      - id: spelling
        name: spelling
        entry: python -c "print('the team spells')"
        language: system
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = clone_template(tmp_path_factory.mktemp("template") / "repo")
    git(repo, "tag", "v0.2.0", VENDORED)
    git(repo, "tag", "v0.3.0", "HEAD")
    return repo


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as out:
        out.write(text)


def with_a_teams_work(project: Path, workflow: str) -> None:
    """A model, a dataset, and edits of files that come from the template."""
    model = project / "models" / "churn"
    (model / "steps").mkdir(parents=True)
    (model / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    (model / "steps" / "train.py").write_text("ANSWER = 42\n", encoding="utf-8")
    dataset = project / "datasets" / "visits"
    (dataset / "1").mkdir(parents=True)
    (dataset / "1" / "visits.csv").write_text("day,visits\n1,3\n", encoding="utf-8")
    (dataset / "1.yml").write_text("name: visits\nversion: '1'\npath: 1/visits.csv\n", encoding="utf-8")
    append(project / "README.md", "\n## How we work here\n\nWith care.\n")
    append(project / ".github" / "CODEOWNERS", "/models/churn/ @my-org/churn\n")
    edit(project / "pyproject.toml", '    "pandas', '    "lightgbm>=4",\n    "pandas')
    edit(project / "ruff.toml", "ignore = [", 'ignore = [\n    "S105", # the team knows why')
    edit(project / ".pre-commit-config.yaml", "      - id: ruff-format", f"{NEW_HOOK}      - id: ruff-format")
    append(project / ".gitignore", "\n/scratch/\n")
    edit(project / ".github" / "workflows" / workflow, "\njobs:", f"\njobs:{NEW_JOB}")
    (project / ".github" / "workflows" / "own.yml").write_text(
        "name: Own\non: push\njobs: {}\n", encoding="utf-8"
    )
    commit_all(project, "Our own work")
    for package in ("modelkit", "factory"):  # a run leaves these behind
        if (project / package).is_dir():
            (project / package / "__pycache__").mkdir()
            (project / package / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")


TEAM_FILES = (
    "models/churn/pipeline.yml", "models/churn/steps/train.py", "datasets/visits/1.yml",
    "datasets/visits/1/visits.csv", "README.md", ".github/workflows/own.yml",
)  # fmt: skip
TEAM_LINES = {
    ".github/CODEOWNERS": "/models/churn/ @my-org/churn",
    "pyproject.toml": '"lightgbm>=4"',
    "ruff.toml": '"S105", # the team knows why',
    ".pre-commit-config.yaml": NEW_HOOK,
    ".gitignore": "\n/scratch/\n",
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "workflow"), [("prototype", "ci.yml"), ("factory", "pr.yml")])
def test_the_old_tools_are_removed_and_the_teams_files_are_kept(
    template: Path, tmp_path: Path, kind: str, workflow: str
) -> None:
    project = render(template, tmp_path / "demo", ref="v0.2.0", template=kind, project_name="demo")
    with_a_teams_work(project, workflow)
    before = contents(project)
    command = [sys.executable, "-m", "mlroad", "update", "--to", "v0.3.0"]
    done = call(command, project, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    after = contents(project)
    # The team's
    for name in TEAM_FILES:
        assert after[name] == before[name], name
    for name in before:
        generated = name.endswith("step_io.py") or "/components/" in name
        if name.startswith(("models/diabetes/", "datasets/")) and not generated:
            assert after[name] == before[name], name
    for name, line in {**TEAM_LINES, f".github/workflows/{workflow}": NEW_JOB}.items():
        assert line in after[name].decode(), f"{name} lost {line!r}"
    assert (
        "\n/vendor/ @my-org/data-science\n" in after[".github/CODEOWNERS"].decode()
    )  # it never had this line
    # The template's
    fresh = contents(render(template, tmp_path / "fresh" / "demo", template=kind, project_name="demo"))
    owned = (
        "models/",
        "datasets/",
        "notebooks/",
        "factory.yml",
        *TEAM_FILES,
        *TEAM_LINES,
        f".github/workflows/{workflow}",
    )
    assert {name for name in after if not name.startswith(owned)} == {
        *(name for name in fresh if not name.startswith(owned)), "uv.lock", ".vscode/launch.json"
    }  # fmt: skip
    for name, data in fresh.items():
        if not name.startswith(owned):
            assert after[name] == data, name
    # The old tools
    assert not [name for name in ("modelkit", "factory") if (project / name).exists()]
    for name, data in after.items():
        # These files belong to the team and may still contain the old commands.
        if not name.startswith((*owned[:4], "README.md", "uv.lock")):
            assert not re.search(rb"modelkit|factory/\*\*|build-system", data), name
    # The new tool works
    python = project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    shown = json.loads(call([python, "-m", "mlroad", "models", "--json"], project).stdout)
    assert shown == ["churn", "diabetes"]
    assert "nothing wrong" in call([python, "-m", "mlroad", "check", "models/diabetes"], project).stdout
