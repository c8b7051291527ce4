"""The docs must match the code."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from mlroad.core.rule_codes import RULES
from tests.support import REPO, tracked_and_new
from tests.templates.questions_page import PAGE as QUESTIONS
from tests.templates.questions_page import page as questions_page

PAGES = [
    path for path in tracked_and_new(REPO) if path.suffix == ".md" and path.parts[0] != "prototype_template"
]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (REPO / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (REPO / page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("folder", ["docs", "docs/explanation/decisions"])
def test_every_page_can_be_found_from_an_index(folder: str) -> None:
    """The decisions have their own index, which the main index links to."""
    index = (REPO / folder / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)]+)\)", index))
    pages = {path.relative_to(folder).as_posix() for path in PAGES if path.is_relative_to(folder)}
    others = {page for page in pages if folder == "docs" and page.startswith("explanation/decisions/0")}
    assert pages - others - {"README.md"} == linked


def test_the_page_of_questions_is_current() -> None:
    same = QUESTIONS.read_text(encoding="utf-8") == questions_page()
    assert same, "run `python -m tests.templates.questions_page`, and commit docs/reference/questions.md"


GITHUB_PAGE = REPO / "prototype_template" / "docs" / "github.md"


def test_every_variable_of_the_workflows_is_explained() -> None:
    own = REPO / "docs" / "how-to" / "use-your-own-copy.md"  # those of the template itself
    text = GITHUB_PAGE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
    workflows = [file for file in tracked_and_new(REPO) if file.parent.name == "workflows"]
    used = {
        name
        for file in workflows
        for name in re.findall(r"\bvars\.(\w+)", (REPO / file).read_text(encoding="utf-8"))
    }
    assert {"MLROAD_TARGET", "RETRAIN_MODELS"} <= used
    assert used <= set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text))


def test_every_code_has_one_remedy() -> None:
    sources = [path for path in tracked_and_new(REPO) if path.suffix == ".py" and path.parts[0] == "src"]
    used = {
        code
        for path in sources
        for code in re.findall(r'"(M[A-Z]\d{3})"', (REPO / path).read_text(encoding="utf-8"))
    }
    page = (REPO / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (M[A-Z]\d{3}(?:, M[A-Z]\d{3})*) \| \S", page, re.MULTILINE)
    explained = Counter(code for row in rows for code in row.split(", "))
    assert set(RULES) <= used
    assert explained == Counter(used)


def test_the_picture_of_the_readme_is_that_of_the_docs() -> None:
    first = [
        re.search(r"```mermaid\n.*?```", (REPO / name).read_text(encoding="utf-8"), re.DOTALL)
        for name in ("README.md", "docs/README.md", "docs/explanation/in-pictures.md")
    ]
    assert first[0] is not None
    assert len({found and found[0] for found in first}) == 1
