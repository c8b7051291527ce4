"""The first command in the README, on a machine that has only Python, git and pip."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from tests.support import IDENTITY, REPO, call, commit_all, git, tool
from tests.templates.questions_page import questions
from tools.start import (
    UV,
    answers,
    find_uv,
    first_command,
    main,
    next_steps,
    own_python,
    parser,
    python_for,
    refuse_nested,
    require_python,
    template_address,
)

Bare = Callable[..., subprocess.CompletedProcess[str]]


def test_without_the_sample_there_is_nothing_to_train(tmp_path: Path) -> None:
    assert first_command(tmp_path, "prototype") == first_command(tmp_path, "factory") == "mlroad new my_model"
    (tmp_path / "models" / "diabetes").mkdir(parents=True)
    assert first_command(tmp_path, "prototype") == "mlroad run models/diabetes"
    assert first_command(tmp_path, "factory") == "mlroad train diabetes"


def test_only_questions_for_people_can_be_answered() -> None:
    assert answers([f"{name}=1" for name in questions()]).keys() == questions().keys()
    for name in ("nix", "tool_version", "shared_files", "_subdirectory"):
        with pytest.raises(UserError, match="there is no such question") as said:
            answers([f"{name}=1"])
        assert "shared_files" not in str(said.value).replace(f"--data {name}=", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", "project_name=Bad Name"], "small letters, digits and single hyphens"),
        (["-d", "template=prototpye"], "'prototpye' is not in"),
        (["-d", "projectname=x"], "Did you mean project_name?"),
        (["-d", "nonsense"], "is not KEY=VALUE"),
    ],
)
def test_wrong_answers_create_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setattr("tools.start.find_uv", lambda: Path(tool("uv")))
    try:
        code: object = main(["new", str(tmp_path / "out"), *arguments])
    except SystemExit as stopped:  # argparse
        code = stopped.code
    assert code == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_left_alone(bare: Bare, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine", encoding="utf-8")
    result = bare("new", full)
    assert result.returncode == 2
    assert "is not an empty folder" in result.stderr
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_no_repo_inside_the_template(bare: Bare) -> None:
    result = bare("new", "inside")
    assert result.returncode == 2
    assert "is inside the template" in result.stderr


def test_no_repo_inside_another_repo(bare: Bare, tmp_path: Path) -> None:
    """Unless that repo ignores the folder, as a repo of a home folder does."""
    outer = tmp_path / "outer"
    (outer / "sub").mkdir(parents=True)
    git(outer, "init", "--quiet")
    for folder in (outer / "new", outer / "sub", outer / "sub/deep/new"):
        result = bare("new", folder)
        assert result.returncode == 2, result.stdout
        assert f"is inside the git repo {outer}" in result.stderr
        assert not folder.exists() or not any(folder.iterdir())
    (outer / ".gitignore").write_text("/new/\n", encoding="utf-8")
    refuse_nested(outer / "new")
    refuse_nested(tmp_path / "elsewhere")


def test_without_git_the_fix_is_printed(bare: Bare, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    result = bare("new", tmp_path / "out", path=str(nothing))
    assert result.returncode == 2
    assert "git was not found. Install it" in result.stderr


def test_without_pip_the_fix_is_printed(template_repo: Path, tmp_path: Path) -> None:
    """As on Debian, where python3-pip is a separate package."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(template_repo), str(clone))
    call([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], tmp_path)
    python = next(path for path in (tmp_path / "bare").glob("*/python*") if path.stem == "python")
    command = [str(python), "start.py", "new", str(tmp_path / "out")]
    result = subprocess.run(
        command, cwd=clone, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2, result.stderr
    assert "has no pip. Install it" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *tools: str) -> None:
    """Simulate a machine that has only these tools, and no configuration."""
    (tmp_path / "bin").mkdir()
    for name in tools:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or tool(name))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for variable in (*IDENTITY, "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_COUNT"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_without_uv_on_the_path_its_own_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_machine(tmp_path, monkeypatch, "git")
    told = next_steps(tmp_path, "mlroad run models/diabetes")
    assert told[1].startswith("source .venv/bin/activate    # or install uv")
    assert f"`{REPO}/.tools/bin/uv run`" in told[2]
    assert told[-1] == "mlroad run models/diabetes"


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_with_uv_on_the_path_it_is_not_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_machine(tmp_path, monkeypatch, "git", "uv")
    told = next_steps(tmp_path, "mlroad run models/diabetes")
    assert told[1] == "git add --all"
    assert told[-1] == "uv run mlroad run models/diabetes"


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_missing_git_identity_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_machine(tmp_path, monkeypatch, "git")
    folder = tmp_path / "a repo"
    folder.mkdir()
    name, mail = 'git config --global user.name "Your Name"', "git config --global user.email you@example.com"
    commit = 'git commit -m "Start"'
    told = next_steps(folder, "x")
    assert told[0] == f"cd '{folder}'"
    assert told[told.index("git add --all") :][1:4] == [name, mail, commit]
    for command in (name, mail):
        subprocess.run(shlex.split(command), check=True)
        told = next_steps(folder, "x")
        assert command not in told
    assert told[told.index("git add --all") + 1] == commit
    (tmp_path / ".gitconfig").unlink()
    for variable, value in IDENTITY.items():
        monkeypatch.setenv(variable, value)
    assert not [line for line in next_steps(folder, "x") if line.startswith("git config")]


def test_start_py_can_be_read_by_a_python_that_is_too_old() -> None:
    """An old Python must reach the message: start.py uses no syntax newer than Python 3.0."""
    import ast

    source = (REPO / "start.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 0))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)]


def test_a_python_that_is_too_old_gets_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (REPO / "start.py").read_text(encoding="utf-8").replace("(3, 11)", "(4, 0)")
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert re.match(r"start\.py: this is Python 3\.\d+\. Python 3\.11 or newer is needed", result.stderr)


def test_the_date_of_the_resolution_is_the_same_everywhere() -> None:
    files = (
        "pyproject.toml", "prototype_template/pyproject.toml.jinja", "factory_template/pyproject.toml.jinja",
        "src/mlroad/core/template.py",
    )  # fmt: skip
    dates = {
        file: re.findall(
            r'(?:exclude-newer|EXCLUDE_NEWER) = "(.*)"', (REPO / file).read_text(encoding="utf-8")
        )
        for file in files
    }
    assert all(len(found) == 1 for found in dates.values()), dates
    assert len({found[0] for found in dates.values()}) == 1, dates


@pytest.mark.parametrize(("answer", "own"), [(own_python(), True), ("99.1", False), ("3.2", False)])
def test_a_repo_gets_the_python_of_its_answer(tmp_path: Path, answer: str, own: bool) -> None:
    """Otherwise .python-version would make the next `uv run` replace the environment."""
    text = f"_commit: v1\nproject_name: demo\npython_version: '{answer}'\n"
    (tmp_path / ".copier-answers.yml").write_text(text, encoding="utf-8")
    assert python_for(tmp_path) == (sys.executable if own else answer)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone that replaces the template; its origin has its commit."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "origin.git"), "here")
    repo = tmp_path / "here"
    (repo / "copier.yml").write_text("one", encoding="utf-8")
    commit_all(repo, "one")
    git(repo, "push", "--quiet", "origin", "HEAD:main")
    monkeypatch.setattr("tools.start.TEMPLATE", repo)
    return repo


def test_the_address_is_that_of_origin_if_the_commit_is_there(clone: Path, tmp_path: Path) -> None:
    address, reference = template_address()
    assert address == str(tmp_path / "origin.git")
    assert reference == git(clone, "rev-parse", "HEAD").strip()


def make_no_origin(clone: Path) -> None:
    git(clone, "remote", "remove", "origin")


def make_a_change(clone: Path) -> None:
    (clone / "copier.yml").write_text("two", encoding="utf-8")


def make_a_commit(clone: Path) -> None:
    make_a_change(clone)
    commit_all(clone, "two")


def make_it_unreachable(clone: Path) -> None:
    (clone.parent / "origin.git").rename(clone.parent / "gone.git")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (make_no_origin, "it has no remote named origin"),
        (make_a_change, "it has changes that are not committed"),
        (make_a_commit, "its commit is not on origin"),
        (make_it_unreachable, "cannot be read"),
    ],
)
def test_otherwise_it_is_the_clone_and_the_reason_is_printed(
    clone: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], reason: str
) -> None:
    change(clone)
    assert template_address() == (str(clone), "HEAD")
    told = capsys.readouterr().out
    assert f"{clone} (this clone, because " in told
    assert reason in told


def test_no_password_of_the_clone_reaches_the_new_repo(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(clone, "remote", "set-url", "origin", "https://me:secret-token@127.0.0.1:9/template.git")
    template_address()
    told = capsys.readouterr().out
    assert "origin (https://127.0.0.1:9/template.git) cannot be read" in told
    assert "secret-token" not in told


def fake_uv(tmp_path: Path, installs: bool) -> Path:
    """A uv that has only Python 3.11, and downloads others or does not."""
    uv = tmp_path / "uv"
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> "{tmp_path}/calls"\n'
        'case "$2" in\n'
        "find) exit 2;;\n"
        f'install) echo "error: no route to host" >&2; exit {int(not installs)};;\n'
        'list) echo "cpython-3.11.7-linux-x86_64-gnu    /usr/bin/python3.11";;\n'
        "esac\n",
        encoding="utf-8",
    )
    uv.chmod(0o755)
    return uv


# In place of an index, or of a template, that wants a password.
ASKS = """#!/bin/sh
case "$1" in
sync | run)
  printf 'Password: ' > /dev/tty
  read -r given < /dev/tty
  echo "$1 was given $given"
  [ "$1" = sync ] || exit 9;;
*) exec UV "$@";;
esac
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_programs_that_ask_for_a_password_have_the_terminal(template_repo: Path, tmp_path: Path) -> None:
    """A program in a session of its own, which Ctrl-C does not reach, has none."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(template_repo), str(clone))
    uv = clone / ".tools/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(ASKS.replace("UV", tool("uv")), encoding="utf-8")
    uv.chmod(0o755)
    (clone / ".tools/installed.txt").write_text(UV, encoding="utf-8")
    at_a_terminal = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]
    new = [sys.executable, "start.py", "new", str(tmp_path / "new"), "--defaults"]
    done = subprocess.run(
        [*at_a_terminal, *new], input=b"one\ntwo\n", capture_output=True, cwd=clone, timeout=300, check=False
    )
    assert b"sync was given one" in done.stdout
    assert b"run was given two" in done.stdout
    assert b"mlroad setup` failed" in done.stdout
    assert done.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_python_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no route to host\)\. Nothing was written\. Installed: 3\.11"
    ) as raised:
        require_python(fake_uv(tmp_path, installs=False), "3.99")
    assert "Python 3.99 is not on this machine, and uv cannot download it" in str(raised.value)
    require_python(fake_uv(tmp_path, installs=True), "3.99")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize("answered_early", [True, False])
def test_nothing_is_written_without_the_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was_there: bool, answered_early: bool
) -> None:
    """Also if the answer is given to Copier's question, after which Copier writes at once."""
    folder = tmp_path / "new"
    if was_there:
        folder.mkdir()
    copied = []

    def copy(arguments: Sequence[str], _: Path) -> None:
        copied.append(arguments)
        folder.mkdir(exist_ok=True)
        answers = "_commit: v1\npython_version: '3.13'\n"
        (folder / ".copier-answers.yml").write_text(answers, encoding="utf-8")

    monkeypatch.setattr("tools.start.find_uv", lambda: fake_uv(tmp_path, installs=False))
    monkeypatch.setattr("tools.start.own_python", lambda: "3.11")
    monkeypatch.setattr("tools.start.run_copier", copy)
    monkeypatch.setattr("tools.start.template_address", lambda: ("here", "HEAD"))
    options = parser().parse_args(
        ["new", str(folder), *(["-d", "python_version=3.13"] if answered_early else [])]
    )
    with pytest.raises(UserError, match=r"Python 3\.13 is not on this machine"):
        options.call(options)
    assert bool(copied) is not answered_early
    assert folder.exists() is was_there
    assert not folder.exists() or not any(folder.iterdir())


def test_a_warning_of_pip_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pip = tmp_path / "python"
    pip.write_text('#!/bin/sh\necho "WARNING: Running pip as root" >&2\nexit $FAILS\n', encoding="utf-8")
    pip.chmod(0o755)
    monkeypatch.setattr("tools.start.TOOLS", tmp_path)
    monkeypatch.setattr("sys.executable", str(pip))
    monkeypatch.setenv("UV", "")
    monkeypatch.setenv("FAILS", "0")
    find_uv()
    assert "WARNING" not in "".join(capfd.readouterr())
    (tmp_path / "installed.txt").unlink()
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(UserError, match="has no pip"):
        find_uv()
