"""What is read from the file in which Copier records its answers."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mlroad.core.code_owners import add_missing_owners
from mlroad.core.template import answer, entries
from tests.support import commit_all, git

# YAML writes other texts with escapes; no path has them.
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)


def recorded(answers: dict[str, object]) -> str:
    """As Copier's filter `to_nice_yaml` writes them."""
    return "# Changes here will be overwritten by Copier\n" + yaml.safe_dump(answers, allow_unicode=True)


@given(text=texts)
@example(
    text="/home/o'neil: it's a folder with a name so long that Copier writes it on two lines/the template"
)
def test_every_text_is_read_as_it_was_given(text: str) -> None:
    answers = recorded({"_commit": "v1", "_src_path": text, "about": "a: b", "roles": ["a", "b"], "zone": ""})
    assert answer(answers, "_src_path") == text
    assert answer(answers, "_commit") == "v1"
    assert answer(answers, "about") == "a: b"
    assert answer(answers, "src_path") == answer(answers, "zone") == ""
    assert yaml.safe_load("\n".join(entries(answers))) == yaml.safe_load(answers)


def test_owners_on_two_lines_and_no_owners(tmp_path: Path) -> None:
    owners = " ".join(f"@my-organisation/team-{number}" for number in range(9))
    answers = tmp_path / ".copier-answers.yml"
    answers.write_text(recorded({"owners": owners}), encoding="utf-8")
    file = tmp_path / ".github" / "CODEOWNERS"
    file.parent.mkdir()
    file.write_text("* @me\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    commit_all(tmp_path, "Start")
    assert add_missing_owners(tmp_path, answers)
    assert f"/.github/ {owners}\n" in file.read_text(encoding="utf-8")

    file.write_text("* @me\n", encoding="utf-8")
    for nobody in ("", None):
        answers.write_text(recorded({"owners": nobody}), encoding="utf-8")
        assert add_missing_owners(tmp_path, answers) == []
    assert file.read_text(encoding="utf-8") == "* @me\n"
