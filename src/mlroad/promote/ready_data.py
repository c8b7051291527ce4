"""Whether a model's data can be promoted: only dataset versions, unchanged, under a known licence.

The licence of a dataset version is its tag ``licence`` (or ``license``), or that of a version that it was
made from. For versions without the tag, the model card names it: a line ``Licence: …`` below "## Data".

Codes: MR822 a data input that is not a dataset version of the repo, MR827 no licence; MD20x as elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import quoted, some
from mlroad.data.store import find, verify_version
from mlroad.data.verify import wrong_parents
from mlroad.data.version import DatasetVersion
from mlroad.gate.model_rules import card_sections
from mlroad.pipeline.model import DataAsset, DataPath, PipelineJob, RemoteData
from mlroad.pipeline.repo_index import absolute
from mlroad.pipeline.scope import levels
from mlroad.steps.new_model import CARD

Data = DataAsset | DataPath | RemoteData
CARD_FILE = "MODEL_CARD.md"
_LICENCE = re.compile(r"^\W*licen[cs]es?\W*:\W*\w", re.IGNORECASE | re.MULTILINE)


def data_of(job: PipelineJob | None) -> dict[str, Data]:
    """The data that a pipeline names, by the input of the pipeline, or by ``step.input``."""
    if job is None:
        return {}
    found: dict[str, Data] = {name: value for name, value in job.values.items() if isinstance(value, Data)}
    for level in levels(job):
        for step in level.steps.values():
            given = {f"{step.name}.{name}": value for name, value in step.inputs.items()}
            found |= {name: value for name, value in given.items() if isinstance(value, Data)}
    return found


def versions_of(root: Path, data: Iterable[Data]) -> list[DatasetVersion]:
    """The dataset versions of the repo among them, each once. Those that cannot be read are left out."""
    found: dict[str, DatasetVersion] = {}
    for value in data:
        if isinstance(value, DataAsset) and value.version and value.file:
            try:
                version = find(root, f"{value.name}:{value.version}")
            except UserError:
                continue
            found[version.id] = version
    return list(found.values())


def unversioned(data: Mapping[str, Data], root: Path) -> Iterator[Problem]:
    """The data that is not a dataset version of this repo."""
    for name, value in data.items():
        if isinstance(value, DataPath):
            path = (
                value.path.relative_to(absolute(root))
                if value.path.is_relative_to(absolute(root))
                else value.path
            )
            what = f"The input {name} is a path, not a dataset version."
            fix = f"Run `mlroad dataset add NAME {quoted(path)}`, and name the version: azureml:NAME:1."
            yield Problem(value.at, "MR822", what, fix)
        elif isinstance(value, RemoteData):
            what = f"The input {name} is an address, whose content may change."
            fix = "Download it, run `mlroad dataset add NAME COPY --at ADDRESS`, and name the version."
            yield Problem(value.at, "MR822", what, fix)
        elif value.version and value.file is None:
            what = f"{value.name}:{value.version} is not in datasets/, so its content cannot be verified."
            fix = f"Run `mlroad dataset add {value.name} PATH --at ADDRESS` with the same data."
            yield Problem(value.at, "MR822", what, fix)


def changed(root: Path, versions: Iterable[DatasetVersion]) -> Iterator[Problem]:
    """What is wrong with the data of the versions. Files that were not modified are not read again."""
    with HashCache(root) as cache:
        for version in versions:
            problems, _ = verify_version(root, version, cache)
            yield from problems
            yield from wrong_parents(root, version)


def without_licence(
    root: Path, model: Path, versions: Iterable[DatasetVersion], *, other_data: bool
) -> Iterator[Problem]:
    """The data whose licence neither a tag nor the model card names. ``other_data``: not only versions."""
    if _card_names_it(model / CARD_FILE):
        return
    if other_data:
        what = "The licence of the data is not named."
        fix = 'Write the line `- Licence: …` below "## Data".'
        yield Problem(Position(model / CARD_FILE), "MR827", what, fix)
    for version in versions:
        if not _tagged(root, version, set()):
            what = f"The licence of {version.id} is not named."
            fix = (
                f'Write the line `- Licence: …` below "## Data" in {(model / CARD_FILE).as_posix()}, '
                "or the tag `licence: …` here."
            )
            yield Problem(version.at("tags"), "MR827", what, fix)


def list_of(versions: Iterable[DatasetVersion]) -> str:
    """The versions as people read them."""
    return some([version.id for version in versions])


def _card_names_it(card: Path) -> bool:
    if not card.is_file():
        return False
    text = card_sections(card).get("Data", (0, ""))[1]
    return text != card_sections(CARD)["Data"][1] and bool(_LICENCE.search(text))


def _tagged(root: Path, version: DatasetVersion, seen: set[str]) -> bool:
    if version.id in seen:
        return False
    seen.add(version.id)
    if any(str(version.tags.get(key) or "").strip() for key in ("licence", "license")):
        return True
    for parent in version.parents:
        try:
            if _tagged(root, find(root, parent), seen):
                return True
        except UserError:
            continue  # `mlroad dataset verify` reports it
    return False
