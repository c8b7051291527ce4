"""The rules on one model folder.

Codes: MR711 a part that a model must have is missing, MR712 data.yml and pipeline.yml disagree, MR713 a
dataset version that does not exist or is for another stage, MR714 the holdout is trained on, MR715 the model
card is not written, MR716 the model was not promoted from a prototype (a warning), MR717 a waiver has
expired, MR718 a waiver ends too late, MR719 gates.yml leaves out a kind of gate (a warning), MR720 a gate
that hardly any model fails (a warning). Mistakes in the files themselves have the codes of their readers
(MR70x, MI1xx).
"""

from collections.abc import Iterator
from pathlib import Path

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.repo import has_dotnet_harness
from mlroad.core.text import did_you_mean
from mlroad.data.schema import load_schema
from mlroad.data.store import find
from mlroad.data.version import DatasetVersion
from mlroad.gate.gates_file import Gates
from mlroad.models.suite import CASES
from mlroad.pipeline.model import DataAsset, PipelineJob
from mlroad.run.model_folder import STAGES, ModelFolder, Stage, is_for, load_data
from mlroad.steps.new_model import CARD

PARTS = ("What it is for", "Data", "How it works", "How good it is", "Limits", "Ethics", "Owner")
"""The headings of a model card, as `mlroad new` writes them."""
_SUITE = "inference_tests/suite.yml"
_FREEZE = "The gate is red without it: run `mlroad train {0}`, then `mlroad freeze models/{0}`."
_NEEDED = {
    "pipeline.yml": "an Azure ML pipeline; `mlroad new` creates one to start from.",
    "data.yml": "which dataset versions are for pull requests and which for production (docs/factory.md).",
    "gates.yml": "what a candidate must reach (docs/factory.md).",
    _SUITE: "requests with frozen answers; `mlroad freeze` writes it with cases.jsonl.",
    "MODEL_CARD.md": "what the model is for, how good it is and where it fails.",
    "tests": "unit tests of the steps, in files named test_*.py.",
}

_DRAFTED = ("data.yml", "gates.yml", "inference_tests/suite.yml", "tests")
"""What a promotion drafts for a model that has none."""
_LEFT_OUT = {
    "are no slices": "A model may get better overall and worse for one group: name the columns that matter.",
    "is no limit for latency": "A model may become too slow to use: set how long its callers can wait.",
    "are no inference tests": "A model may answer requests wrongly: `inference_tests: [pyfunc]` tests it.",
}


def check_model(model: ModelFolder) -> Iterator[Problem]:
    yield from _missing(model)
    yield from check_card(model.path)
    yield from _gates(model)
    yield from _inference(model)
    yield from _data(model)
    if not (model.path / "provenance.yml").is_file():
        what = "There is no provenance.yml: this model did not come from a prototype by promotion."
        fix = "`mlroad why` will not know where it came from."
        yield Problem(Position(model.path), "MR716", what, fix, severity="warning")


def _missing(model: ModelFolder) -> Iterator[Problem]:
    for name, what in _NEEDED.items():
        path = model.path / name
        there = any(path.rglob("test_*.py")) if name == "tests" else path.is_file()
        if not there and name == _SUITE and not path.with_name(CASES).exists() and _gate_wants_tests(model):
            # A new model has no frozen answers before its first run, and no gate passes without them.
            fix = _FREEZE.format(model.name)
            yield Problem(Position(model.path), "MR711", f"{name} is missing.", fix, severity="warning")
        elif not there:
            drafted = f" `mlroad promote models/{model.name}` drafts it." if name in _DRAFTED else ""
            yield Problem(Position(model.path), "MR711", f"{name} is missing.", f"It holds {what}{drafted}")


def _gate_wants_tests(model: ModelFolder) -> bool:
    from mlroad.gate.gates_file import load_gates

    try:
        return bool(load_gates(model.path / "gates.yml").inference_tests)
    except (UserError, OSError):
        return False


def check_card(folder: Path) -> Iterator[Problem]:
    """Every part of a model card must have a text, and not the one from the scaffold."""
    file = folder / "MODEL_CARD.md"
    if not file.is_file():
        return
    scaffold = card_sections(CARD)
    found = card_sections(file)
    for part in PARTS:
        line, text = found.get(part, (0, ""))
        if part not in found:
            yield Problem(Position(file), "MR715", f'The part "## {part}" is missing.', "Write it.")
        elif not text:
            yield Problem(Position(file, line), "MR715", f'"{part}" is empty.', "Write it.")
        elif text == scaffold.get(part, (0, ""))[1]:
            what = f'"{part}" is still the text that `mlroad new` writes.'
            yield Problem(Position(file, line), "MR715", what, "Describe this model.")


def card_sections(file: Path) -> dict[str, tuple[int, str]]:
    """The headings of the second level, each with its line and text."""
    found: dict[str, tuple[int, str]] = {}
    name = ""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.startswith("## "):
            name = line.removeprefix("## ").strip()
            found[name] = (number, "")
        elif name:
            place, text = found[name]
            found[name] = (place, f"{text}\n{line}".strip())
    return found


def _gates(model: ModelFolder) -> Iterator[Problem]:
    from mlroad.gate.gates_file import load_gates
    from mlroad.gate.toothless import toothless

    file = model.path / "gates.yml"
    if not file.is_file():
        return
    try:
        gates = load_gates(file)
    except UserError as error:
        yield from error.problems
        return
    there = (gates.slices, gates.p95_ms is not None, gates.inference_tests)
    for (what, fix), it in zip(_LEFT_OUT.items(), there, strict=True):
        if not it:
            yield Problem(Position(file), "MR719", f"There {what}.", fix, severity="warning")
    if "dotnet" in gates.inference_tests and not has_dotnet_harness(model.root):
        what = "inference_tests has dotnet, but this repo has no harness/dotnet."
        fix = "Remove it, or get the harness: `mlroad update --data dotnet=true`."
        yield Problem(gates.at("inference_tests"), "MR704", what, fix)
    yield from toothless(gates)
    try:
        holdout = find(model.root, gates.holdout)
    except UserError as error:
        yield Problem(Position(file), "MR713", str(error), "")
        return
    yield from missing_columns(gates, holdout)
    for version in _trained_on(model):
        if holdout.name == version.name or holdout.id in version.parents:
            what = f"{version.id} was made from the holdout {holdout.id}: the model would know the answers."
            yield Problem(Position(file), "MR714", what, "Make a frozen holdout with `mlroad dataset split`.")
    yield from _waivers(model.path / "waivers.yml")


def missing_columns(gates: Gates, holdout: DatasetVersion) -> Iterator[Problem]:
    """The columns that gates.yml names and the holdout's schema does not have; none if it has no schema."""
    if not holdout.schema or not (file := holdout.file.parent / holdout.schema).is_file():
        return
    try:
        known = [field.name for field in load_schema(file).fields]
    except UserError:
        return  # `mlroad check` reports its mistakes
    named = [(name, gates.at("target")) for name in gates.targets]
    named += [(name, gates.at(key)) for key, name in gates.columns.items()]
    named += [(its.column, its.at) for its in gates.slices]
    for name, at in named:
        if name not in known:
            fix = did_you_mean(name, known, f"Choose one of: {', '.join(known)}.")
            yield Problem(at, "MR704", f"{holdout.id} has no column {name}.", fix)


def _waivers(file: Path) -> Iterator[Problem]:
    from datetime import UTC, datetime

    from mlroad.gate.waivers import ends_too_late, load_waivers

    today = datetime.now(UTC).date()
    try:
        for waiver in load_waivers(file):
            about = f"The waiver of {waiver.gate} ({waiver.owner})"
            if waiver.expires < today:
                fix = "Fix the model, or agree on a new date with the owner."
                yield Problem(waiver.at, "MR717", f"{about} expired on {waiver.expires}.", fix)
            elif ends_too_late(waiver, today):
                what = f"{about} ends on {waiver.expires}, but a waiver must end within a year."
                yield Problem(waiver.at, "MR718", what, "Set an earlier date, and renew it then.")
    except UserError as error:
        yield from error.problems


def _inference(model: ModelFolder) -> Iterator[Problem]:
    if (model.path / "inference_tests" / "suite.yml").is_file():
        from mlroad.models.suite import load_suite

        _, problems = load_suite(model.path, model.root)
        yield from problems


def _data(model: ModelFolder) -> Iterator[Problem]:
    """data.yml must name every data input of the pipeline, with versions that exist and are for the stage."""
    file = model.path / "data.yml"
    if not file.is_file():
        return
    try:
        data = load_data(file)
    except UserError as error:
        yield from error.problems
        return
    job = _pipeline(model)
    if job is None:
        return  # `mlroad check` reports its mistakes
    prod = {versions["prod"].removeprefix("azureml:") for versions in data.values()}
    assets = {name: given for name, given in job.values.items() if isinstance(given, DataAsset)}
    for name in sorted(assets.keys() - data.keys()):
        what = f"The pipeline's input {name} is missing."
        yield Problem(Position(file), "MR712", what, "Add its versions for dev and prod.")
    for name in sorted(data.keys() - assets.keys()):
        what = f"{name} is not an input in pipeline.yml that names a dataset version."
        yield Problem(Position(file), "MR712", what, f"Its inputs are {', '.join(sorted(assets)) or 'none'}.")
    for name in sorted(data.keys() & assets.keys()):
        given = assets[name]
        if data[name]["dev"] != f"azureml:{given.name}:{given.version}":
            what = (
                f"{name} is {data[name]['dev']} for dev, but pipeline.yml names {given.name}:{given.version}."
            )
            yield Problem(Position(file), "MR712", what, "Both must name the same version.")
        for stage in STAGES:
            yield from _stage(model, file, data[name][stage], stage, prod)


def _stage(model: ModelFolder, file: Path, reference: str, stage: Stage, prod: set[str]) -> Iterator[Problem]:
    try:
        version = find(model.root, reference)
    except UserError as error:
        yield Problem(Position(file), "MR713", str(error), "")
        return
    if not is_for(version, stage, prod):
        what = f"{version.id} is for {version.stage}, but is used here for {stage}."
        fix = f"Make one with `mlroad dataset add {version.name} PATH --stage {stage}`."
        yield Problem(Position(file), "MR713", what, fix)


def _trained_on(model: ModelFolder) -> Iterator[DatasetVersion]:
    try:
        data = load_data(model.path / "data.yml")
        for versions in data.values():
            for reference in versions.values():
                yield find(model.root, reference)
    except UserError:
        return  # reported by `_data`


def _pipeline(model: ModelFolder) -> PipelineJob | None:
    from mlroad.pipeline.loader import Loader
    from mlroad.pipeline.repo_index import RepoIndex

    file = model.path / "pipeline.yml"
    if not file.is_file():
        return None
    loaded = Loader(RepoIndex(file.parent)).pipeline(file)
    return None if loaded.errors else loaded.job
