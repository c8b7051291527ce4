"""Lines for .github/CODEOWNERS that the template has and an older repo never had.

The file belongs to the team, so Copier does not change it. But what protects everything else needs owners.
"""

from pathlib import Path

from mlroad.core.files import write_text
from mlroad.core.git import run_git
from mlroad.core.repo import is_factory
from mlroad.core.template import answer

_FILE = Path(".github/CODEOWNERS")
_PROTECTED = ("/.github/", "/vendor/")
_IN_A_FACTORY = (
    "/models/*/gates.yml", "/models/*/waivers.yml", "/models/*/evaluation.py", "/models/*/data.yml",
    "/models/*/inference_tests/", "/datasets/*holdout*/", "/factory.yml",
)  # fmt: skip
_HARNESS = "/harness/"
"""Protected where there is one: what tests a model decides, too."""


def add_missing_owners(repo: Path, answers: Path) -> list[str]:
    """Add the lines that the file never had, and return their paths. A line that was removed stays away."""
    file = repo / _FILE
    owners = answer(answers.read_text(encoding="utf-8"), "owners")
    if not owners.startswith("@") or not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    protected = [*_PROTECTED, *_IN_A_FACTORY] if is_factory(repo) else [*_PROTECTED]
    protected += [_HARNESS] if (repo / _HARNESS.strip("/")).is_dir() else []
    missing = [path for path in protected if not _ever_had(repo, lines, path)]
    # The last line that matches counts, so the team's own lines must stay below.
    general = [number for number, line in enumerate(lines, 1) if line.startswith("* ")]
    at = general[0] if general else 0
    if missing:
        added = [f"{path} {owners}" for path in missing]
        write_text(file, "\n".join([*lines[:at], *added, *lines[at:]]) + "\n")
    return missing


def _ever_had(repo: Path, lines: list[str], path: str) -> bool:
    if any(line.split()[:1] == [path] for line in lines):
        return True
    return bool(run_git(repo, "log", "-1", "--format=%H", "-S", f"{path} ", "--", _FILE.as_posix()).text)


def owners_of(repo: Path) -> str:
    """The owners of the whole repo, ``@org/team @user``; a stand-in text if the file names none."""
    try:
        lines = (repo / _FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found = [line.removeprefix("* ").strip() for line in lines if line.startswith("* ")]
    return found[-1] if found else "The team of this repo"
