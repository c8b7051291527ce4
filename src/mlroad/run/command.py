"""The command of a step, with the values filled in."""

import re
from collections.abc import Mapping

from mlroad.pipeline.expressions import optional_spans
from mlroad.pipeline.shell_syntax import quote_after

_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.((?:(?!\$\{\{)\S)+?)\s*\}\}")
_SPECIAL = re.compile(r"[^A-Za-z0-9_@%+=:,./-]")


def fill(command: str, inputs: Mapping[str, str], outputs: Mapping[str, str], paths: frozenset[str]) -> str:
    """Fill in ``${{inputs.x}}`` and ``${{outputs.y}}``; drop each ``$[[ … ]]`` with an input without a value.

    Values are inserted as they are, because Azure ML quotes nothing. Only paths are quoted: on this machine
    they may have characters that paths on Azure ML never have (a space in a user's name). ``paths`` names
    them, as ``inputs.x``. Bash never sees a ``$[[``.
    """
    text = _without_missing(command, inputs)
    values = {"inputs": inputs, "outputs": outputs}
    filled: list[str] = []
    end, quote = 0, ""
    for found in _EXPRESSION.finditer(text):
        before = text[end : found.start()]
        quote = quote_after(before, quote)
        kind, name = found.groups()
        value = values[kind].get(name, "")
        filled += [before, _quoted(value, quote) if f"{kind}.{name}" in paths else value]
        end = found.end()
    return "".join([*filled, text[end:]])


def _without_missing(command: str, inputs: Mapping[str, str]) -> str:
    """The command with the content of each ``$[[ … ]]``, or nothing if one of its inputs has no value."""
    kept: list[str] = []
    end = 0
    for start, stop in optional_spans(command):
        part = command[start + 3 : stop - 2]
        named = [name for kind, name in _EXPRESSION.findall(part) if kind == "inputs"]
        kept += [command[end:start], part if all(name in inputs for name in named) else ""]
        end = stop
    return "".join([*kept, command[end:]])


def _quoted(path: str, quote: str) -> str:
    """``path`` as bash reads it as one word, inside ``quote`` quotes or outside of quotes."""
    if quote == "'":
        return path.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'(["$`\\])', r"\\\1", path)
    return _SPECIAL.sub(lambda found: "\\" + found.group(), path)
