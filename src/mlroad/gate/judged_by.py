"""The rules of a verdict: digests of the files that say what is judged by, as they were read or committed.

The gate reads them from the working tree, where anybody may have changed them; `mlroad register` compares
the digests in the verdict with those of the candidate's commit, which people have reviewed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from mlroad.core.git import file_at
from mlroad.models.suite import CASES, FOLDER, SUITE, text_digest

FILES = ("gates.yml", "waivers.yml", "data.yml")
SUITE_KEY = "inference_tests"

Rules = dict[str, str | None]


def rules_of(model_folder: Path) -> Rules:
    """Of the files as they lie there; None for one that is missing. Raises OSError if one cannot be read."""

    def read(name: str) -> bytes | None:
        try:
            return (model_folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    return _digests(read)


def rules_at(root: Path, commit: str, model: str) -> Rules:
    """Of the files as ``commit`` has them."""
    return _digests(lambda name: file_at(root, commit, f"models/{model}/{name}"))


def differences(judged: object, here: Rules, commit: str) -> list[str]:
    """What a verdict was judged by that is not as in the commit; a sentence for each file."""
    known = judged if isinstance(judged, Mapping) else {}
    return [
        f"{name} was not as commit {commit[:7]} has it when it was judged."
        for name, digest in here.items()
        if name not in known or known[name] != digest
    ]


def _digests(read: Callable[[str], bytes | None]) -> Rules:
    """``sha256:…`` of each file and of the suite, with the line ends of Windows read as \\n."""
    found: Rules = {}
    for name in FILES:
        content = read(name)
        found[name] = None if content is None else text_digest(content)
    found[SUITE_KEY] = _suite(read)
    return found


def _suite(read: Callable[[str], bytes | None]) -> str | None:
    """As mlroad.models.suite.suite_digest, of what ``read`` gives."""
    lines = ""
    for name in (SUITE, CASES):
        content = read(f"{FOLDER}/{name}")
        if content is None:
            return None
        lines += f"{text_digest(content)[7:]}  {name}\n"
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
