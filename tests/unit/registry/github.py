"""GitHub's API on this machine: runs of workflows, and who approved their environments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import http_server


class GitHub:
    """What the API knows about the repo o/r."""

    def __init__(self) -> None:
        self.runs: dict[int, dict[str, Any]] = {}
        self.approvals: dict[int, list[dict[str, Any]]] = {}
        self.address = ""

    def add(self, run: int, title: str, *reviews: tuple[str, str, str]) -> None:
        """Add a run of approve.yml with its ``reviews``: user, state, environment."""
        self.runs[run] = {"id": run, "path": ".github/workflows/approve.yml", "display_title": title}
        self.approvals[run] = [
            {"user": {"login": user}, "state": state, "comment": "", "environments": [{"name": environment}]}
            for user, state, environment in reviews
        ]

    def answer(self, path: str) -> Any:
        """The answer to a request; None for what does not exist."""
        parts = path.strip("/").split("/")
        if parts[:5] != ["repos", "o", "r", "actions", "runs"] or not parts[5].isdecimal():
            return None
        return (self.approvals if parts[6:] == ["approvals"] else self.runs).get(int(parts[5]))


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    """Serve it; only requests with a token are answered."""

    class Handler(http_server.QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 (the name that http.server calls)
            found = (
                github.answer(self.path) if self.headers.get("Authorization") == "Bearer made-up" else None
            )
            content = json.dumps({"message": "Not Found"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with http_server.serving(Handler) as github.address:
        yield github
