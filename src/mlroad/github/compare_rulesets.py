"""The rulesets of a repo: the rules for its branches."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlroad.core.github_api import GitHubError
from mlroad.github.setting import Repo, Request, Setting, reading
from mlroad.github.stricter import differences, overlaid, settable, spoken, stricter_ruleset
from mlroad.github.wanted import ACTIONS, required_checks


def compare_rulesets(repo: Repo, wanted: list[dict[str, Any]], *, loosen: bool) -> Iterator[Setting]:
    """Each ruleset of the repo's files. Rulesets of the same name on GitHub are the same."""
    listing = Setting("rulesets")
    there: dict[str, int] = {}
    with reading(listing):
        listed = repo.api.all(f"{repo.path}/rulesets")
        own = [its for its in listed if its.get("source_type", "Repository") == "Repository"]
        there = {its["name"]: its["id"] for its in own}
    if listing.problem:
        yield listing
        return
    for ruleset in wanted:
        with reading(Setting(f"ruleset {ruleset['name']}")) as setting:
            _of_this_server(repo, ruleset)
            _compare(repo, ruleset, there.get(ruleset["name"]), setting, loosen=loosen)
        yield setting


def _compare(
    repo: Repo, wanted: dict[str, Any], number: int | None, setting: Setting, *, loosen: bool
) -> None:
    path = f"{repo.path}/rulesets"
    if number is None:
        setting.changes = [f"create it: {', '.join(_spoken(rule) for rule in wanted['rules'])}"]
        setting.requests = [Request("POST", path, settable(wanted))]
        return
    current = repo.api.get(f"{path}/{number}")
    its, ours = (ruleset.get("target", "branch") for ruleset in (current, wanted))
    if its != ours:
        setting.problem = (
            f"GitHub has a ruleset of this name for another target: {its}, not {ours}. Rename it."
        )
        return
    before = settable({"bypass_actors": [], **current})
    after = settable((overlaid if loosen else stricter_ruleset)(wanted, current))
    setting.changes = list(differences(before, after))
    if setting.changes:
        setting.requests = [Request("PUT", f"{path}/{number}", after)]
    if not loosen:
        setting.kept = list(differences(after, settable(overlaid(wanted, current))))


def _spoken(rule: Mapping[str, Any]) -> str:
    checks = (rule.get("parameters") or {}).get("required_status_checks")
    return f"{rule['type']} ({spoken(checks)})" if checks else str(rule["type"])


def _of_this_server(repo: Repo, ruleset: dict[str, Any]) -> None:
    """Name GitHub Actions by its number on this server: it has the one of the file only on github.com."""
    checks = [check for check in required_checks(ruleset) if check.get("integration_id") == ACTIONS]
    if not checks:
        return
    try:
        number = int(repo.api.get("apps/github-actions")["id"])
    except (GitHubError, KeyError, TypeError, ValueError):
        return
    for check in checks:
        check["integration_id"] = number
