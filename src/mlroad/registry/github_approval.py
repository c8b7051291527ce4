"""Ask GitHub who approved a version: the approval of the environment `production` in a run of approve.yml.

One run approves one version. The title of the run names it with the digest of its lineage, so the approval is
for exactly what the reviewer was shown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.core.github_api import GitHubError, api_of, repo_here
from mlroad.registry.base import Version
from mlroad.registry.registered_model import LINEAGE_TAG

ENVIRONMENT = "production"
WORKFLOW = ".github/workflows/approve.yml"


class NotConfirmed(Exception):
    """GitHub does not confirm an approval; the reason as a sentence."""


def approver(root: Path, version: Version, run: int) -> str:
    """``@user``: who approved exactly this version in a run of the workflow. Raises NotConfirmed."""
    about, reviews = _ask(root, run)
    if str(about.get("path", "")).partition("@")[0] != WORKFLOW:
        raise NotConfirmed(f"Run {run} is not a run of {WORKFLOW}.")
    if about.get("display_title") != title(version):
        raise NotConfirmed(f"Run {run} is about something else: {about.get('display_title')}.")
    found = ""
    for review in reviews:
        environments = [its.get("name") for its in review.get("environments") or []]
        user = review.get("user") or {"login": "ghost"}  # GitHub's name for a deleted account
        if ENVIRONMENT in environments and review.get("state") == "approved":
            found = f"@{user['login']}"
    if found:
        return found
    raise NotConfirmed(f"GitHub knows no approval of the environment {ENVIRONMENT} in run {run}.")


def title(version: Version) -> str:
    """The title of the run that approves a version; approve.yml makes the same from its inputs."""
    return f"Approve {version.name} ({version.tags.get(LINEAGE_TAG)})"


def _ask(root: Path, run: int) -> tuple[Mapping[str, Any], list[Any]]:
    """What GitHub knows about a run, and its reviews."""
    host, _, name = repo_here(root).partition("/")
    if not name:
        raise NotConfirmed("The repo has no remote origin on GitHub.")
    path = f"repos/{name}/actions/runs/{run}"
    try:
        api = api_of(host)
        about, reviews = api.get(path), api.get(f"{path}/approvals")
    except GitHubError as error:
        raise NotConfirmed(str(error)) from None
    if not isinstance(about, Mapping) or not isinstance(reviews, list):
        raise NotConfirmed("GitHub gave an unexpected answer.")
    return about, reviews
