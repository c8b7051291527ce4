"""What `mlroad doctor` says about the settings of the repo on GitHub."""

import os
from pathlib import Path

from mlroad.core.github_api import GitHubError, NotSignedIn, repo_here
from mlroad.core.problems import UserError
from mlroad.github.compare_environments import UnknownReviewer
from mlroad.github.compare_settings import compare, open_repo


def settings_health(root: Path) -> tuple[list[str], list[str]]:
    """What differs from the repo's files, and what could not be compared. Both are empty without a server."""
    host = repo_here(root).partition("/")[0]
    if not host:
        return [], []
    try:
        repo = open_repo(root)
        settings = list(compare(root, repo))
    except NotSignedIn as error:
        is_github = host in ("github.com", os.environ.get("GH_HOST")) or host.endswith(".ghe.com")
        return [], [f"GitHub's settings were not compared. {error}"] if is_github else []
    except (GitHubError, UnknownReviewer) as error:
        return [], [f"GitHub's settings were not compared. {error}"]
    except UserError as error:
        return [str(error)], []
    differing = [f"{its.name}: {'; '.join(its.changes)}" for its in settings if its.changes]
    problems = [f"{its.name}: {its.problem}" for its in settings if its.problem]
    if problems and not repo.is_admin:
        problems = [f"Not all settings of GitHub were compared, because you are not an admin of {repo.name}."]
    return differing, problems
