"""The tag `history` of a version: when it became champion, by whom, and which version it replaced."""

import json
from typing import Any

from mlroad.registry.base import Version

HISTORY = "history"


def history(version: Version) -> list[dict[str, Any]]:
    """When a version became champion, oldest first: what, by, at, previous (a number or None), reason."""
    try:
        notes = json.loads(version.tags.get(HISTORY) or "[]")
    except ValueError:
        return []
    return (
        [note for note in notes if isinstance(note, dict) and "at" in note] if isinstance(notes, list) else []
    )
