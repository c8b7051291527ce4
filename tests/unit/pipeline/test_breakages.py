"""Kinds of mistakes that fit any pipeline are found, and harmless changes are not reported."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import yaml

from mlroad.core.problems import Problem
from mlroad.pipeline.check_repo import check
from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.breakages import HARMLESS, KINDS, Kind
from tests.unit.pipeline.mutations import BASE

DATA = Path(__file__).parent / "data"
GOOD = (BASE, *sorted((DATA / "lookalikes").iterdir()))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Pairs of a pipeline and one of its files, to change and to restore."""
    root = tmp_path_factory.mktemp("corpus")
    pairs = []
    for folder in GOOD:
        copied = root / folder.name
        shutil.copytree(folder, copied)
        pipeline = copied / "pipeline.yml"
        pairs += [
            (pipeline, pipeline),
            *((pipeline, file) for file in sorted(copied.glob("components/*.yml"))),
        ]
    return pairs


def _changed(kind: Kind, pipeline: Path, file: Path) -> list[Problem] | None:
    """What is found after the change; None if the kind does not fit the file."""
    original = file.read_text(encoding="utf-8")
    content = kind.apply(yaml.safe_load(original), random.Random(kind.name))
    if content is None:
        return None
    try:
        file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return check_pipeline(pipeline)
    finally:
        file.write_text(original, encoding="utf-8")


def test_the_pipelines_are_good() -> None:
    assert [str(problem) for folder in GOOD for problem in check([folder])] == []


@pytest.mark.slow
def test_every_kind_is_found(corpus: list[tuple[Path, Path]]) -> None:
    """On the first file that it fits."""
    missed, unused = [], []
    for kind in KINDS:
        for pipeline, file in corpus:
            found = _changed(kind, pipeline, file)
            if found is not None:
                missed += [] if found else [f"{kind.name}: {file.relative_to(pipeline.parents[1])}"]
                break
        else:
            unused.append(kind.name)
    assert missed == []
    assert unused == []


@pytest.mark.slow
def test_harmless_changes_are_not_reported(corpus: list[tuple[Path, Path]]) -> None:
    alarms = []
    for kind in HARMLESS:
        for pipeline, file in corpus:
            found = _changed(kind, pipeline, file)
            alarms += [f"{kind.name}: {problem}" for problem in found or ()]
    assert alarms == []


def test_there_are_many_kinds() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 250
    assert len(HARMLESS) >= 35
