"""What only GitHub knows, by its program `gh`. Without it, or if nobody is signed in, it is unknown."""

import json
import threading
from functools import cached_property

from mlroad.core.gh_program import INSTALL, has_gh, run_gh
from mlroad.core.git import GitOutput
from mlroad.core.problems import UserError

UNKNOWN = "unknown"
_CI = {"SUCCESS": "green", "FAILURE": "red", "ERROR": "red", "PENDING": "running", "EXPECTED": "running"}
_QUERY = (
    "query($owner:String!,$name:String!){repository(owner:$owner,name:$name)"
    "{defaultBranchRef{target{...on Commit{statusCheckRollup{state}}}}}}"
)
_MOST = 10_000


class GitHub:
    """`gh` on this machine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def is_signed_in(self) -> bool:
        """Whether `gh` is installed, and someone is signed in. It is asked once."""
        with self._lock:
            return self._signed_in

    @cached_property
    def _signed_in(self) -> bool:
        return run_gh("auth", "status").ok

    def refuse_signed_out(self) -> None:
        """Raises UserError if `gh` cannot be used."""
        if not has_gh():
            raise UserError("GitHub's program gh is not installed.", INSTALL)
        if not self.is_signed_in:
            raise UserError("You are not signed in to GitHub.", "Sign in: `gh auth login`.")

    def repos_of(self, organization: str) -> list[str]:
        """The addresses of all repos of an organization, but archived ones and forks. Raises UserError."""
        self.refuse_signed_out()
        options = ("--no-archived", "--source", "--limit", str(_MOST), "--json", "url")
        done = run_gh("repo", "list", organization, *options)
        try:
            found = [str(repo["url"]) for repo in json.loads(done.text)] if done.ok else None
        except (ValueError, TypeError, KeyError):
            found = None
        if found is None:
            raise UserError(f"gh cannot list the repos of {organization}: {_reason(done)}.")
        if not found:
            raise UserError(f"{organization} has no repos that you may read.", "Check its name.")
        return found

    def ci(self, repo: str) -> str:
        """green, red, running or none: all checks of the newest commit of the default branch."""
        if not repo or not self.is_signed_in:
            return UNKNOWN
        host, owner, name = repo.split("/")
        values = ("-f", f"owner={owner}", "-f", f"name={name}", "-f", f"query={_QUERY}")
        done = run_gh("api", "graphql", "--hostname", host, *values)
        try:
            commit = json.loads(done.text)["data"]["repository"]["defaultBranchRef"]["target"]
            checks = commit["statusCheckRollup"]
        except (ValueError, TypeError, KeyError):
            return UNKNOWN
        return _CI.get(checks.get("state"), UNKNOWN) if checks else "none"

    def start_workflow(self, repo: str, workflow: str) -> str:
        """Start a workflow on the default branch; returns why that failed, or nothing."""
        done = run_gh("workflow", "run", workflow, "--repo", repo)
        return "" if done.ok else _reason(done)


def _reason(done: GitOutput) -> str:
    return done.reason.rstrip(".")
