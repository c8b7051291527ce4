"""The secret scan: a quick pass over every file, then detect-secrets over the suspicious lines.

The quick pass uses the same rules, and the patterns of the other plugins, so it selects every line in which
detect-secrets could report anything. Without such lines, detect-secrets is not imported: that would take
longer than everything else.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType

from mlroad.core.problems import Position, Problem, UserError
from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.house_rules import HouseRules, digest_of, load_house_rules
from mlroad.guard.notebooks import BrokenNotebookError, NotebookText, decode, json_lines, parse
from mlroad.guard.patterns import BUILT_IN_RULES, PLUGIN_RULES
from mlroad.guard.secret_engine import EngineFinding, SecretEngine, open_secret_engine
from mlroad.guard.secret_finder import by_line, find_named, find_secrets
from mlroad.guard.secret_rules import RuleMatch, SecretRule, find, readable


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret in a file: its line, its position in a notebook, its kind, and the whole token."""

    source: GuardedFile
    line: int
    place: str
    kind: str
    value: str


class SecretScan(AbstractContextManager["SecretScan"]):
    """Scans files; loads detect-secrets at the first suspicious line. Use it in a ``with`` block."""

    def __init__(self, settings: Settings) -> None:
        if find_spec("detect_secrets") is None:
            raise UserError("detect-secrets is not installed, so files cannot be scanned.", "Run `uv sync`.")
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
        """All secrets in a file, except those that the team's file allows."""
        text = source.text()
        if text is None:
            return self._in_binary(source)
        if source.name.endswith(".ipynb"):
            try:
                decoded = decode(parse(text))
            except BrokenNotebookError:
                pass  # the notebook guard reports it; its content is scanned as text
            else:
                return self._in_notebook(source, text, decoded)
        text = readable(text)
        found = self._judged(source, text, find_secrets(source.name, text, self._rules))
        return [FoundSecret(source, item.line, "", item.kind, item.secret) for item in found]

    def _in_notebook(self, source: GuardedFile, text: str, decoded: NotebookText) -> list[FoundSecret]:
        plain = readable("\n".join(decoded.lines))
        found = self._judged(source, plain, self._of_notebook(plain, decoded))
        in_file = json_lines(text, decoded) if found else []
        return [
            FoundSecret(source, in_file[item.line - 1], decoded.place(item.line), item.kind, item.secret)
            for item in found
        ]

    def _of_notebook(self, plain: str, decoded: NotebookText) -> Iterator[RuleMatch]:
        yield from find(plain, self._rules)
        lines = plain.split("\n")
        offset = 0
        for kind, start, end in decoded.parts():
            part = "\n".join(lines[start:end])
            yield from find_named(kind, part, offset)
            offset += len(part) + 1

    def _in_binary(self, source: GuardedFile) -> list[FoundSecret]:
        """The tokens with a distinctive form in pickles, databases and the like; names mean little there."""
        text = source.printable()
        found = self._judged(source, text, find(text, self._rules))
        return [FoundSecret(source, 0, "in a binary file", item.kind, item.secret) for item in found]

    def _judged(self, source: GuardedFile, text: str, hits: Iterable[RuleMatch]) -> list[EngineFinding]:
        lines = by_line(text, hits)
        if not lines:
            return []
        found = self._loaded().scan(source.name, text.split("\n"), lines)
        return [item for item in found if not self.house.allows(source.name, item.secret)]

    def _loaded(self) -> SecretEngine:
        if self._engine is None:
            self._opened = open_secret_engine(self._settings.house_file)
            self._engine = self._opened.__enter__()
        return self._engine


def as_problem(secret: FoundSecret) -> Problem:
    """The problem to report: never with the secret itself, because many people can read CI logs."""
    where = f" ({secret.place})" if secret.place else ""
    digest = digest_of(secret.value)[:8]
    what = f"{secret.kind}{where}: a secret of {len(secret.value)} characters, SHA-256 {digest}…"
    fix = (
        "Remove it, read it from the environment or a key vault, and revoke it if it was ever pushed. If this"
        " is a false alarm, end the line with `# pragma: allowlist secret`, or run"
        f' `mlroad guard allow "{secret.source.name}:{secret.line}" --reason WHY`.'
    )
    return Problem(Position(secret.source.shown, secret.line), "secret", what, fix)
