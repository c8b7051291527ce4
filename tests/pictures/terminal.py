"""A terminal with a command and its output, as SVG."""

from __future__ import annotations

import html
import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 120
# Rich's own format loads a font from a public web server.
_FORMAT = re.sub(r"@font-face \{.*?\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def terminal_svg(parts: list[tuple[str, str]]) -> str:
    """The picture of some commands, each with its output."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    for command, output in parts:
        console.print(Text.assemble(("$ ", "bold green"), (f"uv run {command}", "bold")))
        for line in output.rstrip("\n").splitlines():
            console.print(_coloured(line.rstrip()), soft_wrap=False)
    svg = console.export_svg(title="", code_format=_FORMAT, unique_id="terminal")
    return re.sub(r"[ \t]+$", "", svg.replace("\u00a0", "&#160;"), flags=re.MULTILINE)


def _coloured(line: str) -> Text:
    """A line in the colours that a terminal would give it."""
    text = Text(line)
    for pattern, style in (
        (r"^[\w./-]+:\d+(:\d+)?:", "cyan"), (r"\bM[A-Z]\d{3}\b", "bold yellow"),
        (r"^(passed|ok|done)\b|\bbetter\b", "green"), (r"^(failed|LEFT|!!)|\bworse\b", "bold red"),
    ):  # fmt: skip
        text.highlight_regex(pattern, style)
    return text


def text_of(svg: str) -> str:
    """The text in a picture, without what the drawing adds."""
    lines = re.findall(r"<text [^>]*>(.*?)</text>", svg)
    return html.unescape(" ".join(lines)).replace("\u00a0", " ")
