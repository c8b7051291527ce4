"""`copier update` and what `mlroad update` adds to it. See test_update_matrix.py for edits of all kinds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlroad.core.code_owners import add_missing_owners
from mlroad.core.standards import delivered
from mlroad.core.template import bring_new_files
from tests.support import commit_all, contents, git, render, update
from tests.templates.next_release import add_next_release

# Created once, then owned by the team (copier.yml). A fresh render has their newest versions.
OWNED = ("README.md", ".github/CODEOWNERS", ".github/mlroad.yml", "models/", "datasets/", "notebooks/")
MARKERS = (b"<<<<<<< ", b">>>>>>> ")


def standards(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if not name.startswith(OWNED)}


def assert_no_conflict(project: Path) -> None:
    for name, data in contents(project).items():
        assert not name.endswith(".rej"), name
        assert not any(line.startswith(MARKERS) for line in data.splitlines()), name


@pytest.fixture
def next_version(template_repo: Path, tmp_path: Path) -> Path:
    """Today's template (tag ``v9.0.0``) and a later release (``v9.1.0``) that touches what teams edit."""
    repo = Path(shutil.copytree(template_repo, tmp_path / "template"))
    git(repo, "tag", "v9.0.0")
    add_next_release(repo)
    commit_all(repo, "feat: a later release")
    git(repo, "tag", "v9.1.0")
    return repo


def new_files(project: Path) -> list[str]:
    with delivered(project) as standards:
        return bring_new_files(project, standards.folder)


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def with_a_teams_edits(project: Path) -> None:
    """Edit the repo as a team does in its first weeks."""
    model = project / "models" / "churn"
    (model / "steps").mkdir(parents=True)
    (model / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    (model / "steps" / "train.py").write_text("ANSWER = 42\n", encoding="utf-8")
    append(project / "README.md", "\n## How we work here\n\nWith care.\n")
    append(project / ".github" / "CODEOWNERS", "/models/churn/ @my-org/churn\n")
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    assert '    "pandas' in text
    text = text.replace('    "pandas', '    "lightgbm>=4",\n    "pandas')
    pyproject.write_text(text, encoding="utf-8", newline="\n")
    append(project / "ruff.toml", '\n[format]\nquote-style = "single"\n')
    (project / "uv.lock").write_text("version = 1\n", encoding="utf-8")
    (project / "models" / "README.md").unlink()
    commit_all(project, "Our own work")


TEAM_LINES = {
    "README.md": b"With care.",
    ".github/CODEOWNERS": b"/models/churn/ @my-org/churn",
    "pyproject.toml": b'"lightgbm>=4"',
    "models/churn/steps/train.py": b"ANSWER = 42",
    "models/churn/pipeline.yml": b"jobs: {}",
    "uv.lock": b"version = 1",
}


def assert_team_lines(project: Path) -> None:
    files = contents(project)
    for name, line in TEAM_LINES.items():
        assert line in files[name], f"{name} lost {line!r}"


def test_a_prototype_becomes_a_factory_by_one_update(
    template_repo: Path, tmp_path: Path, rendered: Callable[..., Path]
) -> None:
    project = render(template_repo, tmp_path / "demo", project_name="demo")
    with_a_teams_edits(project)
    before = contents(project)
    update(project, template="factory", dotnet=False)
    after = contents(project)
    assert_no_conflict(project)
    assert_team_lines(project)
    assert b"template: factory" in after[".copier-answers.yml"]
    for name in before:
        if name.startswith(OWNED):
            assert after.get(name) == before[name], f"{name} belongs to the team"
    fresh = standards(rendered(template="factory"))
    edited = {"pyproject.toml", "ruff.toml", ".copier-answers.yml"}
    assert {name: after.get(name) for name in fresh if name not in edited} == {
        name: data for name, data in fresh.items() if name not in edited
    }


def test_dotnet_comes_and_goes_with_its_answer(template_repo: Path, tmp_path: Path) -> None:
    project = render(
        template_repo, tmp_path / "demo", project_name="demo", template="factory", sample=False, dotnet=False
    )
    before = standards(project)
    update(project, dotnet=True)
    assert (project / "harness/dotnet/Core/Core.csproj").is_file()
    assert b"actions/setup-dotnet@" in (project / ".github/workflows/model.yml").read_bytes()
    assert_no_conflict(project)
    commit_all(project, "A .NET application uses the models")
    update(project, dotnet=False)
    assert not (project / "harness").exists()
    assert_no_conflict(project)
    after = standards(project)
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differing <= {".copier-answers.yml"}


def test_what_a_repo_never_had_arrives_and_what_it_deleted_stays_away(
    next_version: Path, tmp_path: Path
) -> None:
    """The first version had no CODEOWNERS and no models/README.md."""
    owned = {".github/CODEOWNERS": ".github/CODEOWNERS.jinja", "models/README.md": "models/README.md"}
    owned[".github/mlroad.yml"] = ".github/mlroad.yml"
    kept = {name: (next_version / "prototype_template" / name).read_bytes() for name in owned.values()}
    for name in kept:
        (next_version / "prototype_template" / name).unlink()
    commit_all(next_version, "feat: without them")
    git(next_version, "tag", "v9.2.0")
    for name, data in kept.items():
        (next_version / "prototype_template" / name).write_bytes(data)
    commit_all(next_version, "feat: with them")
    git(next_version, "tag", "v9.3.0")
    project = render(next_version, tmp_path / "demo", ref="v9.2.0", project_name="demo")
    (project / "README.md").unlink()
    commit_all(project, "Our own work")
    update(project, ref="v9.3.0")
    assert new_files(project) == sorted(owned)
    assert all((project / name).is_file() for name in owned)
    assert not (project / "README.md").exists(), "a file that the team deleted came back"
    commit_all(project, "Update")
    for name in ("models/README.md", ".github/mlroad.yml"):
        (project / name).unlink()
    commit_all(project, "Our own work")
    assert new_files(project) == []


def test_the_sample_may_come_later(
    template_repo: Path, tmp_path: Path, rendered: Callable[..., Path]
) -> None:
    project = render(template_repo, tmp_path / "demo", project_name="demo", sample=False)
    update(project, sample=True)
    added = new_files(project)
    fresh = contents(rendered())
    assert set(added) == {name for name in fresh if "diabetes" in name or name.endswith("eda.ipynb")}
    assert contents(project)["models/diabetes/pipeline.yml"] == fresh["models/diabetes/pipeline.yml"]
    # Then it is the team's.
    commit_all(project, "The sample")
    shutil.rmtree(project / "models/diabetes")
    commit_all(project, "Without its model")
    assert new_files(project) == []


def test_an_update_adds_the_owners_that_codeowners_never_had(project: Callable[..., Path]) -> None:
    repo = project(sample=False, owners="@octocat @my-org/science")
    file, answers = repo / ".github/CODEOWNERS", repo / ".copier-answers.yml"
    assert add_missing_owners(repo, answers) == []  # it has them all
    file.write_text("# Ours\n* @octocat\n/models/churn/ @my-org/churn\n", encoding="utf-8")
    assert add_missing_owners(repo, answers) == []  # the team removed them
    git(repo, "checkout", "--quiet", "--orphan", "older")
    commit_all(repo, "A repo of an older version")
    assert add_missing_owners(repo, answers) == ["/.github/", "/vendor/"]
    assert file.read_text(encoding="utf-8").splitlines() == [
        "# Ours",
        "* @octocat",
        "/.github/ @octocat @my-org/science",
        "/vendor/ @octocat @my-org/science",
        "/models/churn/ @my-org/churn",
    ]
    assert add_missing_owners(repo, answers) == []


@pytest.mark.parametrize("template", ["prototype", "factory"])
def test_an_older_repo_gets_all_the_owners_of_a_new_one(project: Callable[..., Path], template: str) -> None:
    repo = project(template=template, sample=False, owners="@octocat")
    file = repo / ".github/CODEOWNERS"
    new = [
        line.split()[0]
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith(("/", "*"))
    ]
    assert new[0] == "*"
    file.write_text("* @octocat\n", encoding="utf-8")
    git(repo, "checkout", "--quiet", "--orphan", "older")
    commit_all(repo, "A repo of an older version")
    assert add_missing_owners(repo, repo / ".copier-answers.yml") == new[1:]


def test_a_repo_follows_its_template_to_another_address(next_version: Path, tmp_path: Path) -> None:
    """docs/how-to/use-your-own-copy.md: editing one line of the answers file is enough."""
    project = render(next_version, tmp_path / "demo", ref="v9.0.0", project_name="demo")
    moved = next_version.rename(tmp_path / "elsewhere")
    answers = project / ".copier-answers.yml"
    text = answers.read_text(encoding="utf-8")
    answers.write_text(text.replace(str(next_version), str(moved)), encoding="utf-8", newline="\n")
    commit_all(project, "Follow the template")
    update(project, ref="v9.1.0")
    assert b"A later release" in contents(project)["docs/tools.md"]
    assert_no_conflict(project)
