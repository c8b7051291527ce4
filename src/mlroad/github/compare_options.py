"""The options of a repo: how pull requests are merged, what workflows may do, secret scanning, variables."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlroad.core.github_api import GitHubError, in_path
from mlroad.github.setting import Repo, Request, Setting, reading
from mlroad.github.stricter import narrowed

_BUTTONS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
_SCANS = ("secret_scanning", "secret_scanning_push_protection")
_ADMIN = "Only an admin of the repo can see it."


def compare_merging(repo: Repo, rulesets: list[dict[str, Any]]) -> Iterator[Setting]:
    """The buttons of pull requests offer the ways to merge that the ruleset allows."""
    rules = [rule.get("parameters") or {} for ruleset in rulesets for rule in ruleset["rules"]]
    allowed = next((its["allowed_merge_methods"] for its in rules if its.get("allowed_merge_methods")), None)
    if allowed is None:
        return
    setting = Setting("ways to merge")
    before = {name: repo.about.get(option) for name, option in _BUTTONS.items()}
    if None in before.values():
        setting.problem = _ADMIN
    else:
        keep = narrowed(allowed, [name for name, on in before.items() if on])
        after = {name: name in keep for name in _BUTTONS}
        setting.changes = [
            f"{name}: {_on(before[name])} -> {_on(after[name])}" for name in _differing(before, after)
        ]
        if setting.changes:
            body = {_BUTTONS[name]: after[name] for name in _differing(before, after)}
            setting.requests = [Request("PATCH", repo.path, body)]
    yield setting


def compare_actions(repo: Repo) -> Iterator[Setting]:
    """A workflow that asks for no permissions gets a token that can only read."""
    path = f"{repo.path}/actions/permissions/workflow"
    with reading(Setting("token of workflows")) as setting:
        now = repo.api.get(path)
        if now["default_workflow_permissions"] != "read":
            setting.changes = [f"default: {now['default_workflow_permissions']} -> read"]
            setting.requests = [Request("PUT", path, {**now, "default_workflow_permissions": "read"})]
    yield setting


def compare_scans(repo: Repo) -> Iterator[Setting]:
    """Secret scanning is free in public repos. Elsewhere it costs money, so it is only mentioned."""
    setting = Setting("secret scanning")
    scans = repo.about.get("security_and_analysis") or {}
    off = [name for name in _SCANS if (scans.get(name) or {}).get("status") != "enabled"]
    if not off:
        pass
    elif repo.about.get("private", True):
        setting.note = (
            "In a private repo it needs GitHub Secret Protection, which is charged for each committer. "
            "Switch it on in Settings, Advanced Security."
        )
    elif not scans:
        setting.problem = _ADMIN
    else:
        setting.changes = [f"{name.replace('_', ' ')}: off -> on" for name in off]
        body = {"security_and_analysis": {name: {"status": "enabled"} for name in off}}
        setting.requests = [Request("PATCH", repo.path, body)]
    yield setting


def compare_variables(repo: Repo, wanted: Mapping[str, str]) -> Iterator[Setting]:
    """The variables that have a value in the repo's file. Others stay as they are."""
    if not wanted:
        return
    path = f"{repo.path}/actions/variables"
    listing = Setting("variables")
    there: dict[str, str] = {}
    with reading(listing):
        there = _values(repo.api.all(path, "variables"))
    if listing.problem:
        yield listing
        return
    inherited = _inherited(repo)
    for name, value in wanted.items():
        setting = Setting(f"variable {name}")
        now = there.get(name)
        if now is None and inherited.get(name) != value:
            setting.changes = [f"none -> {value}"]
            setting.requests = [Request("POST", path, {"name": name, "value": value})]
        elif now not in (None, value):
            setting.changes = [f"{now} -> {value}"]
            setting.requests = [Request("PATCH", f"{path}/{in_path(name)}", {"value": value})]
        yield setting


def _inherited(repo: Repo) -> dict[str, str]:
    """The variables of the organization that the repo sees; none for a user's repo."""
    try:
        return _values(repo.api.all(f"{repo.path}/actions/organization-variables", "variables"))
    except GitHubError:
        return {}


def _values(variables: list[Mapping[str, Any]]) -> dict[str, str]:
    return {str(its["name"]).upper(): str(its["value"]) for its in variables}


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name for name in after if bool(before[name]) != after[name]]


def _on(value: object) -> str:
    return "on" if value else "off"
