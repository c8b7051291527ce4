"""GitHub's API on this machine, for the settings of one repo: it keeps them as GitHub does.

What a PUT does not say is lost, lists come back in another order and in pages, rules get parameters that
were not sent, and what the plan does not offer is refused with GitHub's own words.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests import http_server

TOKEN = "made" + "-up"
RULE_DEFAULTS: dict[str, dict[str, Any]] = {
    "pull_request": {"automatic_copilot_code_review_enabled": False, "required_reviewers": []},
}
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."
BILLING = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports the required "
    "reviewers protection rule."
)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, message: str = "Not Found", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


class GitHub:
    """The repo o/r, of a public organization. Tests change its state."""

    def __init__(self) -> None:
        self.repo: dict[str, Any] = {
            "full_name": "o/r", "default_branch": "main", "private": False, "permissions": {"admin": True},
            "allow_merge_commit": True, "allow_squash_merge": True, "allow_rebase_merge": True,
            "security_and_analysis": {"secret_scanning": {"status": "disabled"}},
        }  # fmt: skip
        self.rulesets: dict[int, dict[str, Any]] = {}
        self.environments: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, dict[int, str]] = {}
        self.workflow_token = {
            "default_workflow_permissions": "write",
            "can_approve_pull_request_reviews": True,
        }
        self.variables: dict[str, str] = {}
        self.organization_variables: dict[str, str] = {}
        self.people = {"orgs/my-org/teams/data-science": 7, "users/octocat": 1, "users/hubot": 2}
        self.actions_app = 15368
        self.leaves_out: set[int] = set()
        """Reviewers that may not write to the repo."""
        self.offers_rulesets = self.offers_reviewers = True
        self.broken: Callable[[str, str], Refused | None] = lambda *_: None
        self.changes: list[str] = []
        """The requests that changed something."""
        self.address = ""
        self._number = 100

    def answer(self, method: str, path: str, body: Any) -> Any:
        """What GitHub answers. Raises Refused."""
        if refused := self.broken(method, path):
            raise refused
        if method != "GET":
            if not self.repo["permissions"]["admin"]:
                raise Refused(403, "Must have admin rights to Repository.")
            self.changes.append(f"{method} {path}")
        if path == "apps/github-actions":
            return {"id": self.actions_app}
        if path in self.people:
            return {"id": self.people[path], "type": "User"}
        rest = path.removeprefix("repos/o/r")
        if not path.startswith("repos/o/r"):
            raise Refused(404)
        if not rest and method == "GET":
            return self.repo
        if not rest:
            return self._repo(body)
        for pattern, handle in (
            (r"/rulesets", self._rulesets),
            (r"/rulesets/(\d+)", self._ruleset),
            (r"/environments/([^/]+)", self._environment),
            (r"/environments/([^/]+)/deployment-branch-policies(?:/(\d+))?", self._policies),
            (r"/actions/permissions/workflow", self._workflow_token),
            (r"/actions/variables(?:/(\w+))?", self._variables),
            (r"/actions/organization-variables", self._inherited),
        ):
            if found := re.fullmatch(pattern, rest):
                return handle(method, body, *(unquote(part) if part else part for part in found.groups()))
        raise Refused(404)

    def _repo(self, body: dict[str, Any]) -> dict[str, Any]:
        if "security_and_analysis" in body:
            self.repo["security_and_analysis"].update(body.pop("security_and_analysis"))
        self.repo.update(body)
        ways = [
            self.repo.get(f"allow_{way}", True) for way in ("merge_commit", "squash_merge", "rebase_merge")
        ]
        if not any(ways):
            raise Refused(422, "Sorry, you need to allow at least one merge strategy.")
        return self.repo

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _rulesets(self, method: str, body: Any) -> Any:
        if not self.offers_rulesets:
            raise Refused(403, UPGRADE)
        if method == "GET":
            kept = ("id", "name", "target", "enforcement", "source_type")
            return [{key: ruleset[key] for key in kept} for ruleset in self.rulesets.values()]
        if body["name"] in {ruleset["name"] for ruleset in self.rulesets.values()}:
            raise Refused(422, "Validation Failed: Name must be unique")
        return self.store(self._next(), body)

    def store(self, number: int, ruleset: dict[str, Any]) -> dict[str, Any]:
        """Keep a ruleset as GitHub does."""
        kept = {"bypass_actors": [], **copy.deepcopy(ruleset), "id": number, "source_type": "Repository"}
        kept["rules"] = [dict(rule) for rule in reversed(kept["rules"])]
        for rule in kept["rules"]:
            defaults = RULE_DEFAULTS.get(rule["type"])
            if defaults:
                rule["parameters"] = {**defaults, **rule["parameters"]}
        self.rulesets[number] = kept
        return kept

    def _ruleset(self, method: str, body: Any, number: str) -> Any:
        if int(number) not in self.rulesets:
            raise Refused(404)
        return self.store(int(number), body) if method == "PUT" else self.rulesets[int(number)]

    def _environment(self, method: str, body: Any, name: str) -> Any:
        if method == "PUT":
            if body.get("reviewers") and not self.offers_reviewers:
                raise Refused(422, BILLING)
            kept_reviewers = [its for its in body.get("reviewers") or [] if its["id"] not in self.leaves_out]
            self.environments[name] = {**body, "reviewers": kept_reviewers} if kept_reviewers else body
            custom = (body.get("deployment_branch_policy") or {}).get("custom_branch_policies")
            self.policies[name] = self.policies.get(name, {}) if custom else {}
        if name not in self.environments:
            raise Refused(404)
        kept = self.environments[name]
        names = {number: path.rpartition("/")[2] for path, number in self.people.items()}
        rules: list[dict[str, Any]] = []
        if kept.get("wait_timer"):
            rules.append({"type": "wait_timer", "wait_timer": kept["wait_timer"]})
        if kept.get("reviewers"):
            reviewers = [
                {
                    "type": its["type"],
                    "reviewer": {
                        "id": its["id"],
                        "login" if its["type"] == "User" else "slug": names[its["id"]],
                    },
                }
                for its in reversed(kept["reviewers"])
            ]
            prevents = kept.get("prevent_self_review", False)
            rules.append(
                {"type": "required_reviewers", "prevent_self_review": prevents, "reviewers": reviewers}
            )
        return {
            "name": name,
            "protection_rules": rules,
            "can_admins_bypass": kept.get("can_admins_bypass", True),
            "deployment_branch_policy": kept.get("deployment_branch_policy"),
        }

    def _policies(self, method: str, body: Any, name: str, number: str | None) -> Any:
        if name not in self.environments:
            raise Refused(404)
        policies = self.policies[name]
        if method == "POST":
            if not (self.environments[name].get("deployment_branch_policy") or {}).get(
                "custom_branch_policies"
            ):
                raise Refused(404)
            policies[self._next()] = body["name"]
        elif method == "DELETE":
            del policies[int(number or 0)]
        return {"branch_policies": [{"id": key, "name": value} for key, value in policies.items()]}

    def _workflow_token(self, method: str, body: Any) -> Any:
        if method == "PUT":
            self.workflow_token = body
        return self.workflow_token

    def _variables(self, method: str, body: Any, name: str | None) -> Any:
        if method == "POST":
            if body["name"] in self.variables:
                raise Refused(409, "Already exists - Variable already exists")
            self.variables[body["name"]] = body["value"]
        elif method == "PATCH":
            self.variables[str(name)] = body["value"]
        return {"variables": [{"name": key, "value": value} for key, value in self.variables.items()]}

    def _inherited(self, *_: object) -> Any:
        items = self.organization_variables.items()
        return {"variables": [{"name": key, "value": value} for key, value in items]}


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    """Serve it; only requests with the token are answered."""

    class Handler(http_server.QuietHandler):
        def _handle(self) -> None:
            address = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers: dict[str, str] = {}
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(401, "Bad credentials")
                found, status = github.answer(self.command, address.path.strip("/"), body), 200
                found, headers = self._page(found, address.path, parse_qs(address.query))
            except Refused as refused:
                found, status, headers = {"message": refused.message}, refused.status, refused.headers
            content = json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _page(self, found: Any, path: str, query: dict[str, list[str]]) -> tuple[Any, dict[str, str]]:
            """Two items per page."""
            key = next((key for key in ("variables", "branch_policies") if key in found), None)
            items = found if isinstance(found, list) else found[key] if key else None
            if self.command != "GET" or items is None:
                return found, {}
            start = (int(query.get("page", ["1"])[0]) - 1) * 2
            part, page = items[start : start + 2], start // 2 + 2
            more = {"Link": f'<{github.address}{path}?page={page}>; rel="next"'} if items[start + 2 :] else {}
            return ({key: part, "total_count": len(items)} if key else part), more

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    with http_server.serving(Handler) as github.address:
        yield github
