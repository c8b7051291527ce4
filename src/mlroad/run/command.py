"""The command of a step, with the values filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\S+?)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_SPECIAL = re.compile(r"[^A-Za-z0-9_@%+=:,./-]")


def fill(command: str, inputs: Mapping[str, str], outputs: Mapping[str, str], paths: frozenset[str]) -> str:
    """Fill in ``${{inputs.x}}`` and ``${{outputs.y}}``; drop each ``$[[ … ]]`` with an input without a value.

    Values are inserted as they are, because Azure ML quotes nothing. Only paths are quoted: on this machine
    they may have characters that paths on Azure ML never have (a space in a user's name). ``paths`` names
    them, as ``inputs.x``. Bash never sees a ``$[[``.
    """

    def optional(found: re.Match[str]) -> str:
        named = [name for kind, name in _EXPRESSION.findall(found.group(1)) if kind == "inputs"]
        return found.group(1) if all(name in inputs for name in named) else ""

    text = _OPTIONAL.sub(optional, command)
    values = {"inputs": inputs, "outputs": outputs}
    filled: list[str] = []
    end, quote = 0, ""
    for found in _EXPRESSION.finditer(text):
        before = text[end : found.start()]
        quote = _quote_after(before, quote)
        kind, name = found.groups()
        value = values[kind].get(name, "")
        filled += [before, _quoted(value, quote) if f"{kind}.{name}" in paths else value]
        end = found.end()
    return "".join([*filled, text[end:]])


def _quoted(path: str, quote: str) -> str:
    """``path`` as bash reads it as one word, inside ``quote`` quotes or outside of quotes."""
    if quote == "'":
        return path.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'(["$`\\])', r"\\\1", path)
    return _SPECIAL.sub(lambda found: "\\" + found.group(), path)


def _quote_after(text: str, quote: str) -> str:
    """Which quote is open after ``text``, if ``quote`` was open before it."""
    skip = False
    for sign in text:
        if skip:
            skip = False
        elif sign == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
    return quote
