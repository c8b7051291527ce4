"""A team's own rules and known false alarms: house/secrets.toml, which template updates never change."""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mlroad.core.problems import Position, Problem, UserError
from mlroad.guard.secret_rules import SecretRule, anything, find, readable

FAMILY = "house"


@dataclass(frozen=True, slots=True)
class AllowedSecret:
    """A false alarm: the SHA-256 of the whole token, its file, and why it is not a secret."""

    sha256: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class HouseRules:
    """The content of the team's file. ``examples`` are made-up secrets that test each rule."""

    rules: tuple[SecretRule, ...] = ()
    examples: tuple[str, ...] = ()
    allowed: tuple[AllowedSecret, ...] = ()

    def allows(self, file: str, secret: str) -> bool:
        """Whether exactly this token is listed for exactly this file."""
        if not self.allowed:
            return False
        digest = digest_of(secret)
        return any(entry.sha256 == digest and entry.file == file for entry in self.allowed)


def digest_of(secret: str) -> str:
    """The SHA-256 of a whole token, as in an [[allow]] entry."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def load_house_rules(file: Path | None) -> HouseRules:
    """Read the team's file. Raises UserError with all mistakes in it, including rules that do not work."""
    if file is None:
        return HouseRules()
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(_problem(file, 0, f"The file cannot be read ({error}).", "Correct it.")) from error
    problems: list[Problem] = []
    unknown = [key for key in content if key not in ("rule", "allow")]
    problems += [
        _problem(file, _line(text, key), f"Unknown key {key!r}.", "Use [[rule]] and [[allow]].")
        for key in unknown
    ]
    rules, examples = _rules(file, text, content.get("rule", []), problems)
    allowed = _allowed(file, text, content.get("allow", []), problems)
    if problems:
        raise UserError(problems)
    return HouseRules(tuple(rules), tuple(examples), tuple(allowed))


def _rules(
    file: Path, text: str, entries: Any, problems: list[Problem]
) -> tuple[list[SecretRule], list[str]]:
    rules: list[SecretRule] = []
    examples: list[str] = []
    for number, entry in enumerate(_tables(file, text, "rule", entries, problems), start=1):
        line = _nth_line(text, "[[rule]]", number)
        kind, pattern = entry.get("kind"), entry.get("pattern")
        keywords, example = entry.get("keywords", []), entry.get("example")
        if (
            not isinstance(kind, str)
            or not isinstance(pattern, str)
            or not _texts(keywords)
            or not _texts(example)
        ):
            what = (
                "A rule needs kind, pattern and example (a list of strings); keywords is a list of strings."
            )
            problems.append(
                _problem(file, line, what, "Correct the entry; see `mlroad help how-to/house-rules`.")
            )
            continue
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append(
                _problem(file, line, f"The pattern of {kind!r} is not valid ({error}).", "Correct it.")
            )
            continue
        rule = SecretRule(kind, FAMILY, pattern, tuple(keywords), accept=anything)
        planted = "".join(cast("list[str]", example))
        if not any(find(readable(planted), (rule,))):
            what = f"The rule {kind!r} does not find its own example."
            problems.append(
                _problem(file, line, what, "Correct pattern, keywords or example (its parts are joined).")
            )
            continue
        rules.append(rule)
        examples.append(planted)
    return rules, examples


def _allowed(file: Path, text: str, entries: Any, problems: list[Problem]) -> list[AllowedSecret]:
    allowed: list[AllowedSecret] = []
    for number, entry in enumerate(_tables(file, text, "allow", entries, problems), start=1):
        line = _nth_line(text, "[[allow]]", number)
        values = [entry.get(key) for key in ("sha256", "file", "reason")]
        digest, name, reason = (value if isinstance(value, str) else "" for value in values)
        if not re.fullmatch("[0-9a-f]{64}", digest) or not name or not reason.strip():
            what = "An [[allow]] entry needs sha256 (64 hex digits), file and reason."
            problems.append(
                _problem(file, line, what, "Let `mlroad guard allow FILE:LINE --reason WHY` write it.")
            )
        else:
            allowed.append(AllowedSecret(digest, name, reason))
    return allowed


def _tables(file: Path, text: str, key: str, entries: Any, problems: list[Problem]) -> list[dict[str, Any]]:
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return entries
    problems.append(
        _problem(file, _line(text, key), f"{key!r} is not a list of tables.", f"Write [[{key}]].")
    )
    return []


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _problem(file: Path, line: int, what: str, fix: str) -> Problem:
    return Problem(Position(file, line), "house-rules", what, fix)


def _line(text: str, key: str) -> int:
    found = re.search(rf"(?m)^\s*\[*{re.escape(key)}\b", text)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def _nth_line(text: str, header: str, number: int) -> int:
    lines = [index for index, line in enumerate(text.split("\n"), start=1) if line.strip().startswith(header)]
    return lines[number - 1] if number <= len(lines) else 0
