"""Run all guards on a set of files, in one process."""

from collections.abc import Collection, Iterable
from contextlib import nullcontext
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.guard.file_checks import check_conflicts, check_leftover, check_size
from mlroad.guard.guard_settings import HOUSE_FILE, Settings
from mlroad.guard.guarded_files import GuardedFile, all_files, named_files
from mlroad.guard.notebooks import check_notebook
from mlroad.guard.secret_scan import SecretScan, as_problem

GUARDS = ("secrets", "notebooks", "large-files", "conflicts")


def check(
    sources: Iterable[GuardedFile], settings: Settings, guards: Collection[str], fix: bool = False
) -> list[Problem]:
    """Run the guards and return all problems, in the order of the files.

    Raises UserError if a guard cannot run, for example because detect-secrets is missing.
    """
    scan = SecretScan(settings) if "secrets" in guards else None
    problems: list[Problem] = []
    with scan or nullcontext():
        for source in sources:
            if "conflicts" in guards:
                problems += check_leftover(source)
                problems += check_conflicts(source)
            if "large-files" in guards:
                problems += check_size(source, settings.root, settings.max_file_mb)
            if scan:
                problems += map(as_problem, scan.secrets(source))
            if "notebooks" in guards and source.path.suffix == ".ipynb":
                problems += check_notebook(source, settings.strip_outputs, fix)
            source.forget()
    return problems


def conflicts_in_settings(root: Path) -> list[Problem]:
    """All conflict markers in the repo, if there are some in pyproject.toml or in the team's rules."""
    own = [root / "pyproject.toml", root / HOUSE_FILE]
    found = check(
        named_files(root, [str(file) for file in own if file.is_file()]), Settings(root), ("conflicts",)
    )
    return check(all_files(root), Settings(root), ("conflicts",)) if found else []
