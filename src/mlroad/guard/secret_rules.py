"""A rule finds one kind of secret, as a whole token. Searching is cheap if no keyword of the rule occurs.

The detect-secrets plugin and the quick first pass both search with ``find``, so they always agree.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from mlroad.guard.named_values.named_value import lower
from mlroad.guard.secret_values import is_token

# How far a token may extend from its keyword. Limits the work on minified files with a single long line.
_BEFORE, _AFTER = 1_000, 8_000
# Images embedded in HTML or Markdown. Replaced by spaces of the same length, to keep positions.
_DATA_URI = re.compile(r"(?<=;base64,)[A-Za-z0-9+/=%]{16,}")
_JSON_ESCAPE = re.compile(r"\\u00([2-7][0-9a-fA-F])")
_COLOUR = re.compile(
    r"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;]*[A-Za-z]|\x1b\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)"
)
_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|#(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])|#[xX](?:[2-7][0-9a-fA-F]));"
)
# Tags that only colour a part of a word, and those of table cells.
_INLINE_TAG = re.compile(
    r"</?(?:span|b|i|em|strong|mark|u|font|code)(?:\s+(?:class|style|color|id)=[\"'][^\"'<>\n]{0,300}[\"'])*\s*>"
)
_ROW_TAG = re.compile(r"</?(?:tr|table|tbody|thead)(?:\s[^<>\n]{0,300})?>")
_CELL_TAG = re.compile(r"</?t[dh](?:\s[^<>\n]{0,300})?>")
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")


def anything(match: re.Match[str]) -> bool:
    """For patterns that need no further check."""
    return bool(match[0])


def _accept_token(match: re.Match[str]) -> bool:
    return is_token(secret_of(match))


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret.

    ``pattern`` captures the whole token in the group ``secret``, or as its full match. Every match contains
    one of the literal ``keywords``; those without capital letters match in any case. ``accept`` rejects false
    positives. ``extra_lines`` is the number of lines after the first that a match may span.
    """

    kind: str
    family: str
    pattern: str
    keywords: tuple[str, ...]
    accept: Callable[[re.Match[str]], bool] = _accept_token
    extra_lines: int = 0
    engine: bool = False  # True: a plugin of detect-secrets reports it; this only selects the lines


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A match of a rule at an offset in a text."""

    rule: SecretRule
    start: int
    secret: str


def secret_of(match: re.Match[str]) -> str:
    """The whole token of a match."""
    return match["secret"] if "secret" in match.re.groupindex else match[0]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def readable(text: str) -> str:
    """Text as the rules read it: without embedded images, colours and inline tags, with escapes decoded.

    The number of lines does not change.
    """
    if ";base64," in text:
        text = _DATA_URI.sub(lambda match: " " * len(match[0]), text)
    if "[" in text and ("\x1b" in text or "\\" in text):
        text = _COLOUR.sub("", text)
    if "\\u00" in text:
        text = _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if "</" in text:
        text = _CELL_TAG.sub("|", _ROW_TAG.sub("", _INLINE_TAG.sub("", text)))
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return text if text.isascii() else _INVISIBLE.sub("", text)


def find(text: str, rules: Iterable[SecretRule]) -> Iterator[RuleMatch]:
    """All matches of all rules in a text prepared by ``readable``."""
    low = lower(text)
    for rule in rules:
        if rule.keywords:
            yield from _find_near_keywords(text, low, rule)
        else:
            yield from _matches(text, rule, 0, len(text))


def _find_near_keywords(text: str, low: str, rule: SecretRule) -> Iterator[RuleMatch]:
    done = -1  # the text up to here was searched
    for at in _places(text, low, rule.keywords):
        if at < done:
            continue
        # Only the neighbourhood is searched for line ends: a file may be one line of megabytes.
        first = max(0, at - _BEFORE, done)
        start = max(text.rfind("\n", first, at) + 1, first)
        last = min(len(text), at + _AFTER)
        end = at
        for _ in range(rule.extra_lines + 1):
            end = text.find("\n", end + 1, last)
            if end < 0:
                end = last
                break
        yield from _matches(text, rule, start, end)
        done = end


def _places(text: str, low: str, keywords: tuple[str, ...]) -> list[int]:
    places: list[int] = []
    for keyword in keywords:
        hay = low if keyword.islower() or not keyword.isascii() else text
        at = hay.find(keyword)
        while at >= 0:
            places.append(at)
            # Further keywords in the same line are covered by this search.
            newline = hay.find("\n", at, at + _AFTER)
            if newline < 0:
                newline = at + len(keyword)
            at = hay.find(keyword, newline)
    return sorted(places)


def _matches(text: str, rule: SecretRule, start: int, end: int) -> Iterator[RuleMatch]:
    for match in _compiled(rule.pattern).finditer(text, start, end):
        if rule.accept(match):
            group = "secret" if "secret" in match.re.groupindex else 0
            yield RuleMatch(rule, match.start(group), secret_of(match))
