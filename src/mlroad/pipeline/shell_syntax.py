"""Finds what bash cannot read in a command: open quotes, brackets and loops, operators without a command.

It knows quotes, escapes, comments, ``$(…)``, arrays and here-documents; it is silent where bash goes further.
"""

import re

_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s*(['\"]?)(\w+)\1")
_EXPRESSION = re.compile(r"\$\{\{(?:(?!\$\{\{).)*?\}\}|\$\[\[|\]\]")
_GOES_ON = re.compile(r"(?<!\\)(&&|\|\|?)\s*\Z")
_OPTION = re.compile(r"[ \t]*(--?[A-Za-z][\w-]*)")
_FURTHER = re.compile(r"\bcase\b(?:(?!\bcase\b).)*\besac\b", re.DOTALL)
_TWICE = re.compile(r"(?:^|[\n(]|&&|\|\|?(?!\|)|(?<!;);(?!;))\s*(&&|\|\|?)")
_VARIABLE = re.compile(r"\$\{[^{}\"'`\s()]*\}")
_TOKEN = re.compile(r"\d*[<>][<>&|]*|&>+|[;&|()\n`]|[^\s;&|()`<>]+")
_ENDS = {"if": "fi", "for": "done", "while": "done", "until": "done", "case": "esac"}
_SEPARATORS = frozenset(";&|()\n`")
_BEFORE_A_COMMAND = {"{", "!", "if", "while", "until", "then", "else", "elif", "do"}


def shell_fault(command: str) -> tuple[str, str] | None:
    """What is wrong with a command, and what to do; None if nothing is."""
    # Expressions are filled in with paths and values: words without quotes.
    text = _EXPRESSION.sub(lambda found: "x" * len(found[0]) if found[0].startswith("${") else "   ", command)
    scanner = _Scanner(text)
    scanner.scan()
    if scanner.open:
        what = f"The shell cannot read this command: {_NAMES[scanner.open]} is not closed."
        return None if _FURTHER.search(text) else (what, "Close it, or remove it.")
    end = _GOES_ON.search(text)
    if end and not scanner.ends_in_comment:
        return (
            f"The command ends with {end[1]}, so the shell waits for more.",
            "Write the rest, or remove it.",
        )
    # Runs of blanks would take quadratic time.
    lines = "".join(scanner.plain).splitlines()
    plain = "\n".join(" ".join(line.split()) for line in lines if line.strip())
    if twice := _TWICE.search(plain):
        what = f"The shell cannot read this command: nothing is before {twice[1]}."
        return what, "Write a command there, or remove it. A line that goes on ends with \\ or &&."
    if what := _open_word(plain):
        return f"The shell cannot read this command: {what}.", "Write what is missing, or remove it."
    for start in scanner.lines:
        option = _OPTION.match(text, start)
        if option and start:
            what = f"The shell takes the line {option[1]} … as a command of its own."
            return (
                what,
                "End the line above with \\, or fold the command: `command: >-`, all lines equally indented.",
            )
    return None


def quote_after(text: str, quote: str = "") -> str:
    """Which quote is open after ``text``, if ``quote`` was open before it."""
    skip = False
    for sign in text:
        if skip:
            skip = False
        elif sign == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
    return quote


_NAMES = {
    '"': 'a quote "', "'": "a quote '", "`": "a quote `",
    "(": "a bracket (", "$(": "a bracket $(", "{": "a bracket ${",
}  # fmt: skip


def _open_word(plain: str) -> str:
    """Which `if`, loop or `case` has no end, or which end has no beginning."""
    wanted: list[str] = []
    begins = True
    for token in _TOKEN.findall(plain):
        if begins and token in _ENDS:
            wanted.append(_ENDS[token])
        elif begins and token in _ENDS.values() and (not wanted or wanted.pop() != token):
            return f"{token} ends nothing"
        begins = token in _SEPARATORS or (begins and token in _BEFORE_A_COMMAND)
    return f"{wanted[-1]} is missing" if wanted else ""


class _Scanner:
    """Walks through a command once; ``open`` is the quote or bracket that is left open at its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.stack: list[str] = []
        self.here_documents: list[str] = []
        self.lines: list[int] = [0]
        """Where the lines begin that begin a command."""
        self.ends_in_comment = False
        self.last_brace = text.rfind("}")
        self.plain: list[str] = []
        """The command without comments and here-documents, and with x for what is quoted."""

    @property
    def open(self) -> str:
        return self.stack[-1] if self.stack else ""

    def scan(self) -> None:
        text = self.text
        while self.at < len(text):
            sign = text[self.at]
            self.at += 1
            if sign == "\\":
                self.plain.append(" " if text.startswith("\n", self.at) else "x")
                self.at += 1
            elif text.startswith("$(", self.at - 1):
                self.stack.append("$(")
                self.plain.append("(")
                self.at += 1
            elif variable := _VARIABLE.match(text, self.at - 1):
                self.plain.append("x")
                self.at = variable.end()
            elif text.startswith("${", self.at - 1) and self.last_brace < self.at:
                self.stack.append("{")
                return
            elif sign == "`":
                self.plain.append("x" if self.open == "`" else "`")
                self._pair("`")
            elif self.open == '"' or sign == '"':
                self._double_quote(sign)
            elif sign == "'":
                end = text.find("'", self.at)
                if end < 0:
                    self.stack.append("'")
                self.at = end + 1 or len(text)
                self.plain.append("x")
            else:
                self._outside(sign)

    def _double_quote(self, sign: str) -> None:
        self.plain.append("x")
        if sign == '"':
            self._pair('"')

    def _pair(self, sign: str) -> None:
        if self.open == sign:
            self.stack.pop()
        else:
            self.stack.append(sign)

    def _outside(self, sign: str) -> None:
        at = len(self.plain)
        self.plain.append(sign)
        if sign == "(":
            self.stack.append("$(" if self.text.startswith("=(", self.at - 2) else "(")
        elif sign == ")" and self.open in ("(", "$("):
            # What follows `$(…)` belongs to the same command.
            self.plain[at] = ")" if self.stack.pop() == "(" else "x"
        elif sign == "#" and (self.at == 1 or self.text[self.at - 2] in " \t\n;&|("):
            end = self.text.find("\n", self.at)
            self.ends_in_comment = end < 0
            self.plain[at] = " "
            self.at = len(self.text) if end < 0 else end
        elif sign == "<" and (here := _HERE_DOCUMENT.match(self.text, self.at - 1)):
            self.here_documents.append(here[2])
            self.at = here.end()
        elif sign == "\n":
            self._line_ends()

    def _line_ends(self) -> None:
        for word in self.here_documents:
            end = re.compile(rf"^\t*{word}$", re.MULTILINE).search(self.text, self.at)
            self.at = end.end() + 1 if end else len(self.text)
        self.here_documents = []
        if not self.stack:
            self.lines.append(self.at)
