"""ML Road's plugin for detect-secrets: the built-in rules and the team's own rules in one detector.

`mlroad guard` loads it by path, as ``detect-secrets-hook -p PATH FILE`` does.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.plugins.base import BasePlugin

from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.house_rules import load_house_rules
from mlroad.guard.patterns import BUILT_IN_RULES
from mlroad.guard.secret_finder import by_line, find_secrets
from mlroad.guard.secret_rules import RuleMatch, readable


class MlroadDetector(BasePlugin):  # type: ignore[misc]
    """Finds whole tokens, so that an allowed token never hides another one."""

    secret_type = "ML Road rule"  # noqa: S105 - a name, not a secret
    # What the quick pass found in the lines of the present file; None: detect-secrets' own command runs.
    known: Mapping[int, list[RuleMatch]] | None = None

    def __init__(self, house_file: str | None = None) -> None:
        self._house_file = house_file
        self._rules = (*load_house_rules(Path(house_file) if house_file else None).rules, *BUILT_IN_RULES)
        self._read = lru_cache(maxsize=1)(self._of_file)

    def analyze_string(self, string: str) -> Iterator[str]:
        yield from (hit.secret for hit in find_secrets("", readable(string), self._rules))

    def analyze_line(self, filename: str, *, line_number: int = 0, **_options: Any) -> set[PotentialSecret]:
        """All secrets that start in a line; the whole file is read, because names may be in other lines."""
        known = self._read(filename) if self.known is None else self.known
        hits = (hit for hit in known.get(line_number, ()) if not hit.rule.engine)
        return {PotentialSecret(hit.rule.kind, filename, hit.secret, line_number) for hit in hits}

    def _of_file(self, filename: str) -> Mapping[int, list[RuleMatch]]:
        text = readable(GuardedFile(Path(filename), filename, Path(filename)).text() or "")
        return by_line(text, find_secrets(filename, text, self._rules))

    def json(self) -> dict[str, Any]:
        """The settings to create this plugin again."""
        return {**super().json(), **({"house_file": self._house_file} if self._house_file else {})}
