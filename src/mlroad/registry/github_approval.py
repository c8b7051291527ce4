"""Ask GitHub who approved a version: the approval of the environment `production` in a run of approve.yml.

One run approves one version. The title of the run names it with the digest of its lineage, so the approval is
for exactly what the reviewer was shown.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from mlroad.core.git import run_git
from mlroad.registry.base import Version
from mlroad.registry.registered_model import LINEAGE_TAG

ENVIRONMENT = "production"
WORKFLOW = ".github/workflows/approve.yml"
_SECONDS = 10
_ADDRESS = re.compile(r"[:/](?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?/?$")


class NotConfirmed(Exception):
    """GitHub does not confirm an approval; the reason as a sentence."""


def approver(root: Path, version: Version, run: int) -> str:
    """``@user``: who approved exactly this version in a run of the workflow. Raises NotConfirmed."""
    base = f"repos/{_repository(root)}/actions/runs/{run}"
    about = _get(base)
    if str(about.get("path", "")).partition("@")[0] != WORKFLOW:
        raise NotConfirmed(f"Run {run} is not a run of {WORKFLOW}.")
    if about.get("display_title") != title(version):
        raise NotConfirmed(f"Run {run} is about something else: {about.get('display_title')}.")
    found = ""
    for review in _get(f"{base}/approvals"):
        environments = [its.get("name") for its in review.get("environments") or []]
        if ENVIRONMENT in environments and review.get("state") == "approved":
            found = f"@{review['user']['login']}"
    if found:
        return found
    raise NotConfirmed(f"GitHub knows no approval of the environment {ENVIRONMENT} in run {run}.")


def title(version: Version) -> str:
    """The title of the run that approves a version; approve.yml makes the same from its inputs."""
    return f"Approve {version.name} ({version.tags.get(LINEAGE_TAG)})"


def _repository(root: Path) -> str:
    """``owner/name`` on GitHub."""
    if named := os.environ.get("GITHUB_REPOSITORY"):
        return named
    found = _ADDRESS.search(run_git(root, "remote", "get-url", "origin").text)
    if not found:
        raise NotConfirmed("The repo has no remote origin on GitHub.")
    return found["repo"]


def _get(path: str) -> Any:
    server = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    headers = {"Accept": "application/vnd.github+json"}
    if token := _token():
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{server.rstrip('/')}/{path}", headers=headers)  # noqa: S310 (GitHub's)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            content = json.loads(answer.read())
    except (OSError, ValueError, HTTPException) as error:
        reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else str(error)
        raise NotConfirmed(f"GitHub cannot be asked: {reason}.") from None
    wanted: type = list if path.endswith("/approvals") else Mapping
    if not isinstance(content, wanted):
        raise NotConfirmed("GitHub gave an unexpected answer.")
    return content


def _token() -> str:
    """The token of the job, or the one that a person has signed in with."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        if token := os.environ.get(name):
            return token
    program = shutil.which("gh")
    if program is None:
        return ""
    done = subprocess.run([program, "auth", "token"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
