"""A verdict for people: red checks first, the headline last."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from mlroad.core.verdict_words import verdict_word

_ORDER = {"broken": 0, "failed": 1, "waived": 2, "passed": 3}
_COLOURS = {"broken": "bold red", "failed": "red", "waived": "yellow", "passed": "green"}
_WORDS = {"better": "green", "equal": "green", "worse": "red", "broken": "bold red"}


def show(verdict: Mapping[str, Any]) -> None:
    """Print a verdict: in colour on a terminal, in plain lines elsewhere."""
    checks = sorted(verdict["checks"], key=lambda check: _ORDER[check["result"]])
    if sys.stdout.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
        _on_terminal(verdict, checks)
        return
    for check in checks:
        print(f"{check['result']:<7} {check['id']}: {check['what']}")
    for warned in verdict["warnings"]:
        print(f"warning {warned['id']}: {warned['what']}")
    print(f"\n{_last_line(verdict)}")


def workflow_errors(verdict: Mapping[str, Any]) -> list[str]:
    """Workflow commands that make GitHub show each red check at the top of the run."""
    red = [check for check in verdict["checks"] if check["result"] in ("failed", "broken")]
    return [f"::error title=gate::{_escaped(check['id'] + ': ' + check['what'])}" for check in red]


def _last_line(verdict: Mapping[str, Any]) -> str:
    end = "passed" if verdict["passed"] else "not passed"
    word = verdict_word(verdict["verdict"], verdict["champion"])
    return f"{verdict['model']} {verdict['run']}: {word}, {end}. {verdict['headline']}"


def _on_terminal(verdict: Mapping[str, Any], checks: list[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for check in checks:
        colour = _COLOURS[check["result"]]
        table.add_row(Text(check["result"], style=colour), Text(check["id"]), Text(check["what"]))
    for warned in verdict["warnings"]:
        table.add_row(Text("warning", style="yellow"), Text(warned["id"]), Text(warned["what"]))
    console = Console()
    console.print(table)
    console.print()
    console.print(Text(_last_line(verdict), style=_WORDS[verdict["verdict"]]))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
