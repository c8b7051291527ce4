"""The verdicts of inference tests: each must be green, and of this run, this model and this suite."""

from __future__ import annotations

import json
from typing import Any

from mlroad.gate.checks import Board
from mlroad.models.suite import suite_digest
from mlroad.run.candidate import Candidate

_FILES = {"python": "inference.json"}


def check_inference(
    board: Board, candidate: Candidate, runtimes: tuple[str, ...], digest: str | None
) -> dict[str, Any]:
    """Check the verdict of each runtime; what the verdict of the gate says of them."""
    found: dict[str, Any] = {}
    for runtime in runtimes:
        wrong, said = _read(candidate, runtime, digest)
        cases, failed = said.get("cases"), said.get("failed")
        if wrong:
            board.add(f"inference.{runtime}", "broken", wrong)
        elif said.get("passed") is True and failed == 0:
            board.add(f"inference.{runtime}", "passed", f"All {cases} inference tests passed.", cases)
        else:
            names = [str(result.get("id")) for result in said.get("results", []) if not result.get("passed")]
            which = f": {', '.join(names[:5])}{' …' if len(names) > 5 else ''}" if names else ""
            why = f" {said['reason']}" if said.get("reason") else ""
            what = f"{failed} of {cases} inference tests failed{which}.{why}"
            board.add(f"inference.{runtime}", "failed", what, failed, 0)
        found[runtime] = {
            "passed": board.is_good(f"inference.{runtime}"),
            "cases": cases,
            "failed": failed,
            "suite_digest": said.get("suite_digest"),
        }
    return found


def _read(candidate: Candidate, runtime: str, digest: str | None) -> tuple[str, dict[str, Any]]:
    """What is wrong with a verdict (nothing, if it can be trusted), and the verdict."""
    file = candidate.folder / "gate" / _FILES[runtime]
    again = f"Make it: `mlroad test models/{candidate.model.name} --run {candidate.run}`."
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"There is no verdict of the inference tests. {again}", {}
    except (OSError, ValueError) as error:
        return f"{file} cannot be read: {error}. {again}", {}
    if not isinstance(said, dict) or said.get("schema") != 1 or not isinstance(said.get("results", []), list):
        return f"{file} is no verdict of inference tests. {again}", {}
    for key, mine in (("runtime", runtime), ("model", candidate.model.name), ("run", candidate.run)):
        if said.get(key) != mine:
            return f"The inference tests are of another {key}: {said.get(key)}, not {mine}. {again}", said
    if digest is None or said.get("model_digest") != digest:
        return f"The inference tests were made on another model than outputs/model is now. {again}", said
    try:
        suite = suite_digest(candidate.model.path)
    except OSError as error:
        return f"The inference tests cannot be read: {error.filename}: {error.strerror}.", said
    if said.get("suite_digest") != suite:
        return f"The inference tests were changed after they ran. {again}", said
    cases, failed = said.get("cases"), said.get("failed")
    if isinstance(cases, bool) or not isinstance(cases, int) or not isinstance(failed, int):
        return f"{file} does not count its cases. {again}", said
    if cases < 1 and not said.get("reason"):
        return (
            f"There are no inference tests. Make some: `mlroad freeze models/{candidate.model.name}`.",
            said,
        )
    return "", said
