"""`mlroad new` in a factory: a model folder with all that `mlroad check` asks for, and its datasets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlroad.core.files import remove, scratch_folder
from mlroad.core.problems import UserError
from mlroad.core.yaml_nodes import MapNode, ScalarNode, read_yaml
from mlroad.data.create_version import VersionDraft, create_version
from mlroad.data.split import SplitOptions, split_version
from mlroad.data.sql import TableEngine
from mlroad.data.store import find, find_verified, names, version_files
from mlroad.data.version_tables import open_version
from mlroad.gate.draft_card import card_of
from mlroad.gate.draft_files import DraftFacts, draft_factory_files
from mlroad.gate.draft_gates import GateFacts, guess_figures, slice_column
from mlroad.run.derive import DeriveOptions, derive_version
from mlroad.run.model_folder import Stage
from mlroad.steps.new_model import new_model, set_inputs

BY = "mlroad new"
_SHARE = 0.25
_OUTPUTS = ("prep.prepared", "train.model", "evaluate.metrics", "predict.predictions")
_CLASSES = ("binary", "multiclass")
_TASKS = {"regression": "regression"}
"""The task of each kind of model."""


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
    if (task := _TASKS.get(kind)) is None:
        raise UserError(f"--kind {kind} does not work in a factory.", f"Choose one of: {', '.join(_TASKS)}.")
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


def _datasets(root: Path, folder: Path, task: str, raw: str, values: Mapping[str, str]) -> _Data:
    source = raw.removeprefix("azureml:") or _example(root, folder)
    about = (find(root, source).derivation or {}).get("split", {})
    if about.get("side") == "train":
        return _Data(source, source, about["holdout"], is_example=False)
    rows = _with_features(root, folder, source, values) if task == "forecast" else source
    options = SplitOptions(
        rows,
        # A holdout that exists is used as it was frozen.
        share=None if version_files(root, f"{rows.partition(':')[0]}_holdout") else _SHARE,
        by_time=values["time"] if task == "forecast" else "",
        stratify=values["target"] if task in _CLASSES else "",
        stage="prod",
    )
    made = split_version(root, options)
    return _Data(source, made.train.version.id, made.holdout.version.id, is_example=not raw)


def _example(root: Path, folder: Path) -> str:
    with scratch_folder(root) as scratch:
        file = Path(shutil.copy(folder / "data" / "example.csv", scratch / f"{folder.name}.csv"))
        about = "Made-up rows, with which `mlroad new` starts a model. Replace them by your own data."
        draft = VersionDraft(folder.name, file, stage="prod", description=about, move=True)
        return create_version(root, draft).version.id


def _with_features(root: Path, folder: Path, source: str, values: Mapping[str, str]) -> str:
    """The rows of a series with what was known before each: what a model is asked for."""
    settings = tuple(f"{name}={values[name]}" for name in ("target", "time", "horizon", "season"))
    name = f"{source.partition(':')[0]}_rows"
    step = folder / "steps" / "features.py"
    options = DeriveOptions(name, step, (source,), settings, file=f"{name}.csv", stage="prod")
    return derive_version(root, options).version.id


def _facts(root: Path, task: str, data: _Data, values: Mapping[str, str]) -> DraftFacts:
    target = values["target"]
    frame = _rows(root, data.holdout)
    if target not in frame.columns:
        what = f"{data.source} has no column {target}."
        raise UserError(what, f"Name one of {', '.join(map(str, frame.columns))}: --input target=COLUMN.")
    gates = GateFacts(
        task, target, data.holdout, guess_figures(task, frame[target]), slice_by=slice_column(frame, target)
    )
    versions: dict[str, dict[Stage, str]] = {"raw": {"dev": data.train, "prod": data.train}}
    card = card_of(root, task, target, data.source, data.train, data.holdout, data.is_example)
    return DraftFacts(BY, gates, versions, _OUTPUTS, card, f"Predicts `{target}` ({task}).")


def _rows(root: Path, version: str) -> pd.DataFrame:
    with TableEngine() as engine:
        table = open_version(engine, find_verified(root, version))
        rows = engine.rows(f"SELECT * FROM {table.view}")  # noqa: S608 (the engine's own name)
        return pd.DataFrame(rows, columns=[column.name for column in table.columns])


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
