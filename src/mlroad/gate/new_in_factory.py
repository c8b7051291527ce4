"""`mlroad new` in a factory: a model folder with all that `mlroad check` asks for, and its datasets."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import remove, scratch_folder
from mlroad.core.problems import UserError
from mlroad.core.repo import has_dotnet_harness
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import MapNode, ScalarNode, read_yaml
from mlroad.data import sql
from mlroad.data.create_version import VersionDraft, create_version
from mlroad.data.sql import TableEngine
from mlroad.data.store import find, find_verified, names, version_files
from mlroad.data.version_tables import open_version
from mlroad.gate.draft_card import card_of
from mlroad.gate.draft_files import DraftFacts, draft_factory_files
from mlroad.gate.draft_gates import GateFacts, with_guess
from mlroad.gate.split_for_task import CLASSES, split_for_task
from mlroad.gate.tasks.many_classes import MOST
from mlroad.gate.tasks.task import class_name
from mlroad.models.metric_names import TASKS, Task
from mlroad.run.derive import DeriveOptions, derive_version
from mlroad.run.model_folder import Stage
from mlroad.steps.new_model import new_model, set_inputs

BY = "mlroad new"
_NAMING = {"target", "labels", "text", "query", "time"}
"""The inputs of a kind's pipeline that name columns."""
FEATURES = Path("steps", "features.py")
"""The step of a forecast model that makes the rows of a holdout."""
SERIES = ("target", "time", "horizon", "season")
"""The inputs of a forecast's pipeline that this step needs."""
_OUTPUTS = ("prep.prepared", "train.model", "evaluate.metrics", "predict.predictions")
_TASKS: Mapping[str, Task] = {"classification": "multiclass", "text_classification": "multiclass"}
"""The task of a kind that does not have its name."""


@dataclass(frozen=True, slots=True)
class _Data:
    """Where the rows come from, and the two sides of the split, each as ``name:version``."""

    source: str
    train: str
    holdout: str
    is_example: bool


def new_in_factory(root: Path, name: str, kind: str, inputs: Mapping[str, str]) -> Path:
    """Create the model and its datasets, or neither; return its folder. Raises UserError."""
    if "raw" not in inputs and name in names(root):
        fix = f"Choose another name, or use its data: --input raw=azureml:{name}:1 and --input target=COLUMN."
        raise UserError(f"There is a dataset {name} already.", fix)
    task: Task = next(it for it in TASKS if it == _TASKS.get(kind, kind))
    with _all_or_nothing(root, name):
        folder = new_model(root, name, kind, {key: its for key, its in inputs.items() if key != "raw"})
        values = _inputs(folder / "pipeline.yml")
        data = _datasets(root, folder, task, inputs.get("raw", ""), values)
        shutil.rmtree(folder / "data")
        set_inputs(folder / "pipeline.yml", {"raw": f"azureml:{data.train}"})
        (folder / "MODEL_CARD.md").unlink()
        draft_factory_files(folder, name, _facts(root, task, data, values))
    return folder


def _inputs(pipeline: Path) -> dict[str, str]:
    """The literal inputs of a kind's pipeline."""
    top, _ = read_yaml(pipeline)
    inputs = top.get("inputs") if isinstance(top, MapNode) else None
    assert isinstance(inputs, MapNode)
    return {name: str(node.value) for name, _, node in inputs if isinstance(node, ScalarNode)}


def _datasets(root: Path, folder: Path, task: Task, raw: str, values: Mapping[str, str]) -> _Data:
    source = raw.removeprefix("azureml:") or _example(root, folder)
    if holdout := find(root, source).holdout:
        return _Data(source, source, holdout, is_example=False)
    _require_columns(root, source, values)
    rows = rows_with_features(root, folder, source, values, "prod") if task == "forecast" else source
    made = split_for_task(root, rows, task, values, stage="prod")
    return _Data(source, made.train.version.id, made.holdout.version.id, is_example=not raw)


def _example(root: Path, folder: Path) -> str:
    with scratch_folder(root) as scratch:
        file = Path(shutil.copy(folder / "data" / "example.csv", scratch / f"{folder.name}.csv"))
        about = "Made-up rows, with which `mlroad new` starts a model. Replace them by your own data."
        draft = VersionDraft(folder.name, file, stage="prod", description=about, move=True)
        return create_version(root, draft).version.id


def rows_with_features(
    root: Path, folder: Path, source: str, values: Mapping[str, str], stage: Stage | None = None
) -> str:
    """The rows of a series with what was known before each: what a forecast model is asked for."""
    settings = tuple(f"{name}={values[name]}" for name in SERIES)
    name = f"{source.partition(':')[0]}_rows"
    options = DeriveOptions(name, folder / FEATURES, (source,), settings, file=f"{name}.csv", stage=stage)
    return derive_version(root, options).version.id


def _facts(root: Path, task: Task, data: _Data, values: Mapping[str, str]) -> DraftFacts:
    targets = _names(values["labels"]) if task == "multilabel" else (values["target"],)
    more: dict[str, Any] = {key: values[key] for key in ("query", "time") if key in values}
    if task == "forecast":
        more["season"] = int(values["season"])
    if task in CLASSES:
        more["classes"] = _classes(root, data.source, values["target"], task)
    facts = GateFacts(task, targets, data.holdout, more=more, runtimes=_runtimes(root, task))
    gates = with_guess(root, facts)
    versions: dict[str, dict[Stage, str]] = {"raw": {"dev": data.train, "prod": data.train}}
    card = card_of(root, task, targets, data.source, data.train, data.holdout, data.is_example)
    return DraftFacts(BY, gates, versions, _OUTPUTS, card, f"Predicts {_listed(targets)} ({task}).")


def _runtimes(root: Path, task: Task) -> tuple[str, ...]:
    """Where a new model can be asked. That of texts splits them into letters, which ONNX cannot."""
    if task == "text":
        return ("pyfunc",)
    return ("pyfunc", "onnx", *(("dotnet",) if has_dotnet_harness(root) else ()))


def _require_columns(root: Path, source: str, values: Mapping[str, str]) -> None:
    with TableEngine() as engine:
        known = [column.name for column in open_version(engine, find_verified(root, source)).columns]
    for name in _NAMING.intersection(values):
        for column in _names(values[name]) if name == "labels" else [values[name]]:
            if column not in known:
                fix = did_you_mean(column, known, f"Choose one of: {', '.join(known)}.")
                what = f"{source} has no column {column}, which the input {name} names."
                raise UserError(what, f"{fix} Write --input {name}=COLUMN.")


def _names(labels: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in labels.split(","))


def _classes(root: Path, source: str, target: str, task: Task) -> list[str]:
    """The classes in the order of the model's answers: as scikit-learn sorts texts."""
    with TableEngine() as engine:
        table = open_version(engine, find_verified(root, source))
        column = sql.name(target)
        query = f"SELECT DISTINCT {column} FROM {table.view} WHERE {column} IS NOT NULL"  # noqa: S608 (names)
        rows = engine.rows(query)
    found = sorted(class_name(row[0]) for row in rows)
    if (len(found) != 2) if task == "binary" else (len(found) > MOST):
        need = "two" if task == "binary" else f"at most {MOST}"
        what = f"The column {target} of {source} has {len(found)} values, but {task} needs {need}."
        raise UserError(what, "Choose another column or another kind.")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


@contextmanager
def _all_or_nothing(root: Path, name: str) -> Iterator[None]:
    """Delete what was created if it cannot be completed."""
    before = _versions(root)
    folder = root / "models" / name
    is_new = not folder.exists()
    try:
        yield
    except BaseException:
        if is_new and folder.exists():
            remove(folder)
        for made in _versions(root) - before:
            _delete_version(made)
        raise


def _versions(root: Path) -> set[Path]:
    return {file for name in names(root) for file in version_files(root, name)}


def _delete_version(file: Path) -> None:
    file.unlink()
    file.with_suffix(".sha256").unlink(missing_ok=True)
    if file.with_suffix("").is_dir():
        remove(file.with_suffix(""))
    if not any(file.parent.iterdir()):
        file.parent.rmdir()
