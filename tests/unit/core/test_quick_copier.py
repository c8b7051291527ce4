"""Copier started by `run_copier`: it renders what Copier itself renders, with less work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.core.template import render_again, run_copier, shared_clones
from tests.support import IDENTITY, call, commit_all, contents, git, tool

pytestmark = pytest.mark.slow


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template of two versions; the second one makes run.py executable. It includes a file of src/."""
    folder = tmp_path / "template"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for name, text in {
        "copier.yml": "_subdirectory: parts\n"
        "name: {type: str, default: demo}\n"
        "parts: {type: yaml, default: '[a, b]', when: false}\n",
        "src/shared/note.txt": "Shared.\n",
        "docs/page.md": "Not rendered.\n",
        "parts/note.txt.jinja": "{% include 'src/shared/note.txt' %}\n",
        "parts/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers|to_nice_yaml -}}\n",
        "parts/{{ name }}/page.md.jinja": "{{ name }}, {{ _copier_operation }}, {{ _copier_phase }}.\n",
        "parts/{% yield part from parts %}{{ part }}{% endyield %}.txt.jinja": "Part {{ part }}.\n",
        "parts/run.py": "print(1)\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    commit_all(folder, "One")
    git(folder, "tag", "v1.0.0")
    (folder / "parts/run.py").write_text("print(2)\n", encoding="utf-8", newline="\n")
    git(folder, "add", "parts/run.py")
    git(folder, "update-index", "--chmod=+x", "parts/run.py")
    git(folder, "commit", "--quiet", "--no-verify", "--message", "Two")
    git(folder, "checkout", "--force", "HEAD")
    git(folder, "tag", "v2.0.0")
    return folder


def test_an_update_is_copiers_own_with_one_clone(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    plain, quick = tmp_path / "plain", tmp_path / "quick"
    run_copier(["copy", "--quiet", "--defaults", "--vcs-ref", "v1.0.0", str(template), str(plain)], tmp_path)
    git(plain, "init", "--quiet", "--initial-branch", "main")
    git(plain, "config", "core.fileMode", "false")
    commit_all(plain, "Start")
    shutil.copytree(plain, quick)
    call([tool("copier"), "update", "--quiet", "--defaults", "--vcs-ref", "v2.0.0"], plain)

    count = _counter(tmp_path / "trace", monkeypatch)
    with shared_clones() as clones:
        run_copier(["update", "--quiet", "--defaults", "--vcs-ref", "v2.0.0"], quick)
        started = count("git")
        again = render_again(quick, tmp_path)
        assert count("git") == started, "the update has rendered this"
        fresh = tmp_path / "fresh"
        run_copier(["copy", "--quiet", "--defaults", "--vcs-ref", "v2.0.0", str(template), str(fresh)], quick)
        assert contents(again) == contents(fresh)

        assert not list(clones.glob("*/docs")), "no template needs this folder"
    assert count("clone") == 1
    assert count("commit") == 3, "each temporary repo is committed once"
    assert contents(quick) == contents(plain)
    assert {"a.txt", "b.txt", "demo/page.md", "note.txt", "run.py"} <= contents(fresh).keys()
    # git ignores the bits on this disk, so Copier has to put them into the index.
    assert git(quick, "ls-files", "--stage", "run.py").startswith("100755")


def test_an_update_refuses_answers_to_no_question(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    repo = tmp_path / "repo"
    run_copier(["copy", "--quiet", "--defaults", "--vcs-ref", "v1.0.0", str(template), str(repo)], tmp_path)
    git(repo, "init", "--quiet", "--initial-branch", "main")
    commit_all(repo, "Start")
    update = ["update", "--quiet", "--defaults", "--vcs-ref", "v2.0.0"]
    for answer in ("nix=1", "parts=[c]"):
        with pytest.raises(UserError, match=r"no such question. The questions are name\."):
            run_copier([*update, "--data", answer], repo)
        assert git(repo, "status", "--porcelain") == ""
    run_copier([*update, "--data", "name=other"], repo)
    assert (repo / "other/page.md").is_file()


def test_the_setting_for_executable_bits_is_asked_once(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = _counter(tmp_path / "trace", monkeypatch)
    target = tmp_path / "fresh"
    run_copier(["copy", "--quiet", "--defaults", "--vcs-ref", "v2.0.0", str(template), str(target)], tmp_path)
    assert len(contents(target)) == 6
    assert count("config") == 1


def test_what_uv_has_needs_no_network(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["copy", "--quiet", "--defaults", "--vcs-ref", "v2.0.0", str(template)]
    run_copier([*words, str(tmp_path / "first")], tmp_path)
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing answers there
    run_copier([*words, str(tmp_path / "second")], tmp_path)
    assert contents(tmp_path / "second") == contents(tmp_path / "first")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"Copier failed, and changed nothing: .*Request failed"):
        run_copier([*words, str(tmp_path / "third")], tmp_path)
    assert not (tmp_path / "third").exists()


def _counter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Counts how often git was started with a command from now on."""
    folder.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(folder))

    def count(command: str) -> int:
        found = 0
        for file in folder.iterdir():
            first = next(
                event
                for line in file.read_text(encoding="utf-8").splitlines()
                if (event := json.loads(line))["event"] == "start"
            )
            found += command in {Path(first["argv"][0]).stem, *first["argv"]}
        return found

    return count
