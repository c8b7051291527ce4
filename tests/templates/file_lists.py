"""The list of files in each generated repo. `python -m tests.templates.file_lists` writes the lists."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from tests.support import clone_template, contents, render

FOLDER = Path(__file__).parent / "file_lists"
LISTS: dict[str, dict[str, Any]] = {
    f"{kind}{'' if sample else '_no_sample'}.txt": {"template": kind, "sample": sample, **dotnet}
    for kind, dotnet in (("prototype", {}), ("factory", {"dotnet": False}))
    for sample in (True, False)
}


def listed(project: Path) -> str:
    """The files of a repo, one per line; the wheel without its commit."""
    names = (re.sub(r"\+g[0-9a-f]{12}-", "+gCOMMIT-", name) for name in contents(project))
    return "\n".join(sorted(names)) + "\n"


def main() -> None:
    """Write all the lists."""
    with tempfile.TemporaryDirectory() as folder:
        template = clone_template(Path(folder) / "template")
        for name, answers in LISTS.items():
            project = render(template, Path(folder) / name / "demo", **answers)
            (FOLDER / name).write_text(listed(project), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
