"""Bring a prototype's dataset versions into the factory, and split off a holdout that it does not have."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mlroad.core.problems import Problem, UserError
from mlroad.data.store import LARGE, find, find_verified, listing_file, local_path, version_files
from mlroad.data.version import DatasetVersion, version_text
from mlroad.gate.split_for_task import split_for_task
from mlroad.promote.question import Question
from mlroad.promote.take import Taken
from mlroad.promote.workbench import Workbench, write_files


def place_datasets(bench: Workbench, taken: Taken, prototype: Path | None) -> list[str]:
    """Write the versions that the factory does not have to the stage; returns them.

    ``prototype`` is its folder, if it is on this machine: its data/ holds what git does not. Raises UserError
    for a version that the factory has with other content, because versions never change.
    """
    problems = list(_different(bench.stage, taken))
    if problems:
        raise UserError(problems)
    new = [it.id for it in taken.versions.values() if not (bench.stage / it.file).is_file()]
    missing = {path: blob for path, blob in taken.datasets.items() if not (bench.stage / path).exists()}
    write_files(bench.stage, missing)
    for version in taken.versions.values():
        bring_data(bench, version, prototype)
    return new


def _different(stage: Path, taken: Taken) -> Iterator[Problem]:
    for name, version in taken.versions.items():
        file = stage / version.file
        if file.is_file() and find(stage, name).digest != version.digest:
            what = f"{name} of the prototype has other content than {name} of this factory."
            fix = f"Versions never change: add it in the prototype as a new version of {version.name}."
            yield version.problem("MR833", what, fix, "tags.digest")


def bring_data(bench: Workbench, version: DatasetVersion, prototype: Path | None) -> None:
    """Copy data that is not in git from where it is on this machine: the prototype, or the factory."""
    target = local_path(bench.stage, find(bench.stage, version.id))
    for repo in (bench.root, prototype):
        if repo is None or target.exists():
            continue
        with suppress(OSError):
            source = repo / target.relative_to(bench.stage)
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def replacements(
    stage: Path, taken: Taken, known: Mapping[str, str], question: Question | None
) -> dict[str, str]:
    """What pipeline.yml names in the factory in place of each of the prototype's versions.

    That of a version with a holdout split off: its rows without the holdout. A version that is already one
    side of a split stays. Raises UserError if the data cannot be split.
    """
    found = {old: new for old, new in known.items() if old in taken.versions}
    source = taken.training_data
    if not source or source in found or taken.versions[source].holdout:
        return found
    task, columns = (question.task, question.columns) if question else (None, {})
    return found | {source: split_for_task(stage, source, task, columns).train.version.id}


def prod_version(stage: Path, dev: str) -> str:
    """The version for production: the newest of the dataset, or else a definition with the same rows."""
    version = find(stage, dev)
    for file in reversed(version_files(stage, version.name)):
        other = find(stage, f"{version.name}:{file.stem}")
        if other.stage == "prod":
            return other.id
    number = version_files(stage, version.name)[-1].stem
    made = replace(
        version,
        file=version.file.with_name(f"{int(number) + 1}.yml"),
        version=str(int(number) + 1),
        stage="prod",
        description=f"For production. Made by promotion with the rows of {version.id}: add all rows as the "
        "next version when there are more.",
    )
    made.file.write_text(version_text(made), encoding="utf-8", newline="\n")
    if listing_file(version).is_file():
        shutil.copyfile(listing_file(version), listing_file(made))
    return made.id


def keep_large_data(bench: Workbench) -> None:
    """Move data that is not in git from the stage to the factory, where it is missing."""
    for folder in sorted((bench.stage / LARGE).glob("*/*")):
        target = bench.root / folder.relative_to(bench.stage)
        if not folder.is_dir() or target.exists():
            continue
        with suppress(UserError):  # what a run left there, or changed, stays behind
            find_verified(bench.stage, f"{folder.parent.name}:{folder.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, target)
