"""A rule finds one kind of secret, as a whole token. Searching is cheap if no keyword of the rule occurs.

The detect-secrets plugin and the quick first pass both search with ``find``, so they always agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from mlroad.guard.false_positives import is_token

# How far a token may extend from its keyword. Limits the work on minified files with a single long line.
_BEFORE, _AFTER = 1_000, 8_000
# Images embedded in HTML or Markdown. Replaced by spaces of the same length, to keep positions.
_DATA_URI = re.compile(r"(?<=;base64,)[A-Za-z0-9+/=%]{16,}")
_JSON_ESCAPE = re.compile(r"\\u00([2-7][0-9a-fA-F])")


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
    """Text as the rules read it: without embedded images, and with JSON escapes such as ``\\u0026`` decoded.

    The number of lines does not change.
    """
    if ";base64," in text:
        text = _DATA_URI.sub(lambda match: " " * len(match[0]), text)
    if "\\u00" in text:
        text = _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return text


def _lower(text: str) -> str:
    low = text.lower()
    if len(low) == len(text):
        return low
    # Some letters become longer in lower case. Lower only ASCII then, because offsets must not change.
    return text.encode("latin-1", "replace").lower().decode("latin-1")


def find(text: str, rules: Iterable[SecretRule]) -> Iterator[RuleMatch]:
    """All matches of all rules in a text prepared by ``readable``."""
    low = _lower(text)
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
        start = max(text.rfind("\n", 0, at) + 1, at - _BEFORE, done)
        end = at
        for _ in range(rule.extra_lines + 1):
            end = text.find("\n", end + 1) if end < len(text) else -1
            if end < 0:
                end = len(text)
        end = min(end, at + _AFTER)
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
            newline = hay.find("\n", at)
            if newline < 0 or newline - at > _AFTER:
                newline = at + len(keyword)
            at = hay.find(keyword, newline)
    return sorted(places)


def _matches(text: str, rule: SecretRule, start: int, end: int) -> Iterator[RuleMatch]:
    for match in _compiled(rule.pattern).finditer(text, start, end):
        if rule.accept(match):
            yield RuleMatch(
                rule,
                match.start("secret") if "secret" in match.re.groupindex else match.start(),
                secret_of(match),
            )
