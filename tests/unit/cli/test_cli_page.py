"""docs/reference/cli.md is what the commands say of themselves."""

from __future__ import annotations

from tests.unit.cli.cli_page import PAGE, page


def test_the_page_of_commands_is_current() -> None:
    same = PAGE.read_text(encoding="utf-8") == page()
    assert same, "run `python -m tests.unit.cli.cli_page`, and commit docs/reference/cli.md"
