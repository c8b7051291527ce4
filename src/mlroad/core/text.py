"""Numbers, sizes, durations and names as people read them."""

import difflib
import itertools
import math
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePath


def count(number: int, what: str) -> str:
    """A number of things: 1 row, 1,234 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def number(value: float) -> str:
    """A number with four significant digits, or all digits of a whole one: 0.1235, 56.79, 12,346."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e9:
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage. Shares near 0 or 1 are never rounded to 0 % or 100 %."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def size(octets: int) -> str:
    """A number of bytes: 18.6 kB, 3.2 GB."""
    amount, units = float(octets), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{octets} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def duration(seconds: float) -> str:
    """A duration: 0.4 s, 2 min 5 s, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def cut(text: str, most: int) -> str:
    """At most this many characters. A longer text lacks its middle, so that a sentence can go on after it."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 3].rstrip()} … {text[-end:].lstrip()}"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first ``most`` names, and how many more there are: a, b, c and 2 more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that ``name`` was probably meant to be. Upper and lower case count as the same."""
    lower = {candidate.lower(): candidate for candidate in reversed(_likely(name, known))}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=cutoff)
    return lower[found[0]] if found else None


MOST_KNOWN = 1000
_MOST_COMPARED = 64


def _likely(name: str, known: Iterable[str]) -> list[str]:
    """All of a few names. Of many, those with the same start or end as ``name``: a comparison is slow."""
    names = list(itertools.islice(known, MOST_KNOWN))
    if len(names) <= _MOST_COMPARED:
        return names
    starts = (name[:1].lower(), name[:1].upper())
    close = [item for item in names if item.startswith(starts) or item.endswith(name[-2:])]
    close.sort(key=lambda item: (not item.endswith(name[-2:]), abs(len(item) - len(name))))
    return close[:_MOST_COMPARED]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", cutoff: float = 0.6) -> str:
    """``Did you mean …?`` with the nearest of ``known``, or else ``otherwise``."""
    near = nearest(name, known, cutoff)
    return f"Did you mean {near}?" if near else otherwise


def one_line(text: str) -> str:
    """The text on one line, as it is: line ends, terminal codes and marks that reorder text are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def quoted(word: str | PurePath) -> str:
    """A word or a path to paste into a shell: in quotes if it needs them."""
    word = word.as_posix() if isinstance(word, PurePath) else word
    if os.name == "nt":  # cmd and PowerShell both take double quotes, and neither takes POSIX quotes
        return f'"{word}"' if re.search(r"[^\w./\\:+-]", word) else word
    return shlex.quote(word)
