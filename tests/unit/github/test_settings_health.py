"""What `mlroad doctor` says about GitHub, and how a token finds its server."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from mlroad.core.git_addresses import on_server, without_login
from mlroad.core.github_api import GitHubApi, GitHubError, api_of, repo_here
from mlroad.github.settings_health import settings_health
from tests.support import git
from tests.unit.cli.command import Command
from tests.unit.github.api_server import TOKEN, GitHub, Refused


def test_what_differs_and_nothing_once_it_is_set_up(command: Command, github: GitHub, repo: Path) -> None:
    differing, problems = settings_health(repo)
    assert "reviewers of production: reviewers: none -> @my-org/data-science, @octocat; " in "\n".join(
        differing
    )
    assert problems == []
    command("github", "--apply")
    assert settings_health(repo) == ([], [])
    github.repo["private"], github.repo["security_and_analysis"] = True, {}
    assert settings_health(repo) == ([], [])  # it is charged for in a private repo
    github.broken = lambda _, path: Refused(403, "no") if path.endswith("permissions/workflow") else None
    assert settings_health(repo)[1][0].startswith("token of workflows: GitHub refuses it: no.")
    github.repo["permissions"]["admin"] = False
    assert "not an admin of o/r" in settings_health(repo)[1][0]
    github.people.pop("orgs/my-org/teams/data-science")
    github.environments["production"]["reviewers"] = []
    assert "GitHub does not know the reviewer @my-org/data-science." in settings_health(repo)[1][0]
    (repo / ".github/mlroad.yml").write_text("reviewers: [x]\n", encoding="utf-8")
    assert "mlroad.yml:1:13" in settings_health(repo)[0][0]


def test_what_cannot_be_compared_is_no_problem(
    github: GitHub, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.broken = lambda *_: Refused(502, "Bad gateway")
    differing, [problem] = settings_health(repo)
    assert (differing, "not compared. GitHub failed: HTTP 502, Bad gateway." in problem) == ([], True)
    monkeypatch.delenv("GITHUB_API_URL")
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.setenv("GH_CONFIG_DIR", str(repo))
    assert "There is no token for github.com." in settings_health(repo)[1][0]
    for address in ("https://git.example.com/o/r", "../r"):
        git(repo, "remote", "set-url", "origin", address)
        assert settings_health(repo) == ([], [])


@pytest.mark.parametrize(
    ("host", "server", "token"),
    [
        ("github.com", "https://api.github.com", "one"),
        ("my-org.ghe.com", "https://api.my-org.ghe.com", "one"),
        ("github.example.com", "https://github.example.com/api/v3", "two"),
        ("gitlab.example.com", "https://gitlab.example.com/api/v3", ""),
    ],
)
def test_each_server_gets_its_own_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, server: str, token: str
) -> None:
    for name, value in {
        "GH_TOKEN": "one",
        "GH_ENTERPRISE_TOKEN": "two",
        "GH_HOST": "github.example.com",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    api = api_of(host)
    assert (api.server, api._token) == (server, token)


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for gh")
def test_the_token_of_gh_is_of_that_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\necho "token-of-$4"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert api_of("git.example.com")._token == "token-of-git.example.com"


def test_a_token_follows_no_answer_to_another_server(github: GitHub) -> None:
    other = GitHub()
    other.address = "http://127.0.0.1:1"
    github.broken = lambda *_: Refused(302, "Found", {"Location": f"{other.address}/repos/o/r"})
    with pytest.raises(GitHubError, match="renamed or moved"):
        GitHubApi(github.address, TOKEN).get("repos/o/r")
    github.broken = lambda *_: None
    github.variables = dict.fromkeys("ABC", "x")
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(GitHubError, match="lead in a circle"),
    ):
        patch.setattr("mlroad.core.github_api._NEXT", re.compile(r"<([^>]+page=)\d"))
        GitHubApi(github.address, TOKEN).all("repos/o/r/actions/variables", "variables")
    address, github.address = github.address, other.address  # the server names it in its links
    with pytest.raises(GitHubError, match="another server"):
        GitHubApi(address, TOKEN).all("repos/o/r/actions/variables", "variables")


def test_the_repo_is_that_of_the_remote_or_of_the_job(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "job/repo")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example.com")
    assert repo_here(repo) == "github.com/o/r"
    git(repo, "remote", "remove", "origin")
    assert repo_here(repo) == "git.example.com/job/repo"
    assert on_server("ssh://git@ssh.github.com:443/o/r.git") == "github.com/o/r"


def test_a_text_without_logins() -> None:
    secret = "s3" + "cret"
    for before, after in (
        (f"git+https://u:{secret}@host/p", "git+https://host/p"),
        (f"unable to access 'https://{secret}@host/p.git/': x", "unable to access 'https://host/p.git/': x"),
        (f"see ssh://git:{secret}@host/p and http://{secret}@h", "see ssh://git@host/p and http://h"),
        ("mail me@host, https://host/p@v1, git@host:p", "mail me@host, https://host/p@v1, git@host:p"),
    ):  # fmt: skip
        assert without_login(before) == after
