"""Names and literals of C#, made from the names and values of a contract."""

import re
import unicodedata
from collections.abc import Iterable

_LETTERS = ("Lu", "Ll", "Lt", "Lm", "Lo", "Nl")
_LATER = (*_LETTERS, "Mn", "Mc", "Nd")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NAMESPACE = re.compile(r"@?[A-Za-z_][A-Za-z0-9_]*(\.@?[A-Za-z_][A-Za-z0-9_]*)*")
_LONGEST = 200
"""Characters of a name; the compiler refuses more than 511."""
_KEYWORDS = """
abstract as base bool break byte case catch char checked class const continue decimal default delegate do
double else enum event explicit extern false finally fixed float for foreach goto if implicit in int
interface internal is lock long namespace new null object operator out override params private protected
public readonly ref return sbyte sealed short sizeof stackalloc static string struct switch this throw true
try typeof uint ulong unchecked unsafe ushort using virtual void volatile while
"""
"""Source: https://learn.microsoft.com/dotnet/csharp/language-reference/keywords (the reserved ones)."""


def pascal_case(text: str, empty: str = "Column") -> str:
    """An identifier such as ``SepalLengthCm`` for ``sepal length (cm)``."""
    words: list[str] = [""]
    for sign in unicodedata.normalize("NFC", text):
        if len(sign.encode("utf-16-le", "surrogatepass")) == 2 and unicodedata.category(sign) in _LATER:
            words[-1] += sign
        else:
            words.append("")
    name = "".join(_capitalized(word) for word in words if word)
    if not name:
        return empty
    name = name[:_LONGEST]
    return name if unicodedata.category(name[0]) in _LETTERS else f"_{name}"


def _capitalized(word: str) -> str:
    first = word[0].upper()
    return f"{first if len(first) == 1 else word[0]}{word[1:]}"  # ß has no capital of one letter


def unique_names(texts: Iterable[str], taken: Iterable[str]) -> list[str]:
    """An identifier for each text, none of them taken or used twice."""
    used = set(taken)
    numbers: dict[str, int] = {}
    names = []
    for text in texts:
        first = name = pascal_case(text)
        while name in used:
            numbers[first] = numbers.get(first, 1) + 1
            name = f"{first}{numbers[first]}"
        used.add(name)
        names.append(name)
    return names


def is_namespace(text: str) -> bool:
    """Whether C# accepts it as the name of a namespace."""
    return bool(_NAMESPACE.fullmatch(text)) and not any(part in _KEYWORDS.split() for part in text.split("."))


def string_literal(text: str) -> str:
    """A text in quotes; whatever could end the literal, or cannot be seen, is escaped."""
    return f'"{"".join(_escaped(sign) for sign in text)}"'


def comment(text: str) -> str:
    """A text for one line of an XML comment."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(sign if _is_plain(sign) else " " for sign in plain)


def _escaped(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    return sign if _is_plain(sign) else f"\\U{ord(sign):08x}"


def _is_plain(sign: str) -> bool:
    return sign == " " or unicodedata.category(sign)[0] not in "CZ"
