"""`mlroad sync`: writes each step's component and the models' step_io.py from the scripts.

A component is generated if its first line matches ``components.IS_GENERATED``. Other components were written
by hand and are not touched, and neither are scripts that do not use the contract. If any script cannot be
read, nothing is written.

Codes: MR311 missing, MR312 differs, MR313 without a script, MR314 the user's part, MR315 step_io.py.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.files import write_text
from mlroad.core.problems import Position, Problem, UserError
from mlroad.steps.components import IS_GENERATED, IS_YOURS, OWNED_KEYS, YOURS, first_user_part, generated_part
from mlroad.steps.signatures import StepSignature, read_signature

_CONTRACT = Path(__file__).with_name("step_io.py")
_TOP_LEVEL_KEY = re.compile(r"""["']?([$\w]+)["']?\s*:""")


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs from its script: its new text (None: delete it) and what `--check` reports."""

    path: Path
    text: str | None
    problem: Problem


def sync(models: Iterable[Path]) -> list[Change]:
    """Update the models' components and step_io.py from their scripts; returns the changes.

    Raises UserError, before anything is written, if a script or a component of any model cannot be read.
    """
    changes: list[Change] = []
    problems: list[Problem] = []
    for model in models:
        found, errors = plan(model)
        changes += found
        problems += errors
    if problems:
        raise UserError(problems)
    for change in changes:
        if change.text is None:
            change.path.unlink()
        else:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(change.path, change.text)
    return changes


def check_sync(model: Path) -> list[Problem]:
    """What `sync` would change in ``model``, and what cannot be read."""
    changes, problems = plan(model)
    return problems + [change.problem for change in changes]


def plan(model: Path) -> tuple[list[Change], list[Problem]]:
    """What `sync` would change in ``model``, and the problems that prevent it. Nothing is written."""
    steps = model / "steps"
    signatures: list[StepSignature] = []
    problems: list[Problem] = []
    for script in sorted(steps.glob("*.py")):
        if script.name == "step_io.py":
            continue
        signature, errors = read_signature(script)
        problems += errors
        if signature is not None:
            signatures.append(signature)
    if problems:
        return [], problems
    changes = _contract_changes(steps) if signatures else []
    name = model.name if model.name not in ("", "..") else model.resolve().name
    for signature in signatures:
        try:
            changes += _component_changes(model, name, signature)
        except UserError as error:
            problems += error.problems
    changes += _orphans(model, {signature.script.stem for signature in signatures})
    return changes, problems


def _contract_changes(steps: Path) -> list[Change]:
    copy = steps / "step_io.py"
    text = _CONTRACT.read_text(encoding="utf-8")
    if copy.is_file():
        if copy.read_text(encoding="utf-8", errors="replace") == text:
            return []
        what = "This copy of the step contract differs from the one in mlroad."
    else:
        what = "step_io.py is missing in steps/."
    return [Change(copy, text, Problem(Position(copy), "MR315", what, "Run `mlroad sync`."))]


def _component_changes(model: Path, name: str, signature: StepSignature) -> list[Change]:
    path = model / "components" / f"{signature.script.stem}.yml"
    upper = generated_part(name, signature)
    if not path.is_file():
        at = Position(signature.script, 1)
        problem = Problem(at, "MR311", f"The step has no component {path}.", "Run `mlroad sync`.")
        return [Change(path, upper + first_user_part(signature.script), problem)]
    text = path.read_text(encoding="utf-8", errors="replace")
    if not IS_GENERATED.match(text):
        return []
    mark = IS_YOURS.search(text)
    if not mark:
        what = f"The line `{YOURS}` is missing, so mlroad cannot tell which part of this component is yours."
        fix = "Put the line back, or delete the file, and run `mlroad sync`."
        raise UserError(Problem(Position(path), "MR314", what, fix))
    found, lower = text[: mark.start()], text[mark.end() :]
    _check_user_part(path, found, lower)
    if found + mark[0] == upper + YOURS:
        return []
    line = _first_difference(found + mark[0], upper + YOURS)
    what = f"The component differs from its script {signature.script}."
    problem = Problem(Position(path, line), "MR312", what, "Run `mlroad sync`.")
    return [Change(path, upper + YOURS + lower, problem)]


def _check_user_part(path: Path, upper: str, lower: str) -> None:
    problems = []
    for number, line in enumerate(lower.split("\n"), start=upper.count("\n") + 1):
        match = _TOP_LEVEL_KEY.match(line)
        if match and match[1] in OWNED_KEYS:
            what = f"{match[1]} comes from the script and is in the generated part already."
            fix = "Remove it here, or take over the whole component by deleting its first line."
            problems.append(Problem(Position(path, number, 1), "MR314", what, fix))
    if problems:
        raise UserError(problems)


def _orphans(model: Path, steps: set[str]) -> list[Change]:
    changes = []
    for path in sorted((model / "components").glob("*.yml")):
        if path.stem in steps:
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            if not IS_GENERATED.match(file.readline()):
                continue
        what = f"This component was generated from {path.stem}.py, which is no longer a step."
        problem = Problem(Position(path), "MR313", what, "Run `mlroad sync` to delete it.")
        changes.append(Change(path, None, problem))
    return changes


def _first_difference(found: str, wanted: str) -> int:
    """The line, from 1, where ``found`` first differs."""
    pairs = zip(found.split("\n"), wanted.split("\n"), strict=False)
    return next((number for number, (left, right) in enumerate(pairs, start=1) if left != right), 1)
