"""`mlroad github` makes GitHub's settings as the files of the repo say, and loosens nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlroad.github.stricter import differences, settable, stricter_ruleset
from tests.support import git
from tests.unit.cli.command import Command
from tests.unit.github.api_server import GitHub, Refused


def ruleset_of(github: GitHub, name: str) -> dict[str, dict[str, Any]]:
    """The parameters of each rule."""
    [found] = [its for its in github.rulesets.values() if its["name"] == name]
    return {rule["type"]: rule.get("parameters", {}) for rule in found["rules"]}


def state(github: GitHub) -> str:
    return json.dumps([github.rulesets, github.environments, github.policies, github.variables, github.repo])


def test_an_empty_repo_is_set_up_once(command: Command, github: GitHub) -> None:
    before = state(github)
    said = command("github")
    assert said.code == 0, said
    assert "ruleset main: would change\n  create it: deletion," in said.out
    assert "required_status_checks (ci)" in said.out
    assert "Nothing was changed. Change 11 settings: add --apply." in said.out
    assert command("github", "--apply", "--dry-run").out == said.out
    assert (state(github), github.changes) == (before, [])

    said = command("github", "--apply")
    assert said.code == 0, said
    assert "Changed 11 settings of o/r." in said.out
    main = ruleset_of(github, "main")
    assert main["pull_request"]["required_approving_review_count"] == 1
    assert main["required_status_checks"]["required_status_checks"] == [
        {"context": "ci", "integration_id": 15368}
    ]
    assert set(ruleset_of(github, "registry")) == {"deletion", "non_fast_forward"}
    # `staging` is the team's own: only the standard environments are set.
    assert {name: list(names.values()) for name, names in github.policies.items()} == {
        "production": ["main"], "registry": ["main"],
    }  # fmt: skip
    production = github.environments["production"]
    assert production["reviewers"] == [{"type": "Team", "id": 7}, {"type": "User", "id": 1}]
    assert production["prevent_self_review"] is True
    assert "reviewers" not in github.environments["registry"]
    assert github.variables == {
        "RETRAIN_MODELS": "all",
        "AZURE_ML_WORKSPACE": "0123",
        "TEMPLATE_APP_ID": "77",
    }
    assert [github.repo[f"allow_{way}"] for way in ("merge_commit", "squash_merge", "rebase_merge")] == [
        False, True, False,
    ]  # fmt: skip
    scans = github.repo["security_and_analysis"]
    assert scans == {
        name: {"status": "enabled"} for name in ("secret_scanning", "secret_scanning_push_protection")
    }
    assert github.workflow_token == {
        "default_workflow_permissions": "read", "can_approve_pull_request_reviews": True,
    }  # fmt: skip

    sent = list(github.changes)
    for arguments in (["--apply"], [], ["--apply", "--loosen"]):
        said = command("github", *arguments)
        assert (said.code, said.out) == (0, "Nothing to change: o/r is as the files say.\n"), arguments
    assert github.changes == sent


def test_without_reviewers_the_owners_approve(command: Command, github: GitHub, repo: Path) -> None:
    (repo / ".github/mlroad.yml").unlink()
    assert command("github", "--apply").code == 0
    assert github.environments["production"]["reviewers"] == [{"type": "User", "id": 2}]
    assert github.variables == {}


def stricter_rules(github: GitHub) -> None:
    [main] = [its for its in github.rulesets.values() if its["name"] == "main"]
    rules = {rule["type"]: rule for rule in main["rules"]}
    rules["pull_request"]["parameters"] |= {
        "required_approving_review_count": 2, "require_last_push_approval": True,
    }  # fmt: skip
    rules["required_status_checks"]["parameters"]["required_status_checks"].append({"context": "license"})
    main["rules"].append({"type": "required_signatures"})
    main["conditions"]["ref_name"]["include"].append("refs/heads/release/*")


def stricter_environment(github: GitHub) -> None:
    strict = {"wait_timer": 30, "can_admins_bypass": False, "reviewers": [{"type": "User", "id": 1}]}
    github.environments["production"] |= strict


def stricter_merging(github: GitHub) -> None:
    github.repo["delete_branch_on_merge"] = True


@pytest.mark.parametrize("tighten", [stricter_rules, stricter_environment, stricter_merging])
def test_what_is_stricter_on_github_stays(
    command: Command, github: GitHub, tighten: Callable[[GitHub], None]
) -> None:
    command("github", "--apply")
    tighten(github)
    before, sent = state(github), list(github.changes)
    said = command("github", "--apply")
    assert said.code == 0, said
    assert (state(github), github.changes) == (before, sent)
    assert ("stays stricter than the file says" in said.out) == (tighten is not stricter_merging)


def test_what_is_looser_is_tightened_and_the_stricter_rest_kept(command: Command, github: GitHub) -> None:
    """A PUT replaces a whole ruleset or environment, so it must repeat what is there."""
    command("github", "--apply")
    stricter_rules(github)
    stricter_environment(github)
    [main] = [its for its in github.rulesets.values() if its["name"] == "main"]
    main["enforcement"] = "evaluate"
    main["bypass_actors"] = [{"actor_type": "OrganizationAdmin", "actor_id": 1, "bypass_mode": "always"}]
    main["rules"] = [rule for rule in main["rules"] if rule["type"] != "deletion"]
    github.environments["production"]["prevent_self_review"] = False
    github.environments["production"]["deployment_branch_policy"] = None
    github.policies["production"] = {}
    github.policies["registry"] |= {7: "dev"}
    said = command("github", "--apply")
    assert said.code == 0, said
    assert "enforcement: evaluate -> active" in said.out
    assert "branches: main, dev -> main" in said.out
    rules = ruleset_of(github, "main")
    assert {"deletion", "required_signatures"} <= set(rules)
    assert rules["pull_request"]["required_approving_review_count"] == 2
    [main] = [its for its in github.rulesets.values() if its["name"] == "main"]
    assert (main["enforcement"], main["bypass_actors"]) == ("active", [])
    production = github.environments["production"]
    assert (production["wait_timer"], production["prevent_self_review"]) == (30, True)
    assert production["reviewers"] == [{"type": "User", "id": 1}]
    assert [list(names.values()) for names in github.policies.values()] == [["main"], ["main"]]
    assert "Nothing to change" in command("github").out


def test_loosen_makes_it_as_the_files_say(command: Command, github: GitHub, repo: Path) -> None:
    command("github", "--apply")
    stricter_rules(github)
    stricter_environment(github)
    file = repo / ".github/rulesets/main.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('review_count": 1', 'review_count": 0'), encoding="utf-8")
    assert "Nothing to change" in command("github", "--apply").out
    assert command("github", "--apply", "--loosen").code == 0
    rules = ruleset_of(github, "main")
    assert rules["pull_request"]["required_approving_review_count"] == 0
    assert "required_signatures" not in rules
    assert len(github.environments["production"]["reviewers"]) == 2
    assert "Nothing to change" in command("github", "--loosen").out


def test_what_the_plan_does_not_offer_is_said(command: Command, github: GitHub) -> None:
    github.offers_rulesets = github.offers_reviewers = False
    github.repo["private"] = True
    said = command("github")
    assert said.code == 0, said
    assert "rulesets: not compared. GitHub does not offer it for this repo" in said.out
    assert "secret scanning: left as it is. In a private repo it needs" in said.out
    said = command("github", "--apply")
    assert said.code == 1, said
    assert "reviewers of production: not changed. GitHub does not offer it" in said.out
    assert "1 setting could not be changed." in said.out
    # The rest is done.
    assert list(github.policies["production"].values()) == ["main"]
    assert github.variables["RETRAIN_MODELS"] == "all"
    # A private repo whose plan has it all: nothing is left to do.
    github.offers_rulesets = github.offers_reviewers = True
    assert command("github", "--apply").code == 0
    said = command("github", "--apply")
    assert (said.code, "Nothing to change: o/r is as the files say." in said.out) == (0, True), said


USED_UP = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}


@pytest.mark.parametrize(
    ("refused", "code", "told"),
    [
        (Refused(401, "Bad credentials"), 2, "does not accept the token"),
        (Refused(403, "Must have admin rights"), 2, "Must have admin rights. This needs admin"),
        (Refused(404), 2, "HTTP 404"),
        (Refused(301, "Moved Permanently", {"Location": "http://127.0.0.1:1/"}), 2, "renamed or moved"),
        (Refused(403, "API rate limit exceeded", USED_UP), 1, "rate limit is used up until 00:01 UTC"),
        (Refused(429, "You have exceeded a secondary rate limit", {"Retry-After": "9"}), 1, "for 9 seconds"),
        (Refused(502, "Bad gateway"), 1, "HTTP 502"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", ["repos/o/r", "repos/o/r/rulesets"])
def test_what_github_refuses(
    command: Command, github: GitHub, at: str, refused: Refused, code: int, told: str
) -> None:
    github.broken = lambda _, path: refused if path == at else None
    said = command("github", "--apply")
    # A part that the token may not see is a failure of that part.
    assert said.code == (1 if at != "repos/o/r" and refused.status in (403, 404) else code), said
    assert told in said.text
    if refused.status not in (403, 404) or at == "repos/o/r" or code == 1:
        assert github.changes == []


def test_a_change_that_github_refuses_fails_and_the_others_are_done(command: Command, github: GitHub) -> None:
    github.broken = lambda method, path: (
        Refused(422, "Nope") if (method, path) == ("POST", "repos/o/r/rulesets") else None
    )
    said = command("github", "--apply")
    assert said.code == 1
    assert "ruleset main: not changed. GitHub rejects it: Nope." in said.out
    assert "Changed 9 settings of o/r. 2 settings could not be changed." in said.out
    github.broken = lambda method, path: (
        Refused(403, "API rate limit exceeded") if "rulesets" in path and method == "POST" else None
    )
    said = command("github", "--apply")
    assert (said.code, "rate limit" in said.err) == (1, True)


def test_a_change_that_github_does_not_keep_is_a_failure(command: Command, github: GitHub) -> None:
    """GitHub takes a team that may not write to the repo, and leaves it out."""
    github.leaves_out = {7}
    said = command("github", "--apply")
    assert said.code == 1, said
    assert "reviewers of production: not changed. GitHub accepted the change, and did not keep it" in said.out
    assert "Changed 10 settings of o/r. 1 setting could not be changed." in said.out


def test_an_answer_that_is_not_githubs(command: Command, github: GitHub) -> None:
    github.workflow_token = {}
    said = command("github")
    assert (said.code, "token of workflows: not compared. GitHub gave an unexpected answer." in said.out) == (
        1,
        True,
    )
    github.repo = []  # type: ignore[assignment]
    said = command("github")
    assert (said.code, "does not answer as GitHub's API does" in said.err) == (1, True)


def test_who_is_no_admin_changes_nothing(command: Command, github: GitHub) -> None:
    github.repo["permissions"]["admin"] = False
    for hidden in ("allow_merge_commit", "security_and_analysis"):
        del github.repo[hidden]
    said = command("github", "--apply")
    assert (said.code, "You are not an admin of o/r." in said.err) == (2, True)
    said = command("github")
    assert (said.code, "ways to merge: not compared. Only an admin" in said.out) == (1, True)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("rulesets/main.json", "{", "main.json:1:2: This is not JSON"),
        *(("rulesets/main.json", text, "main.json: This is not a ruleset.") for text in (
            "[]", '{"rules": 1}', '{"rules": [{}]}', '{"rules": [], "enforcement": "on"}',
            '{"rules": [{"type": "required_status_checks", "parameters": 1}]}',
            '{"rules": [{"type": "required_status_checks", "parameters": {"required_status_checks": [1]}}]}',
            '{"rules": [], "conditions": [1]}', '{"rules": [], "conditions": {"ref_name": ["main"]}}',
        )),
        ("workflows/pr.yml", "on: pull_request\njobs:\n  c: {name: CI}\n",
         "main.json:32: No job of a pull request has the name ci."),
        ("workflows/pr.yml", "on: push\njobs:\n  ci: {}\n", "No job of a pull request has the name ci"),
        ("mlroad.yml", "reviewers: [octocat]\n", "mlroad.yml:1:13: MR704: octocat is not a user or team"),
        ("mlroad.yml", "reviewers: ['@nobody']\n", "1:13: GitHub does not know the reviewer @nobody."),
        ("mlroad.yml", "reviewers: ['@o/t']\n", "scope read:org"),
        ("mlroad.yml", "variables: {MLROAD_APPROVL: none}\n", "Did you mean MLROAD_APPROVAL?"),
        ("mlroad.yml", "variables: {RETRAIN_MODELS: [a]}\n", "RETRAIN_MODELS must be text."),
        ("mlroad.yml", "reviewrs: []\n", "Did you mean reviewers?"),
        ("mlroad.yml", f"reviewers: {json.dumps([f'@u{n}' for n in range(7)])}\n", "at most 6 reviewers"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_changes_nothing(
    command: Command, github: GitHub, repo: Path, file: str, text: str, told: str
) -> None:
    (repo / ".github" / file).write_text(text, encoding="utf-8")
    said = command("github", "--apply")
    assert (said.code, github.changes) == (2, []), said
    assert told in said.err


def test_a_ruleset_of_the_same_name_for_tags_is_left_alone(command: Command, github: GitHub) -> None:
    tags = {"name": "main", "target": "tag", "enforcement": "active", "conditions": {}, "rules": []}
    github.store(1, tags)
    said = command("github", "--apply")
    told = "ruleset main: not changed. GitHub has a ruleset of this name for another target: tag, not branch."
    assert (said.code, told.replace("changed", "compared") in said.out) == (1, True), said
    assert (github.rulesets[1]["target"], len(github.rulesets)) == ("tag", 2)


def test_an_actor_of_both_bypasses_in_the_stricter_way() -> None:
    for wanted, current, mode in (
        ("pull_request", "always", "pull_request"),
        ("always", "pull_request", "pull_request"),
        ("always", "exempt", "always"),
        ("always", "later-mode", "always"),
    ):
        rulesets = [
            {"name": "main", "enforcement": "active", "rules": [],
             "bypass_actors": [{"actor_type": "Team", "actor_id": 1, "bypass_mode": its}]}
            for its in (wanted, current)
        ]  # fmt: skip
        assert stricter_ruleset(*rulesets)["bypass_actors"][0]["bypass_mode"] == mode


def test_odd_environments(command: Command, github: GitHub) -> None:
    """A deleted reviewer, and a tag that has the name of the branch."""
    command("github", "--apply")
    answer = github.answer

    def odd(method: str, path: str, body: Any) -> Any:
        found = answer(method, path, body)
        if path.endswith("environments/production") and method == "GET":
            found["protection_rules"][-1]["reviewers"].append({"type": "Team", "reviewer": None})
        if path.endswith("registry/deployment-branch-policies") and method == "GET":
            found["branch_policies"][0]["type"] = "tag"
        return found

    github.answer = odd  # type: ignore[method-assign]
    said = command("github")
    assert (said.code, "branches: tag main -> main" in said.out) == (0, True), said
    assert "production" not in said.out


def test_nothing_of_an_archived_repo_is_changed(command: Command, github: GitHub) -> None:
    github.repo["archived"] = True
    said = command("github", "--apply")
    assert (said.code, "o/r is archived" in said.err, github.changes) == (2, True, [])
    assert command("github").code == 0


@pytest.mark.parametrize("token", ["two\nlines", "päss", "a b"])
def test_a_token_that_is_none(command: Command, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("GH_TOKEN", token)
    said = command("github")
    assert (said.code, "The token has characters that no token of GitHub has." in said.err) == (2, True)
    assert token not in said.text


def test_which_repo(command: Command, github: GitHub, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repo, "remote", "set-url", "origin", "../elsewhere")
    said = command("github")
    assert (said.code, "no remote origin on GitHub. Name one: --repo" in said.err) == (2, True)
    assert command("github", "--repo", "o/r").code == 0
    assert command("github", "--repo", "github.example.com/o/r").code == 0
    assert "nonsense is not a repo." in command("github", "--repo", "nonsense").err
    monkeypatch.setenv("GH_TOKEN", "")
    monkeypatch.setenv("PATH", str(repo))
    assert "gh auth login --hostname github.com" in command("github", "--repo", "o/r").err
    monkeypatch.setenv("GH_TOKEN", "x")
    monkeypatch.setenv("GITHUB_API_URL", "http://github.example.com/api/v3")
    assert "does not start with https://" in command("github", "--repo", "o/r").err
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    said = command("github", "--repo", "o/r")
    assert (said.code, "cannot be reached" in said.err) == (1, True)


def test_another_server_has_another_number_for_actions(command: Command, github: GitHub) -> None:
    github.actions_app = 4
    command("github", "--apply")
    checks = ruleset_of(github, "main")["required_status_checks"]["required_status_checks"]
    assert checks == [{"context": "ci", "integration_id": 4}]


def test_a_variable_of_the_organization_is_enough(command: Command, github: GitHub) -> None:
    github.organization_variables = {"RETRAIN_MODELS": "all", "AZURE_ML_WORKSPACE": "other", "X": "y"}
    command("github", "--apply")
    assert github.variables == {"AZURE_ML_WORKSPACE": "0123", "TEMPLATE_APP_ID": "77"}


def test_json(command: Command, github: GitHub) -> None:
    document = json.loads(command("github", "--json").out)
    assert document["exit_code"] == 0
    names = [setting["name"] for setting in document["settings"]]
    assert {"ruleset main", "reviewers of production", "variable RETRAIN_MODELS"} <= set(names)


CHECKS = st.lists(st.sampled_from("abc"), unique=True).map(
    lambda names: [{"context": name} for name in names]
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "deletion": st.just({}),
        "required_signatures": st.just({}),
        "pull_request": st.fixed_dictionaries(
            {
                "required_approving_review_count": st.integers(0, 3),
                "require_code_owner_review": st.booleans(),
                "allowed_merge_methods": st.lists(
                    st.sampled_from(["merge", "squash", "rebase"]), min_size=1, unique=True
                ),
            }
        ),
        "required_status_checks": st.fixed_dictionaries(
            {
                "required_status_checks": CHECKS,
                "strict_required_status_checks_policy": st.booleans(),
                "do_not_enforce_on_create": st.booleans(),
            }
        ),
    },
)
NAMES = st.lists(st.sampled_from("xyz"), unique=True)
ACTORS = NAMES.map(
    lambda names: [{"actor_type": name, "actor_id": 1, "bypass_mode": "always"} for name in names]
)
ONE = st.fixed_dictionaries(
    {
        "name": st.just("main"),
        "enforcement": st.sampled_from(["disabled", "evaluate", "active"]),
        "bypass_actors": ACTORS,
        "conditions": st.fixed_dictionaries(
            {"ref_name": st.fixed_dictionaries({"include": NAMES, "exclude": NAMES})}
        ),
        "rules": RULES.map(
            lambda rules: [
                {"type": name, **({"parameters": its} if its else {})} for name, its in rules.items()
            ]
        ),
    }
)


def allowed(ruleset: dict[str, Any]) -> set[object]:
    """What a ruleset lets people do, as facts."""
    names = ruleset["conditions"]["ref_name"]
    found: set[object] = {
        ("branch", name) for name in "xyz" if name not in names["include"] or name in names["exclude"]
    }
    found |= {("bypass", actor["actor_type"]) for actor in ruleset["bypass_actors"]}
    found |= {
        ("enforced less than", level)
        for level in range(["disabled", "evaluate", "active"].index(ruleset["enforcement"]) + 1, 3)
    }
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    found |= {("without rule", name) for name in ("deletion", "required_signatures") if name not in rules}
    pull = rules.get("pull_request", {})
    found |= {("approvals below", n) for n in range(pull.get("required_approving_review_count", -1) + 1, 4)}
    found |= {"no code owner"} if not pull.get("require_code_owner_review") else set()
    checks = rules.get("required_status_checks", {})
    required = {check["context"] for check in checks.get("required_status_checks", [])}
    found |= {("without check", name) for name in "abc" if name not in required}
    found |= {"outdated"} if not checks.get("strict_required_status_checks_policy") else set()
    found |= {"on create"} if checks.get("do_not_enforce_on_create", True) else set()
    return found


@settings(max_examples=50, deadline=None)
@given(ONE, ONE)
def test_law_nothing_is_allowed_that_one_of_the_two_forbids(
    wanted: dict[str, Any], current: dict[str, Any]
) -> None:
    before = copy.deepcopy((wanted, current))
    both = stricter_ruleset(wanted, current)
    assert allowed(both) <= allowed(wanted) & allowed(current)
    assert not list(differences(settable(both), settable(stricter_ruleset(wanted, both))))
    assert before == (wanted, current)
