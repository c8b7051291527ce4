"""`mlroad help` and `mlroad completion`; and no message names a page or a file of docs/ that is not there."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlroad.cli.main import mlroad
from mlroad.core import doc_pages
from mlroad.core.doc_pages import commit_of, page_names, pages_folder, web_address
from mlroad.core.problems import UserError
from mlroad.core.template import Origin
from tests.support import REPO, commit_all, git, tracked_and_new

PAGES = set(page_names(REPO / "docs"))
DELIVERED = {f"docs/{path.name.removesuffix('.jinja')}" for path in REPO.glob("*_template/docs/*.md*")}
"""The pages that the generated repos have."""


def messages(file: Path) -> Iterator[str]:
    """The texts in a module, without its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def dead_references(text: str) -> list[str]:
    """The pages that a text names and that its reader cannot open."""
    files = [it for it in re.findall(r"\bdocs/[\w/-]+\.md\b", text) if it not in DELIVERED]
    pages = re.findall(r"`mlroad help ([a-z][\w/-]*)`", text)
    return files + [
        it for it in pages if it not in PAGES and [p.split("/")[-1] for p in PAGES].count(it) != 1
    ]


def sources() -> Iterable[Path]:
    return [REPO / path for path in tracked_and_new(REPO) if path.suffix == ".py" and path.parts[0] == "src"]


def test_messages_name_pages_that_are_there() -> None:
    dead = {(file.name, it) for file in sources() for text in messages(file) for it in dead_references(text)}
    assert dead == set()
    named = {
        page
        for file in sources()
        for text in messages(file)
        for page in re.findall(r"mlroad help (\S+)`", text)
    }
    assert len(named) > 4


COMMAND = re.compile(r"\b(mlroad|git) [a-z][^`.:()]*$")


def unquoted(source: str) -> list[str]:
    """The paths in commands of messages that a shell would read as several words if they have spaces."""
    found = []
    for text in ast.walk(ast.parse(source)):
        before = ""
        for part in text.values if isinstance(text, ast.JoinedStr) else ():
            shown = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
            if ".as_posix()" in shown and COMMAND.search(before):
                found.append(shown)
            before += "X" if shown else str(ast.literal_eval(part))
    return found


def test_commands_in_messages_can_be_pasted() -> None:
    assert {file.name: it for file in sources() if (it := unquoted(file.read_text(encoding="utf-8")))} == {}


def test_canary_a_path_that_is_not_quoted_is_found() -> None:
    assert unquoted('f"Run `mlroad run {a.as_posix()}`."') == ["a.as_posix()"]
    assert unquoted('f"git add {b} {a.as_posix()}"') == ["a.as_posix()"]
    for harmless in ('f"mlroad run {quoted(a)}"', 'f"Run `mlroad sync`. {a.as_posix()} is old."'):
        assert unquoted(harmless) == []


def test_generated_repos_name_pages_that_are_there() -> None:
    files = [REPO / path for path in tracked_and_new(REPO) if path.parts[0].endswith("_template")]
    texts = {file: file.read_text(encoding="utf-8", errors="replace") for file in files}
    assert {(file.name, it) for file, text in texts.items() for it in dead_references(text)} == set()


@pytest.mark.parametrize(
    "text", ["See docs/reference/run.md.", "`mlroad help nowhere`", "`mlroad help datasets`"]
)
def test_canary_a_dead_reference_is_found(text: str) -> None:
    assert dead_references(text)


@pytest.mark.parametrize("text", ["docs/factory.md", "`mlroad help run`", "`mlroad help how-to/roll-back`"])
def test_canary_a_live_reference_is_not(text: str) -> None:
    assert not dead_references(text)


def test_it_prints_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    text = doc_pages.read_page(REPO / "docs", "reference/run")
    assert "<!--" not in text
    assert "$ uv run mlroad runs models/diabetes\n" in text
    for name in ("reference/run", "run", "docs/reference/run.md"):
        done = CliRunner().invoke(mlroad, ["help", name])
        assert done.stdout.strip() == text.strip()
        assert done.stderr.strip() == f"From {REPO / 'docs/reference/run.md'}"
    listed = CliRunner().invoke(mlroad, ["help"]).output.split()
    assert set(listed) == PAGES
    kinds = [*dict.fromkeys(it.rpartition("/")[0] for it in listed)]
    assert kinds == ["tutorial", "how-to", "reference", "explanation", "explanation/decisions"]
    for name, words in (
        ("datasets", "Choose one of tutorial/datasets, reference/datasets"),
        ("rnu", "no page rnu"),
        ("swep", "There is no page swep. Did you mean sweep?"),
        ("how-to/swep", "Did you mean how-to/sweep?"),
    ):
        assert words in str(CliRunner().invoke(mlroad, ["help", name]).exception)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repo of a template with one page, which was changed after the version that the repo has."""
    monkeypatch.setattr(doc_pages, "_SOURCE", tmp_path / "not-a-template")
    template, repo = tmp_path / "template", tmp_path / "repo"
    (template / "docs" / "how-to").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", str(template))
    for text in ("old", "new"):
        (template / "docs" / "how-to" / "x.md").write_text(text, encoding="utf-8")
        commit_all(template, text)
    old = git(template, "rev-parse", "HEAD^").strip()
    repo.mkdir()
    answers = f"_src_path: {template.as_posix()}\n_commit: v1.0.0-3-g{old[:9]}\n"
    (repo / ".copier-answers.yml").write_text(answers, encoding="utf-8")
    return repo


def test_the_page_is_that_of_the_repos_version(repo: Path) -> None:
    docs = pages_folder(repo)
    assert page_names(docs) == ["how-to/x"]
    assert doc_pages.read_page(docs, "how-to/x") == "old"
    shutil.rmtree(repo.parent / "template")
    assert pages_folder(repo) == docs  # from the cache


def test_a_page_in_the_current_folder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "datasets").mkdir()  # a mark of a repo
    monkeypatch.chdir(repo)
    done = CliRunner().invoke(mlroad, ["help", "x"])
    assert done.stdout.strip() == "old"
    old = git(repo.parent / "template", "rev-parse", "HEAD^").strip()[:9]
    assert done.stderr.strip() == f"From {(repo.parent / 'template').as_posix()}, docs/how-to/x.md at {old}"


def test_without_the_template_the_address_is_printed(repo: Path) -> None:
    (repo.parent / "template").rename(repo.parent / "gone")
    with pytest.raises(UserError, match=r"cannot be read from the template: .*[^.]\. Open them in a"):
        pages_folder(repo)
    assert not [path for path in (repo / ".mlroad").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("address", "version", "expected"),
    [
        ("https://github.com/o/r.git", "v1.2.0", "https://github.com/o/r/tree/v1.2.0/docs"),
        ("git@github.com:o/r.git", "v1.2.0-3-gabc1234", "https://github.com/o/r/tree/abc1234/docs"),
        ("ssh://git@gitlab.example.com/o/r", "abc1234", "https://gitlab.example.com/o/r/-/tree/abc1234/docs"),
        ("/srv/template", "v1", "/srv/template, docs at v1"),
    ],
)
def test_the_address_of_a_version(address: str, version: str, expected: str) -> None:
    assert web_address(Origin(address, version)) == expected
    page = expected.replace("/tree/", "/blob/").replace("docs", "docs/how-to/x.md")
    assert web_address(Origin(address, version), "docs/how-to/x.md") == page
    assert commit_of("v1.0.0-rc.1") == "v1.0.0-rc.1"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(shell: str) -> None:
    script = CliRunner().invoke(mlroad, ["completion", shell]).output
    assert "_MLROAD_COMPLETE" in script
    if shell == "bash" and (bash := shutil.which("bash")):
        subprocess.run([bash, "-n"], input=script, text=True, check=True)
