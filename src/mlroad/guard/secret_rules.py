"""A rule finds one kind of secret, as a whole token. Searching is cheap where no keyword of the rule occurs.

The house plugin of detect-secrets and the light first pass both search with ``find``: they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from mlroad.guard.false_positives import is_token

# How far a token may reach from its keyword. Bounds the work on minified files that are one endless line.
_BEFORE, _AFTER = 1_000, 8_000
# Pictures written into HTML or Markdown. Blanked at equal length, so that places in the text stay right.
_DATA_URI = re.compile(r"(?<=;base64,)[A-Za-z0-9+/=%]{16,}")
_JSON_ESCAPE = re.compile(r"\\u00([2-7][0-9a-fA-F])")


def anything(match: re.Match[str]) -> bool:
    """For patterns that need no second look."""
    return bool(match[0])


def _accept_token(match: re.Match[str]) -> bool:
    return is_token(secret_of(match))


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret.

    ``pattern`` captures the whole token in the group ``secret``, or in its full match. ``keywords`` are
    literals of which one stands in every match; those without a capital letter are looked for in any case.
    ``accept`` sorts look-alikes out. ``extra_lines``: how many lines after its first a match may need.
    """

    kind: str
    family: str
    pattern: str
    keywords: tuple[str, ...]
    accept: Callable[[re.Match[str]], bool] = _accept_token
    extra_lines: int = 0
    engine: bool = False  # True: a plugin of detect-secrets makes the finding; this only spots its lines


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A match of a rule in a text, by offsets."""

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
    """Text as the rules read it: embedded pictures blanked, JSON's ``\\u0026`` and the like written out.

    The number of lines never changes.
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
    # A few letters grow when lowered; ASCII is enough for keywords, and offsets must stay.
    return text.encode("latin-1", "replace").lower().decode("latin-1")


def find(text: str, rules: Iterable[SecretRule]) -> Iterator[RuleMatch]:
    """Every match of every rule in a text that ``readable`` has prepared."""
    low = _lower(text)
    for rule in rules:
        if rule.keywords:
            yield from _find_near_keywords(text, low, rule)
        else:
            yield from _matches(text, rule, 0, len(text))


def _find_near_keywords(text: str, low: str, rule: SecretRule) -> Iterator[RuleMatch]:
    done = -1  # the text up to here has been searched
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
            # The next hit in the same line is searched together with this one.
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
