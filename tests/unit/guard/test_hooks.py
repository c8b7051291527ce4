"""`mlroad setup`, and commits with the hooks that it installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlroad.guard.hooks import set_up
from tests.unit.guard.conftest import TEMPLATE, environment
from tests.unit.guard.corpus import cell, notebook, stream

CLI = "import sys; from mlroad.__main__ import main; main()"


def hook_environment() -> dict[str, str]:
    """A shell without this virtual environment and uv on its PATH: the hooks must still find their tools."""
    return {name: value for name, value in environment().items() if name != "VIRTUAL_ENV"} | {
        "PATH": os.defpath
    }


def run(folder: Path, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=hook_environment() | extra, capture_output=True, text=True, check=False
    )


def setup(folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-c", CLI, "setup", **extra)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A minimal generated repo, before `git init`."""
    root = tmp_path / "fresh"
    root.mkdir()
    shutil.copyfile(TEMPLATE / ".pre-commit-config.yaml", root / ".pre-commit-config.yaml")
    project = '[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n[tool.uv]\npackage = false\n'
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    (root / "ruff.toml").write_text('extend-exclude = ["mlroad"]\n', encoding="utf-8")
    (root / ".gitignore").write_text("__pycache__/\n.ruff_cache/\n", encoding="utf-8")
    return root


def commit(root: Path, name: str, text: str) -> subprocess.CompletedProcess[str]:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    run(root, "git", "add", "--", name)
    return run(root, "git", "commit", "--message", "change")


def test_setup_makes_the_repo_and_its_hooks_and_may_run_twice(fresh: Path) -> None:
    first = setup(fresh)
    assert first.returncode == 0, first.stderr
    assert "Created a git repo" in first.stdout
    assert (fresh / ".git/hooks/pre-commit").is_file()
    second = setup(fresh)
    assert second.returncode == 0
    assert "Created a git repo" not in second.stdout


@pytest.mark.slow
def test_commits_go_through_the_guards(fresh: Path) -> None:
    setup(fresh)
    run(fresh, "git", "add", "--all")
    first = run(fresh, "git", "commit", "--message", "first")
    assert first.returncode == 0, first.stdout + first.stderr
    assert commit(fresh, "a.py", "x = 1\n").returncode == 0

    token = "gh" + "p_" + "Ab3dE" * 7 + "x"
    planted = {
        "s.py": (f'g = "{token}"\n', "s.py:1: secret: GitHub token"),
        "s.ipynb": (notebook(cell(f'g = "{token}"')), "secret: GitHub token (cell 1, line 1)"),
        "deploy.env": (f"T={token}\n", "deploy.env:1: secret"),
        "m.md": (f"{'<' * 7} HEAD\n", "m.md:1: conflict-marker"),
        "a.py.rej": ("x\n", "a.py.rej: rejected-patch"),
        "lint.py": ("print(undefined)\n", "F821"),
        "out.ipynb": (notebook(cell("1", stream("1\n"))), "out.ipynb: notebook-outputs"),
        "big.csv": ("1234567\n" * 2_000_000, "big.csv: large-file"),
    }
    for name, (text, told) in planted.items():
        done = commit(fresh, name, text)
        assert done.returncode == 1, name
        assert told in done.stdout + done.stderr, (name, done.stdout, done.stderr)
        run(fresh, "git", "rm", "--force", "--quiet", "--", name)


@pytest.mark.slow
def test_no_hook_prints_the_line_that_holds_a_secret(fresh: Path) -> None:
    """Many people can read the output of a commit in CI logs."""
    setup(fresh)
    (fresh / "ruff.toml").write_text('extend-exclude = ["mlroad"]\n[lint]\nselect = ["F", "S"]\n')
    run(fresh, "git", "add", "--all")
    assert run(fresh, "git", "commit", "--message", "first").returncode == 0
    secret = "hun" + "ter2" + "Tree9!" + "xyZ"
    planted = {
        "a.py": (f'password = "{secret}"\nx = dict(password="{secret}")\n', ("S105", "S106", "secret: ")),
        "b.py": (f'password = "{secret}" (\n', ("invalid-syntax", "Failed to parse", "secret: ")),
    }
    for name, (text, told) in planted.items():
        done = commit(fresh, name, text)
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert secret not in said, said
        for word in told:
            assert f"{word}" in said, (word, said)
        run(fresh, "git", "rm", "--force", "--quiet", "--", name)


@pytest.mark.slow
def test_a_stripped_notebook_can_be_staged_again(fresh: Path) -> None:
    setup(fresh)
    assert commit(fresh, "n.ipynb", notebook(cell("1", stream("1\n")))).returncode == 1
    run(fresh, "git", "add", "n.ipynb")
    done = run(fresh, "git", "commit", "--message", "again")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_correction_that_prek_undoes_is_not_called_done(fresh: Path) -> None:
    """The commands of the message lead to a commit, also if the notebook has edits that are not staged."""
    setup(fresh)
    (fresh / "n.ipynb").write_text(notebook(cell("1", stream("1\n"))), encoding="utf-8")
    run(fresh, "git", "add", "n.ipynb")
    (fresh / "n.ipynb").write_text(notebook(cell("1", stream("2\n"))), encoding="utf-8")
    done = run(fresh, "git", "commit", "--message", "outputs")
    assert done.returncode == 1
    assert "stream" in (fresh / "n.ipynb").read_text(encoding="utf-8"), "prek no longer undoes it"
    said = done.stdout + done.stderr
    assert "If it also has edits that are not staged, run `mlroad guard --fix n.ipynb` first" in said
    assert run(fresh, sys.executable, "-c", CLI, "guard", "--fix", "n.ipynb").returncode == 1
    run(fresh, "git", "add", "n.ipynb")
    assert run(fresh, "git", "commit", "--message", "again").returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the names are not allowed on Windows")
def test_odd_file_names_are_checked_like_others(fresh: Path) -> None:
    setup(fresh)
    token = "gh" + "p_" + "Ab3dE" * 7 + "x"
    names = [
        "-x.py",
        "--all",
        "--fix",
        "-",
        "--",
        "a b.py",
        "ä.py",
        "@x.py",
        ":(exclude)x.py",
        "$(id).py",
        "'.py",
    ]
    for name in names:
        (fresh / name).write_text(f'g = "{token}"\n', encoding="utf-8")
    run(fresh, "git", "add", "--all")
    done = run(fresh, "git", "commit", "--message", "odd")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    for name in names:
        assert f"{name}:1: secret: GitHub token" in said, (name, said)
        (fresh / name).write_text("x = 1\n", encoding="utf-8")
    run(fresh, "git", "add", "--all")
    done = run(fresh, "git", "commit", "--message", "odd")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_environment_the_hook_runs_nothing_of_the_folder(fresh: Path) -> None:
    """An empty entry in PATH would be the folder in which git is called."""
    (fresh / "it's $here").mkdir()
    programs = fresh / "it's $here" / "bin"
    programs.mkdir()
    (programs / "prek").symlink_to(Path(sys.executable).parent / "prek")
    assert list(set_up(fresh, programs))
    hook = (fresh / ".git/hooks/pre-commit").read_text(encoding="utf-8")
    line = hook.splitlines()[1]
    shell = [shutil.which("sh") or "sh", "-c", f'{line}\necho "$PATH"']
    assert run(fresh, *shell).stdout.strip() == f"{programs}:{os.defpath}"
    shutil.rmtree(programs)
    done = run(fresh, *shell)
    assert (done.stdout.strip(), done.stderr) == (os.defpath, "")


def test_setup_without_git_says_so(fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = setup(fresh, PATH=str(tmp_path / "bin"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "git is not installed" in done.stderr
    assert not (fresh / ".git").exists()


def test_setup_in_another_repo_or_elsewhere_is_refused(fresh: Path) -> None:
    inner = fresh / "inner"
    inner.mkdir()
    shutil.copyfile(fresh / "pyproject.toml", inner / "pyproject.toml")
    assert "There is no .pre-commit-config.yaml" in setup(inner).stderr
    setup(fresh)
    shutil.copyfile(fresh / ".pre-commit-config.yaml", inner / ".pre-commit-config.yaml")
    done = setup(inner)
    assert done.returncode == 2
    assert "inside the git repo" in done.stderr


def test_setup_reports_another_hooks_path(fresh: Path) -> None:
    setup(fresh)
    run(fresh, "git", "config", "core.hooksPath", "elsewhere")
    done = setup(fresh)
    assert done.returncode == 2
    assert "core.hooksPath" in done.stderr
