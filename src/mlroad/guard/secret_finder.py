"""All secrets of a text: by the form of a token, and by the name of a value."""

import bisect
from collections.abc import Iterable, Iterator

from mlroad.guard.named_values import named_values
from mlroad.guard.secret_judge import is_secret
from mlroad.guard.secret_rules import RuleMatch, SecretRule, find

# What the names of values reveal; the pattern of this rule matches nothing, `find_named` finds it.
NAMED = SecretRule("Password or key under a telling name", "assignment", r"(?!)", ())


def find_secrets(file: str, text: str, rules: Iterable[SecretRule]) -> Iterator[RuleMatch]:
    """The secrets of a text prepared by ``readable``. The name of the file tells the language."""
    yield from find(text, rules)
    yield from find_named(file, text)


def find_named(file: str, text: str, offset: int = 0) -> Iterator[RuleMatch]:
    """The passwords and keys that only their names reveal."""
    for named in named_values(file, text):
        if is_secret(named):
            yield RuleMatch(NAMED, offset + named.start, named.value)


def by_line(text: str, hits: Iterable[RuleMatch]) -> dict[int, list[RuleMatch]]:
    """The hits of each line (from 1)."""
    lines: dict[int, list[RuleMatch]] = {}
    starts: list[int] = []
    for hit in hits:
        if not starts:
            starts = [0]
            while newline := text.find("\n", starts[-1]) + 1:
                starts.append(newline)
        lines.setdefault(bisect.bisect_right(starts, hit.start), []).append(hit)
    return lines
