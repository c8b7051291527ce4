"""Whether inference tests pass and metrics are recorded, for exactly the code that is in the folder now.

A finished run shows it on this machine, and metrics.json everywhere else.

Codes: MR825 inference tests are missing, or the model of this code has not passed them; MR826 no metrics of
this code; MI1xx as in `mlroad test`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json
from mlroad.core.model_source import METRICS, source_digest
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.run_folders import all_runs, read_record, runs_of
from mlroad.core.text import quoted
from mlroad.data.version import DatasetVersion
from mlroad.models.finished_run import Run
from mlroad.models.suite import FOLDER, VERDICT, load_suite, suite_digest
from mlroad.promote.prototype_metrics import PrototypeMetrics, metrics_of_run, read_metrics
from mlroad.promote.ready_item import Item, item


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the code that is in the folder now."""

    root: Path
    model: Path
    source: str
    datasets: Mapping[str, str]
    """The dataset versions that pipeline.yml names, with their digests."""
    run: Run | None
    """The newest finished run of this code and data, with no value from the command line."""
    recorded: PrototypeMetrics | None
    """metrics.json, if it is about this code and data."""
    broken: tuple[Problem, ...] = ()
    """What is wrong with metrics.json."""

    @property
    def name(self) -> str:
        return self.model.resolve().name

    @property
    def has_suite(self) -> bool:
        return (self.model / FOLDER).is_dir()

    def suite(self) -> str:
        """The digest of the inference tests; empty if there are none."""
        try:
            return suite_digest(self.model)
        except OSError:
            return ""

    def passed(self) -> dict[str, Any] | None:
        """The verdict of the run on the inference tests as they are now, if they passed."""
        verdict = _verdict(self.run)
        if (
            self.run is None
            or verdict.get("passed") is not True
            or verdict.get("suite_digest") != self.suite()
        ):
            return None
        return verdict if verdict.get("model_digest") == self.run.model_digest() else None

    def failed(self) -> bool:
        """Whether the run's model was tested as both are now, and failed."""
        verdict = _verdict(self.run)
        return verdict.get("passed") is False and verdict.get("suite_digest") == self.suite()


def evidence_of(root: Path, model: Path, versions: list[DatasetVersion]) -> Evidence:
    """What runs and metrics.json show about a model."""
    source = source_digest(model)
    datasets = {version.id: str(version.digest) for version in versions}
    recorded: PrototypeMetrics | None = None
    broken: tuple[Problem, ...] = ()
    try:
        recorded = read_metrics(model)
    except UserError as error:
        broken = error.problems
    if recorded and (recorded.source, dict(recorded.datasets)) != (source, datasets):
        recorded = None
    return Evidence(root, model, source, datasets, _run(model, source, datasets), recorded, broken)


def tests_item(evidence: Evidence) -> Item:
    """Inference tests: there are some, and the model of this code passes them."""
    name, model = "inference tests", evidence.model
    shown = quoted(model)
    if not evidence.has_suite:
        what = "There are no inference tests."
        problem = Problem(Position(model / FOLDER), "MR825", what, _then(evidence, f"mlroad freeze {shown}"))
        return item(name, [problem], "freeze and test them" if evidence.run else "")
    suite, problems = load_suite(model, evidence.root)
    if suite is None:
        return item(name, problems)
    recorded = evidence.recorded
    if recorded and recorded.suite and recorded.suite == evidence.suite():
        return item(name, ())
    if evidence.passed():
        return item(name, ())
    if evidence.failed():
        what = "The model of this code does not pass them."
        fix = f"`mlroad test {shown}` shows which; `mlroad freeze {shown}` accepts the new answers."
        return item(name, [Problem(Position(suite.file), "MR825", what, fix)])
    what = "They have not been run with the model of this code."
    problem = Problem(Position(suite.file), "MR825", what, _then(evidence, f"mlroad test {shown}"))
    return item(name, [problem], "run them" if evidence.run else "")


def metrics_item(evidence: Evidence) -> Item:
    """metrics.json: it is about this code and data, and about these inference tests."""
    name, model, recorded, run = "metrics", evidence.model, evidence.recorded, evidence.run
    shown, file = quoted(model), model / METRICS
    if recorded and recorded.metrics and recorded.suite and recorded.suite == evidence.suite():
        return item(name, ())
    if run is None:
        what = "There is no finished run of this code and data, without values from the command line."
        problem = Problem(Position(file), "MR826", what, f"Run `mlroad run {shown}`.")
        return item(name, [*evidence.broken, problem])
    if not metrics_of_run(run, evidence.root):
        what = f"The run {run.id} has no metrics: it logged none, and has no output `metrics`."
        fix = "Log some in a step (`mlflow.log_metric`), and run the pipeline again."
        return item(name, [Problem(Position(file), "MR826", what, fix)])
    what = f"The metrics of the run {run.id} and its inference tests are not recorded."
    fix = f"`mlroad ready {shown} --fix` writes them to this file, once the tests pass."
    return item(name, [*evidence.broken, Problem(Position(file), "MR826", what, fix)], f"write {METRICS}")


def _then(evidence: Evidence, command: str) -> str:
    """The command, after a run if there is none yet."""
    run = "" if evidence.run else f"`mlroad run {quoted(evidence.model)}`, then "
    return f"Run {run}`{command}`."


def _run(model: Path, source: str, datasets: Mapping[str, str]) -> Run | None:
    for folder in reversed(all_runs(runs_of(model / "pipeline.yml"))):
        record = read_record(folder)
        if not record or record.get("state") != "completed":
            continue
        if record.get("source") != {"digest": source, "as_written": True}:
            continue
        run = Run(model.resolve().name, folder, record)
        if run.datasets() == dict(datasets):
            return run
    return None


def _verdict(run: Run | None) -> dict[str, Any]:
    return read_json(run.folder / VERDICT) if run else {}
