"""Tags that people and deployments set on versions. The registry's own tags are reserved."""

import re
from collections.abc import Sequence

from mlroad.core.problems import UserError

_RESERVED = (
    "lineage_id", "run", "dev_run", "commit", "target", "job", "model_digest", "dev_model_digest", "datasets",
    "holdout", "prototype", "verdict", "passed", "registered", "by", "history", "lineage_digest", "signature",
    "content", "content_run",
)  # fmt: skip
ALIAS = "alias."
"""In Azure ML, tags with this start are the aliases."""


def own_tags(pairs: Sequence[str]) -> dict[str, str]:
    """``["deployed=production"]`` as a mapping. Raises UserError for anything else and for reserved names."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", name):
            raise UserError(f"{pair!r} is not a tag.", "Write name=value, as in deployed=production.")
        if name in _RESERVED or name.startswith(ALIAS):
            raise UserError(f"The tag {name} is part of the proof of a version.", "Choose another name.")
        found[name] = value
    return found
