"""Whether the standard's own files were edited here: an edit meets the next `copier update` as a conflict.

`checksums.txt` beside this file holds what the template delivered, in the format of `sha256sum`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from modelkit.problems import Position, Problem

CHECKSUMS = "checksums.txt"


def digest(path: Path) -> str:
    """The SHA-256 of a text file, the same whether git checked it out with Windows line ends or not."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def tool_files(folder: Path) -> list[Path]:
    """The tool's own files, without what Python leaves beside them."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in files if path.name != CHECKSUMS)


def edited_files(folder: Path) -> list[Problem]:
    """Warn of files in ``folder`` (modelkit/) that are not as the template delivered them."""
    listed = folder / CHECKSUMS
    if not listed.is_file():
        return []
    delivered = {}
    for line in listed.read_text(encoding="utf-8").splitlines():
        value, _, name = line.partition("  ")
        delivered[name] = value
    found = {path.relative_to(folder).as_posix(): path for path in tool_files(folder)}
    fix = "Put your own rules where docs/tools.md says; `copier update` would meet this edit as a conflict."
    problems = []
    for name in sorted(delivered.keys() | found.keys()):
        if name not in found:
            what = "This file of the standard was deleted."
        elif name not in delivered:
            what = "This file stands in the standard's folder, but does not come from the template."
        elif digest(found[name]) != delivered[name]:
            what = "This file of the standard was edited."
        else:
            continue
        problems.append(Problem(Position(folder / name), "MK601", what, fix, severity="warning"))
    return problems
