"""The dataset versions of a run: verified before the first step, and recorded in run.json and MLflow."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Problem, UserError
from mlroad.data.store import DATASETS, VerifiedVersion, find, require_verified
from mlroad.data.version import DatasetVersion
from mlroad.data.version_lookup import VersionPaths
from mlroad.pipeline.model import DataAsset, DataPath
from mlroad.run.plan import Joined, Plan, Source

_MLFLOW_DIGEST = 36
"""The length to which MLflow limits the digest of a dataset; the source has all of it."""


def verified_data(plan: Plan, root: Path) -> dict[str, VerifiedVersion]:
    """Verify the dataset versions that a plan reads, and return them by ``name:version``.

    Raises UserError, with all problems, if data is missing or has changed.
    """
    root = Path() if root.resolve() == Path.cwd() else root  # short paths in messages
    found: dict[str, VerifiedVersion] = {}
    problems: list[Problem] = []
    with HashCache(root) as cache:
        for name, version in sorted(_named(plan)):
            if not (root / DATASETS / name / f"{version}.yml").is_file():
                continue
            try:
                found[f"{name}:{version}"] = require_verified(root, find(root, f"{name}:{version}"), cache)
            except UserError as error:
                problems += error.problems
    if problems:
        raise UserError(problems)
    return found


def with_versions(plan: Plan, root: Path) -> Plan:
    """The plan, with paths to data of dataset versions replaced by those versions.

    Steps still get the given path. Raises UserError for a path in the folder of a version whose file is
    invalid.
    """
    if not (root / DATASETS).is_dir():
        return plan
    paths = VersionPaths(root)
    known: dict[Path, DatasetVersion | None] = {}

    def asset(source: DataPath) -> DataPath | DataAsset:
        if source.path not in known:
            known[source.path] = paths.of(source.path)
        version = known[source.path]
        if version is None:
            return source
        return DataAsset(
            version.name, version.version, None, source.type, source.at, source.path, version.file
        )

    def named(source: Source) -> Source:
        if isinstance(source, Joined):
            parts = tuple(asset(part) if isinstance(part, DataPath) else part for part in source.parts)
            return replace(source, parts=parts)
        return asset(source) if isinstance(source, DataPath) else source

    steps = {
        name: replace(step, inputs={port: named(source) for port, source in step.inputs.items()})
        for name, step in plan.steps.items()
    }
    return replace(plan, steps=steps, inputs={name: named(source) for name, source in plan.inputs.items()})


def with_digests(inputs: Mapping[str, Any], data: Mapping[str, VerifiedVersion]) -> dict[str, Any]:
    """The inputs of a run or step for run.json, with the digest of each dataset version."""
    shown: dict[str, Any] = {}
    for name, about in inputs.items():
        used = data.get(str(about.get("dataset", ""))) if isinstance(about, dict) else None
        shown[name] = {**about, "dataset_digest": used.version.digest} if used else about
    return shown


def mlflow_inputs(data: Mapping[str, VerifiedVersion]) -> list[dict[str, str]]:
    """The inputs of the run for MLflow (`mlflow.log_input`)."""
    return [
        {
            "name": reference,
            "digest": (used.version.digest or "")[:_MLFLOW_DIGEST],
            "source": json.dumps({"uri": f"azureml:{reference}", "digest": used.version.digest}),
            "profile": json.dumps({"rows": used.version.rows, "bytes": used.content.size}),
        }
        for reference, used in data.items()
    ]


def mlflow_tags(data: Mapping[str, VerifiedVersion]) -> dict[str, str]:
    """Tags of the run with whole digests, to find runs of a dataset: MLflow cannot search inputs."""
    return {f"dataset.{reference}": str(used.version.digest) for reference, used in data.items()}


def _named(plan: Plan) -> set[tuple[str, str]]:
    sources = [
        *plan.inputs.values(),
        *(source for step in plan.steps.values() for source in step.inputs.values()),
    ]
    return {(asset.name, asset.version) for asset in _assets(sources) if asset.version}


def _assets(sources: list[Source]) -> Iterator[DataAsset]:
    for source in sources:
        parts = source.parts if isinstance(source, Joined) else (source,)
        yield from (part for part in parts if isinstance(part, DataAsset))
