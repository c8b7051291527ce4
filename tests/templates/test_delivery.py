"""How a repo gets the tool: as a wheel, from git, from an index. No test downloads mlroad."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mlroad
from mlroad.core.problems import UserError
from mlroad.core.template import git_address, origin
from mlroad.core.wheel import build, is_intact, put_wheel, version_of, wheel_named
from tests.support import REPO, call, commit_all, git, render, tool, tracked_and_new

Rendered = Callable[..., Path]
Project = Callable[..., Path]


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the development environment's `mlroad` in a repo."""
    return call([sys.executable, "-m", "mlroad", *arguments], project, env=environment, check=False)


def installed(project: Path) -> Path:
    """The `mlroad` in a repo's own environment."""
    return project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "mlroad"


# --- The wheel ---


def test_the_version_is_the_same_everywhere() -> None:
    """copier.yml reads pyproject.toml."""
    pyproject = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{mlroad.__version__}"\n' in pyproject


def test_the_build_uses_the_uv_that_start_py_brings() -> None:
    """Another version would be downloaded from an index, and would write its own version into the wheel."""
    pyproject = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    versions = re.findall(r'"uv(?:_build)?==([\d.]+)"', pyproject)
    versions += re.findall(r'UV = "uv==([\d.]+)"', (REPO / "tools" / "start.py").read_text(encoding="utf-8"))
    assert len(versions) == 3
    assert len(set(versions)) == 1


@pytest.fixture(scope="module")
def wheel(rendered: Rendered) -> Path:
    """The wheel of a repo."""
    named = wheel_named(rendered())
    assert named is not None
    return rendered() / named


def test_two_builds_give_the_same_bytes_offline(
    template_repo: Path, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    git(tmp_path, "clone", "--quiet", "--no-local", str(template_repo), "another clone")
    old = os.umask(0o077)
    try:
        built = build(str(tmp_path / "another clone"), wheel, tmp_path / "elsewhere")
    finally:
        os.umask(old)
    assert built.read_bytes() == wheel.read_bytes()


def test_the_wheel_holds_every_file_of_the_tool(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not name.endswith("/") and ".dist-info/" not in name}
    sources = {path.relative_to("src").as_posix() for path in tracked_and_new(REPO) if path.parts[0] == "src"}
    assert found == sources
    assert {
        "mlroad/py.typed",
        "mlroad/steps/scaffold/text/pipeline.yml",
        "step_io-stubs/__init__.pyi",
    } <= found


def test_its_sha256_is_beside_it(wheel: Path) -> None:
    """The file has the format of sha256sum, so that anyone can check the wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (wheel.parent / "SHA256SUMS").read_text(encoding="utf-8") == f"{digest}  {wheel.name}\n"
    assert sorted(path.name for path in wheel.parent.iterdir()) == ["SHA256SUMS", wheel.name]


def test_its_version_names_the_commit(wheel: Path, template_repo: Path) -> None:
    commit = git(template_repo, "rev-parse", "HEAD").strip()
    assert version_of(wheel) == f"{mlroad.__version__}+g{commit[:12]}"


def test_a_template_that_cannot_be_reached_is_a_clear_error(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"The template at /nowhere cannot be read: .*does not exist"):
        put_wheel(tmp_path, Path("vendor") / wheel.name, "/nowhere")
    assert not (tmp_path / "vendor").exists()


def test_a_missing_commit_is_a_clear_error(template_repo: Path, tmp_path: Path) -> None:
    gone = Path("vendor/mlroad-0.2.0+g0123456789ab-py3-none-any.whl")
    with pytest.raises(UserError, match="has no commit 0123456789ab"):
        put_wheel(tmp_path, gone, str(template_repo))


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("gh:org/repo", "https://github.com/org/repo"),
        ("gl:org/repo.git", "https://gitlab.com/org/repo.git"),
        ("git+https://a.example/r.git", "https://a.example/r.git"),
        ("git@a.example:org/repo.git", "git@a.example:org/repo.git"),
        ("/srv/template", "/srv/template"),
    ],
)
def test_addresses_as_copier_takes_them(source: str, address: str) -> None:
    assert git_address(source) == address


# --- setup ---


def test_setup_outside_a_generated_repo_is_a_clear_error(tmp_path: Path, wheel: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.uv.sources]\nmlroad = {{ path = "vendor/{wheel.name}" }}\n', encoding="utf-8"
    )
    done = run(tmp_path, "setup")
    assert done.returncode == 2
    assert "There is no .copier-answers.yml in" in done.stderr


def test_setup_refuses_a_wheel_that_was_changed(project: Project) -> None:
    repo = project()
    named = wheel_named(repo)
    assert named is not None
    assert is_intact(repo, named)
    with (repo / named).open("ab") as out:
        out.write(b"x")
    done = run(repo, "setup")
    assert done.returncode == 2
    assert "Its SHA-256 is not the one in SHA256SUMS. Restore both" in done.stderr
    assert not (repo / ".venv").exists()


def test_update_refuses_changes_that_are_not_committed(project: Project) -> None:
    repo = project()
    (repo / "mine.txt").write_text("mine", encoding="utf-8")
    done = run(repo, "update")
    assert done.returncode == 2
    assert "There are changes that are not committed: mine.txt. Commit or stash them first." in done.stderr


# --- The three answers ---


@pytest.fixture
def releases(template_repo: Path, tmp_path: Path) -> Path:
    """The template as v1.0.0, and as v1.0.1 with a fix only in the tool."""
    repo = Path(shutil.copytree(template_repo, tmp_path / "releases"))
    git(repo, "tag", "v1.0.0")
    with (repo / "src" / "mlroad" / "core" / "text.py").open("a", encoding="utf-8") as out:
        out.write("\nFIXED = True\n")
    commit_all(repo, "fix: a bug in the tool")
    git(repo, "tag", "v1.0.1")
    return repo


def index_of(template_repo: Path, folder: Path) -> str:
    """A package index in a folder, with the version of mlroad that the template names."""
    name = Path(f"mlroad-{mlroad.__version__}-py3-none-any.whl")
    page = folder / "simple" / "mlroad"
    page.mkdir(parents=True)
    built = build(str(template_repo), name, folder / "work")
    shutil.copyfile(built, page / name.name)
    link = f'<a href="{name.name}">{name.name}</a>'
    (page / "index.html").write_text(f"<!doctype html><html><body>{link}</body></html>", encoding="utf-8")
    return (folder / "simple").as_uri()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the printed commands are run by bash")
@pytest.mark.parametrize("toolkit", ["wheel", "git", "index"])
def test_each_answer_installs_updates_and_runs(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toolkit: str
) -> None:
    """Start from a bare copy, and run the commands that it prints."""
    answers: dict[str, Any] = {"project_name": "demo", "toolkit": toolkit, "sample": False}
    if toolkit == "index":
        answers["toolkit_index"] = index_of(releases, tmp_path)
    project = tmp_path / "demo"
    command = [tool("copier"), "copy", "--defaults", "--vcs-ref", "v1.0.0", "--data", "template=prototype"]
    for name, value in answers.items():
        command += ["--data", f"{name}={value}"]
    copied = call([*command, f"git+{releases.as_uri()}", project], tmp_path)
    commands = re.findall(r"^  (uvx? .*)$", copied.stderr, re.MULTILINE)
    assert len(commands) == 2, copied.stderr
    path = os.pathsep.join([str(Path(tool("uv")).parent), os.defpath])
    for line in commands:
        call(["bash", "-c", line], project, env={"PATH": path})
    monkeypatch.setenv("PATH", path)
    assert (project / "models" / "my_model").is_dir()
    assert (project / ".git" / "hooks" / "pre-commit").is_file()
    assert "nothing wrong" in call([installed(project), "check"], project).stdout
    assert (project / "vendor").is_dir() == (toolkit == "wheel")
    commit_all(project, "Start")

    updated = call([installed(project), "update", "--to", "v1.0.1"], project)
    changed = git(project, "diff", "--stat=200", "HEAD", "--", ":!vendor")
    lines = git(project, "diff", "--unified=0", "HEAD", "--", ":!vendor").splitlines()
    added = [line for line in lines if line.startswith("+") and not line.startswith("+++")]
    assert len(added) == (1 if toolkit == "index" else 2), changed
    assert "Updated to version v1.0.1." in updated.stdout
    if toolkit != "index":  # an index needs a published release first
        python = installed(project).with_name("python")
        call([python, "-c", "import mlroad.core.text as t; assert t.FIXED"], project)
    assert "nothing wrong" in call([installed(project), "check"], project).stdout
    again = call([installed(project), "update", "--to", "v1.0.1"], project, check=False)
    assert again.returncode == 2
    assert "not committed" in again.stderr
    commit_all(project, "Update")
    again = call([installed(project), "update", "--to", "v1.0.1"], project)
    assert "Nothing to do: v1.0.1 is the newest version." in again.stdout


@pytest.mark.slow
def test_an_environment_that_was_not_renewed_is_reported(project: Project) -> None:
    repo = project()
    call([tool("uv"), "sync", "--quiet"], repo)
    file = repo / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    stale = re.sub(r"\+g[0-9a-f]{12}-", "+g0123456789ab-", text)
    assert stale != text
    file.write_text(stale, encoding="utf-8")
    done = call([installed(repo), "check"], repo)
    assert "MR601: warning: mlroad" in done.stdout
    assert "is installed, but the repo uses 0.2.0+g0123456789ab. Run `uv sync`." in done.stdout
    line = stale[: stale.index("mlroad = {")].count("\n") + 1
    assert done.stdout.startswith(f"pyproject.toml:{line}: ")


# --- Conflicts ---


@pytest.mark.slow
def test_an_update_lists_each_conflict_and_what_to_do(template_repo: Path, tmp_path: Path) -> None:
    repo = Path(shutil.copytree(template_repo, tmp_path / "template"))
    git(repo, "tag", "v1.0.0")
    project = render(repo, tmp_path / "demo", ref="v1.0.0", project_name="demo")
    for root, text in ((repo / "prototype_template", "The template"), (project, "The team")):
        with (root / "docs" / "tools.md").open("a", encoding="utf-8", newline="\n") as out:
            out.write(f"\n{text} says this.\n")
    commit_all(repo, "docs: a change")
    git(repo, "tag", "v1.0.1")
    commit_all(project, "Our own line")
    done = run(project, "update")
    assert done.returncode == 1, done.stderr
    merged = (project / "docs" / "tools.md").read_text(encoding="utf-8").splitlines()
    line = merged.index("<<<<<<< before updating")
    assert f"docs/tools.md:{line + 1}: You and the template changed the same lines." in done.stdout
    assert "then run `git add docs/tools.md`." in done.stdout
    # Everything else is updated.
    named = wheel_named(project)
    assert named is not None
    assert is_intact(project, named)
    assert origin(project).version == "v1.0.1"
