"""`mlroad ready --fix`: do what needs no decision, say what was done, and leave the rest to people.

It never decides between two answers of a model, never writes a model card, and commits only the files that it
wrote itself: if others in the model's folder are not committed, nothing is committed or tagged.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mlroad.core.files import write_text
from mlroad.core.git import dirty_files
from mlroad.core.problems import UserError
from mlroad.data.create_version import VersionDraft, create_version
from mlroad.data.store import find, names, version_files
from mlroad.data.version import DatasetVersion
from mlroad.gate.new_in_factory import FEATURES, SERIES, rows_with_features
from mlroad.models.freeze import FreezeOptions, freeze
from mlroad.models.inference_tests import run_tests
from mlroad.pipeline.check_repo import check_and_load
from mlroad.pipeline.model import DataAsset, DataPath, Literally, PipelineJob
from mlroad.promote.prototype_metrics import PrototypeMetrics, metrics_of_run, write_metrics
from mlroad.promote.ready import examine
from mlroad.promote.ready_data import data_of, versions_of
from mlroad.promote.ready_evidence import Evidence, evidence_of
from mlroad.promote.ready_git import commit, scope_of
from mlroad.promote.ready_item import Readiness
from mlroad.promote.ready_tag import tag
from mlroad.run.derive import StepFailedError
from mlroad.steps.sync import sync


def fix(root: Path, model: Path) -> Readiness:
    """Do everything that needs no decision, and examine the model again."""
    did: list[str] = []
    before = _dirty(root, model)
    for part in (_sync, _versions, _tests, _metrics):
        try:
            did += part(root, model)
        except UserError as error:
            did.append(f"failed: {error}")
    found = examine(root, model)
    open_items = {it.name for it in found.left}
    if open_items and open_items <= {"committed", "tagged"} and not before and (new := _dirty(root, model)):
        message = f"feat({found.name}): ready for promotion"
        if reason := commit(root, new, message):
            did.append(f"failed: git refused the commit: {reason}")
        else:
            did.append(f"committed {', '.join(new)}")
            found = examine(root, model)
    return tag(replace(found, did=(*did, *found.did)))


def _dirty(root: Path, model: Path) -> list[str]:
    """The files of the model and its datasets that are not committed."""
    try:
        return dirty_files(root, *scope_of(root, model, _dataset_versions(root, model)))
    except UserError:  # not a git repo, which the item reports
        return []


def _sync(_: Path, model: Path) -> Iterator[str]:
    for change in sync([model]):
        yield f"{'deleted' if change.text is None else 'wrote'} {change.path.as_posix()}"


def _versions(root: Path, model: Path) -> Iterator[str]:
    """Make dataset versions of data at a path, and name versions in place of labels, in pipeline.yml."""
    file = model / "pipeline.yml"
    job = check_and_load(model)[1]
    data = data_of(job)
    paths = {name: value for name, value in data.items() if isinstance(value, DataPath)}
    for name, value in data.items():
        if isinstance(value, DataPath) and value.path.exists():
            wanted = model.resolve().name if len(paths) == 1 else f"{model.resolve().name}_{name}"
            dataset = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
            made = create_version(root, VersionDraft(dataset, value.path, value.type)).version
            named = _rows_of(root, model, job, made.id)
            if _replace(file, value.at.line, f"azureml:{named}"):
                at = f"{file.as_posix()}:{value.at.line}"
                yield f"created {made.file.as_posix()}, and named {named} in {at}"
        elif isinstance(value, DataAsset) and value.version is None and value.name in names(root):
            newest = version_files(root, value.name)[-1].stem
            if _replace(file, value.at.line, f"azureml:{value.name}:{newest}"):
                yield f"named {value.name}:{newest} in {file.as_posix()}:{value.at.line}"
        elif isinstance(value, DataAsset) and value.name in names(root):
            version = f"{value.name}:{value.version}"
            named = _rows_of(root, model, job, version)
            if named != version and _replace(file, value.at.line, f"azureml:{named}"):
                yield f"named {named}, made from {version}, in {file.as_posix()}:{value.at.line}"


def _rows_of(root: Path, model: Path, job: PipelineJob | None, version: str) -> str:
    """The rows that a forecast model is asked for, in place of its series; for other models, the same.

    Raises UserError if they cannot be made.
    """
    inputs = {name: it.text for name, it in job.values.items() if isinstance(it, Literally)} if job else {}
    if not (model / FEATURES).is_file() or not inputs.keys() >= set(SERIES) or _has_features(root, version):
        return version
    try:
        return rows_with_features(root, model, version, inputs)
    except StepFailedError as error:
        raise UserError(str(error), f"Check {', '.join(SERIES)} in pipeline.yml.") from None


def _has_features(root: Path, version: str) -> bool:
    """Whether a version, or one that it was made from, is the output of that step."""
    found = find(root, version)
    step = PurePosixPath(str((found.derivation or {}).get("step", "")))
    parents = (parent.removeprefix("azureml:") for parent in found.parents)
    return step.match(FEATURES.as_posix()) or any(_has_features(root, parent) for parent in parents)


def _tests(root: Path, model: Path) -> Iterator[str]:
    """Freeze inference tests if there are none, and run them if this code's model has not been tested."""
    evidence = _evidence(root, model)
    if evidence.run is None:
        return
    if not evidence.has_suite:
        freeze(model, FreezeOptions(run=evidence.run.id))
        yield f"froze inference tests of the run {evidence.run.id}"
    recorded = evidence.recorded
    if evidence.passed() or (recorded and recorded.suite and recorded.suite == evidence.suite()):
        return
    verdict = run_tests(model, evidence.run.id).verdicts["pyfunc"]
    yield f"ran {len(verdict.results)} inference tests: {'passed' if verdict.passed else 'failed'}"


def _metrics(root: Path, model: Path) -> Iterator[str]:
    evidence = _evidence(root, model)
    run, recorded, verdict = evidence.run, evidence.recorded, evidence.passed()
    if run is None or verdict is None or (recorded and recorded.suite == evidence.suite()):
        return
    metrics = metrics_of_run(run, root)
    if not metrics:
        return
    content = PrototypeMetrics(
        model=evidence.name,
        run=run.id,
        source=evidence.source,
        datasets=evidence.datasets,
        metrics=metrics,
        suite=evidence.suite(),
        cases=int(verdict.get("cases") or 0),
        ended=str(run.record.get("ended") or ""),
        python=str(run.record.get("python") or ""),
    )
    yield f"wrote {write_metrics(model, content).as_posix()}"


def _evidence(root: Path, model: Path) -> Evidence:
    return evidence_of(root, model, _dataset_versions(root, model))


def _dataset_versions(root: Path, model: Path) -> list[DatasetVersion]:
    return versions_of(root, data_of(check_and_load(model)[1]).values())


def _replace(file: Path, line: int, reference: str) -> bool:
    """Write another value into the line ``path: …`` of the pipeline; its comment stays."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    new = re.sub(
        r"^(\s*(?:[\w-]+:\s*\{?\s*)?path:\s*)(?:\"[^\"]*\"|'[^']*'|[^\s#,}]+)",
        rf"\g<1>{reference}",
        lines[line - 1],
    )
    if new == lines[line - 1]:
        return False
    lines[line - 1] = new
    write_text(file, "".join(lines))
    return True
