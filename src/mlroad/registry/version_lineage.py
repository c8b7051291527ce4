"""lineage.json: the origin of a registered version, and its verdict.

It is beside the models of a version, and in each of them; see registered_model.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlroad.core.git import file_at
from mlroad.core.problems import UserError
from mlroad.core.verdict_words import verdict_word
from mlroad.registry.registered_model import LINEAGE, LINEAGE_TAG, lineage_digest
from mlroad.run.model_packages import pinned_packages

if TYPE_CHECKING:
    from mlroad.run.candidate import Candidate

VERDICT = "verdict.json"
_VERDICT_KEYS = (
    "verdict", "passed", "headline", "task", "target", "decide_by", "candidate", "champion", "metrics",
    "slices", "latency", "size", "inference", "export", "onnx", "waivers", "bootstrap", "rules", "settings",
    "made", "factory",
)  # fmt: skip


def lineage_id(run: str, model_digest: str) -> str:
    """The id of a run's model, under which it is registered only once."""
    return hashlib.sha256(f"{run}\n{model_digest}".encode()).hexdigest()


def make_lineage(
    prod: Candidate,
    verdict: Mapping[str, Any],
    dev: Candidate | None,
    dev_verdict: Mapping[str, Any] | None,
    by: str,
) -> dict[str, Any]:
    """The content of lineage.json. Raises UserError for a dataset that is not in the repo."""
    root, commit, digest = prod.model.root, str(prod.record["git"]["commit"]), prod.digest()
    datasets = list(_datasets(root, prod))
    return {
        "schema": 1,
        "id": lineage_id(prod.run, digest),
        "model": prod.model.name,
        "run": prod.run,
        "dev_run": dev.run if dev else None,
        "commit": commit,
        "pipeline": prod.record.get("pipeline"),
        "parameters": dict(prod.record.get("parameters") or {}),
        "step_parameters": _step_parameters(prod.record),
        "target": prod.train.get("target"),
        "job": prod.train.get("job"),
        "model_digest": digest,
        "dev_model_digest": dev.digest() if dev else None,
        "datasets": datasets + list(_datasets(root, dev) if dev else []),
        "holdout": _holdout(root, verdict),
        "inference_tests": _inference_tests(root, prod.model.name, commit),
        "provenance": _yaml_at(root, commit, f"models/{prod.model.name}/provenance.yml"),
        "verdict": _short(verdict),
        "dev_verdict": _short(dev_verdict) if dev_verdict else None,
        "inference": verdict.get("inference") or {},
        "python": prod.record.get("python"),
        "packages": prod.train.get("packages") or pinned_packages(prod.model_path),
        "registered": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": by,
    }


def tags_of(lineage: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The tags by which people and programs find a version. lineage.json is more complete.

    ``folder`` is the content to be registered, with lineage.json.
    """
    verdict, provenance = lineage.get("verdict") or {}, lineage.get("provenance") or {}
    datasets = lineage["datasets"]
    job = lineage.get("job") or {}
    tags = {
        "lineage_id": lineage["id"],
        "run": lineage["run"],
        "dev_run": lineage.get("dev_run"),
        "commit": lineage.get("commit"),
        "target": lineage.get("target"),
        "job": job.get("name"),
        "model_digest": lineage.get("model_digest"),
        "dev_model_digest": lineage.get("dev_model_digest"),
        "datasets": " ".join(f"{use['stage']}:{use['input']}={use['dataset']}" for use in datasets),
        "holdout": (lineage.get("holdout") or {}).get("dataset"),
        "prototype": "@".join(str(provenance[key]) for key in ("repo", "tag") if provenance.get(key)),
        "verdict": verdict_word(verdict.get("verdict"), verdict.get("champion")),
        "passed": str(bool(verdict.get("passed"))).lower(),
        "registered": lineage.get("registered"),
        "by": lineage.get("by"),
        LINEAGE_TAG: lineage_digest(folder / LINEAGE),
    }
    return {name: str(value) for name, value in tags.items() if value}


def uses(lineage: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str], str | None]]:
    """Every dataset version that contributed to a version: (its id, the part, the path to it, its digest).

    The path starts with the dataset that was used, and goes through its parents to this one.
    """
    parts = [(f"trained ({its['stage']} data, input {its['input']})", its) for its in lineage["datasets"]]
    if lineage.get("holdout"):
        parts.append(("judged on the holdout", lineage["holdout"]))
    if lineage.get("inference_tests"):
        parts.append(("tested for inference", lineage["inference_tests"]))
    for part, its in parts:
        yield from _uses_below(part, its, [])
    prototyped = (lineage.get("provenance") or {}).get("datasets")
    for name, digest in (prototyped if isinstance(prototyped, Mapping) else {}).items():
        yield str(name), "came with its prototype", [str(name)], str(digest)


def _uses_below(
    part: str, its: Mapping[str, Any], way: list[str]
) -> Iterator[tuple[str, str, list[str], str | None]]:
    name = str(its["dataset"])
    yield name, part, [*way, name], its.get("digest")
    for parent in its.get("parents") or []:
        yield from _uses_below(part, parent, [*way, name])


def _datasets(root: Path, candidate: Candidate) -> Iterator[dict[str, Any]]:
    for name, given in sorted((candidate.record.get("inputs") or {}).items()):
        dataset = given.get("dataset")
        digest = given.get("dataset_digest") or given.get("digest")
        about = {
            "input": name,
            "stage": candidate.stage,
            "dataset": dataset or given.get("path"),
            "digest": digest,
        }
        yield about | {"parents": _parents(root, dataset, {dataset}) if dataset else []}


def _holdout(root: Path, verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    holdout = verdict.get("holdout")
    if not holdout:
        return None
    name = str(holdout["dataset"]).removeprefix("azureml:")
    return {**holdout, "dataset": name, "parents": _parents(root, name, {name})}


def _inference_tests(root: Path, model: str, commit: str) -> dict[str, Any] | None:
    """The dataset of the golden answers."""
    suite = _yaml_at(root, commit, f"models/{model}/inference_tests/suite.yml")
    if not suite or not suite.get("dataset"):
        return None
    name = str(suite["dataset"]).removeprefix("azureml:")
    return {"dataset": name, "digest": suite.get("digest"), "parents": _parents(root, name, {name})}


def _parents(root: Path, dataset: str, seen: set[str]) -> list[dict[str, Any]]:
    """The datasets that a version was made from, recursively, with their digests."""
    from mlroad.data.store import find

    found: list[dict[str, Any]] = []
    for reference in find(root, dataset).parents:
        name = reference.removeprefix("azureml:")
        if name in seen:  # a cycle in files that people write
            continue
        version = find(root, name)
        found.append(
            {"dataset": name, "digest": version.digest, "parents": _parents(root, name, seen | {name})}
        )
    return found


def _short(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict with its figures, and those of its checks that did not simply pass."""
    short = {key: verdict[key] for key in _VERDICT_KEYS if key in verdict}
    checks = verdict.get("checks") or []
    return short | {
        "checks": len(checks),
        "notable": [its for its in checks if its.get("result") != "passed"],
    }


def _step_parameters(record: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of each step: ``{"train.alpha": "10.0"}``."""
    return {
        f"{step}.{name}": str(given["value"])
        for step, about in (record.get("steps") or {}).items()
        for name, given in (about.get("inputs") or {}).items()
        if isinstance(given, Mapping) and "value" in given
    }


def _yaml_at(root: Path, commit: str, path: str) -> dict[str, Any] | None:
    """A YAML file of the repo in a commit; None if it is not there. Raises UserError."""
    import yaml

    data = file_at(root, commit, path)
    if data is None:
        return None
    try:
        content = yaml.safe_load(data.decode("utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} of commit {commit[:7]} cannot be read: {error}.", "Fix it and commit."
        ) from None
    if not isinstance(content, dict):
        return None
    plain: dict[str, Any] = json.loads(json.dumps(content, default=str))  # dates become texts
    return plain
