"""Whether a model's code can be promoted: contract, components, labels such as @latest, requirements.

Codes, beside those of `mlroad check`: MR821 a file outside the model folder, or a link; MR823 a label, which
can name something else tomorrow; MR824 requirements that cannot be installed together.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mlroad.core.git import TreeEntry, run_git
from mlroad.core.problems import Position, Problem
from mlroad.core.yaml_nodes import scalars
from mlroad.pipeline.model import CommandComponent, Environment, PipelineJob
from mlroad.pipeline.repo_index import RepoIndex, absolute
from mlroad.pipeline.scope import commands, levels
from mlroad.promote.read_commit import is_pointer, of_lfs, refused
from mlroad.promote.take import escapes
from mlroad.promote.workbench import Blob

_COMPONENTS = frozenset({"MR311", "MR312", "MR313", "MR314", "MR315"})
_LABELS = frozenset({"MR229"})
DATA = frozenset({"MR225", "MR230", "MR231", "MR233", "MR237"})
_REQUIREMENTS = frozenset({"MR125", "MR127", "MR403", "MR407", "MR408"})
_KINDS = {"components": _COMPONENTS, "latest": _LABELS, "datasets": DATA, "requirements": _REQUIREMENTS}


def by_item(found: Iterable[Problem]) -> dict[str, list[Problem]]:
    """The problems that `mlroad check` found, by the item that they belong to."""
    sorted_out: dict[str, list[Problem]] = {name: [] for name in ("contract", *_KINDS)}
    for problem in found:
        kind = next((name for name, codes in _KINDS.items() if problem.code in codes), "contract")
        sorted_out[kind].append(problem)
    return sorted_out


def outside(model: Path, job: PipelineJob | None, repo: RepoIndex) -> Iterator[Problem]:
    """What a model uses from outside its folder: the factory gets only the folder."""
    fix = "Promotion takes only the model's folder: move it there."
    whole = absolute(model)
    if not (model / "pipeline.yml").is_file():
        what = "pipeline.yml is missing."
        yield Problem(Position(model), "MR821", what, "`mlroad new` writes one to start from.")
    for at, path in _used(job) if job else ():
        if not absolute(path).is_relative_to(whole):
            yield Problem(at, "MR821", f"{repo.shown(path).as_posix()} is outside the model folder.", fix)
    for place, folders, files in os.walk(model):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted([*folders, *files]):
            if (path := Path(place, name)).is_symlink():
                what = "This is a link, which is never promoted."
                yield Problem(Position(path), "MR821", what, "Put the file itself in its place.")


def not_taken(model: Path, root: Path, known: Iterable[Problem]) -> Iterator[Problem]:
    """What `mlroad promote` refuses in the files of the model, except at the errors in ``known``."""
    top = absolute(root)
    places = {(absolute(it.at.file), it.at.line) for it in known if it.severity == "error"}
    folder = absolute(model).relative_to(top).as_posix()
    options = ("-z", "--cached", "--others", "--exclude-standard")
    files = {
        name: root / name
        for name in run_git(root, "ls-files", *options, "--", folder).names
        if (root / name).is_file()
    }
    listed = [TreeEntry("100644", "blob", "", 0, name) for name in files]
    found = list(refused(listed, 1))
    of_attribute = run_git(root, "ls-files", *options, "--", f":(attr:filter=lfs){folder}").names
    for name, path in files.items():
        if name in of_attribute or is_pointer(path.read_bytes()):
            found.append(of_lfs(name))
        if name.endswith((".yml", ".yaml")):
            blob = Blob("100644", path.read_bytes())
            found += escapes(folder, name, blob)
    for problem in found:
        file = files[problem.at.file.as_posix()]
        if (absolute(file), problem.at.line) not in places:
            yield replace(problem, at=replace(problem.at, file=file))


def labels(model: Path, repo: RepoIndex, known: Iterable[Problem]) -> Iterator[Problem]:
    """References by a label in the YAML files of a model, except those in ``known``."""
    places = {(absolute(problem.at.file), problem.at.line) for problem in known}
    for file in sorted(model.rglob("*.y*ml")):
        node, _ = repo.read(file)
        for keys, scalar in scalars(node):
            if (absolute(file), scalar.line) in places or not _is_label(keys, scalar.value):
                continue
            what = f"{scalar.value} can name something else tomorrow."
            yield Problem(scalar.at, "MR823", what, "Name a version.")


def environments(job: PipelineJob | None) -> list[tuple[Environment, Position]]:
    """The environments of all steps, each once."""
    found = [component.environment for component in commands(job)] if job else []
    if job:
        found += [step.environment for level in levels(job) for step in level.steps.values()]
    return list({id(it): (it, it.at) for it in found if it}.values())


def _is_label(keys: Sequence[str], text: object) -> bool:
    if not isinstance(text, str):
        return False
    if text.startswith("azureml:") and "://" not in text:
        return "@" in text or text.endswith(":latest")
    return keys[-1:] == ("image",) and text.endswith(":latest")


def _used(job: PipelineJob) -> Iterator[tuple[Position, Path]]:
    for level in levels(job):
        for step in level.steps.values():
            if step.component.at.file.name != job.file.name:
                yield step.at, step.component.at.file
    for component in commands(job):
        yield from ((component.at, path) for path in _files_of(component))
    for environment, at in environments(job):
        yield from ((at, it) for it in (environment.conda_file, environment.build_context) if it)


def _files_of(component: CommandComponent) -> Iterator[Path]:
    if component.code:
        yield component.code
    yield from component.additional_includes
