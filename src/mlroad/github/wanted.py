"""What GitHub should be set to: the rulesets, workflows and settings that are files of the repo.

`docs/github.md` in the repo explains each; a test compares that page with this module.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlroad.core.code_owners import owners_of
from mlroad.core.problems import Position, UserError
from mlroad.core.text import did_you_mean, quoted
from mlroad.core.yaml_document import Document, Fields
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode, read_yaml

ENFORCEMENT = ("disabled", "evaluate", "active")
"""The states of a ruleset, the strictest last."""
RULESETS = Path(".github/rulesets")
WORKFLOWS = Path(".github/workflows")
SETTINGS = Path(".github/mlroad.yml")
ENVIRONMENTS = ("production", "registry", "template-update", "training")
"""The environments of the standard workflows. Only the default branch may use them."""
APPROVED = "production"
"""The environment whose jobs wait for a reviewer."""
ACTIONS = 15368
"""The number of GitHub Actions on github.com, as the app that reports a check."""
MOST_REVIEWERS = 6
_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9._-]+)?\Z")
_VARIABLE = re.compile(r"\bvars\.([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The settings of one repo."""

    rulesets: list[dict[str, Any]]
    environments: list[str]
    reviewers: dict[str, str] = field(default_factory=dict)
    """Who may approve a version, ``@user`` or ``@org/team``, with the place that says so."""
    variables: dict[str, str] = field(default_factory=dict)


def wanted_settings(root: Path) -> Wanted:
    """What the files of the repo say. Raises UserError for a mistake in them."""
    workflows = [node for file in sorted((root / WORKFLOWS).glob("*.y*ml")) if (node := _workflow(file))]
    jobs = [job for node in workflows for _, job in _jobs(node)]
    used = {_environment(job) for job in jobs}
    environments = [name for name in ENVIRONMENTS if name in used]
    variables, reviewers = _settings(root)
    _refuse_unused(root, variables)
    if APPROVED in environments and not reviewers:
        owners = [name for name in owners_of(root).split() if _OWNER.match(name)][:MOST_REVIEWERS]
        reviewers = dict.fromkeys(owners, ".github/CODEOWNERS")
    rulesets = [_ruleset(file, workflows) for file in sorted((root / RULESETS).glob("*.json"))]
    return Wanted(rulesets, environments, reviewers if APPROVED in environments else {}, variables)


def used_variables(root: Path) -> set[str]:
    """The repository variables that the workflows read."""
    files = (root / WORKFLOWS).glob("*.y*ml")
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    return {name for text in texts for name in _VARIABLE.findall(text)}


def _settings(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The variables with a value, and the reviewers."""
    if not (root / SETTINGS).is_file():
        return {}, {}
    document = Document(root / SETTINGS)
    top = document.top()
    found = top.mapping("variables")
    variables = {name: value for name in found.names() if (value := _value(found, name))} if found else {}
    reviewers = {}
    for item in top.items("reviewers"):
        name = item.value if isinstance(item, ScalarNode) else None
        if not isinstance(name, str) or not _OWNER.match(name):
            what = f"{name} is not a user or team of GitHub."
            document.wrong(item, "MR704", what, 'Write one in quotes, such as "@octocat" or "@my-org/team".')
        else:
            reviewers[name] = str(item.at)
    if len(reviewers) > MOST_REVIEWERS:
        what = f"An environment has at most {MOST_REVIEWERS} reviewers."
        document.wrong(top.get("reviewers"), "MR704", what, "Name a team.")
    top.close()
    document.done()
    return variables, reviewers


def _value(fields: Fields, name: str) -> str:
    """A value as its text in the file: 0123 and yes are texts for GitHub. Empty: left as it is."""
    node = fields.get(name)
    if node is None:
        return ""
    if isinstance(node, ScalarNode):
        return node.text
    fields.document.wrong(node, "MR704", f"{name} must be text.", "Write one value in quotes.")
    return ""


def _refuse_unused(root: Path, variables: Mapping[str, str]) -> None:
    """A misspelt variable would have no effect."""
    used = used_variables(root)
    for name in variables:
        if name not in used:
            what = f"{root / SETTINGS}: No workflow reads the variable {name}."
            raise UserError(what, did_you_mean(name, used, "Remove it, or set it with `gh variable set`."))


def _ruleset(file: Path, workflows: list[MapNode]) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        ruleset = json.loads(text)
    except ValueError as error:
        place = Position(file, getattr(error, "lineno", 0), getattr(error, "colno", 0))
        raise UserError(f"{place}: This is not JSON: {error}.", "Correct it.") from None
    if not _is_ruleset(ruleset):
        raise UserError(f"{file}: This is not a ruleset.", f"Restore it: git log -p {quoted(file)}")
    ruleset.setdefault("name", file.stem)
    ruleset.setdefault("enforcement", "active")
    known = {name for node in workflows for name in _check_names(node)}
    for check in required_checks(ruleset):
        if check.get("integration_id") == ACTIONS and not any(
            _matches(name, check["context"]) for name in known
        ):
            line = text[: max(text.find(json.dumps(check["context"])), 0)].count("\n") + 1
            what = f"{file}:{line}: No job of a pull request has the name {check['context']}."
            fix = did_you_mean(check["context"], known, f"The jobs are: {', '.join(sorted(known))}.")
            raise UserError(f"{what} Every pull request would wait for it.", fix)
    return dict(ruleset)


def _is_ruleset(found: object) -> bool:
    """Whether it has the form of a ruleset, as far as it is read here. GitHub checks the rest."""
    if not isinstance(found, dict) or found.get("enforcement", "active") not in ENFORCEMENT:
        return False
    rules = found.get("rules")
    conditions = found.get("conditions") or {}
    parts = [conditions, (conditions.get("ref_name") or {}) if isinstance(conditions, dict) else None]
    return (
        isinstance(rules, list)
        and all(isinstance(rule, dict) and isinstance(rule.get("type"), str) for rule in rules)
        and all(
            isinstance(part, dict) for part in [*parts, *(rule.get("parameters") or {} for rule in rules)]
        )
        and all(
            isinstance(check, dict) and isinstance(check.get("context"), str)
            for check in required_checks(found)
        )
        and all(isinstance(actor, dict) for actor in found.get("bypass_actors") or [])
    )


def required_checks(ruleset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The checks that a ruleset requires."""
    rules = [rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks"]
    lists = [(rule.get("parameters") or {}).get("required_status_checks") or [] for rule in rules]
    return [check for checks in lists for check in checks]


def _check_names(workflow: MapNode) -> Iterator[str]:
    """The names under which the jobs of a workflow report to a pull request."""
    asked_by = workflow.get("on")
    names = asked_by.plain() if asked_by else ()
    if "pull_request" in ([names] if isinstance(names, str) else names):  # type: ignore[operator]
        for name, job in _jobs(workflow):
            yield job.text("name") or name


def _matches(name: str, check: str) -> bool:
    """Whether a job reports this check; an expression in its name can be anything."""
    pattern = ".*".join(map(re.escape, re.split(r"\$\{\{.*?\}\}", name)))
    return bool(re.fullmatch(pattern, check))


def _workflow(file: Path) -> MapNode | None:
    node, _ = read_yaml(file)
    return node if isinstance(node, MapNode) else None


def _jobs(workflow: MapNode) -> Iterator[tuple[str, MapNode]]:
    jobs = workflow.get("jobs")
    for name, _, job in jobs if isinstance(jobs, MapNode) else ():
        if isinstance(job, MapNode):
            yield name, job


def _environment(job: MapNode) -> str:
    node: Node | None = job.get("environment")
    return (node.text("name") if isinstance(node, MapNode) else job.text("environment")) or ""
