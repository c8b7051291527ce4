"""The command that makes a release: all of it, or nothing."""

from __future__ import annotations

import datetime
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlroad.core.problems import UserError
from tests.support import IDENTITY, REPO, clone_template, commit_all, git, render
from tools import changelog, start
from tools.changelog import KINDS, Commit, breaking, drafts, released, section
from tools.release import UPGRADING, Wanted, make, plan
from tools.stopping import Stopped, started

PAGE = "# Page\n\nAbout it.\n\n## Unreleased\n\n"
FILES = {
    "CHANGELOG.md": PAGE + "### Added\n\n- Written by hand.\n",
    UPGRADING: PAGE + "Nothing beyond `mlroad update`.\n",
    "pyproject.toml": '[project]\nname = "mlroad"\nversion = "0.2.0"\n\n'
    '[tool.uv]\nexclude-newer = "2026-01-01T00:00:00Z"\n',
    "src/mlroad/__init__.py": '__version__ = "0.2.0"\n',
    "src/mlroad/core/template.py": 'EXCLUDE_NEWER = "2026-01-01T00:00:00Z"\n',
    "some_template/pyproject.toml.jinja": 'exclude-newer = "2026-01-01T00:00:00Z"\n',
    "other.json": '{"version": "0.2.0", "day": "2026-01-01T00:00:00Z"}\n',
    # Stands for the template's own start.py: its tests pass while there is no file `red`.
    "start.py": "import pathlib, sys\nassert sys.argv[1:] == ['test'], sys.argv\n"
    "print('tested', pathlib.Path('pyproject.toml').read_text().split()[6])\n"
    "sys.exit(pathlib.Path('red').exists())\n",
}
Release = Callable[..., int]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small template on main, with all that a release changes."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "template"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit_all(folder, "feat: start")
    monkeypatch.setattr(start, "TEMPLATE", folder)
    return folder


def release(*arguments: str) -> int:
    return start.main(["release", *arguments])


def commit(repo: Path, *subjects: str) -> None:
    for subject in subjects:
        git(repo, "commit", "--quiet", "--allow-empty", "--message", subject)


def state(repo: Path) -> str:
    """Everything that a release may change."""
    return git(repo, "for-each-ref") + git(repo, "status", "--porcelain") + git(repo, "worktree", "list")


def text(repo: Path, name: str) -> str:
    return (repo / name).read_text(encoding="utf-8")


def test_the_first_release_takes_what_is_written(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert release("0.2.0") == 0
    today = datetime.date.today()
    assert text(repo, "CHANGELOG.md") == (
        f"# Page\n\nAbout it.\n\n## Unreleased\n\n## 0.2.0 - {today}\n\n### Added\n\n- Written by hand.\n"
    )
    assert f"## 0.2.0 - {today}\n\nNothing beyond" in text(repo, UPGRADING)
    newest = f'"{today - datetime.timedelta(days=7)}T00:00:00Z"'
    for name in ("pyproject.toml", "src/mlroad/core/template.py", "some_template/pyproject.toml.jinja"):
        assert newest in text(repo, name)
    assert text(repo, "other.json") == FILES["other.json"]
    assert git(repo, "cat-file", "-t", "v0.2.0") == "tag\n"
    assert (
        git(repo, "rev-parse", "v0.2.0^{commit}", "HEAD").split()
        == [git(repo, "rev-parse", "HEAD").strip()] * 2
    )
    assert "Tests: passed" in git(repo, "tag", "--list", "--format=%(contents)", "v0.2.0")
    assert git(repo, "log", "-1", "--format=%s") == "chore(release): 0.2.0\n"
    printed = capfd.readouterr().out
    assert "Publish it: git push --atomic origin main v0.2.0" in printed
    assert 'tested "0.2.0"' in printed
    after = state(repo)
    assert release("0.2.0") == 0
    assert release("minor") == 0
    assert state(repo) == after
    assert capfd.readouterr().out.count("nothing to do") == 2


def test_the_next_release_drafts_what_has_no_line(
    repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-m 'not slow'")
    release("0.2.0", "--skip-tests")
    commit(repo, "feat(data): new thing", "fix: a fault; perf(run): faster", "docs: words", "no convention")
    page = repo / "CHANGELOG.md"
    page.write_text(
        text(repo, "CHANGELOG.md").replace("## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- By hand.\n"),
        "utf-8",
    )
    commit_all(repo, "fix: has a line of its own")
    assert release("minor") == 0
    part = re.sub(r" \([0-9a-f]{7}\)", "", section(text(repo, "CHANGELOG.md"), "0.3.0"))
    assert part == (
        "### Fixed\n\n- By hand.\n- a fault\n\n"
        "### Changed\n\n- **run**: faster\n\n### Added\n\n- **data**: new thing"
    )
    assert "- Written by hand." in section(text(repo, "CHANGELOG.md"), "0.2.0")
    assert '"0.3.0"' in text(repo, "src/mlroad/__init__.py")
    assert "3 lines of the changelog were drafted" in capfd.readouterr().out
    assert "not run" in git(repo, "tag", "--list", "--format=%(contents)", "v0.2.0")
    assert "passed with PYTEST_ADDOPTS=-m 'not slow'" in git(repo, "log", "-1", "--format=%b")


def uncommitted(repo: Path) -> None:
    (repo / "new.txt").write_text("new", encoding="utf-8")


def other_branch(repo: Path) -> None:
    git(repo, "switch", "--quiet", "--create", "topic")


def detached(repo: Path) -> None:
    git(repo, "switch", "--quiet", "--detach")


def red(repo: Path) -> None:
    (repo / "red").touch()
    commit_all(repo, "test: red")


def no_heading(repo: Path) -> None:
    (repo / "CHANGELOG.md").write_text("# Changelog\n", encoding="utf-8")
    commit_all(repo, "docs: lost")


def tag_elsewhere(repo: Path) -> None:
    git(repo, "tag", "v0.2.0")
    commit(repo, "feat: later")


def newer_tag(repo: Path) -> None:
    git(repo, "tag", "v1.0.0")
    commit(repo, "feat: later")


def breaks(repo: Path) -> None:
    git(repo, "tag", "v0.1.0")
    commit(repo, "feat!: other names")


def only_tests(repo: Path) -> None:
    git(repo, "tag", "v0.1.0")
    (repo / "CHANGELOG.md").write_text(PAGE, encoding="utf-8")
    commit_all(repo, "test: more")


def behind_origin(repo: Path) -> None:
    git(repo.parent, "clone", "--quiet", str(repo), "origin")
    commit(repo.parent / "origin", "feat: of a colleague")
    git(repo, "remote", "add", "origin", "../origin")


def bad_hook(repo: Path) -> None:
    hook = repo / ".git" / "hooks" / "commit-msg"
    hook.write_text("#!/bin/sh\necho not like this >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "message"),
    [
        (uncommitted, ["0.2.0"], 2, "uncommitted changes"),
        (other_branch, ["0.2.0"], 2, "This is topic"),
        (detached, ["0.2.0"], 2, "a detached HEAD"),
        (red, ["0.2.0"], 1, "the tests failed"),
        (no_heading, ["0.2.0"], 2, "There is no heading ## Unreleased"),
        (tag_elsewhere, ["0.2.0"], 2, "exists already"),
        (newer_tag, ["0.2.0"], 2, "0.2.0 is older than v1.0.0"),
        (breaks, ["0.2.0"], 2, "breaks something (feat!: other names)"),
        (only_tests, ["0.2.0"], 2, "no commit changes anything for users"),
        (behind_origin, ["0.2.0"], 2, "main lacks 1 commit of origin"),
        (bad_hook, ["0.2.0"], 2, "not like this"),
        (None, ["minor"], 2, "There is no release yet"),
        (None, ["1.2"], 2, "'1.2' is not a version"),
        (None, ["1.2.03"], 2, "is not a version"),
        (None, ["1.1\u0662.0"], 2, "is not a version"),  # a digit of another script
        (None, ["0.0.9"], 2, "0.0.9 is older than 0.2.0 in pyproject.toml"),
        (None, ["0.2.0", "--resolution", "2025-12-31"], 2, "cannot become 2025-12-31"),
        (None, ["0.2.0", "--resolution", "2999-12-31"], 2, "cannot become 2999-12-31"),
    ],
)
def test_bad_input_changes_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None] | None, arguments: list[str], code: int, message: str,
) -> None:  # fmt: skip
    if spoil:
        spoil(repo)
        git(repo, "fetch", "--quiet", "--all", "--tags")
    before = state(repo)
    assert release(*arguments) == code
    assert message in capsys.readouterr().err
    assert state(repo) == before


# In place of `start.py test`: it starts a program in a group of its own, which may ignore Ctrl-C.
ENDLESS = """import sys
from tools.stopping import started
with started([sys.executable, "-c", '''
import os, signal, time
signal.signal(signal.SIGINT, signal.HOW)
print(os.getpid(), flush=True)
time.sleep(600)
'''], grace=1) as it:
    it.wait()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a program without a signal that it could answer")
@pytest.mark.parametrize(
    ("number", "how"), [(signal.SIGTERM, "SIG_DFL"), (signal.SIGINT, "SIG_DFL"), (signal.SIGTERM, "SIG_IGN")]
)
def test_a_stopped_release_changes_nothing_and_leaves_no_program(repo: Path, number: int, how: str) -> None:
    (repo / "start.py").write_text(ENDLESS.replace("HOW", how), encoding="utf-8")
    commit_all(repo, "test: endless")
    before = state(repo)
    code = f"import sys; from tools import start; start.TEMPLATE = start.Path({str(repo)!r}); "
    command = [sys.executable, "-c", f"{code}sys.exit(start.main())", "release", "0.2.0"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        tests = next(int(line) for line in process.stdout if line.strip().isdigit())
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "nothing was released, and this checkout is as before" in said
    assert errors.endswith("start.py: stopped.\n")
    assert state(repo) == before
    with pytest.raises(ProcessLookupError):
        os.kill(tests, 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a program without a signal that it could answer")
def test_a_program_that_asks_ends_as_well() -> None:
    with (
        pytest.raises(Stopped),
        started([sys.executable, "-c", "input()"], asks=True, stdin=subprocess.PIPE) as process,
    ):
        raise Stopped(signal.SIGTERM)
    assert process.poll() == -signal.SIGTERM


def test_a_commit_during_the_tests_stops_the_release(repo: Path) -> None:
    it = plan(repo, Wanted("0.2.0"))
    assert it

    def tested(_: Path) -> str:
        commit(repo, "feat: meanwhile")
        return "Tests: passed"

    with pytest.raises(UserError, match="new commits"):
        make(it, tested)
    assert git(repo, "tag") == ""
    assert git(repo, "log", "-1", "--format=%s") == "feat: meanwhile\n"
    assert git(repo, "status", "--porcelain") == ""


def test_without_a_tag_there_is_no_release(repo: Path) -> None:
    """git refuses the tag after the commit came here, so the commit goes, too."""
    it = plan(repo, Wanted("0.2.0"))
    assert it
    git(repo, "update-ref", "refs/tags/v0.2.0/taken", "HEAD")  # git stores no tag beside a folder of tags
    before = state(repo)
    with pytest.raises(UserError, match="could not make the tag"):
        make(it, lambda _: "Tests: passed")
    assert state(repo) == before


def test_a_dry_run_shows_a_patch_and_changes_nothing(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(repo)
    assert release("0.2.0", "--dry-run") == 0
    assert state(repo) == before
    assert "\n+## 0.2.0 - " in capsys.readouterr().out


def test_a_release_can_be_prepared_in_a_pull_request(repo: Path) -> None:
    """The tag is made after the merge, of the merged commit; a later line joins the version."""
    git(repo, "tag", "v0.1.0")
    other_branch(repo)
    commit(repo, "feat: one")
    assert release("0.2.0", "--no-tag", "--resolution", "2026-02-02") == 0
    assert git(repo, "tag") == "v0.1.0\n"
    git(repo, "switch", "--quiet", "main")
    git(repo, "merge", "--quiet", "--squash", "topic")
    commit_all(repo, "chore(release): 0.2.0 (#7)")
    merged = git(repo, "rev-parse", "HEAD")
    assert release("0.2.0") == 0
    assert git(repo, "rev-parse", "HEAD", "v0.2.0^{commit}").split() == [merged.strip()] * 2
    assert '"2026-02-02T00:00:00Z"' in text(repo, "pyproject.toml")

    commit(repo, "feat: two")
    assert release("minor", "--no-tag") == 0
    commit(repo, "fix: three")
    assert release("minor") == 0
    part = section(text(repo, "CHANGELOG.md"), "0.3.0")
    assert part.count("- two (") == part.count("- three (") == 1
    assert text(repo, "CHANGELOG.md").count("## 0.3.0") == 1


def test_versions_of_an_organisation_lie_between_two_releases(repo: Path) -> None:
    """0.2.0, then 0.2.0.1 and 0.2.0.2 on top of it; after the merge of 0.3.0 comes 0.3.0.1."""
    release("0.2.0", "--skip-tests")
    for version in ("0.2.0.1", "0.2.0.2"):
        commit(repo, "feat: a house rule")
        assert release("house", "--skip-tests") == 0
        assert f'version = "{version}"' in text(repo, "pyproject.toml")
    for name in ("pyproject.toml", "src/mlroad/__init__.py"):
        (repo / name).write_text(text(repo, name).replace("0.2.0.2", "0.3.0"), encoding="utf-8")
    commit_all(repo, "feat: merge 0.3.0")
    assert release("house", "--skip-tests") == 0
    assert git(repo, "tag", "--points-at", "HEAD") == "v0.3.0.1\n"


REVERT = Commit("b" * 40, 'Revert "feat: one"', f"This reverts commit {'a' * 40}.\n")


@pytest.mark.parametrize(
    ("commits", "lines"),
    [
        ([Commit("a" * 40, "feat(x): one")], {"Added": ["- **x**: one (aaaaaaa)"]}),
        ([Commit("a" * 40, "feat: one", is_written=True)], {}),
        ([Commit("c" * 40, "feat: named in the changelog")], {}),
        ([Commit("a" * 40, "chore!: one")], {"Changed": ["- **Breaking**: one (aaaaaaa)"]}),
        (
            [Commit("a" * 40, "fix: one", "Why.\n\nBREAKING CHANGE: rename\nit\n\nRefs: 1\n")],
            {"Changed": ["- **Breaking**: rename it (aaaaaaa)"]},
        ),
        ([REVERT, Commit("a" * 40, "feat: one")], {}),
        ([REVERT], {"Changed": ['- reverted "feat: one" (bbbbbbb)']}),
        (
            [
                Commit("d" * 40, "Revert it", f"This reverts commit {'b' * 40}."),
                REVERT,
                Commit("a" * 40, "feat: one"),
            ],
            {"Added": ["- one (aaaaaaa)"]},
        ),
        (
            [
                Commit("a" * 40, "Feature: one"),
                Commit("b" * 40, "feat:"),
                Commit("d" * 40, "words: of a person"),
            ],
            {},
        ),
    ],
)
def test_drafts(commits: list[Commit], lines: dict[str, list[str]]) -> None:
    assert drafts(commits, "- A line (ccccccc).") == lines


def test_what_breaks_is_known() -> None:
    subjects = ["feat!: one", "fix(x)!: two", "fix: three", "fix: four!"]
    found = [Commit(str(number) * 40, subject) for number, subject in enumerate(subjects)]
    found.append(Commit("9" * 40, "fix: five", "BREAKING-CHANGE: yes"))
    assert [one.id[0] for one in breaking(found)] == ["0", "1", "9"]


words = st.text("abc -`#*0.", min_size=1, max_size=12).map(lambda text: f"x{text}".strip())
page = st.dictionaries(
    st.sampled_from(["Added", "Fixed", "Changed", "Known limits"]), st.lists(words, min_size=1)
)


@given(written=page, prepared=page, added=page, earlier=words)
def test_no_line_of_the_changelog_is_lost_or_doubled(
    written: dict[str, list[str]], prepared: dict[str, list[str]], added: dict[str, list[str]], earlier: str
) -> None:
    def below(parts: dict[str, list[str]]) -> str:
        return "".join(
            f"### {kind}\n\n" + "".join(f"- {it}\n" for it in its) + "\n" for kind, its in parts.items()
        )

    changelog = f"# Changelog\n\n## Unreleased\n\n{below(written)}"
    changelog += f"## 2.0.0 - 2026-01-01\n\n{below(prepared)}" if prepared else ""
    changelog += f"## 1.0.0\n\n### Added\n\n- {earlier}\n"
    lines = {kind: [f"- {it}" for it in its] for kind, its in added.items()}
    new = released(changelog, "2.0.0", "2026-02-02", lines)
    wanted = sorted(f"- {it}" for parts in (written, prepared, added) for its in parts.values() for it in its)
    assert sorted(line for line in section(new, "2.0.0").splitlines() if line.startswith("- ")) == wanted
    for kind in {*written, *prepared, *added}:
        assert section(new, "2.0.0").count(f"### {kind}\n") == 1
    assert section(new, "Unreleased") == ""
    assert section(new, "1.0.0") == f"### Added\n\n- {earlier}"
    assert released(new, "2.0.0", "2026-03-03", {}) == new


@pytest.mark.slow
def test_the_template_itself_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repo from the tag has the new version of the tool and the new date."""
    repo = clone_template(tmp_path / "template")
    changes = repo / "CHANGELOG.md"
    changes.write_text(
        changes.read_text("utf-8").replace("## Unreleased\n", "## Unreleased\n\n- New.\n"), "utf-8"
    )
    commit_all(repo, "docs: a line")
    git(repo, "switch", "--quiet", "--force-create", "main")
    git(repo, "remote", "remove", "origin")
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(start, "TEMPLATE", repo)
    assert release("100.0.0", "--skip-tests", "--resolution", str(datetime.date.today())) == 0
    project = render(
        repo, tmp_path / "demo", ref="v100.0.0", template="factory", sample=False, project_name="demo"
    )
    [wheel] = (project / "vendor").glob("*.whl")
    assert wheel.name.startswith("mlroad-100.0.0+g")
    assert f'exclude-newer = "{datetime.date.today()}T' in text(project, "pyproject.toml")
    changed = git(repo, "diff", "--name-only", "HEAD~").split()
    assert set(changed) == {
        "CHANGELOG.md", UPGRADING, "factory_template/pyproject.toml.jinja",
        "prototype_template/pyproject.toml.jinja", "pyproject.toml", "src/mlroad/__init__.py",
        "src/mlroad/core/template.py",
    }  # fmt: skip


def test_the_notes_of_a_release_have_links_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a release on GitHub, a path of the repo leads nowhere."""
    monkeypatch.chdir(tmp_path)
    links = "[a](docs/a.md) [b](https://example.com) [c](#c) [d](mailto:d@example.com)"
    Path("CHANGELOG.md").write_text(f"# Changelog\n\n## 1.0.0\n\n- {links}\n", encoding="utf-8")
    assert changelog.main(["v1.0.0", "https://example.com/tree"]) == 0
    changed = links.replace("docs/a.md", "https://example.com/tree/docs/a.md")
    assert capsys.readouterr().out.strip() == f"- {changed}"
    assert changelog.main(["v2.0.0", "https://example.com/tree"]) == 2
    assert "no text below ## 2.0.0" in capsys.readouterr().err
    assert changelog.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_the_kinds_are_headings_of_keep_a_changelog() -> None:
    assert set(KINDS.values()) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert "## Unreleased" in (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
