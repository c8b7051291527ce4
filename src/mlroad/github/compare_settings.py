"""Compare all settings of a repo on GitHub with its files, and apply the files."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.core.github_api import GitHubError, repo_here, signed_in
from mlroad.core.problems import UserError
from mlroad.github.compare_environments import compare_environments
from mlroad.github.compare_options import compare_actions, compare_merging, compare_scans, compare_variables
from mlroad.github.compare_rulesets import compare_rulesets
from mlroad.github.setting import Repo, Setting
from mlroad.github.wanted import wanted_settings

_LAG_SECONDS = 1


def open_repo(root: Path, named: str = "") -> Repo:
    """The repo on GitHub: ``[host/]owner/name``, or the remote origin. Raises UserError and GitHubError."""
    found = named if named.count("/") != 1 else f"github.com/{named}"
    host, _, name = (found or repo_here(root)).partition("/")
    if name.count("/") != 1:
        what = f"{named} is not a repo." if named else "This repo has no remote origin on GitHub."
        raise UserError(what, "Name one: --repo OWNER/NAME, or HOST/OWNER/NAME.")
    api = signed_in(host)
    about = api.get(f"repos/{name}")
    if not isinstance(about, dict):
        raise GitHubError(f"{api.server} does not answer as GitHub's API does.")
    return Repo(api, name, about)


def compare(root: Path, repo: Repo, *, loosen: bool = False) -> Iterator[Setting]:
    """Every setting, whether it differs or not. Raises UserError for a wrong file, and GitHubError."""
    wanted = wanted_settings(root)
    yield from compare_rulesets(repo, wanted.rulesets, loosen=loosen)
    yield from compare_merging(repo, wanted.rulesets)
    yield from compare_environments(repo, wanted, loosen=loosen)
    yield from compare_actions(repo)
    yield from compare_scans(repo)
    yield from compare_variables(repo, wanted.variables)


def confirm(root: Path, repo: Repo, settings: Sequence[Setting], *, loosen: bool) -> list[Setting]:
    """The settings that GitHub accepted and did not keep, such as a reviewer without access to the repo."""
    lost = _lost(root, repo, settings, loosen=loosen)
    if lost:  # GitHub may answer from a copy that is a moment old
        time.sleep(_LAG_SECONDS)
        lost = _lost(root, repo, settings, loosen=loosen)
    failed = [its for its in settings if its.name in lost]
    for its in failed:
        its.problem = f"GitHub accepted the change, and did not keep it: {'; '.join(lost[its.name])}."
        if its.name.startswith("reviewers"):
            its.problem += " Reviewers need write access to the repo."
    return failed


def _lost(root: Path, repo: Repo, settings: Sequence[Setting], *, loosen: bool) -> dict[str, list[str]]:
    """What still differs of the settings that were changed."""
    again = Repo(repo.api, repo.name, repo.api.get(repo.path))
    now = {its.name: its for its in compare(root, again, loosen=loosen)}
    found = {}
    for its in settings:
        if its.changes and not its.problem and (left := now.get(its.name)):
            # What is missing now looks as if GitHub were stricter.
            found[its.name] = [*left.changes, *(text for text in left.kept if text not in its.kept)]
    return {name: differing for name, differing in found.items() if differing}


def apply(repo: Repo, setting: Setting) -> None:
    """Send the requests of a setting; the first that fails is noted. Raises GitHubError as `reading`."""
    for request in setting.requests:
        try:
            repo.api.send(request.method, request.path, request.body)
        except GitHubError as error:
            setting.fail(error)
            if error.status == 401 or error.is_rate_limit or not error.status:
                raise
            return
