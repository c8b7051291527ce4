"""One setting on GitHub: how it differs from the repo's files, and the requests that change it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mlroad.core.github_api import GitHubApi, GitHubError


@dataclass(frozen=True, slots=True)
class Repo:
    """The repo on GitHub, as its API describes it."""

    api: GitHubApi
    name: str
    """``owner/name``"""
    about: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"repos/{self.name}"

    @property
    def branch(self) -> str:
        """The default branch."""
        return str(self.about.get("default_branch") or "main")

    @property
    def is_admin(self) -> bool:
        return bool((self.about.get("permissions") or {}).get("admin"))


@dataclass(frozen=True, slots=True)
class Request:
    """A request that changes something."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Setting:
    """A setting, such as a ruleset."""

    name: str
    changes: list[str] = field(default_factory=list)
    """What differs: ``what: now -> as the files say``."""
    kept: list[str] = field(default_factory=list)
    """What is stricter on GitHub than in the files, and stays."""
    note: str = ""
    """Why it is left as it is."""
    requests: list[Request] = field(default_factory=list)
    problem: str = ""
    """Why it cannot be read."""
    is_not_offered: bool = False
    """The plan of the repo, or this server, does not have it."""

    def fail(self, error: GitHubError) -> None:
        """Note why it cannot be read or changed."""
        self.problem, self.is_not_offered = str(error), error.is_not_offered
        if self.is_not_offered:
            self.problem = f"GitHub does not offer it for this repo: {error}"


@contextmanager
def reading(setting: Setting) -> Iterator[Setting]:
    """Notes a refusal in the setting, so that the others are still compared.

    Raises GitHubError for what concerns all of them: a wrong token, no network, the rate limit.
    """
    try:
        yield setting
    except GitHubError as error:
        if error.status not in (402, 403, 404, 422) or error.is_rate_limit:
            raise
        setting.fail(error)
    except (AttributeError, KeyError, TypeError, ValueError):
        setting.problem = "GitHub gave an unexpected answer."
