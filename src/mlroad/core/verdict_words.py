"""The word of a verdict, as people read it."""

from __future__ import annotations


def verdict_word(word: object, champion: object) -> str:
    """A better candidate without a champion is the first one."""
    return "first" if word == "better" and not champion else str(word)
