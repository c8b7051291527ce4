"""Take a model from a prototype's commit: its folder, and the dataset versions that it names.

Codes: MR830 a file that a factory does not take, MR831 a path that leads out of the model folder, MR832
something that a promotion needs is missing, MR833 a dataset version that differs from the factory's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import ScalarNode, parse_yaml, scalars
from mlroad.data.version import REFERENCE, DatasetVersion, parse_version
from mlroad.promote.fetch_tag import Prototype
from mlroad.promote.read_commit import entries, read
from mlroad.promote.workbench import Blob, Workbench
from mlroad.steps.contract import contract_version

LICENCE = re.compile(r"(licen[cs]e|copying|notice)(\..*)?", re.IGNORECASE)
_NEEDED = {
    "pipeline.yml": "Run `mlroad new` in the prototype to see one.",
    "inference_tests/suite.yml": "Run `mlroad freeze` in the prototype, commit, and tag again.",
    "inference_tests/cases.jsonl": "Run `mlroad freeze` in the prototype, commit, and tag again.",
}
_OUT = re.compile(r"(\.\.?/|/|~|[A-Za-z]:[\\/]|file:|\.\.$|\\\\)")


@dataclass(frozen=True, slots=True)
class Taken:
    """A model as it is at a tag. Paths are those in the factory."""

    model: str
    """Its name in the prototype."""
    name: str
    """Its name in the factory."""
    files: dict[str, Blob]
    """The files in models/<name>/."""
    datasets: dict[str, Blob]
    """The files in datasets/, of the versions that it names and of their parents."""
    versions: dict[str, DatasetVersion]
    """Those versions, ``name:version``."""
    inputs: dict[str, str]
    """The data inputs of the pipeline that are dataset versions: the input's name to ``name:version``."""
    trained_on: str
    """The version that the inference tests were frozen with."""
    tree: str
    """git's name for the model folder at the tag."""
    contract: int

    @property
    def training_data(self) -> str:
        """The version to split: what the tests were frozen with, or else the only input; empty if unclear."""
        inputs = sorted(set(self.inputs.values()))
        if self.trained_on in inputs:
            return self.trained_on
        return inputs[0] if len(inputs) == 1 else ""


def take(bench: Workbench, prototype: Prototype, model: str, name: str, max_file_mb: float) -> Taken:
    """Read the model and its datasets. Raises UserError with everything that prevents a promotion."""
    folder = f"models/{model}"
    found = entries(bench, prototype.commit, f"{folder}/")
    if not found:
        raise _no_such_model(bench, prototype, model)
    there = read(bench, found, max_file_mb)
    files = {f"models/{name}/{path.removeprefix(f'{folder}/')}": blob for path, blob in there.items()}
    files |= _licences(bench, prototype.commit, name, files, max_file_mb)
    problems = [
        *_missing(folder, there),
        *(problem for path, blob in there.items() for problem in escapes(folder, path, blob)),
    ]
    if problems:
        raise UserError(problems)
    named = list(_named_versions(folder, there))
    tests = f"{folder}/inference_tests/suite.yml"
    datasets, versions = _datasets(bench, prototype, [(at, it) for _, at, it in named], max_file_mb)
    return Taken(
        model=model,
        name=name,
        files=files,
        datasets=datasets,
        versions=versions,
        inputs={key: it for key, at, it in named if at.file.name == "pipeline.yml" and it in versions},
        trained_on=next((it for key, at, it in named if at.file == Path(tests) and key == "dataset"), ""),
        tree=bench.run("rev-parse", f"{prototype.commit}:{folder}").text,
        contract=_contract(there.get(f"{folder}/steps/step_io.py")),
    )


def _contract(step_io: Blob | None) -> int:
    return contract_version(step_io.data.decode("utf-8", "replace") if step_io else "")


def _no_such_model(bench: Workbench, prototype: Prototype, model: str) -> UserError:
    known = {entry.path.split("/")[1] for entry in entries(bench, prototype.commit, "models/")}
    names = sorted(name for name in known if "." not in name)
    listed = f"Its models are {', '.join(names)}." if names else "It has no models."
    return UserError(
        f"There is no model {model} at the tag {prototype.tag}.", did_you_mean(model, names, listed)
    )


def _missing(folder: str, there: dict[str, Blob]) -> Iterator[Problem]:
    for name, fix in _NEEDED.items():
        if f"{folder}/{name}" not in there:
            yield Problem(Position(Path(folder)), "MR832", f"{name} is missing at this tag.", fix)


def _licences(
    bench: Workbench, commit: str, name: str, files: dict[str, Blob], max_file_mb: float
) -> dict[str, Blob]:
    """The prototype's licence files, if the model has none of its own."""
    own = [path for path in files if path.count("/") == 2 and LICENCE.fullmatch(PurePosixPath(path).name)]
    if own:
        return {}
    top = bench.run("ls-tree", "-z", "--name-only", "--full-tree", commit).names
    wanted = [it for it in top if LICENCE.fullmatch(it)]
    found = entries(bench, commit, *wanted) if wanted else []
    there = read(bench, [entry for entry in found if "/" not in entry.path], max_file_mb)
    return {f"models/{name}/{path}": blob for path, blob in there.items()}


def _yaml(path: str, blob: Blob) -> Iterator[tuple[str, ScalarNode]]:
    """Every value of a YAML file, with its key (that of the mapping around it, for ``path``)."""
    if path.endswith((".yml", ".yaml")):
        node, _ = parse_yaml(blob.data.decode("utf-8-sig", "replace"), Path(path))
        for keys, value in scalars(node):
            named = [key for key in keys if key != "path"]
            yield named[-1] if named else "", value


def escapes(folder: str, path: str, blob: Blob) -> Iterator[Problem]:
    """Paths in a YAML file of the model that lead out of the model folder."""
    for key, node in _yaml(path, blob):
        text = str(node.value)
        if key in ("description", "command", "display_name") or not _OUT.match(text) or "\n" in text:
            continue
        if key == "prefix" and PurePosixPath(path).match("environment/*"):  # where conda exported it
            continue
        inside = PurePosixPath(path).parent.parts
        for part in text.replace("\\", "/").split("/"):
            inside = inside[:-1] if part == ".." else inside if part in (".", "") else (*inside, part)
        relative = text.startswith(("./", "../", ".."))
        if not relative or inside[:2] != tuple(folder.split("/")):
            what = f"{text} leads out of {folder}."
            fix = "A promoted model is one folder: move the file into it, or make the data a dataset version."
            yield Problem(node.at, "MR831", what, fix)


def _named_versions(folder: str, there: dict[str, Blob]) -> Iterator[tuple[str, Position, str]]:
    for name in ("pipeline.yml", "inference_tests/suite.yml"):
        path = f"{folder}/{name}"
        for key, node in _yaml(path, there[path]):
            text = str(node.value)
            if REFERENCE.fullmatch(text) and text.startswith("azureml:"):
                yield key, node.at, text.removeprefix("azureml:")


def _datasets(
    bench: Workbench, prototype: Prototype, named: list[tuple[Position, str]], max_file_mb: float
) -> tuple[dict[str, Blob], dict[str, DatasetVersion]]:
    """The files of the named versions and of their parents. Other names, such as computes, are left out."""
    listed = entries(bench, prototype.commit, "datasets/")
    known = {entry.path: entry for entry in listed}
    sets = {entry.path.split("/")[1] for entry in listed if entry.path.count("/") >= 2}
    files: dict[str, Blob] = {}
    versions: dict[str, DatasetVersion] = {}
    waiting = [(at, reference) for at, reference in named if reference.partition(":")[0] in sets]
    while waiting:
        at, reference = waiting.pop()
        if reference in versions:
            continue
        name, _, number = reference.partition(":")
        definition = f"datasets/{name}/{number}.yml"
        if definition not in known:
            what = f"{reference} is not at this tag: there is no {definition}."
            raise UserError(Problem(at, "MR832", what, "Commit it in the prototype, and tag again."))
        mine = [
            entry
            for path, entry in known.items()
            if path.startswith((f"datasets/{name}/{number}/", f"datasets/{name}/{number}."))
            or (path.startswith(f"datasets/{name}/") and path.count("/") == 2 and _is_shared(path))
        ]
        files |= read(bench, mine, max_file_mb)
        version = parse_version(Path(definition), files[definition].data)
        versions[reference] = version
        _check_data_path(version)
        waiting += [
            (Position(Path(definition)), parent.removeprefix("azureml:")) for parent in version.parents
        ]
    return files, versions


def _is_shared(path: str) -> bool:
    """Whether a file of a dataset is about all its versions: schema.yml, drift.yml, a licence."""
    name = PurePosixPath(path).name
    return bool(LICENCE.fullmatch(name)) or (name.endswith(".yml") and not name[:-4].isdecimal())


def _check_data_path(version: DatasetVersion) -> None:
    """Raises UserError for a version whose data is outside of its dataset's folders."""
    if version.is_remote:
        return
    parts: tuple[str, ...] = version.file.parent.parts
    for part in version.path.replace("\\", "/").split("/"):
        parts = parts[:-1] if part == ".." else parts if part == "." else (*parts, part)
    allowed = (("datasets", version.name), ("data", version.name))
    if (
        version.path.startswith(("/", "~"))
        or ":" in version.path
        or parts[:2] not in allowed
        or len(parts) < 3
    ):
        what = f"The data of {version.id} is at {version.path}, outside of the dataset's own folder."
        fix = f"Make a version in the prototype: `mlroad dataset add {version.name} PATH`."
        raise UserError(version.problem("MR831", what, fix, "path"))
