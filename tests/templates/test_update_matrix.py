"""A part of the update matrix, and that each of its laws turns red. See `tests.templates.update_matrix`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import copier
import pytest

from mlroad.core.carry_edits import Carried
from tests.support import commit_all, contents, git
from tests.templates.team_edits import EDITS, append, change, write
from tests.templates.update_laws import States, lost, stale, unexecutable, unseen
from tests.templates.update_matrix import NEXT, TODAY, Case, history, make_template, not_green, run, tags_in
from tests.templates.whole_update import Said, mlroad_in, new_repo, update_in

pytestmark = pytest.mark.slow
OLDEST = "v0.0.1"


@pytest.fixture(scope="module")
def template(template_repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(template_repo, tmp_path_factory.mktemp("matrix") / "template")


@pytest.mark.parametrize(
    "case",
    [
        Case("prototype", OLDEST, edited=False),
        Case("factory, other answers", OLDEST, edited=False),
        Case("factory", OLDEST, edited=True),
        Case("prototype, other answers", OLDEST, edited=True),
        Case("prototype", TODAY, edited=True, to=NEXT),
        Case("factory", TODAY, edited=True, to=NEXT),
        Case("prototype", TODAY, edited=True, switch="prototype becomes a factory and back"),
    ],
    ids=str,
)
def test_an_update_loses_nothing_and_brings_the_standards(template: Path, case: Case) -> None:
    assert run(template, case) == []


def test_the_matrix_sees_what_a_release_would_lose(template: Path) -> None:
    """The next release moves and removes files. Without our help, Copier deletes the edits of these."""
    with patch("mlroad.cli.repo.carry_edits", return_value=Carried()):
        wrong = run(template, Case("prototype", TODAY, edited=True, to=NEXT))
    assert [line for line in wrong if line.startswith(".editorconfig is lost with")]
    assert [line for line in wrong if line.startswith(".github/pull_request_template.md is lost with")]


def test_a_conflict_is_named_and_red_until_it_is_resolved(template: Path, tmp_path: Path) -> None:
    repo = new_repo(template, tmp_path / "demo", TODAY, project_name="demo", sample=False)
    append(repo / "docs/tools.md", "\n# The team says that.\n")
    change(repo / "ruff.toml", '"PLE"]', '"PLE", "UP"]')
    commit_all(repo, "Our own work")
    said = update_in(repo, "--to", NEXT)
    assert said.code == 1
    lines = {"docs/tools.md": ["# The team says that.", "# A later release says this."]}
    lines["ruff.toml"] = ['"PLE", "UP"]', '"PLE", "ASYNC"]']
    for name, both in lines.items():
        text = (repo / name).read_text(encoding="utf-8")
        assert "<<<<<<< before updating\n" in text
        assert all(line in text for line in both)
        assert (
            f"\n{name}:{text[: text.index('<<<<<<<')].count(chr(10)) + 1}: You and the template" in said.text
        )
        assert f"Choose between the markers, then run `git add {name}`." in said.text
    commit_all(repo, "As it is")  # the guard of CI sees what the hook would have refused
    guarded = mlroad_in(repo, "guard", "--all")
    assert guarded.code == 1
    assert all(f"{name}:" in guarded.text for name in lines)
    git(repo, "checkout", "--quiet", "HEAD~", "--", *lines)
    assert mlroad_in(repo, "guard", "--all").code == 0


def test_recopy_discards_edits_as_its_page_says(template: Path, tmp_path: Path) -> None:
    answers = {"template": "factory", "dotnet": False, "sample": False, "project_name": "demo"}
    repo = new_repo(template, tmp_path / "demo", TODAY, **answers)
    for name in ("ruff.toml", "README.md", "factory.yml", "docs/ours.md"):
        append(repo / name, "# Ours\n")
    (repo / "mypy.ini").unlink()
    commit_all(repo, "Our own work")
    copier.run_recopy(repo, defaults=True, overwrite=True, vcs_ref=TODAY, quiet=True)
    kept = [name for name, data in contents(repo).items() if b"# Ours\n" in data]
    assert kept == ["docs/ours.md", "factory.yml"]
    assert (repo / "mypy.ini").is_file()


def test_releases_are_versions_of_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "--quiet")
    commit_all(repo, "feat: one")
    git(repo, "tag", "--annotate", "v0.2.0", "--message", "One")
    git(repo, "tag", "latest")
    monkeypatch.setattr("tests.support.REPO", repo)
    assert tags_in(history(tmp_path / "clone")) == ["v0.2.0"]


def test_there_are_many_kinds_of_edits() -> None:
    assert len(EDITS) >= 33


START = {"ruff.toml": b"a\nb\n", "README.md": b"hello\n", "gone.yml": b"x\n"}
OURS = {"README.md": b"ours\n", "own.py": b"1\n", "own.csv": b"day\r\n"}
MINE = {"ruff.toml": b"a\nours\n", **OURS}
AFTER = {"ruff.toml": b"new\na\nours\n", **OURS, "new.yml": b"n\n"}
FRESH = {"ruff.toml": b"new\na\nb\n", "README.md": b"hi\n", "gone.yml": b"x\n", "new.yml": b"n\n"}
FINE = Said(0, "Updated to version v2.")
CONFLICT = b"a\n<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n"


def test_the_laws_let_a_good_update_pass() -> None:
    states = States(START, MINE, AFTER, FRESH)
    assert [*lost(states), *stale(states), *unseen(states, FINE, FINE)] == []
    marked = States(START, MINE, {**AFTER, "ruff.toml": CONFLICT}, FRESH)
    named = Said(1, "ruff.toml:2: You and the template changed the same lines. Choose between the markers.")
    assert [*lost(marked), *stale(marked), *unseen(marked, named, Said(1, "ruff.toml:2: Conflict"))] == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"ruff.toml": b"new\na\n"}, "ruff.toml lost"),
        ({"ruff.toml": b"new\na\nb\nours\n"}, "ruff.toml: removed lines came back"),
        ({"README.md": b"hi\nours\n"}, "README.md belongs to the team"),
        ({"own.py": b"2\n"}, "own.py belongs to the team"),
        ({"own.py": None}, "own.py is lost"),
        ({"own.csv": b"day\n"}, "own.csv belongs to the team"),
        ({"gone.yml": b"x\n"}, "gone.yml was deleted by the team and came back"),
        ({"new.yml": None}, "new.yml is missing"),
        ({"new.yml": b"old\n"}, "new.yml is not as in a new repo"),
        ({"old.yml": b"old\n"}, "old.yml was not removed"),
        ({"ruff.toml": CONFLICT}, "ruff.toml has conflict markers, and `mlroad update` does not say so"),
        ({"ruff.toml": CONFLICT}, "ruff.toml has conflict markers, and the guard does not say so"),
        ({"ruff.toml": CONFLICT}, "`mlroad update` exited with 0, and there are 1 conflicts"),
        ({"ruff.toml.rej": b"ours\n"}, "ruff.toml.rej is a rejected patch"),
    ],
)
def test_each_law_turns_red(changed: dict[str, bytes | None], what: str) -> None:
    after = {name: data for name, data in {**AFTER, **changed}.items() if data is not None}
    states = States(START, MINE, after, FRESH)
    wrong = [*lost(states), *stale(states), *unseen(states, FINE, FINE)]
    assert [line for line in wrong if line.startswith(what)], wrong


def test_a_file_that_is_not_executable_any_more_turns_red() -> None:
    states = States(START, MINE, AFTER, FRESH)
    assert list(unexecutable({"own.py", "gone.sh"}, {"own.py"}, states)) == []
    assert list(unexecutable({"own.py"}, {"ruff.toml"}, states)) == ["own.py is not executable any more"]


def test_a_repo_whose_ci_would_fail_turns_red(project: Callable[..., Path]) -> None:
    repo = project(sample=False)
    assert not_green(repo) == []
    write(repo / "scripts/unused.py", "import os\n")
    write(repo / "models/ours/pipeline.yml", "type: pipeline\njobs: 3\n")
    assert [line.split("`")[1] for line in not_green(repo)] == ["mlroad check", "ruff check"]
