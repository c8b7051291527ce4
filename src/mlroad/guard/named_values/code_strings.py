"""Quoted strings and their names, in any language: Python, JSON, TOML, C#, R, Terraform, Bicep, SQL, shells.

One pass over the tokens keeps a stack of brackets. What precedes a string in its element is its name
(``password: SecretStr = "…"``, ``"key": "…"``, ``PASSWORD '…'``); then the argument before it
(``getenv("KEY", "…")``), a sibling (``name: KEY, value: …``), and what encloses it (``Credential("…")``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlroad.guard.named_values.bare_values import bare_values
from mlroad.guard.named_values.named_value import NamedValue, has_hint, worth_a_look
from mlroad.guard.secret_names import Promise, promise

_TOKEN = re.compile(
    r'[rRbBfFuUN$@]{0,3}(?:(?P<quotes>"""|\'\'\')(?P<long>(?:(?!(?P=quotes))[^\\]|\\.){0,20000}?)(?P=quotes)'
    r'|"(?P<double>(?:[^"\\\n]|\\.)*)"|\'(?P<single>(?:[^\'\\\n]|\\.)*)\')|`(?P<tick>[^`\n]*)`'
    r"|(?P<word>(?>[\w$@-][\w.$@-]*)(?:[ \t]+(?>[\w$@-][\w.$@-]*)(?![\"']))*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<sep><-|[:=!]?=[=>]?|\?\?=?|:)"
    r"|(?P<comma>[,;])|(?P<newline>\n)|\\\n|(?P<join>[+&])",
    re.DOTALL,
)
_STRINGS = ("double", "single", "long", "tick")
_NAME_KEYS = frozenset(
    ["name", "key", "parameter", "parametername", "param", "variable", "setting", "field", "header", "envvar"]
)
_VALUE_KEYS = frozenset(
    ["value", "val", "default", "defaultvalue", "text", "content", "secretvalue", "plaintext", "data", "v"]
)
_IDENTIFIER = re.compile(r"[\w$@.:/ -]{1,80}")
_CREDENTIALS = re.compile(
    r"(?i)(?:.*[._])?(?:\w*auth|networkcredential|\w*usernamepassword\w*|\w*usernamekey\w*)"
)
_MOST_NAMES = 5
_DEEPEST = 500  # brackets that are kept
_NESTED = re.compile(r"""["'][^"']{0,200}["']\s*[:=]|[:=]\s*["']""")
_QUOTE = re.compile(r"\\+([\"'])")  # a quote in a string in a string
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class _Frame:
    """An open bracket: the names before it, and what is known of its elements."""

    bracket: str
    names: tuple[str, ...] = ()
    words: list[str] = field(default_factory=list)  # of the current element, up to its value
    named: bool = False  # a separator followed the words
    previous: str = ""  # the argument before
    sibling: str = ""  # KEY in {"name": "KEY", "value": …}
    beside: set[str] = field(default_factory=set)
    waiting: list[tuple[str, int]] = field(default_factory=list)  # values whose name may follow


def code_strings(text: str, offset: int = 0, depth: int = 0) -> Iterator[NamedValue]:
    """The strings of a program or of a data file that are worth a look, with their names."""
    return _Reader(text, offset, depth).read()


class _Reader:
    def __init__(self, text: str, offset: int, depth: int) -> None:
        self._text, self._offset, self._depth = text, offset, depth
        self._stack = [_Frame("")]
        self._string: tuple[str, int] | None = None  # the next token tells whether it is a key or a value
        self._goes_on = False  # after a separator or a bracket a newline ends nothing

    def read(self) -> Iterator[NamedValue]:
        for match in _TOKEN.finditer(self._text):
            kind = match.lastgroup
            if kind in _STRINGS:
                self._add_string(match, kind)
                continue
            frame = self._stack[-1]
            if self._string and (kind == "join" or (kind == "newline" and frame.bracket == "(")):
                continue  # "a" + "b", or the parts on several lines
            if self._string:
                yield from self._settle(frame, is_key=kind == "sep" and not frame.named)
            yield from self._other(frame, kind, match[0])
        if self._string:
            yield from self._settle(self._stack[-1], is_key=False)
        for frame in reversed(self._stack):
            yield from self._flush(frame)

    def _other(self, frame: _Frame, kind: str | None, token: str) -> Iterator[NamedValue]:
        if kind == "word":
            frame.words += token.split()
            self._goes_on = False
        elif kind == "sep":
            self._goes_on = frame.named = True
        elif kind == "open":
            self._push(frame, token)
        elif kind == "close":
            yield from self._pop()
        elif kind == "comma":
            self._end_element(frame)
        elif kind == "newline" and not self._goes_on and frame.bracket not in ("(", "["):
            yield from self._end_line(frame)

    def _add_string(self, match: re.Match[str], kind: str) -> None:
        value, start = match[kind], match.start(kind)
        if self._string and _tells(self._string[0]):  # user-secrets set "KEY" "…"
            self._stack[-1].words.append(self._string[0])
        elif self._string:
            value, start = self._string[0] + value, self._string[1]
        self._string = (_one_line(value) if kind == "long" else value, start)

    def _settle(self, frame: _Frame, is_key: bool) -> Iterator[NamedValue]:
        value, start = self._string or ("", 0)
        self._string = None
        if is_key:
            frame.words.append(value[:120])
            return
        self._goes_on = False
        if worth_a_look(value):
            yield from self._value(frame, value, start)
        key = frame.words[-1].lower() if frame.words and frame.named else ""
        frame.beside.add(key[:20])
        if key in _NAME_KEYS:
            if frame.sibling:  # the next pair of a list without brackets
                yield from self._flush(frame)
            frame.sibling = value[:120]
        if not frame.named:
            frame.previous = value[:120]
        if frame.named:
            frame.words, frame.named = [], False

    def _value(self, frame: _Frame, value: str, start: int) -> Iterator[NamedValue]:
        plain = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        if len(plain) > 12 and self._depth < 2 and has_hint(plain):
            yield from bare_values(plain, self._offset + start)  # "Server=…;Password=…", a docstring
            if _NESTED.search(plain):
                inner = _QUOTE.sub(" \\1", plain)
                yield from code_strings(inner, self._offset + start, self._depth + 1)
        own = tuple(frame.words[: -_MOST_NAMES - 1 : -1])
        if own and frame.named and own[0].lower().lstrip("-") in _VALUE_KEYS:
            frame.waiting.append((plain, start))
            return
        if not own and frame.bracket == "(" and frame.previous:
            login = any(_CREDENTIALS.fullmatch(name) for name in frame.names[:2])
            own = ("password",) if login else (frame.previous,) if _tells(frame.previous) else ()
        elif not own and frame.bracket == "{" and frame.previous:  # { "KEY", "…" } of C#
            own = (frame.previous,)
        yield self._named(frame, plain, start, own)

    def _named(self, frame: _Frame, value: str, start: int, own: tuple[str, ...]) -> NamedValue:
        return NamedValue(
            value, self._offset + start, own, frame.names, frame.bracket == "(", frozenset(frame.beside)
        )

    def _push(self, frame: _Frame, bracket: str) -> None:
        before = frame.words[: -_MOST_NAMES - 1 : -1]
        if bracket == "{" and frame.previous and not frame.named:
            before = [frame.previous, *before]  # variable "db_password" {
        names = (*before, frame.sibling, *frame.names)
        self._stack.append(_Frame(bracket, tuple(name for name in names if name)[: 2 * _MOST_NAMES]))
        if len(self._stack) > _DEEPEST:
            del self._stack[1]
        self._goes_on = True

    def _pop(self) -> Iterator[NamedValue]:
        if len(self._stack) < 2:
            return
        frame = self._stack.pop()
        yield from self._flush(frame)
        inside = frame.previous or frame.sibling
        if frame.bracket != "{" and inside and _IDENTIFIER.fullmatch(inside):
            self._stack[-1].words.append(inside)  # os.environ["KEY"] = "…", getenv("KEY") or "…"
        self._goes_on = False

    def _flush(self, frame: _Frame) -> Iterator[NamedValue]:
        """The values with a key such as "value": now their name is known."""
        for value, start in frame.waiting:
            name = frame.sibling or frame.previous
            yield self._named(frame, value, start, (name,) if name else ())
        frame.waiting = []

    def _end_line(self, frame: _Frame) -> Iterator[NamedValue]:
        self._end_element(frame)
        if not frame.bracket:
            yield from self._flush(frame)
            frame.sibling = frame.previous = ""
            frame.beside.clear()

    def _end_element(self, frame: _Frame) -> None:
        frame.words, frame.named, self._goes_on = [], False, False


def _tells(argument: str) -> bool:
    """Whether an argument names the one after it, as in ``getenv("KEY", "…")``."""
    return bool(_IDENTIFIER.fullmatch(argument)) and promise(argument) not in (
        Promise.NOTHING,
        Promise.GENERIC,
    )


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1])


def _one_line(value: str) -> str:
    """A string over several lines; joined if each line is one word, such as Base64."""
    lines = [line.strip().removesuffix("\\") for line in value.strip().split("\n")]
    return value.strip() if any(" " in line for line in lines) else "".join(lines)
