"""Names and values without quotes: .env, YAML, INI, shell, connection strings, options, headers, prose."""

import re
from collections.abc import Iterator

from mlroad.guard.named_values.named_value import NamedValue, lower, worth_a_look
from mlroad.guard.secret_names import HINT
from mlroad.guard.secret_values import is_mixed

# "API key", "public key": the words before belong to the name.
_BEFORE = re.compile(r"((?:\b[A-Za-z]{2,20} ){0,3})([\w.$:/-]*)$")
# After the hint: the rest of the name, what closes it, "for the database", and a separator.
_AFTER = re.compile(
    r"(?P<rest>[\w.$-]{0,60})(?P<closed>[\"'\])}*`]{0,4})"
    r"(?:[ \t](?:for|of|to|on|in)[ \t][^\n:=]{1,40}?(?=[ \t]is[ \t]|:))?[ \t]{0,30}"
    r"(?P<sep>:=|=>|->|<-|\u2192|\?=|={1,3}|:(?!//)"
    r"|(?<=[ \t])(?:(?:is|lautet):?|-|\u2013)(?=[ \t]))?(?P<space>[ \t]{0,30})"
)
# What may precede a name that begins a line.
_DEFINES = re.compile(
    r"(?i)[\s>*#;/!%$|{,+-]*(?:(?:export|setx?|env|arg|local|readonly|declare|typeset|rem|set_env|global|-x|\$env:|-e|-D)\s*)*[\"'`*]{0,3}"
)
_COMMANDS = re.compile(
    r"(?i)(?:^|[\s;&|!%])(?:setx?|env|arg|setenv|set_env|config\w*|put|user-secrets|secrets?|export)\b[^\n]{0,60}$"
)
_QUOTED = re.compile(r"\\?([\"'`])((?:(?!\1)[^\n]){1,300}?)\\?\1")
_TO_THE_END = re.compile(r"[^\n]{1,300}")
_ONE_WORD = re.compile(r"[^\s\"'`<>]{1,300}|<[^\s<>]{1,100}>")
_REMARK = re.compile(r"[ \t]+(?:#|//|--|;|<!--).*$")
_CUT = re.compile(r"[;,&)\]}|]")
# More pairs follow, as in a query string: the value ends before them.
_PAIRS = re.compile(r"[;,&](?:[\w.-]{1,60}=[^;,&]{0,200}[;,&]){2}")
# How far a line is looked at around a hint: lines of minified files are long.
_NEAR = 100


def bare_values(text: str, offset: int = 0) -> Iterator[NamedValue]:
    """Values that follow a name and a separator; several cuts of one value if its end is unclear."""
    done = 0
    for hint in HINT.finditer(lower(text)):
        if hint.start() < done:
            continue
        after = _AFTER.match(text, hint.end())
        if after is None:
            continue
        done = after.end("rest")
        start = max(text.rfind("\n", max(0, hint.start() - _NEAR), hint.start()) + 1, hint.start() - _NEAR)
        before = text[start : hint.start()]
        found = _BEFORE.search(before)
        words, left = found.groups() if found else ("", "")
        name = left + text[hint.start() : done]
        if not after["sep"] and not _takes_next(text, name, before[: len(before) - len(left)], after):
            continue
        for value, at in _cuts(
            text, after.end(), _DEFINES.fullmatch(before[: len(before) - len(left)]) is not None
        ):
            if worth_a_look(value):
                yield NamedValue(value, offset + at, (words + name.rsplit("/", 1)[-1],))


def _takes_next(text: str, name: str, before: str, after: re.Match[str]) -> bool:
    """Whether the next word is the value: ``--password VALUE``, ``setx API_KEY VALUE``, "password VALUE"."""
    if after.end() == after.end("closed"):
        return False
    if name.startswith("-") or _COMMANDS.search(before[-80:]):
        return True
    word = _ONE_WORD.match(text, after.end())
    return name.isalpha() and word is not None and is_mixed(word[0].rstrip(".,;:)]}"))


def _cuts(text: str, at: int, begins_line: bool) -> Iterator[tuple[str, int]]:
    quoted = _QUOTED.match(text, at)
    if quoted:
        yield quoted[2], quoted.start(2)
        return
    if begins_line and (line := _TO_THE_END.match(text, at)):
        yield _REMARK.sub("", line[0]).strip().rstrip(",;").rstrip(), at
    if word := _ONE_WORD.match(text, at):
        whole = word[0].rstrip(".,;:)]}|\\")
        cut = _CUT.split(whole, maxsplit=1)[0]
        if not _PAIRS.match(whole, len(cut)):
            yield whole, at
        if cut != whole:
            yield cut, at
