"""The settings of the guards: ``[tool.mlroad]`` in pyproject.toml, and the file of the team's own rules."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import UserError

HOUSE_FILE = "house/secrets.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The team's settings. ``root`` is the folder of pyproject.toml, or else the root of the repo."""

    root: Path
    strip_outputs: bool = True
    max_file_mb: float = 10.0
    house_file: Path | None = None


def find_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards with pyproject.toml or .git; else ``start``."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder
    return start


def load_settings(start: Path) -> Settings:
    """Read the settings for a folder.

    Raises UserError for an invalid pyproject.toml or value, and for a rules file that is named but missing:
    secrets would pass if rules silently did not load.
    """
    root = find_root(start)
    table, at = settings_table(root / "pyproject.toml")
    outputs = table.get("notebook-outputs", "strip")
    if outputs not in ("strip", "keep"):
        raise UserError(f"{at}: notebook-outputs is {outputs!r}.", 'Write "strip" or "keep".')
    limit = table.get("max-file-mb", 10)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
        raise UserError(f"{at}: max-file-mb is {limit!r}.", "Write a number of megabytes, such as 10.")
    named = table.get("secret-rules")
    house = root / str(named or HOUSE_FILE)
    if named is not None and not house.is_file():
        raise UserError(f"{at}: secret-rules names {named}, which does not exist.", "Correct the path.")
    return Settings(root, outputs == "strip", float(limit), house if house.is_file() else None)


def settings_table(pyproject: Path) -> tuple[dict[str, object], str]:
    """``[tool.mlroad]`` of a pyproject.toml, and its name for messages. Raises UserError."""
    at = f"{pyproject}: [tool.mlroad]"
    if not pyproject.is_file():
        return {}, at
    try:
        content = tomllib.loads(pyproject.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{pyproject} is not valid TOML ({error}).", "Correct it.") from error
    table = content.get("tool", {}).get("mlroad", {})
    if not isinstance(table, dict):
        raise UserError(f"{at} is not a table.", "Write [tool.mlroad] with keys below it, or remove it.")
    return table, at
