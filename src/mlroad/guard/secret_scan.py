"""The secret scan: a light pass over every file, and detect-secrets over the lines that could hold something.

The light pass runs the house rules themselves (and the patterns of the engine's plugins), so it passes on
every line in which the engine could report anything. It spares the import of detect-secrets, which takes
longer than all the rest.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType

from mlroad.core.problems import Position, Problem, UserError
from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.house_rules import HouseRules, digest_of, load_house_rules
from mlroad.guard.notebooks import BrokenNotebookError, NotebookText, decode, json_line, parse
from mlroad.guard.patterns import BUILT_IN_RULES, PLUGIN_RULES
from mlroad.guard.secret_engine import EngineFinding, SecretEngine, open_secret_engine
from mlroad.guard.secret_rules import SecretRule, find, readable


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret in a file: its line, its place if that is a notebook, its kind, and the whole token."""

    source: GuardedFile
    line: int
    place: str
    kind: str
    value: str


class SecretScan(AbstractContextManager["SecretScan"]):
    """Scans files; the engine is loaded at the first suspicious line. Use it in a ``with`` block."""

    def __init__(self, settings: Settings) -> None:
        if find_spec("detect_secrets") is None:
            raise UserError("detect-secrets is not installed, so nothing can be scanned.", "Run `uv sync`.")
        self._settings = settings
        self.house: HouseRules = load_house_rules(settings.house_file)
        self._rules: tuple[SecretRule, ...] = (*self.house.rules, *BUILT_IN_RULES, *PLUGIN_RULES.values())
        self._opened: AbstractContextManager[SecretEngine] | None = None
        self._engine: SecretEngine | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened:
            self._opened.__exit__(kind, error, trace)

    def secrets(self, source: GuardedFile) -> list[FoundSecret]:
        """Every secret in a file, the ones that the team's file allows left out."""
        text = source.text()
        if not text:
            return []
        if source.name.endswith(".ipynb"):
            try:
                decoded = decode(parse(text))
            except BrokenNotebookError:
                pass  # told by the notebook guard; what it holds is scanned as it stands
            else:
                return self._in_notebook(source, text, decoded)
        lines = readable(text).split("\n")
        return [
            FoundSecret(source, item.line, "", item.kind, item.secret) for item in self._found(source, lines)
        ]

    def _in_notebook(self, source: GuardedFile, text: str, decoded: NotebookText) -> list[FoundSecret]:
        lines = readable("\n".join(decoded.lines)).split("\n")
        return [
            FoundSecret(
                source, json_line(text, decoded, item.line), decoded.place(item.line), item.kind, item.secret
            )
            for item in self._found(source, lines)
        ]

    def _found(self, source: GuardedFile, lines: list[str]) -> list[EngineFinding]:
        numbers = suspicious_lines(lines, self._rules)
        if not numbers:
            return []
        found = self._loaded().scan(source.name, lines, numbers)
        return [item for item in found if not self.house.allows(source.name, item.secret)]

    def _loaded(self) -> SecretEngine:
        if self._engine is None:
            self._opened = open_secret_engine(self._settings.house_file)
            self._engine = self._opened.__enter__()
        return self._engine


def suspicious_lines(lines: Sequence[str], rules: Iterable[SecretRule]) -> list[int]:
    """The lines (from 1) in which a rule matches."""
    text = "\n".join(lines)
    starts: list[int] = []
    numbers: set[int] = set()
    for hit in find(text, rules):
        if not starts:
            starts = [0]
            for line in lines:
                starts.append(starts[-1] + len(line) + 1)
        numbers.add(bisect.bisect_right(starts, hit.start))
    return sorted(numbers)


def as_problem(secret: FoundSecret) -> Problem:
    """How a secret is reported: never with its value, since logs of CI are read by many."""
    where = f" ({secret.place})" if secret.place else ""
    digest = digest_of(secret.value)[:8]
    what = f"{secret.kind}{where}: a secret of {len(secret.value)} characters, SHA-256 {digest}…"
    fix = (
        "Take it out, read it from the environment or a vault, and revoke it if it was ever pushed. A false"
        " alarm? End the line with `# pragma: allowlist secret`, or run `mlroad guard allow FILE:LINE"
        " --reason WHY`."
    )
    return Problem(Position(secret.source.shown, secret.line), "secret", what, fix)
