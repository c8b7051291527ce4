"""The environments of a repo: which branch may use their secrets, and who approves their jobs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlroad.core.github_api import GitHubError, in_path
from mlroad.core.problems import UserError
from mlroad.github.setting import Repo, Request, Setting, reading
from mlroad.github.stricter import narrowed, spoken
from mlroad.github.wanted import APPROVED, Wanted

_CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


class UnknownReviewer(UserError):
    """GitHub does not know a reviewer, or does not show a team to this token."""


@dataclass(slots=True)
class _Now:
    """An environment as it is."""

    exists: bool = False
    wait: int = 0
    prevents_self_review: bool = False
    reviewers: dict[tuple[str, int], str] = field(default_factory=dict)
    """The kind and number of each, with the name."""
    branches: dict[str, int] | None = None
    """The names of the branches that may use it, with GitHub's numbers. None: any branch."""
    policy: Mapping[str, bool] | None = None
    admins_wait: bool = False
    """Whether admins, too, cannot start its jobs without the approval."""

    def body(self, **changed: Any) -> dict[str, Any]:
        """The body of a PUT, which replaces everything: what is not sent is lost."""
        reviewers = [
            {"type": kind, "id": number} for kind, number in changed.get("reviewers", self.reviewers)
        ]
        policy = changed.get("policy", self.policy)
        return {
            **({"wait_timer": self.wait} if self.wait else {}),
            **({"reviewers": reviewers} if reviewers else {}),
            **({"can_admins_bypass": False} if self.admins_wait else {}),
            **({"prevent_self_review": True} if changed.get("prevents", self.prevents_self_review) else {}),
            "deployment_branch_policy": dict(policy) if policy else None,
        }


def compare_environments(repo: Repo, wanted: Wanted, *, loosen: bool) -> Iterator[Setting]:
    """Each environment, and then the reviewers, which not every plan offers. Raises UserError."""
    for name in wanted.environments:
        now = _Now()
        with reading(Setting(f"environment {name}")) as setting:
            now = _read(repo, name)
            _compare_branches(repo, name, now, setting)
        yield setting
        if name == APPROVED and not setting.problem:
            people = {_number_of(repo, owner, place): owner for owner, place in wanted.reviewers.items()}
            with reading(Setting(f"reviewers of {name}")) as setting:
                _compare_reviewers(_path(repo, name), now, people, setting, loosen=loosen)
            yield setting


def _path(repo: Repo, name: str) -> str:
    return f"{repo.path}/environments/{in_path(name)}"


def _read(repo: Repo, name: str) -> _Now:
    try:
        found = repo.api.get(_path(repo, name))
    except GitHubError as error:
        if error.status == 404 and not error.is_not_offered:
            return _Now()
        raise
    now = _Now(exists=True, policy=found.get("deployment_branch_policy"))
    now.admins_wait = found.get("can_admins_bypass") is False
    for rule in found.get("protection_rules") or []:
        now.wait = max(now.wait, rule.get("wait_timer") or 0)
        now.prevents_self_review |= bool(rule.get("prevent_self_review"))
        for its in rule.get("reviewers") or []:
            if not (who := its.get("reviewer")):  # a deleted account or team
                continue
            now.reviewers[its["type"], who["id"]] = f"@{who.get('login') or who.get('slug') or who['id']}"
    if now.policy and now.policy.get("custom_branch_policies"):
        listed = repo.api.all(f"{_path(repo, name)}/deployment-branch-policies", "branch_policies")
        now.branches = {
            f"tag {its['name']}" if its.get("type") == "tag" else its["name"]: its["id"] for its in listed
        }
    return now


def _compare_branches(repo: Repo, name: str, now: _Now, setting: Setting) -> None:
    """Only the default branch may use it."""
    path, policies = _path(repo, name), f"{_path(repo, name)}/deployment-branch-policies"
    if now.branches is None:
        said = "protected branches" if now.policy else "any branch"
        setting.changes = [
            f"branches: {said} -> {repo.branch}" if now.exists else f"create it, for {repo.branch} only"
        ]
        setting.requests = [Request("PUT", path, now.body(policy=_CUSTOM))]
        now.policy, now.branches = _CUSTOM, {}
    elif set(now.branches) != {repo.branch}:
        setting.changes = [f"branches: {spoken(list(now.branches))} -> {repo.branch}"]
    # First the others are removed: at no time may more branches use it than before.
    others = [number for branch, number in now.branches.items() if branch != repo.branch]
    setting.requests += [Request("DELETE", f"{policies}/{number}") for number in others]
    if repo.branch not in now.branches:
        setting.requests.append(Request("POST", policies, {"name": repo.branch}))


def _compare_reviewers(
    path: str, now: _Now, people: Mapping[tuple[str, int], str], setting: Setting, *, loosen: bool
) -> None:
    """Fewer people who may approve count as stricter."""
    keys = list(people) if loosen else narrowed(list(people), list(now.reviewers))
    names = {**now.reviewers, **people}
    if set(keys) != set(now.reviewers):
        setting.changes.append(
            f"reviewers: {_names(now.reviewers.values())} -> {_names(names[key] for key in keys)}"
        )
    if keys and not now.prevents_self_review:
        setting.changes.append("approving one's own run: allowed -> refused")
    if setting.changes:
        setting.requests = [Request("PUT", path, now.body(reviewers=keys, prevents=True))]
    missing = [name for key, name in people.items() if key not in keys]
    setting.kept = [f"reviewers: without {_names(missing)}"] if missing else []


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _number_of(repo: Repo, owner: str, place: str) -> tuple[str, int]:
    """What the API wants of ``@user`` or ``@org/team``. Raises UnknownReviewer."""
    organization, _, team = owner.removeprefix("@").partition("/")
    path = f"orgs/{organization}/teams/{in_path(team)}" if team else f"users/{organization}"
    try:
        found = repo.api.get(path)
    except GitHubError as error:
        if error.status not in (403, 404) or error.is_rate_limit:
            raise
        what = f"{place}: GitHub does not know the reviewer {owner}."
        fix = "A token needs the scope read:org to see teams." if team else "Check the name."
        raise UnknownReviewer(what, fix) from None
    kind = "Team" if team or found.get("type") == "Organization" else "User"
    return kind, int(found["id"])
