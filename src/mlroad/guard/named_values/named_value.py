"""A value and the names near it in the text."""

import re
from dataclasses import dataclass

from mlroad.guard.secret_names import HINT

# A value that can be a secret at all: with a digit or a symbol, or one long word. Prose is not.
_WORTH = re.compile(r"(?:(?=[A-Za-z_ ,.;:'()\n-]*+[^A-Za-z_ ,.;:'()\n-])|(?=[^\s]{8,}$)).{5,4000}", re.DOTALL)
USER_KEYS = frozenset({"username", "user", "login", "user_name", "userid", "user_id", "account", "email"})
NEIGHBOURS = USER_KEYS | {"kty"}
"""Keys that change what the values beside them mean."""


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value, where it starts in the text, and its names.

    ``own`` are the names of the value itself, nearest first (none for an argument without a name); ``outer``
    those of what encloses it. ``in_call``: the nearest bracket is that of a call. ``beside`` are keys of
    the same mapping, at least those of `NEIGHBOURS`.
    """

    value: str
    start: int
    own: tuple[str, ...]
    outer: tuple[str, ...] = ()
    in_call: bool = False
    beside: frozenset[str] = frozenset()


def lower(text: str) -> str:
    """Lower case with the same length, so that offsets stay."""
    low = text.lower()
    # Some letters become longer in lower case; then only ASCII is lowered.
    return low if len(low) == len(text) else text.encode("latin-1", "replace").lower().decode("latin-1")


def has_hint(text: str) -> bool:
    """Whether a name in a text may show a secret."""
    return bool(HINT.search(lower(text)))


def worth_a_look(value: str) -> bool:
    """A quick check that leaves out most strings of a program."""
    return bool(_WORTH.fullmatch(value))
