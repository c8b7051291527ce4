"""`mlroad check`: all rules on pipelines, components and scripts, for the chosen paths."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.core.repo import is_model, model_folders, root_here
from mlroad.core.tool_version import check_tool_version
from mlroad.core.yaml_nodes import MapNode
from mlroad.pipeline.checker import check_loaded, check_loaded_component, in_order
from mlroad.pipeline.file_type import file_type, other_type
from mlroad.pipeline.findings import a
from mlroad.pipeline.loader import Loader
from mlroad.pipeline.model import PipelineJob
from mlroad.pipeline.repo_index import RepoIndex, absolute

_YAML = (".yml", ".yaml")
_NAME_ANOTHER = "Name a model folder, a YAML file or a script."
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv"}


def check(paths: Iterable[Path]) -> list[Problem]:
    """All problems in ``paths`` (repos, models, other folders, YAML files, scripts), or in the whole repo.

    A path that does not exist or that no rule looks at is a problem among the others.
    """
    return check_and_count(paths)[0]


def check_and_count(paths: Iterable[Path]) -> tuple[list[Problem], int, int]:
    """What `check` finds, and how many pipelines and steps it looked at."""
    chosen = list(paths)
    if not chosen:
        root = root_here()
        whole = _Check(root)
        return whole.whole_repo(root), whole.loader.pipelines, whole.loader.steps
    found: list[Problem] = []
    checks: dict[Path | None, _Check] = {}
    for path in chosen:
        if not path.exists():
            found.append(Problem(Position(path), "MR101", f"{path} does not exist.", _NAME_ANOTHER))
            continue
        repo = RepoIndex(path if path.is_dir() else path.parent)
        check = checks.setdefault(repo.root, _Check(path, repo))
        found += map(check.shown, check.path(path))
    loaders = [it.loader for it in checks.values()]
    return in_order(found), sum(it.pipelines for it in loaders), sum(it.steps for it in loaders)


def check_and_load(model: Path) -> tuple[list[Problem], PipelineJob | None, RepoIndex]:
    """What `check` finds in a model folder, its pipeline (None if it cannot be read), and the files read."""
    whole = _Check(model)
    found, file = whole.model(model), model / "pipeline.yml"
    return found, whole.loader.pipeline(file).job if file.is_file() else None, whole.repo


class _Check:
    """The check of one repo; a file that several pipelines use is read once."""

    def __init__(self, start: Path, repo: RepoIndex | None = None) -> None:
        self.repo = repo or RepoIndex(start)
        self.loader = Loader(self.repo)

    def whole_repo(self, root: Path) -> list[Problem]:
        """Every model of the repo, and whether dev and prod datasets agree."""
        found = [problem for folder in model_folders(root) for problem in self.model(folder)]
        if self.repo.dataset_names():
            from mlroad.data.compatible import check_dev_prod  # 30 ms, not needed for a single file

            found += check_dev_prod(root)
        return in_order([*found, *check_tool_version(root)])

    def path(self, path: Path) -> list[Problem]:
        """Any path from the command line."""
        if path.is_dir():
            if is_model(path):
                return self.model(path)
            if (path / "models").is_dir():
                return self.whole_repo(path)
            return self.other_folder(path)
        if path.suffix == ".py":
            from mlroad.steps.script_rules import check_script

            return check_script(path)
        if path.suffix not in _YAML:
            return [Problem(Position(path), "MR130", f"{path} is neither YAML nor Python.", _NAME_ANOTHER)]
        return self.file(path)

    def model(self, folder: Path) -> list[Problem]:
        """One model folder: its pipelines, components and scripts."""
        pipeline = folder / "pipeline.yml"
        found = self.folder(folder, {pipeline} if pipeline.is_file() else set())
        return in_order([*found, *self.rest_of_model(folder)])

    def rest_of_model(self, folder: Path) -> Iterator[Problem]:
        """What is wrong in a model folder beside its YAML files."""
        # Imported here: this takes 20 ms, and is not needed to check a single YAML file.
        from mlroad.steps.script_rules import check_steps
        from mlroad.steps.sync import check_sync

        pipeline = folder / "pipeline.yml"
        if not pipeline.is_file():
            what = f"{self.repo.shown(pipeline)} does not exist, so this is not a model yet."
            fix = "It is what `mlroad run` reads: write it, or give the pipeline that is here this name."
            yield self.shown(Problem(Position(pipeline), "MR130", what, fix, "warning"))
        if (folder / "steps").is_dir():
            yield from map(self.shown, (*check_steps(folder), *check_sync(folder)))

    def other_folder(self, path: Path) -> list[Problem]:
        """The YAML files in a folder; for `models` or the steps of a model, also the scripts."""
        name = absolute(path).name
        if name == "steps" and is_model(path / ".."):
            return self.model(path / "..")
        models = [folder for folder in sorted(path.iterdir()) if is_model(folder)] if name == "models" else []
        if not models and not any(_yaml_files(path)):
            what = f"{path} has no model and no YAML file, so there is nothing to check."
            return [Problem(Position(path), "MR130", what, _NAME_ANOTHER)]
        return in_order(
            [*self.folder(path), *(found for each in models for found in self.rest_of_model(each))]
        )

    def folder(self, folder: Path, pipelines: set[Path] | None = None) -> list[Problem]:
        """The pipelines and components in ``folder`` and below; other YAML is ignored."""
        known = set(pipelines or ())
        components: list[Path] = []
        found: list[Problem] = []
        for file in _yaml_files(folder):
            if file in known:
                continue
            node, _ = self.repo.read(file)
            kind = file_type(node) if isinstance(node, MapNode) else None
            if kind == "pipeline":
                known.add(file)
            elif kind == "component":
                components.append(file)
            elif kind == "data":
                found += self.dataset(file)
        for file in sorted(known):
            found += check_loaded(self.loader.pipeline(file), self.repo)
        for file in components:
            # A component that a pipeline refers to by its path needs no name.
            used = self.loader.has_read(file)
            found += check_loaded_component(self.loader.component(file), self.repo, alone=not used)
        return in_order(found)

    def file(self, file: Path) -> list[Problem]:
        """One YAML file of any type."""
        shown = self.repo.shown(file)
        node, problems = self.repo.read(file)
        if not isinstance(node, MapNode):
            return list(problems) or check_loaded(self.loader.pipeline(file), self.repo)
        kind = file_type(node)
        if kind == "pipeline":
            return check_loaded(self.loader.pipeline(file), self.repo)
        if kind == "component":
            return check_loaded_component(self.loader.component(file), self.repo, alone=True)
        if kind == "data":
            return self.dataset(file)
        other = other_type(node)
        if other is not None:
            what = f"This is {a(other)}, which mlroad check does not check."
            fix = "Name the pipelines that it uses as well."
            return [*problems, Problem(Position(shown), "MR130", what, fix, "warning")]
        what = "This is not a pipeline, a component or a dataset."
        fix = "Set `type:` to pipeline, to command, or for a dataset to uri_file, uri_folder or mltable."
        return [*problems, Problem(Position(shown), "MR130", what, fix)]

    def dataset(self, file: Path) -> list[Problem]:
        """One dataset's file. `mlroad dataset verify` looks at the data itself."""
        dataset = self.repo.dataset(absolute(file).parent.name, file.stem)
        return list(dataset.problems) if dataset else []

    def shown(self, problem: Problem) -> Problem:
        """A problem with its file relative to the working folder."""
        return replace(problem, at=replace(problem.at, file=self.repo.shown(problem.at.file)))


def _yaml_files(folder: Path) -> Iterable[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(item for item in folders if not item.startswith(".") and item not in _SKIPPED)
        for name in sorted(files):
            if name.endswith(_YAML):
                yield Path(place, name)
