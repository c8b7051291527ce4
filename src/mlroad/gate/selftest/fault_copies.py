"""Temporary copies of a candidate with everything that its gate reads. The original repo is only read."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from mlroad.core.digests import digest_of
from mlroad.core.files import write_json
from mlroad.core.problems import UserError
from mlroad.data.store import DATASETS, LARGE, find_verified
from mlroad.data.version import parse_reference
from mlroad.gate.gates_file import FILE, Gates, load_gates
from mlroad.gate.holdout import Holdout, read_holdout
from mlroad.gate.records import RecordsUnusable, read_records
from mlroad.gate.run_gate import gate
from mlroad.gate.selftest.planted_models import Answers, Way, save_replay
from mlroad.registry.base import CHAMPION, Version
from mlroad.registry.one_champion import OneChampion
from mlroad.run.candidate import Candidate, find_candidate
from mlroad.run.model_folder import STAGES, find_model

_CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")
_RESAMPLES = 100


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the candidate for one fault."""

    candidate: Candidate
    rows: pd.DataFrame
    """What the gate gives to its model."""

    @property
    def models(self) -> Path:
        """Its model folder."""
        return self.candidate.model.path

    def replace_model(self, answers: Answers, way: Way = "", slow_ms: float = 0.0) -> None:
        """Replace the model by one that gives these answers."""
        path = self.candidate.model_path
        old = path.with_name("model.good")
        path.rename(old)
        save_replay(path, old, self.rows, answers, way, slow_ms)
        shutil.rmtree(old)
        self.note_outputs()

    def note_outputs(self) -> None:
        """Write the digests of the current outputs into run.json, as if the run had made them."""
        outputs = dict(self.candidate.record["outputs"])
        for name, path in (("model", self.candidate.model_path), ("onnx", self.candidate.onnx_path)):
            if path and path.exists():
                outputs[name] = {**outputs[name], "digest": digest_of(path)}
        self.change_run({"outputs": outputs})

    def read(self) -> Candidate:
        """The candidate, read from its files again."""
        return find_candidate(self.candidate.model, self.candidate.run)

    def change_gates(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change gates.yml."""
        file = self.models / FILE
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        change(settings)
        file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def change_run(self, change: Mapping[str, Any]) -> None:
        """Change run.json."""
        write_json(self.candidate.folder / "run.json", {**self.candidate.record, **change})


@dataclass(frozen=True, slots=True)
class Good:
    """The good candidate, in its own copy, with its verdict."""

    candidate: Candidate
    gates: Gates
    verdict: Mapping[str, Any]
    holdout: Holdout | None
    answers: Answers
    """The answers [rows of the holdout, …] as the model gave them; empty if there are none."""

    @property
    def rows(self) -> int:
        """The rows of the holdout."""
        return len(self.answers)

    def copy(self, root: Path, check: str) -> Copy:
        """A copy at ``root``, whose files may be changed; large data is shared.

        Small data is copied: an extra hard link changes the file's inode, which counts as a change of the
        file for the gate of another copy that reads it at that moment.

        Its gates.yml leaves out slow parts that are not the ``check`` that the fault is for: timing, the
        ONNX file, inference tests, and most resamples of the bootstrap. Thresholds stay.
        """
        model = self.candidate.model
        shutil.copytree(model.path, root / "models" / model.name, ignore=_CACHES)
        shutil.copytree(model.root / DATASETS, root / DATASETS)
        if (model.root / LARGE).exists():
            _link_folder(model.root / LARGE, root / LARGE)
        runs = root / ".runs" / model.name / self.candidate.run
        shutil.copytree(self.candidate.folder, runs)
        shutil.rmtree(runs / "gate", ignore_errors=True)
        features = self.holdout.features(self.gates.targets) if self.holdout else pd.DataFrame()
        copy = Copy(find_candidate(find_model(root, model.name), self.candidate.run), features)
        # Of a model with other answers, the inference tests would fail as well.
        idle = [key for key in ("latency", "onnx", "inference_tests") if not check.startswith(key[:9])]

        def trim(settings: dict[str, Any]) -> None:
            for key in idle:
                settings.pop(key, None)
            if "inference_tests" in idle:
                settings["inference_tests"] = []  # without the key, the gate runs the tests that there are
            settings["bootstrap"] = {**(settings.get("bootstrap") or {}), "resamples": _RESAMPLES}

        copy.change_gates(trim)
        return copy

    def champion(self) -> OneChampion:
        """A registry where this candidate is the champion."""
        return _champion(self.candidate.model.name, self.candidate.model_path, self.candidate.digest())

    def registry(self, *, champion: bool) -> OneChampion:
        """A registry, with this candidate as the champion if ``champion`` or gates.yml requires one."""
        if champion or self.gates.champion_required:
            return self.champion()
        return self.empty()

    def empty(self) -> OneChampion:
        """An empty registry."""
        return OneChampion(None, {})


def copy_of(candidate: Candidate, root: Path) -> Candidate:
    """The candidate at ``root`` with its model folder and the datasets that its gate reads."""
    model, there = candidate.model, candidate.model.root
    gates = load_gates(model.path / FILE)
    folder = shutil.copytree(model.path, root / "models" / model.name, ignore=_CACHES)
    if set(gates.inference_tests) - {"pyfunc"}:
        _in_python_only(folder / FILE)
    wanted = [gates.holdout, *(ref for stage in STAGES for ref in model.data(stage).values())]
    for name in dict.fromkeys(parse_reference(reference)[0] for reference in wanted):
        if (there / DATASETS / name).is_dir():
            shutil.copytree(there / DATASETS / name, root / DATASETS / name)
    if (there / LARGE).is_dir():
        _link_folder(there / LARGE, root / LARGE)
    folder = root / ".runs" / model.name / candidate.run
    (folder / "outputs").mkdir(parents=True)
    for name in ("run.json", "train.json"):
        shutil.copy2(candidate.folder / name, folder / name)
    for name in ("model", "onnx"):
        path = candidate.folder / "outputs" / name
        if path.is_dir():
            shutil.copytree(path, folder / "outputs" / name)
        elif path.exists():
            shutil.copy2(path, folder / "outputs" / name)
    return find_candidate(find_model(root, model.name), candidate.run)


def _in_python_only(gates: Path) -> None:
    """Leave out the other runtimes: their answers are planted (see faults), not asked for."""
    settings = yaml.safe_load(gates.read_text(encoding="utf-8"))
    settings["inference_tests"] = ["pyfunc"]
    gates.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def judge_good(candidate: Candidate) -> Good:
    """Gate the good candidate. Raises UserError for mistakes in gates.yml."""
    gates = load_gates(candidate.model.path / FILE)
    path = candidate.model_path if gates.champion_required and candidate.model_path.is_dir() else None
    itself = _champion(candidate.model.name, path, candidate.digest()) if path else OneChampion(None, {})
    verdict = gate(candidate, itself)
    unknown = Good(candidate, gates, verdict, None, np.empty(0))
    try:
        holdout = read_holdout(find_verified(candidate.model.root, gates.holdout), gates)
        answers = read_records(candidate.gate).candidate
    except (UserError, RecordsUnusable):
        return unknown
    if answers is None or answers.values is None:
        return unknown
    return Good(candidate, gates, verdict, holdout, answers.values)


def _linked(source: str, target: str) -> None:
    """A hard link to a file that is only read; a copy if the file system has no hard links."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _link_folder(source: Path, target: Path) -> None:
    """Link a folder of large data, which is only read."""
    try:
        target.symlink_to(source.resolve(), target_is_directory=True)
    except OSError:  # Windows requires a permission for it; hard links need none, and change no times there
        shutil.copytree(source, target, copy_function=_linked)


def _champion(model: str, path: Path, digest: str) -> OneChampion:
    lineage = {"model_digest": digest, "dev_model_digest": digest, "commit": None}
    version = Version(model, 1, (CHAMPION,), datetime.now(UTC), {}, lineage)
    return OneChampion(version, dict.fromkeys(STAGES, path))
