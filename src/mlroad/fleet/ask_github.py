"""What only GitHub knows, by its program `gh`. Without it, or if nobody is signed in, it is unknown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from functools import cached_property

from mlroad.core.problems import UserError

UNKNOWN = "unknown"
_CI = {"SUCCESS": "green", "FAILURE": "red", "ERROR": "red", "PENDING": "running", "EXPECTED": "running"}
_QUERY = (
    "query($owner:String!,$name:String!){repository(owner:$owner,name:$name)"
    "{defaultBranchRef{target{...on Commit{statusCheckRollup{state}}}}}}"
)
_SERVER = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/|[^@/:]+@(?P<ssh>[^/:]+):)"
    r"(?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
_MOST = 10_000
_SECONDS = 60


def on_server(address: str) -> str:
    """``host/owner/name`` of an address; empty if it is not of that form, such as a path."""
    found = _SERVER.fullmatch(address)
    return f"{found['host'] or found['ssh']}/{found['repo']}" if found else ""


class GitHub:
    """`gh` on this machine."""

    def __init__(self) -> None:
        self._program = shutil.which("gh")
        self._lock = threading.Lock()

    @property
    def is_signed_in(self) -> bool:
        """Whether `gh` is installed, and someone is signed in. It is asked once."""
        with self._lock:
            return self._signed_in

    @cached_property
    def _signed_in(self) -> bool:
        return self._program is not None and self._call("auth", "status").returncode == 0

    def refuse_signed_out(self) -> None:
        """Raises UserError if `gh` cannot be used."""
        if self._program is None:
            raise UserError("GitHub's program gh is not installed.", "Install it: https://cli.github.com")
        if not self.is_signed_in:
            raise UserError("Nobody is signed in to GitHub here.", "Sign in: `gh auth login`.")

    def repos_of(self, organization: str) -> list[str]:
        """The addresses of all repos of an organization, but archived ones and forks. Raises UserError."""
        self.refuse_signed_out()
        options = ("--no-archived", "--source", "--limit", str(_MOST), "--json", "url")
        done = self._call("repo", "list", organization, *options)
        try:
            found = [str(repo["url"]) for repo in json.loads(done.stdout)] if done.returncode == 0 else None
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
        done = self._call("api", "graphql", "--hostname", host, *values)
        try:
            commit = json.loads(done.stdout)["data"]["repository"]["defaultBranchRef"]["target"]
            checks = commit["statusCheckRollup"]
        except (ValueError, TypeError, KeyError):
            return UNKNOWN
        return _CI.get(checks.get("state"), UNKNOWN) if checks else "none"

    def start_workflow(self, repo: str, workflow: str) -> str:
        """Start a workflow on the default branch; returns why that failed, or nothing."""
        done = self._call("workflow", "run", workflow, "--repo", repo)
        return _reason(done) if done.returncode else ""

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._program or "gh", *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", errors="replace",
                check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1].rstrip(".")
