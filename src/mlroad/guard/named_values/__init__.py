"""The values of a text that have a name, whatever the language: one extraction for each kind of syntax."""

import re
from collections.abc import Iterator

from mlroad.guard.named_values.bare_values import bare_values
from mlroad.guard.named_values.code_strings import code_strings
from mlroad.guard.named_values.markup_values import markup_values
from mlroad.guard.named_values.named_value import NamedValue, has_hint
from mlroad.guard.named_values.value_tables import bar_tables, delimited_table, inserted_rows
from mlroad.guard.named_values.yaml_values import yaml_values

# In programs a value without quotes is an expression, so only comments and shell lines are read for them.
_PROGRAMS = (
    ".py", ".pyi", ".cs", ".r", ".tf", ".bicep", ".js", ".ts", ".tsx", ".java", ".scala", ".go", ".json",
    ".jsonc",     ".c", ".cpp", ".h", ".hpp", ".rs", ".kt", ".jl", ".lua", ".m", ".css", ".svg",
)  # fmt: skip
_REMARKS = re.compile(r"(?m)(?:#|//)[^\n]*|^\s*(?:[!%*]|>>>|\$ )[^\n]*")


def named_values(file: str, text: str) -> Iterator[NamedValue]:
    """The values of a file with their names, as candidates for secrets."""
    if not has_hint(text):
        return
    name = file.lower()
    yield from code_strings(text)
    yield from inserted_rows(text)
    if "</" in text:
        yield from markup_values(text)
    if name.endswith(_PROGRAMS):
        for remark in _REMARKS.finditer(text):
            if has_hint(remark[0]):
                yield from bare_values(remark[0], remark.start())
        return
    yield from bare_values(text)
    if name.endswith((".yml", ".yaml")):
        yield from yaml_values(text)
    if name.endswith((".csv", ".tsv", ".psv")):
        yield from delimited_table(text)
    elif text.count("|") > 3:
        yield from bar_tables(text)


__all__ = ["NamedValue", "named_values"]
