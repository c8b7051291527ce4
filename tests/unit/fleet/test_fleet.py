"""`mlroad fleet`: one row per repo, whatever is broken, and the start of their updates."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.git_addresses import on_server
from mlroad.core.standards import versions_of
from tests.support import commit_all, git
from tests.unit.cli.command import Command, Said
from tests.unit.fleet.small_repos import RELEASES, make_clone, make_template, put_gh

GITHUB = "git@github.com:my-org/{}.git"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clones of all kinds in one folder."""
    folder = tmp_path_factory.mktemp("fleet")
    template = make_template(folder / "template", *RELEASES)
    clones = folder / "clones"
    newest = make_clone(clones / "newest", template, "v1.2.0", remote=GITHUB.format("newest"), contract=3)
    (newest / "models/old/steps").mkdir(parents=True)
    (newest / "models/old/steps/train.py").write_text("", encoding="utf-8")
    (newest / "models/old/steps/step_io.py").write_text("# before the contract had a number\n", "utf-8")
    (newest / "models/.draft").mkdir()
    (newest / "models/.draft/pipeline.yml").write_text("", encoding="utf-8")
    commit_all(newest, "More models")
    make_clone(
        clones / "behind", template, "v1.0.0", remote=GITHUB.format("behind"), factory="registry: local\n"
    )
    make_clone(clones / "mlflow", template, "v1.1.0", factory="registry: mlflow\n")
    make_clone(clones / "lost-template", folder / "gone", "v1.0.0")
    make_clone(clones / "half-written", template, "").joinpath("notes.txt").write_text("x", encoding="utf-8")
    (clones / "website").mkdir()
    git(clones / "website", "init", "--quiet")
    commit_all(clones / "website", "Start")
    (clones / "empty").mkdir()
    git(clones / "empty", "init", "--quiet")
    (clones / "corrupt/.git").mkdir(parents=True)
    (clones / "no-clone").mkdir()
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path: git, and not `gh`."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = shutil.which("git")
    assert program
    if os.name == "nt":
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{Path(program).parent}")
    else:
        (folder / "git").symlink_to(program)
        monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def fleet(
    made: Path, programs: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """``fleet("clones", "--json")`` in the folder of `made`."""
    command = Command(made, capfd, monkeypatch)
    return lambda *arguments: command("fleet", *arguments)


def rows(said: Said) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(said.out)["repos"]}


BROKEN = {
    "lost-template": "cannot be reached",
    "half-written": "_commit",
    "empty": "HEAD",
    "corrupt": "not a git",
}


def test_one_row_per_repo_and_broken_ones_stop_nothing(fleet: Callable[..., Said]) -> None:
    said = fleet("clones", "--json")
    assert said.code == 0, said
    found = rows(said)
    assert list(found) == ["behind", "corrupt", "empty", "half-written", "lost-template", "mlflow", "newest"]
    assert json.loads(said.out)["left_out"] == ["website"]
    assert {name for name, row in found.items() if row["problem"]} == set(BROKEN)
    for name, reason in BROKEN.items():
        assert reason in found[name]["problem"], found[name]
    wanted = {"kind", "version", "newest", "behind", "is_behind", "contract", "ci", "server"}
    assert {key: found["newest"][key] for key in wanted} == {
        "kind": "prototype", "version": "v1.2.0", "newest": "v1.2.0", "behind": 0, "is_behind": False,
        "contract": 1, "ci": "unknown", "server": "github.com/my-org/newest",
    }  # fmt: skip
    assert [model["name"] for model in found["newest"]["models"]] == ["churn", "old"]
    behind = found["behind"]
    assert (behind["kind"], behind["behind"], behind["contract"], behind["drift"]) == ("factory", 2, 2, None)
    assert behind["updated"] == git(Path.cwd() / "clones/behind", "log", "-1", "--format=%cs").strip()
    # What could be read of a broken one is there.
    assert (found["lost-template"]["version"], found["lost-template"]["is_behind"]) == ("v1.0.0", False)


def test_what_can_be_read_of_a_broken_repo_is_there(
    fleet: Callable[..., Said], made: Path, tmp_path: Path
) -> None:
    """And factory.yml is YAML, of any version of the template."""
    texts = {
        "quoted": "registry: 'azureml'\n",
        "default": "# registry: mlflow\nfrom-later: 1\n",
        "broken": "registry: [\n",
    }
    for name, text in texts.items():
        make_clone(tmp_path / "clones" / name, made / "template", "v1.1.0", factory=text)
    git(tmp_path, "clone", "--quiet", "--bare", "clones/quoted", "clones/mirror.git")
    lost = make_clone(tmp_path / "clones/lost", made / "template", "v1.1.0")
    name = git(lost, "rev-parse", "HEAD:.copier-answers.yml").strip()
    (lost / ".git/objects" / name[:2] / name[2:]).rename(tmp_path / "object")
    found = rows(fleet(str(tmp_path / "clones"), "--json"))
    assert {name: row["registry"] for name, row in found.items()} == {
        "quoted": "azureml", "mirror.git": "azureml", "default": "local", "broken": "", "lost": "",
    }  # fmt: skip
    assert {name for name, row in found.items() if row["problem"]} == {"broken", "lost"}
    assert "factory.yml:2:1: MR103" in found["broken"]["problem"]
    assert "does not have the content" in found["lost"]["problem"]
    assert found["broken"]["behind"] == 1
    assert all(
        row["updated"] and [its["name"] for its in row["models"]] == ["churn"] for row in found.values()
    )


def test_the_other_forms(fleet: Callable[..., Said], tmp_path: Path) -> None:
    page = tmp_path / "fleet.html"
    said = fleet("clones", "--html", str(page))
    lines = said.out.splitlines()
    assert lines[0].split() == [
        "REPO",
        "KIND",
        "VERSION",
        "BEHIND",
        "DRIFT",
        "UPDATED",
        "CI",
        "CONTRACT",
        "MODELS",
    ]
    assert len(lines) == 9
    [mlflow] = [line for line in lines if line.startswith("mlflow ")]
    assert mlflow.split()[1:5] == ["factory", "v1.1.0", "1", "-"]
    assert mlflow.endswith("churn, champions are in mlflow")
    assert lines[-1] == (
        "7 repos: 2 behind, 4 with a problem. Left out, because not made from the template: website."
    )
    html = page.read_text(encoding="utf-8")
    assert all(name in html for name in ("behind", "lost-template", "champions are in mlflow", "website"))
    assert "<script" not in html
    assert not {"src=", "href=", "url("} & set(html.split('"'))
    table = list(csv.DictReader(io.StringIO(fleet("clones", "--csv").out)))
    assert len(table) == 7
    assert {row["name"]: row["behind"] for row in table}["behind"] == "2"


def test_no_name_is_a_formula_a_line_or_markup(
    fleet: Callable[..., Said], made: Path, tmp_path: Path
) -> None:
    names = ["=HYPERLINK(1)", "+1", "-1", "@x", "a\nbehind  factory", "<i>&", "ä ö", "two words", "\x1b[31m"]
    for name in names:
        clone = make_clone(tmp_path / "clones" / name, made / "template", "=1+1")
        assert clone.is_dir()
    page, clones = tmp_path / "fleet.html", str(tmp_path / "clones")
    assert set(rows(fleet(clones, "--json"))) == {*names}
    said = fleet(clones, "--html", str(page))
    assert len(said.out.splitlines()) == len(names) + 2
    assert not [line for line in said.out.splitlines() if line.startswith("behind")]
    assert "\x1b" not in said.out
    assert "<i>" not in page.read_text(encoding="utf-8")
    table = list(csv.reader(io.StringIO(fleet(clones, "--csv").out)))
    assert len(table) == len(names) + 1
    assert not [cell for row in table for cell in row if cell.startswith(("=", "+", "-", "@"))]
    said = fleet("update", clones)
    assert len(said.out.splitlines()) == len(names) + 1


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_a_folder_that_cannot_be_read_is_a_row(
    fleet: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists

    def refused(path: Path) -> bool:
        if path.parent.name == "no-clone":
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", refused)
    found = rows(fleet("clones", "--json"))
    assert "git cannot read it" in found["no-clone"]["problem"]
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop/.git").symlink_to(".git")
    assert "git cannot read it" in rows(fleet(str(tmp_path), "--json"))["loop"]["problem"]
    assert found["newest"]["version"] == "v1.2.0"


def test_a_server_that_never_answers_is_said(
    fleet: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlroad.fleet.read_repo.CLONE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"git://127.0.0.1:{server.getsockname()[1]}/o/r.git"
        found = rows(fleet(address, "clones/newest", "--json"))
    assert "did not answer within 0.5 seconds" in found["o/r"]["problem"]
    assert not found["newest"]["problem"]


def test_strict_is_red_for_what_is_behind_or_broken_only(fleet: Callable[..., Said]) -> None:
    assert fleet("clones/newest", "--strict").code == 0
    assert fleet("clones/behind").code == 0
    assert fleet("clones/behind", "--strict").code == 1
    assert fleet("clones/empty", "--strict").code == 1
    assert fleet("clones/website").out.splitlines()[1].endswith("it has no .copier-answers.yml.")


def test_addresses_and_a_file_with_them(fleet: Callable[..., Said], made: Path, tmp_path: Path) -> None:
    """A password in an address is not printed."""
    git(made / "clones/behind", "config", "uploadpack.allowFilter", "true")  # as GitHub does
    address = (made / "clones/behind").as_uri()
    assert rows(fleet(address, "--json"))["clones/behind"]["version"] == "v1.0.0"
    secret = "s3" + "cret"
    file = made / "repos.txt"
    lines = [
        "# ours",
        f"{address}  # the first",
        "",
        "clones/newest",
        "nowhere",
        f"http://u:{secret}@127.0.0.1:1/x.git",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    said = fleet("repos.txt", "clones/newest", "--json")
    found = rows(said)
    assert set(found) == {"1/x", "clones/behind", "newest", "nowhere"}
    assert "cannot be cloned" in found["nowhere"]["problem"]
    assert secret not in said.text
    assert secret not in fleet("repos.txt").text
    private = make_clone(tmp_path / "private", f"https://u:{secret}@127.0.0.1:1/template.git", "v1")
    said = fleet(str(private), "--json")
    assert rows(said)["private"]["template"] == "https://127.0.0.1:1/template.git"
    assert "cannot be reached" in rows(said)["private"]["problem"]
    assert secret not in said.text


def test_each_template_is_asked_once(fleet: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(template: str, environment: dict[str, str]) -> dict[str, str]:
        asked.append(template)
        assert environment["GIT_TERMINAL_PROMPT"] == "0"
        return versions_of(template, environment)

    monkeypatch.setattr("mlroad.fleet.read_repo.versions_of", counted)
    fleet("clones")
    assert len(asked) == len(set(asked)) == 2


def test_a_shallow_clone_does_not_know_its_last_update(fleet: Callable[..., Said], made: Path) -> None:
    source = (made / "clones/newest").as_uri()
    git(made, "clone", "--quiet", "--depth", "1", source, "shallow")
    assert rows(fleet("shallow", "--json"))["shallow"]["updated"] == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show"], "or use --org NAME."),
        (["nowhere"], "nowhere does not exist. Name a folder of clones"),
        (["clones/no-clone"], "has no clones."),
        (["clones/half-written/notes.txt", "--csv", "--json"], "exclude each other"),
        (["--org", "my-org"], "gh is not installed"),
        (["update", "clones", "--apply"], "gh is not installed"),
        (["clones", "--fromat"], "No such option"),
    ],
)
def test_a_mistake_exits_with_2(fleet: Callable[..., Said], arguments: list[str], told: str) -> None:
    said = fleet(*arguments)
    assert said.code == 2, said
    assert told in said.err


def test_servers() -> None:
    for address in (
        "https://github.com/my-org/churn.git", "git@github.com:my-org/churn", "ssh://git@github.com:22/my-org/churn/",
        "https://user:word@github.com/my-org/churn",
    ):  # fmt: skip
        assert on_server(address) == "github.com/my-org/churn"
    for address in ("/srv/my-org/churn", "file:///srv/my-org/churn", "../my-org/churn", "C:\\my-org\\churn"):
        assert on_server(address) == ""


@pytest.mark.skipif(os.name == "nt", reason="a script stands in for gh")
class TestWithGitHub:
    @pytest.fixture
    def gh(self, programs: Path) -> Callable[..., list[str]]:
        """Sets the answers of `gh`; called without any, it returns what was asked."""
        log, answers = put_gh(programs)

        def call(given: dict[str, str | None] | None = None) -> list[str]:
            if given is not None:
                answers.write_text(json.dumps(given), encoding="utf-8")
                log.unlink(missing_ok=True)
            lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
            return sorted(" ".join(json.loads(line)) for line in lines)

        return call

    def test_ci_of_the_default_branch(self, fleet: Callable[..., Said], gh: Callable[..., list[str]]) -> None:
        def state(checks: object) -> str:
            target = {"statusCheckRollup": checks}
            return json.dumps({"data": {"repository": {"defaultBranchRef": {"target": target}}}})

        asked = "api graphql --hostname github.com -f owner=my-org -f name="
        gh({f"{asked}newest": state({"state": "FAILURE"}), f"{asked}behind": state(None)})
        found = rows(fleet("clones", "--json"))
        assert {name: found[name]["ci"] for name in ("newest", "behind", "mlflow")} == {
            "newest": "red", "behind": "none", "mlflow": "unknown",
        }  # fmt: skip
        assert gh().count("auth status") == 1
        gh({"auth status": None})
        assert {row["ci"] for row in rows(fleet("clones", "--json")).values()} == {"unknown"}
        gh({asked: None})
        assert rows(fleet("clones/newest", "--json"))["newest"]["ci"] == "unknown"

    def test_an_organization(
        self, fleet: Callable[..., Said], made: Path, gh: Callable[..., list[str]]
    ) -> None:
        urls = [{"url": (made / "clones" / name).as_uri()} for name in ("behind", "website")]
        gh({"repo list my-org": json.dumps(urls)})
        document = json.loads(fleet("--org", "my-org", "--json").out)
        assert [row["name"] for row in document["repos"]] == ["clones/behind"]
        assert document["left_out"] == ["clones/website"]
        gh({"repo list": None})
        said = fleet("--org", "my-org")
        assert (said.code, "gh cannot list the repos of my-org" in said.err) == (2, True)

    def test_updates_are_started_only_where_they_are_needed(
        self, fleet: Callable[..., Said], gh: Callable[..., list[str]]
    ) -> None:
        gh({})
        said = fleet("update", "clones/behind", "clones/newest", "clones/mlflow")
        assert said.code == 1, said
        assert "behind: would start: v1.0.0 to v1.2.0 (2 behind)" in said.out
        assert "mlflow: cannot be started, because its remote origin is not on GitHub" in said.out
        assert "newest" not in said.out
        assert not [line for line in gh() if line.startswith("workflow")]

        said = fleet("update", "clones/behind", "clones/newest", "--apply", "--at-once", "2")
        assert (said.code, "behind: started: v1.0.0 to v1.2.0" in said.out) == (0, True)
        started = [line for line in gh() if line.startswith("workflow")]
        assert started == ["workflow run update.yml --repo github.com/my-org/behind"]

        gh({"workflow run": None})
        said = fleet("update", "clones/behind", "--apply")
        assert (said.code, "behind: cannot be started: gh: HTTP 404: not found" in said.out) == (1, True)
        said = fleet("update", "clones/newest", "--apply")
        assert (said.code, said.out) == (0, "Nothing to do: none of 1 repo is known to be behind.\n")
