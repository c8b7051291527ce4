"""Renew what is derived from the templates: `uv run python -m tools.refresh` after a change of their files.

It writes the list of shared files in copier.yml and the file lists of the tests.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.support import REPO, clone_template, contents, render, tracked_and_new

# What a factory does not take from the prototype: its sample comes in another state, notebooks not at all,
# and its checks are stricter.
NOT_SHARED = ("models/", "datasets/", "notebooks/", ".github/workflows/ci.yml", "mypy.ini")
FILE_LISTS = REPO / "tests" / "template" / "file_lists"


def shared_files() -> list[str]:
    """The plain files of prototype_template/ that the factory includes one by one."""
    names = [path.relative_to("src").as_posix() for path in tracked_and_new(REPO) if path.parts[0] == "src"]
    return sorted(name for name in names if not name.endswith(".jinja") and not name.startswith(NOT_SHARED))


def write_shared_files() -> None:
    questions = REPO / "copier.yml"
    text = questions.read_text(encoding="utf-8")
    listed = "".join(f"    - {name}\n" for name in shared_files())
    pattern = r"(?<=^shared_files:\n  type: yaml\n  when: false\n  default: \|\n)(    .*\n)+"
    replaced, count = re.subn(pattern, lambda _: listed, text, flags=re.MULTILINE)
    assert count == 1, "copier.yml has no shared_files question of the known shape"
    questions.write_text(replaced, encoding="utf-8", newline="\n")


def write_file_lists() -> None:
    FILE_LISTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        template = clone_template(Path(folder) / "template")
        for kind in ("prototype", "factory"):
            for sample in (True, False):
                name = kind if sample else f"{kind}_no_sample"
                project = render(template, Path(folder) / name / "demo", template=kind, sample=sample)
                lines = "\n".join(sorted(contents(project))) + "\n"
                (FILE_LISTS / f"{name}.txt").write_text(lines, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_shared_files()
    write_file_lists()
