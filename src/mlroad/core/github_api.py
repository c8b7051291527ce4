"""GitHub's REST API, asked with the token of the job, or of the person who is signed in with `gh`."""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mlroad.core.gh_program import run_gh
from mlroad.core.git import run_git
from mlroad.core.git_addresses import on_server

_SECONDS = 15
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_PLAN = re.compile(r"\bupgrade\b|\bplan\b|not available for|advanced security", re.IGNORECASE)
_OWN = ("127.0.0.1", "localhost", "::1")


class GitHubError(Exception):
    """Why GitHub did not do what it was asked for, as a sentence, and what to do about it."""

    def __init__(self, what: str, fix: str = "", *, status: int = 0, is_mistake: bool = False) -> None:
        super().__init__(f"{what} {fix}".strip())
        self.status = status
        """The HTTP status; 0 if there was no answer."""
        self.is_mistake = is_mistake
        """The user can fix it: a wrong token, a missing permission, a wrong name."""

    @property
    def is_rate_limit(self) -> bool:
        return "rate limit" in str(self)

    @property
    def is_not_offered(self) -> bool:
        """The plan of the repo, or this GitHub server, does not have the feature."""
        return self.status in (402, 403, 404, 422) and bool(_PLAN.search(str(self)))


class NotSignedIn(GitHubError):
    """There is no token for the server."""


class GitHubApi:
    """The API of one server."""

    def __init__(self, server: str, token: str = "") -> None:
        parts = urlsplit(server)
        if parts.scheme != "https" and parts.hostname not in _OWN:
            what = f"{server} does not start with https://, so no token is sent to it."
            raise GitHubError(what, "Correct GITHUB_API_URL.", is_mistake=True)
        if not re.fullmatch(r"[!-~]*", token):
            what = "The token has characters that no token of GitHub has."
            raise GitHubError(what, "Set GH_TOKEN again.", is_mistake=True)
        self.server = server.rstrip("/")
        self._token = token

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def get(self, path: str) -> Any:
        """The answer to a question. Raises GitHubError."""
        return self._call("GET", f"{self.server}/{path}")[0]

    def all(self, path: str, key: str = "") -> list[Any]:
        """The items of all pages of a list, which may be below a key. Raises GitHubError."""
        address, found = f"{self.server}/{path}?per_page=30", []
        asked = {address}
        while address:
            content, headers = self._call("GET", address)
            items = content.get(key) if key and isinstance(content, Mapping) else content
            if not isinstance(items, list):
                raise GitHubError(f"GitHub gave an unexpected answer to {path}.")
            found += items
            further = _NEXT.search(headers.get("Link") or "")
            address = further[1] if further else ""
            if address in asked:
                raise GitHubError(f"GitHub's pages of {path} lead in a circle.")
            asked.add(address)
            if address and not address.startswith(f"{self.server}/"):
                raise GitHubError(f"GitHub names another server for the rest of {path}.")
        return found

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something. Raises GitHubError."""
        return self._call(method, f"{self.server}/{path}", body)[0]

    def _call(self, method: str, address: str, body: Mapping[str, Any] | None = None) -> tuple[Any, Message]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/vnd.github+json", "User-Agent": "mlroad"}
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 (see __init__)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                content = answer.read()
                return json.loads(content) if content.strip() else None, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                raise _error(error, bool(self._token)) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise GitHubError(f"{self.server} cannot be reached: {reason}.", "Check the network.") from None
        except ValueError:
            raise GitHubError(f"{self.server} does not answer as GitHub's API does.") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Python would send the token to whatever server the answer names."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _error(error: urllib.error.HTTPError, has_token: bool) -> GitHubError:
    """What a status means."""
    said, status = _said(error), error.code
    if status == 401:
        fix = "Sign in again (`gh auth login`), or renew the token in GH_TOKEN."
        return GitHubError("GitHub does not accept the token.", fix, status=status, is_mistake=True)
    if status in (403, 429) and (again := _again(error.headers, said)):
        return GitHubError(f"GitHub's rate limit is used up{again}.", "Run it again later.", status=status)
    if status in (301, 302, 307, 308):
        fix = "Write its new address: git remote set-url origin ADDRESS"
        return GitHubError("The repo was renamed or moved.", fix, status=status, is_mistake=True)
    if status == 403:
        return GitHubError(f"GitHub refuses it: {said}.", _PERMISSIONS, status=status, is_mistake=True)
    if status == 404:
        fix = "Check the name, and that the token may read it." if has_token else "Sign in: `gh auth login`."
        return GitHubError("GitHub does not find it (HTTP 404).", fix, status=status, is_mistake=True)
    if status in (400, 409, 422):
        return GitHubError(f"GitHub rejects it: {said}.", status=status)
    return GitHubError(f"GitHub failed: HTTP {status}, {said}.", "Run it again later.", status=status)


_PERMISSIONS = (
    "This needs admin rights in the repo. A fine-grained token needs the permissions Administration, "
    "Environments and Variables (read and write), a classic one the scope repo."
)


def _said(error: urllib.error.HTTPError) -> str:
    """The message of an answer, with its details."""
    try:
        content = json.loads(error.read(100_000))
        details = content.get("errors") or []
        texts = [content["message"], *(details if isinstance(details, list) else [details])]
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return error.reason or f"HTTP {error.code}"
    words = [text.get("message") or text.get("code") if isinstance(text, Mapping) else text for text in texts]
    return "; ".join(str(word).strip().rstrip(".") for word in words if word)


def _again(headers: Message, said: str) -> str:
    """When GitHub answers again, in words; empty if its rate limit is not what is wrong."""
    if (
        headers.get("X-RateLimit-Remaining") == "0"
        and (until := headers.get("X-RateLimit-Reset", "")).isdigit()
    ):
        return f" until {datetime.fromtimestamp(int(until), UTC):%H:%M} UTC"
    if seconds := headers.get("Retry-After"):
        return f" for {seconds} seconds"
    return " for now" if "rate limit" in said.lower() else ""


def repo_here(root: Path) -> str:
    """``host/owner/name`` of the remote origin, or else of this job. Empty without a server."""
    origin = run_git(root, "remote", "get-url", "origin")
    found = on_server(origin.text) if origin.ok else ""
    named = os.environ.get("GITHUB_REPOSITORY")
    if found or not named:
        return found
    server = urlsplit(os.environ.get("GITHUB_SERVER_URL") or "https://github.com")
    return f"{server.hostname}/{named}"


def api_of(host: str) -> GitHubApi:
    """The API of a host: github.com, GitHub Enterprise Server, or GHE.com. Raises GitHubError."""
    server = os.environ.get("GITHUB_API_URL") or _server_of(host)
    return GitHubApi(server, _token(host))


def signed_in(host: str) -> GitHubApi:
    """The same with a token. Raises NotSignedIn without one."""
    api = api_of(host)
    if not api.has_token:
        fix = f"Sign in with `gh auth login --hostname {host}`, or set GH_TOKEN."
        raise NotSignedIn(f"There is no token for {host}.", fix, is_mistake=True)
    return api


def _server_of(host: str) -> str:
    if host == "github.com":
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"https://{host}/api/v3"


def _token(host: str) -> str:
    """The variables that `gh` reads, or else the token of the person who is signed in with it.

    A variable is only for the host that it was set for: no other server may get the token.
    """
    names: tuple[str, ...] = ()
    if host == "github.com" or host.endswith(".ghe.com") or os.environ.get("GITHUB_API_URL"):
        names = ("GH_TOKEN", "GITHUB_TOKEN")
    elif host == os.environ.get("GH_HOST"):
        names = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    for name in names:
        if token := os.environ.get(name, "").strip():
            return token
    done = run_gh("auth", "token", "--hostname", host)
    return done.text if done.ok else ""


def in_path(name: str) -> str:
    """A name as part of a path of the API."""
    return quote(name, safe="")
