"""Quoted strings and their names, in any language: Python, JSON, TOML, C#, R, Terraform, Bicep, SQL, shells.

One pass over the tokens keeps a stack of brackets. What precedes a string in its element is its name
(``password: SecretStr = "…"``, ``"key": "…"``, ``PASSWORD '…'``); then the argument before it
(``getenv("KEY", "…")``), a sibling (``name: KEY, value: …``), and what encloses it (``Credential("…")``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlroad.guard.named_values.bare_values import bare_values
from mlroad.guard.named_values.named_value import NEIGHBOURS, NamedValue, has_hint, worth_a_look
from mlroad.guard.secret_names import Promise, promise
from mlroad.guard.secret_values import is_mixed

_TOKEN = re.compile(
    # An escaped quote starts no string.
    r'(?<!\\)[rRbBfFuUN$@]{0,3}(?:(?P<quotes>"""|\'\'\')(?P<long>(?:(?!(?P=quotes))[^\\]|\\.){0,20000}?)(?P=quotes)'
    r'|"(?P<double>(?:[^"\\\n]|\\.)*)"|\'(?P<single>(?:[^\'\\\n]|\\.)*)\')|`(?P<tick>[^`\n]*)`'
    r"|->>?[ \t]*(?P<target>[\w.]+)"
    r"|(?P<word>(?>[\w$@-][\w.$@-]*)(?:[ \t]+(?>[\w$@-][\w.$@-]*)(?![\"']))*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<sep><-|[:=!]?=[=>]?|\?\?=?|:)"
    r"|(?P<comma>[,;])|(?P<newline>\n)|\\\n|(?P<join>[+])",
    re.DOTALL,
)
# 'value' AS password, in SQL.
_ALIAS = re.compile(r"(?i)as[ \t]+([\w.]+)")
_STRINGS = ("double", "single", "long", "tick")
_NAME_KEYS = frozenset(
    ["name", "key", "parameter", "parametername", "param", "variable", "setting", "field", "header", "envvar"]
)
_VALUE_KEYS = frozenset(
    ["value", "val", "default", "defaultvalue", "text", "content", "secretvalue", "plaintext", "data", "v"]
)
_IDENTIFIER = re.compile(r"[\w$@.:/ -]{1,80}")
_CREDENTIALS = re.compile(
    r"(?i)(?:.*[._])?(?:\w*auth|(?:\w*_)?cred(?:ential)?s|login|authenticate|networkcredential|\w*usernamepassword\w*|\w*usernamekey\w*)"
)
_SHORT_OPTIONS = frozenset(["-p", "-P", "-a", "-w"])
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
    key: int = 0  # how many words precede the last separator
    previous: str = ""  # the argument before
    sibling: str = ""  # KEY in {"name": "KEY", "value": …}
    assigned: tuple[str, ...] = ()  # the names of the value before: user, password = "ml", "…"
    beside: set[str] = field(default_factory=set)
    waiting: list[tuple[str, int]] = field(default_factory=list)  # values whose name may follow


def code_strings(text: str, offset: int = 0, depth: int = 0) -> Iterator[NamedValue]:
    """The strings of a program or of a data file that are worth a look, with their names."""
    return _Reader(text, offset, depth).read()


class _Reader:
    """Plain methods that append to one list: a generator for each token would double the time."""

    def __init__(self, text: str, offset: int, depth: int) -> None:
        self._text, self._offset, self._depth = text, offset, depth
        self._stack = [_Frame("")]
        self._string: tuple[str, int] | None = None  # the next token tells whether it is a key or a value
        self._goes_on = False  # after a separator or a bracket a newline ends nothing
        self._joining = False  # after a plus
        self._found: list[NamedValue] = []

    def read(self) -> Iterator[NamedValue]:
        stack, found = self._stack, self._found
        take = {
            "word": self._word,
            "sep": self._separator,
            "open": self._push,
            "close": self._pop,
            "comma": self._end_element,
            "newline": self._newline,
            "join": self._nothing,
            "target": self._nothing,
            None: self._nothing,  # a line that goes on
        }
        for match in _TOKEN.finditer(self._text):
            kind = match.lastgroup
            if kind in _STRINGS:
                self._add_string(match, kind)
                continue
            if self._string:
                self._joining |= kind == "join"
                if kind == "join" or (kind == "newline" and stack[-1].bracket == "("):
                    continue  # "a" + "b", or the parts on several lines
                if name := match["target"] or (kind == "word" and _alias(match[0])):
                    self._name(stack[-1], name)
                    continue
                self._settle(stack[-1], kind == "sep" and not stack[-1].named)
            take[kind](stack[-1], match[0])
            if found:
                yield from found
                found.clear()
        if self._string:
            self._settle(stack[-1], is_key=False)
        for frame in reversed(stack):
            self._flush(frame)
        yield from found

    def _nothing(self, _frame: _Frame, _token: str) -> None:
        pass

    def _word(self, frame: _Frame, token: str) -> None:
        frame.words += token.split()
        self._goes_on = False

    def _name(self, frame: _Frame, name: str) -> None:
        """A value whose name follows it, as in R: "…" -> password."""
        frame.words, frame.named, frame.key = [name], True, 1
        self._settle(frame, is_key=False)

    def _separator(self, frame: _Frame, _token: str) -> None:
        self._goes_on = frame.named = True
        frame.key = len(frame.words)

    def _add_string(self, match: re.Match[str], kind: str) -> None:
        value, start = match[kind], match.start(kind)
        self._joining = False
        if self._string and _tells(self._string[0]):  # user-secrets set "KEY" "…"
            self._stack[-1].words.append(self._string[0])
        elif self._string:
            value, start = self._string[0] + value, self._string[1]
        self._string = (_one_line(value) if kind == "long" else value, start)

    def _settle(self, frame: _Frame, is_key: bool) -> None:
        value, start = self._string or ("", 0)
        self._string = None
        if self._joining:  # "prefix" + name: only a part of a value
            self._joining = False
            return
        if is_key:
            frame.words.append(value[:120])
            return
        self._goes_on = False
        if worth_a_look(value):
            self._value(frame, value, start)
        key = frame.words[-1].lower() if frame.words and frame.named else ""
        if key in NEIGHBOURS:
            frame.beside.add(key)
        if key in _NAME_KEYS:
            if frame.sibling:  # the next pair of a list without brackets
                self._flush(frame)
            frame.sibling = value[:120]
        if frame.named:
            frame.assigned = () if frame.bracket else _own_names(frame)
            frame.words, frame.named = [], False
        else:
            frame.previous = value[:120]

    def _value(self, frame: _Frame, value: str, start: int) -> None:
        plain = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        if len(plain) > 12 and self._depth < 2 and has_hint(plain):
            self._found += bare_values(plain, self._offset + start)  # "Server=…;Password=…", a docstring
            if _NESTED.search(plain):
                inner = _QUOTE.sub(" \\1", plain)
                self._found += code_strings(inner, self._offset + start, self._depth + 1)
        own = _own_names(frame)
        if own and frame.named and own[0].lower().lstrip("-") in _VALUE_KEYS:
            frame.waiting.append((plain, start))
            return
        if not own and (frame.assigned or frame.previous):
            own = frame.assigned or _from_argument(frame, plain)
        self._add(frame, plain, start, own)

    def _add(self, frame: _Frame, value: str, start: int, own: tuple[str, ...]) -> None:
        in_call = frame.bracket == "("
        beside = frozenset(frame.beside)
        self._found.append(NamedValue(value, self._offset + start, own, frame.names, in_call, beside))

    def _push(self, frame: _Frame, bracket: str) -> None:
        before = frame.words[: -_MOST_NAMES - 1 : -1]
        if bracket == "{" and frame.previous and not frame.named:
            before = [frame.previous, *before]  # variable "db_password" {
        names = (*before, frame.sibling, *frame.names)
        self._stack.append(_Frame(bracket, tuple(name for name in names if name)[: 2 * _MOST_NAMES]))
        if len(self._stack) > _DEEPEST:
            del self._stack[1]
        self._goes_on = True

    def _pop(self, frame: _Frame, _token: str) -> None:
        if len(self._stack) < 2:
            return
        self._stack.pop()
        self._flush(frame)
        inside = frame.previous or frame.sibling
        typed = frame.names[:1] in (("Annotated",), ("Literal",))
        if frame.bracket != "{" and not typed and inside and _IDENTIFIER.fullmatch(inside):
            self._stack[-1].words.append(inside)  # os.environ["KEY"] = "…", getenv("KEY") or "…"
        self._goes_on = False

    def _flush(self, frame: _Frame) -> None:
        """The values with a key such as "value": now their name is known."""
        for value, start in frame.waiting:
            name = frame.sibling or frame.previous
            self._add(frame, value, start, (name,) if name else ())
        frame.waiting = []

    def _newline(self, frame: _Frame, _token: str) -> None:
        if self._goes_on or frame.bracket in ("(", "["):
            return
        self._end_element(frame, _token)
        if not frame.bracket:
            self._flush(frame)
            frame.sibling = frame.previous = ""
            frame.assigned = ()
            frame.beside.clear()

    def _end_element(self, frame: _Frame, _token: str) -> None:
        frame.words, frame.named, self._goes_on = [], False, False


def _alias(token: str) -> str:
    found = _ALIAS.fullmatch(token)
    return found[1] if found else ""


def _own_names(frame: _Frame) -> tuple[str, ...]:
    """The words before the string, nearest first; of those after the separator only what tells something."""
    words = frame.words
    if frame.named:
        words = [*words[: frame.key], *(word for word in words[frame.key :] if _tells(word))]
    return tuple(words[: -_MOST_NAMES - 1 : -1])


def _from_argument(frame: _Frame, value: str) -> tuple[str, ...]:
    """What the argument before says about this one: ``getenv("KEY", "…")``, ``Auth("user", "…")``."""
    if frame.bracket == "{":  # { "KEY", "…" } of C#
        return (frame.previous,)
    if frame.bracket != "(":
        if frame.previous in _SHORT_OPTIONS and is_mixed(value):
            return ("password",)  # ["mysql", "-p", "…"]
        # ["--token", "…"]
        return (frame.previous,) if frame.previous.startswith("-") and _tells(frame.previous) else ()
    if any(_CREDENTIALS.fullmatch(name) for name in frame.names[:2]):
        return ("password",)
    if any(name.endswith("connect") for name in frame.names[:2]) and is_mixed(value):
        return ("password",)  # connect("host", "user", "…")
    return (frame.previous,) if _tells(frame.previous) else ()


def _tells(argument: str) -> bool:
    """Whether an argument names the one after it, as in ``getenv("KEY", "…")``."""
    return bool(_IDENTIFIER.fullmatch(argument)) and promise(argument) not in (
        Promise.NOTHING,
        Promise.GENERIC,
    )


def _unescape(match: re.Match[str]) -> str:
    # A backslash before another letter is that of a regular expression.
    return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[0] if match[1].isalnum() else match[1])


def _one_line(value: str) -> str:
    """A string over several lines; joined if each line is one word, such as Base64."""
    lines = [line.strip().removesuffix("\\") for line in value.strip().split("\n")]
    return value.strip() if any(" " in line for line in lines) else "".join(lines)
