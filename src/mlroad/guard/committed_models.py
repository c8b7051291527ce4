"""Check the models that a commit changes, as `mlroad check` does, in the process of the hook."""

from collections.abc import Iterable
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.core.repo import from_here, is_model
from mlroad.guard.guarded_files import GuardedFile


def check_models(root: Path, sources: Iterable[GuardedFile]) -> list[Problem]:
    """The problems that `mlroad check` finds in the model folders of these files."""
    folders = [root / "models" / name for name in sorted(_models(sources))]
    if not folders:
        return []
    # Imported only if needed: most commits change no model, and hooks must be fast.
    from mlroad.pipeline.check_repo import check

    changed = [from_here(folder) for folder in folders if is_model(folder)]
    return check(changed) if changed else []


def _models(sources: Iterable[GuardedFile]) -> set[str]:
    parts = (source.name.split("/") for source in sources)
    return {part[1] for part in parts if len(part) > 2 and part[0] == "models"}
