"""How a dataset is split for a task, by `mlroad new` in a factory and by `mlroad promote`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlroad.data.split import SplitOptions, SplitResult, split_version
from mlroad.data.store import version_files
from mlroad.models.metric_names import Task

CLASSES: tuple[Task, ...] = ("binary", "multiclass")
"""The tasks whose answer is one of a few classes."""
_SHARE = 0.25


def split_for_task(
    root: Path, source: str, task: Task | None, columns: Mapping[str, str], stage: str = ""
) -> SplitResult:
    """Split ``source`` (``name:version``). ``columns``: which are the target, the time and the query.

    A holdout that exists is used as it was frozen. Raises UserError if the data cannot be split.
    """
    options = SplitOptions(source, stage=stage)
    if not version_files(root, f"{source.partition(':')[0]}_holdout"):
        options = replace(
            options,
            share=_SHARE,
            by_time=columns.get("time", "") if task == "forecast" else "",
            stratify=columns["target"] if task in CLASSES else "",
            key=(columns["query"],) if task == "ranking" else (),
        )
    return split_version(root, options)
