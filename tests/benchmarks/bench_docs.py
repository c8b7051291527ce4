"""How long the documentation site takes to build: the command of `start.py docs`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.timing import median, seconds
from tests.support import REPO, git, tool
from tools.docs_site import builder


def main() -> None:
    """Print ``name: value (target)``: the median of three builds, after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-docs-") as name:
        clone = Path(name, "clone")
        git(Path(name), "clone", "--quiet", str(REPO), str(clone))
        build = median(lambda: seconds(builder(Path(tool("uv"))), clone), runs=3)
        pages = len(list((clone / "site").rglob("index.html")))
    print(f"docs: {pages} pages: {build:.1f} s (target 20)")


if __name__ == "__main__":
    main()
