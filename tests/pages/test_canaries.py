"""A page with a mistake turns red, whatever the mistake; one that only looks like it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pages.fences import WrongPage, fences
from tests.pages.readers import read
from tests.pages.walk import Walker, check_names, follow, is_shown
from tests.support import git

FENCE = "```"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo of git, with a gates.yml to merge with."""
    repo = tmp_path / "repo"
    (repo / "models" / "diabetes").mkdir(parents=True)
    gates = """task: regression
holdout: azureml:x:1
target: y
champion: optional
decide_by: mae
metrics:
  mae: {limit: 1, max_regression: 1}
"""
    (repo / "models" / "diabetes" / "gates.yml").write_text(gates, encoding="utf-8")
    git(repo, "init", "--quiet", "--initial-branch", "main")
    return repo


def walk(page: str, repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As the test of a page does, with ``repo`` as the only repo that there is."""
    file = repo.parent / "page.md"
    file.write_text(page, encoding="utf-8")
    check_names(page, "page.md")
    names: dict[str, Any] = {"__name__": "page"}
    for fence in follow(list(fences(file, "page.md")), Walker(lambda _: repo, capfd, monkeypatch)):
        read(fence, repo, names)


def block(language: str, text: str, *notes: str) -> str:
    comments = "".join(f"<!-- {note} -->\n" for note in notes)
    return f"{comments}\n{FENCE}{language}\n{text}\n{FENCE}\n"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (block("bash", "mlroad chekc", "not run: GitHub"), "chekc is not a command"),
        ("Run `mlroad runs churn --jsno`.\n", "no option --jsno"),
        ("| `uv run mlroad guard allow F --resaon x` |\n", "no option --resaon"),
        (block("bash", "git no-such-command", "in prototype"), "ends with exit code 1, not 0"),
        (block("bash", "git status", "in prototype", "exit 1"), "ends with exit code 0, not 1"),
        (block("console", "$ git branch --show-current\nmaster", "in prototype"), "does not print\nmaster"),
        (block("bash", "git status"), "say in which repo"),
        (block("bash", "gh repo view", "in prototype"), "cannot run `gh repo view`"),
        (block("bash", "gh repo view", "not run: too lazy"), "is not one of the reasons"),
        (block("bash", "$ git status", "in prototype"), "is a `console`"),
        (
            block("bash", "git status", "in prototype", "edit models/diabetes/gates.yml: zzz => c"),
            "not contain",
        ),
        (block("", "git status", "in prototype"), "starts with ```LANGUAGE"),
        (block("python models/a.py", "x = 1"), "starts with ```LANGUAGE"),
        (f"{FENCE}text\nno end\n", "never ends"),
        (f"- item\n\n    <!-- long -->\n    {FENCE}text\n    x\n    {FENCE}\n", "empty line between"),
        ("<!-- long -->\n", "No block follows"),
        (block("rust", "fn main() {}"), "cannot read rust"),
        (block("yaml", "a: 1"), "say which file"),
        (block("yaml", "a: [", "is factory.yml"), "ParserError"),
        (block("yaml", "regsitry: local", "is factory.yml"), "regsitry"),
        (block("yaml", "metrics:\n  mae: {limti: 1}", "part of models/diabetes/gates.yml"), "limti"),
        (block("yaml", "a: 1", "tested by tests/support.py"), "does not read this page"),
        (block("json", '{"a": }', "is models/diabetes/inference_tests/cases.jsonl"), "JSONDecodeError"),
        (block("toml", "[tool.mlroad]\nmax-file-mb = 0", "is pyproject.toml"), "max-file-mb"),
        (block("python", "def f(:", "not run: an outline"), "SyntaxError"),
        (block("python", "from mlroad.evaluation import metrics", "not run: an outline"), "has no metrics"),
        (block("python", "import numpy as np\n") + block("python", "nb.mean([1])"), "NameError"),
    ],
)
def test_a_mistake_turns_red(
    page: str, message: str, repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongPage) as red:
        walk(page, repo, capfd, monkeypatch)
    assert message in str(red.value)
    assert str(red.value).startswith("page.md")


@pytest.mark.parametrize(
    "page",
    [
        block("bash", "git status   # a comment, with mlroad in it", "in prototype"),
        block("console", "$ git branch --show-current\nm…n", "in prototype"),
        block("console", "$ git log --oneline\nfatal: …", "in prototype", "exit 128"),
        block("bash", "gh repo view", "not run: GitHub"),
        block("text", "mlroad run PIPELINE [OPTIONS]"),
        block("text", "whatever a program prints"),
        block("yaml", "metrics:\n  mae: {limit: 2}", "part of models/diabetes/gates.yml"),
        block("python", "x: int = 1") + block("python", "assert x == 1"),
        block("json", '{"a": …}', "not run: a placeholder"),
        "We use mlroad daily; `mlroad run models/x --set a=-1` and `mlroad runs churn --json | jq`.\n",
        "<!-- table -->\n",
    ],
)
def test_what_is_right_passes(
    page: str, repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(page, repo, capfd, monkeypatch)


def test_only_what_differs_between_machines_is_loose() -> None:
    shown = "3 runs, up to 2 at a time"
    assert is_shown(shown, "3 runs, up to 16 at a time") is None
    assert is_shown(shown, "4 runs, up to 2 at a time") == shown
    assert is_shown("plots: 20261128-104154.html", "plots: 20261129-130206.html") is None
    shown = "alpha=1: completed after 4.1 s"
    for took in ("0.2 s", "2 min 21 s", "3 h 20 min"):
        assert is_shown(shown, f"alpha=1: completed after {took}") is None
    assert is_shown(shown, "alpha=1: completed after an error") == shown
