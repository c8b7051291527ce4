"""Print one version's part of CHANGELOG.md: `python3 tools/release_notes.py v1.2.0`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(changelog: str, tag: str) -> str:
    """The text under the heading of that version, such as `## 1.2.0 - 2026-11-24`; empty if there is none."""
    heading = rf"^## \[?{re.escape(tag.removeprefix('v'))}\]?(?=\s).*\n"
    found = re.search(heading + r"((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    return found[1].strip() if found else ""


def main(tag: str) -> int:
    text = notes(CHANGELOG.read_text(encoding="utf-8"), tag)
    if not text:
        print(
            f"CHANGELOG.md: There is no text under ## {tag.removeprefix('v')}. Write it, then move the tag.",
            file=sys.stderr,
        )
        return 2
    print(text)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: release_notes.py TAG")
    sys.exit(main(sys.argv[1]))
