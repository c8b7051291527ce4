"""A team's own rules, and its recorded false alarms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.guard.conftest import Guard
from tests.unit.guard.corpus import Maker, cell, notebook, stream

TOKEN = "ctso" + "_" + Maker(5).alnum(32)
RULE = """
[[rule]]
kind = "Contoso gateway key"
pattern = 'ctso_[A-Za-z0-9]{32}'
keywords = ["ctso_"]
example = ["ctso", "_", "q8Zr5Yw2Lk9Tn4Vb7Xc1Md6Pf3Hs0Jga"]
"""


def house(repo: Path, text: str) -> None:
    (repo / "house").mkdir(exist_ok=True)
    (repo / "house/secrets.toml").write_text(text, encoding="utf-8")


def test_a_teams_rule_is_found_where_it_was_not(repo: Path, guard: Guard) -> None:
    (repo / "a.txt").write_text(f"{TOKEN}\n")
    assert guard("--all").returncode == 0
    house(repo, RULE)
    assert guard("--all").stdout.startswith("a.txt:1: secret: Contoso gateway key")
    assert "the team's own rules" in guard("selftest").stdout


def test_a_rule_may_go_without_keywords(repo: Path, guard: Guard) -> None:
    house(repo, RULE.replace('keywords = ["ctso_"]', ""))
    (repo / "a.txt").write_text(f"{TOKEN}\n")
    assert guard("--all").returncode == 1


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (RULE.replace("{32}", "{32"), 2, "does not find its own example"),
        (RULE.replace("[A-Za-z0-9]", "[A-Za-z0-9"), 2, "is not valid"),
        (
            RULE.replace("keywords", "keyword").replace('"ctso_"]', '"ctso_"]\nkeywords = ["other"]'),
            2,
            "own example",
        ),
        (RULE.replace("example", "exampel"), 2, "example"),
        (RULE + RULE.replace("kind", "kin"), 8, "needs kind"),
        ("[[rules]]\nkind = 1\n", 1, "Unknown key 'rules'"),
        ("[rule]\nkind = 1\n", 1, "not a list of tables"),
        ('[[allow]]\nsha256 = "abc"\nfile = "a"\nreason = "b"\n', 1, "64 hex digits"),
        (f'[[allow]]\nsha256 = "{"a" * 64}"\nfile = "a"\nreason = " "\n', 1, "reason"),
        ("= 3\n", 0, "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_ends_with_2_and_names_its_line(
    repo: Path, guard: Guard, text: str, line: int, told: str
) -> None:
    house(repo, text)
    done = guard("--all")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert told in done.stderr
    assert f"secrets.toml{f':{line}' if line else ''}: house-rules: " in done.stderr


def test_allow_records_a_false_alarm_for_one_token_in_one_file(repo: Path, guard: Guard) -> None:
    house(repo, RULE)
    (repo / "a.ipynb").write_text(notebook(cell("x", stream(f"{TOKEN}\n"), tags=["keep_output"])))
    place = guard("--all").stdout.split(": secret")[0]
    done = guard("allow", place, "--reason", 'the "demo" key')
    assert done.returncode == 0, done.stderr
    assert guard("--all").returncode == 0
    (repo / "b.txt").write_text(f"{TOKEN}\n")
    assert guard("--all").stdout.startswith("b.txt:1: ")
    assert TOKEN not in (repo / "house/secrets.toml").read_text()


def test_allow_creates_a_missing_file(repo: Path, guard: Guard) -> None:
    (repo / "a.json").write_text('{"db_password": "kX9' + '-vb2-Q"}\n')
    assert guard("--all").returncode == 1
    assert guard("allow", "a.json:1", "--reason", "a demo").returncode == 0
    assert guard("--all").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("a.txt:1", "--reason", "x"), "finds no secret in this line"),
        (("a.txt", "--reason", "x"), "is not FILE:LINE"),
        (("gone.txt:1", "--reason", "x"), "does not exist"),
        (("a.txt:1", "--reason", " "), "--reason is empty"),
    ],
)
def test_allow_reports_mistakes(repo: Path, guard: Guard, arguments: tuple[str, ...], told: str) -> None:
    (repo / "a.txt").write_text("nothing\n")
    done = guard("allow", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
