"""Numbers as people read them, and words as their shell does."""

from __future__ import annotations

import os
import re
import shlex


def count(number: int, what: str) -> str:
    """A number of things for people: 1 row, 1,234 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def size(octets: int) -> str:
    """Bytes for people: 18.6 kB, 3.2 GB."""
    number, units = float(octets), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{octets} B" if units[0] == "B" else f"{number:.1f} {units[0]}"


def quoted(word: str) -> str:
    """A word for people to paste into their shell: in quotes if it needs them."""
    if os.name == "nt":  # both cmd and PowerShell take double quotes; neither takes what POSIX shells do
        return f'"{word}"' if re.search(r"[^\w./\\:+-]", word) else word
    return shlex.quote(word)
