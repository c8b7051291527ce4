"""The word of a verdict as people read it, and the name of its second file."""

BASE_VERDICT = "base_verdict.json"
"""The verdict by the base branch's rules, beside verdict.json."""


def verdict_word(word: object, champion: object) -> str:
    """A better candidate without a champion is the first one."""
    return "first" if word == "better" and not champion else str(word)
