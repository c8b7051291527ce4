"""The simple guards: large files, conflict markers, and rejected patches."""

import re
from pathlib import Path

from mlroad.core.git import run_git
from mlroad.core.problems import Position, Problem, UserError
from mlroad.guard.guarded_files import GuardedFile

# Seven signs at the start of a line, then a space or nothing. Seven = on their own may underline a heading.
_MARKER = re.compile(r"(?m)^(?:<{7}|>{7}|\|{7})(?: [^\n]*)?\r?$|^={7}\r?$")
_LEFTOVERS = (".rej", ".orig")


def check_size(source: GuardedFile, root: Path, limit_mb: float) -> list[Problem]:
    """A file above the limit that is not in Git LFS."""
    large = too_large(source, source.path.stat().st_size, limit_mb)
    return [] if large and _in_lfs(source, root) else large


def too_large(source: GuardedFile, size: int, limit_mb: float, more: str = "") -> list[Problem]:
    """A size above the limit. ``more`` is a further sentence of the message."""
    if size <= limit_mb * 1_000_000:
        return []
    what = f"The file is {size / 1_000_000:.1f} MB, but the limit is {limit_mb:g} MB.{more}"
    fix = (
        "Keep data out of git: add it as a dataset (`mlroad dataset add`), or use Git LFS."
        " max-file-mb in [tool.mlroad] of pyproject.toml sets the limit."
    )
    return [Problem(Position(source.shown), "large-file", what, fix)]


def _in_lfs(source: GuardedFile, root: Path) -> bool:
    try:
        told = run_git(root, "check-attr", "-z", "filter", "--", str(source.path))
    except UserError:
        return False  # no git
    return told.names[2:3] == ["lfs"]


def check_conflicts(source: GuardedFile) -> list[Problem]:
    """Conflict markers of an unresolved merge, at the start of a line as git and Copier write them."""
    data = source.data()
    if b"<<<<<<<" not in data and b">>>>>>>" not in data and b"|||||||" not in data:
        return []
    text = source.text()
    if text is None:
        return []
    problems: list[Problem] = []
    inside = False
    line, end = 1, 0
    for match in _MARKER.finditer(text):
        sign = match[0][0]
        line, end = line + text.count("\n", end, match.start()), match.start()
        if sign == "=" and not inside:
            continue
        inside = sign != ">" and (inside or sign == "<")
        what = f"The file contains the conflict marker {match[0][:7]}."
        fix = "Keep the right lines, delete the marker, and stage the file again."
        problems.append(Problem(Position(source.shown, line), "conflict-marker", what, fix))
    return problems


def check_leftover(source: GuardedFile) -> list[Problem]:
    """A .rej or .orig file: part of a patch or merge that could not be applied."""
    if source.path.suffix not in _LEFTOVERS:
        return []
    what = f"A {source.path.suffix} file was left behind by a patch or merge that could not be applied."
    fix = "Apply the change by hand if you need it, then delete the file."
    return [Problem(Position(source.shown), "rejected-patch", what, fix)]
