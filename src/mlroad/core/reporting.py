"""Problems for people, for programs, and for GitHub."""

import json
from collections.abc import Sequence

from mlroad import __version__
from mlroad.core.problems import Problem
from mlroad.core.rule_codes import RULES
from mlroad.core.text import count

FORMATS = ("text", "json", "github", "sarif")


def render(problems: Sequence[Problem], form: str) -> str:
    """``problems`` in one of FORMATS, without a newline at the end; empty without problems."""
    if form == "json":
        return json.dumps([record(problem) for problem in problems], indent=2, ensure_ascii=False)
    if form == "github":
        return "\n".join(_command(problem) for problem in problems)
    if form == "sarif":
        return json.dumps(_sarif(problems), indent=2, ensure_ascii=False)
    return "\n".join([*map(str, problems), summary(problems)] if problems else [])


def summary(problems: Sequence[Problem]) -> str:
    """The number of errors and warnings, in words."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    parts = [count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    return f"Found {' and '.join(parts)}."


def nothing_wrong(pipelines: int, steps: int) -> str:
    """What a check that found nothing looked at."""
    return f"checked {count(pipelines, 'pipeline')}, {count(steps, 'step')}: nothing wrong"


def record(problem: Problem) -> dict[str, object]:
    """A problem for programs."""
    return {
        "file": problem.at.file.as_posix(),
        "line": problem.at.line,
        "column": problem.at.column,
        "code": problem.code,
        "severity": problem.severity,
        "what": problem.what,
        "fix": problem.fix,
    }


def _command(problem: Problem) -> str:
    """GitHub's workflow command, which shows the message next to the line in a pull request."""
    places = [f"file={_escaped(problem.at.file.as_posix())}"]
    if problem.at.line:
        places.append(f"line={problem.at.line}")
        if problem.at.column:
            places.append(f"col={problem.at.column}")
    places.append(f"title={problem.code}")
    message = f"{problem.what} {problem.fix}".replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{problem.severity} {','.join(places)}::{message}"


def _escaped(value: str) -> str:
    for character, code in (("%", "%25"), (":", "%3A"), (",", "%2C")):
        value = value.replace(character, code)
    return value


def _sarif(problems: Sequence[Problem]) -> dict[str, object]:
    """SARIF 2.1.0, which GitHub's code scanning and most editors read."""
    codes = sorted({problem.code for problem in problems})
    rules = [{"id": code, "shortDescription": {"text": RULES.get(code, code)}} for code in codes]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "mlroad", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": problem.code,
                        "level": problem.severity,
                        "message": {"text": f"{problem.what} {problem.fix}".rstrip()},
                        "locations": [{"physicalLocation": _location(problem)}],
                    }
                    for problem in problems
                ],
            }
        ],
    }


def _location(problem: Problem) -> dict[str, object]:
    location: dict[str, object] = {"artifactLocation": {"uri": problem.at.file.as_posix()}}
    if problem.at.line:
        region = {"startLine": problem.at.line}
        if problem.at.column:
            region["startColumn"] = problem.at.column
        location["region"] = region
    return location
