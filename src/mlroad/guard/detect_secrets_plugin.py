"""ML Road's plugin for detect-secrets: the built-in rules and the team's own rules in one detector.

`mlroad guard` loads it by path, as ``detect-secrets-hook -p PATH FILE`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.util.code_snippet import CodeSnippet

from mlroad.guard.house_rules import load_house_rules
from mlroad.guard.patterns import BUILT_IN_RULES
from mlroad.guard.secret_rules import RuleMatch, find, readable


class MlroadDetector(BasePlugin):  # type: ignore[misc]
    """Finds whole tokens, so that an allowed token never hides another one."""

    secret_type = "ML Road rule"  # noqa: S105 - a name, not a secret

    def __init__(self, house_file: str | None = None) -> None:
        self._house_file = house_file
        self._rules = (*load_house_rules(Path(house_file) if house_file else None).rules, *BUILT_IN_RULES)

    def analyze_string(self, string: str) -> Iterator[str]:
        """All secrets in a string."""
        yield from (hit.secret for hit in find(readable(string), self._rules))

    def analyze_line(
        self,
        filename: str,
        line: str,
        line_number: int = 0,
        context: CodeSnippet | None = None,
        **_options: Any,
    ) -> set[PotentialSecret]:
        """All secrets that start in a line; ``context`` has the following lines, for private keys."""
        hits = self._hits(line, context)
        return {PotentialSecret(hit.rule.kind, filename, hit.secret, line_number) for hit in hits}

    def _hits(self, line: str, context: CodeSnippet | None) -> Iterator[RuleMatch]:
        yield from find(readable(line), [rule for rule in self._rules if not rule.extra_lines])
        spanning = [rule for rule in self._rules if rule.extra_lines]
        following = context.lines[context.target_index + 1 :] if context else []
        text = readable("\n".join([line, *following]))
        end = text.find("\n")
        yield from (hit for hit in find(text, spanning) if end < 0 or hit.start < end)

    def json(self) -> dict[str, Any]:
        """The settings to create this plugin again."""
        return {**super().json(), **({"house_file": self._house_file} if self._house_file else {})}
