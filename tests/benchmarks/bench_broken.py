"""How many broken pipelines `mlroad check` finds, by kind of mistake, and its findings on good ones.

Every kind of tests/unit/pipeline/breakages.py is applied to every pipeline that it fits: those of this repo,
and those below the folders that the environment variable BROKEN_CORPUS names (separated as in PATH), for
example a checkout of Azure/azureml-examples. `BROKEN_SEED` chooses other places, `BROKEN_SHOW` prints what
was missed.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mlroad.core.problems import Problem
from mlroad.core.yaml_nodes import MapNode, read_yaml
from mlroad.pipeline.checker import check_pipeline
from mlroad.pipeline.file_type import file_type
from tests.unit.pipeline.breakages import AREAS, HARMLESS, Kind

DATA = Path(__file__).parents[1] / "unit" / "pipeline" / "data"
GOOD = (DATA / "base", DATA / "lookalikes", DATA / "cases" / "compute-registry")


def main() -> None:
    """Print the shares by kind (only those below 100 %), by area, and in all."""
    folders = [*GOOD, *map(Path, filter(None, os.environ.get("BROKEN_CORPUS", "").split(os.pathsep)))]
    pipelines = [file for folder in folders for file in sorted(_pipelines(folder))]
    score = Score(int(os.environ.get("BROKEN_SEED", "1")))
    for file in pipelines:
        score.add(file)
    score.report(len(pipelines))


class Score:
    """Counts what is found on the pipelines."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tried: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.missed: list[str] = []
        self.alarms: list[str] = []
        self.harmless = 0

    def add(self, pipeline: Path) -> None:
        """Break a pipeline, and the components that it names, in all ways; every file is restored."""
        for file in [pipeline, *sorted(_components(pipeline))]:
            original = file.read_bytes()
            try:
                self._one(pipeline, file, yaml.safe_load(original))
            finally:
                file.write_bytes(original)

    def _one(self, pipeline: Path, file: Path, content: dict[str, Any]) -> None:
        before = _said(_write_and_check(pipeline, file, content))
        for kind in (kind for area in AREAS.values() for kind in area):
            findings = self._changed(kind, pipeline, file, content)
            if findings is None:
                continue
            self.tried[kind.name] += 1
            if _said(findings) - before:
                self.found[kind.name] += 1
            else:
                self.missed.append(f"{kind.name}: {file}")
        for kind in HARMLESS:
            findings = self._changed(kind, pipeline, file, content)
            if findings is not None:
                self.harmless += 1
                new = [p for p in findings if _key(p) not in before]
                self.alarms += [f"{kind.name}: {problem}" for problem in new]

    def _changed(
        self, kind: Kind, pipeline: Path, file: Path, content: dict[str, Any]
    ) -> list[Problem] | None:
        changed = kind.apply(content, random.Random(f"{self.seed} {kind.name} {file}"))
        return None if changed is None else _write_and_check(pipeline, file, changed)

    def report(self, pipelines: int) -> None:
        """Print all figures."""
        if os.environ.get("BROKEN_SHOW"):
            print("\n".join([*self.missed, *self.alarms]))
        for area, kinds in AREAS.items():
            for kind in kinds:
                tried, found = self.tried[kind.name], self.found[kind.name]
                if tried != found:
                    print(f"broken: {area}: {kind.name}: {found} of {tried}")
        for area, kinds in AREAS.items():
            names = [kind.name for kind in kinds]
            found, tried = sum(self.found[n] for n in names), sum(self.tried[n] for n in names)
            print(f"broken: {area}: {found} of {tried} ({100 * found / max(tried, 1):.1f} %)")
        found, tried = self.found.total(), self.tried.total()
        shares = [self.found[name] / self.tried[name] for name in self.tried]
        print(
            f"broken: {pipelines} pipelines, {len(self.tried)} kinds, {found} of {tried} found: "
            f"{100 * found / tried:.1f} %; mean of kinds {100 * sum(shares) / len(shares):.1f} % (target 95)"
        )
        print(f"broken: {self.harmless} harmless changes, {len(self.alarms)} false alarms (target 0)")


def _write_and_check(pipeline: Path, file: Path, content: dict[str, Any]) -> list[Problem]:
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return check_pipeline(pipeline)


def _key(problem: Problem) -> tuple[str, str, str]:
    return problem.at.file.name, problem.code, problem.what


def _said(problems: list[Problem]) -> set[tuple[str, str, str]]:
    return set(map(_key, problems))


def _pipelines(folder: Path) -> Iterator[Path]:
    for pattern in ("*.yml", "*.yaml"):
        for file in folder.rglob(pattern):
            node, _ = read_yaml(file)
            if isinstance(node, MapNode) and file_type(node) == "pipeline":
                yield file


def _components(pipeline: Path) -> set[Path]:
    content = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    steps = [step for step in (content.get("jobs") or {}).values() if isinstance(step, dict)]
    named = [step.get("component", step.get("trial")) for step in steps]
    paths = [pipeline.parent / name.removeprefix("file:") for name in named if isinstance(name, str)]
    return {path.resolve() for path in paths if path.suffix in {".yml", ".yaml"} and path.is_file()}


if __name__ == "__main__":
    main()
