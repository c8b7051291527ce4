"""A later release that changes, moves and removes what teams edit."""

from __future__ import annotations

from pathlib import Path


def add_next_release(template: Path) -> None:
    """Change the files of a template as a later release does."""
    prototype = template / "prototype_template"
    for kind in (prototype, template / "factory_template"):
        _change(kind / "pyproject.toml.jinja", "mypy>=2.4,<3", "mypy>=2.5,<3")
        _change(kind / "pyproject.toml.jinja", 'exclude-newer = "2026-', 'exclude-newer = "2027-')
    _change(prototype / "ruff.toml.jinja", '"PLE"]', '"PLE", "ASYNC"]')
    _change(template / "factory_template/ruff.toml.jinja", '"UP", "W",', '"UP", "W", "ASYNC",')
    for name in ("README.md.jinja", "docs/tools.md", "models/README.md"):
        with (prototype / name).open("a", encoding="utf-8", newline="\n") as file:
            file.write("\n# A later release says this.\n")
    # Moved
    _change(template / "copier.yml", ".github/pull_request_template.md", ".github/pull_request/template.md")
    _move(prototype, ".github/pull_request_template.md", ".github/pull_request/template.md")
    # Removed
    _change(template / "copier.yml", ".editorconfig, ", "")
    (prototype / ".editorconfig").unlink()


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file}: {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def _move(folder: Path, old: str, new: str) -> None:
    (folder / new).parent.mkdir(parents=True)
    (folder / old).rename(folder / new)
