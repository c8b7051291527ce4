"""The action `setup`: a job installs the mlroad wheel only if its SHA-256 is the committed one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support import REPO
from tests.workflows.harness import Act

ACTION = REPO / "prototype_template" / ".github" / "actions" / "setup" / "action.yml"
WHEEL = "mlroad-1.0+g0123abc-py3-none-any.whl"
FROM_GIT = 'mlroad = { git = "https://example.invalid/template", rev = "0123abc" }'


def verify(folder: Path) -> tuple[int, str]:
    """Run the action's step that verifies the wheel."""
    steps = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    script = next(step["run"] for step in steps if step["name"] == "Verify the wheel of mlroad")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The files of a repo with a wheel that the step reads."""
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / WHEEL).write_bytes(b"wheel")
    (vendor / "SHA256SUMS").write_text(f"{hashlib.sha256(b'wheel').hexdigest()}  {WHEEL}\n", encoding="utf-8")
    take_from(tmp_path, f'mlroad = {{ path = "vendor/{WHEEL}" }}')
    return tmp_path


def take_from(repo: Path, line: str) -> None:
    text = f'[project]\nname = "demo"\n[tool.uv.sources]\n{line}\n'
    (repo / "pyproject.toml").write_text(text, encoding="utf-8")


def remove_vendor(repo: Path) -> None:
    for file in (repo / "vendor").iterdir():
        file.unlink()
    (repo / "vendor").rmdir()


def swap_one_byte(repo: Path) -> None:
    (repo / "vendor" / WHEEL).write_bytes(b"wheeL")


def remove_sums(repo: Path) -> None:
    (repo / "vendor" / "SHA256SUMS").unlink()


def remove_wheel(repo: Path) -> None:
    (repo / "vendor" / WHEEL).unlink()


def add_wheel(repo: Path) -> None:
    (repo / "vendor" / "pandas-9.0-py3-none-any.whl").write_bytes(b"other")


def name_another_wheel(repo: Path) -> None:
    take_from(repo, 'mlroad = { path = "vendor/mlroad-2.0-py3-none-any.whl" }')


def name_a_wheel_outside(repo: Path) -> None:
    (repo / WHEEL).write_bytes(b"evil")
    take_from(repo, f'mlroad = {{ path = "vendor/../{WHEEL}" }}')


def list_another_file(repo: Path) -> None:
    digest = hashlib.sha256((repo / "pyproject.toml").read_bytes()).hexdigest()
    (repo / "vendor" / "SHA256SUMS").write_text(f"{digest}  ../pyproject.toml\n", encoding="utf-8")


def empty_sums(repo: Path) -> None:
    (repo / "vendor" / "SHA256SUMS").write_text("", encoding="utf-8")


def keep_a_wheel_that_nothing_names(repo: Path) -> None:
    take_from(repo, FROM_GIT)


def name_no_source(repo: Path) -> None:
    take_from(repo, "other = { workspace = true }")


def list_sources(repo: Path) -> None:
    take_from(repo, f'mlroad = [{{ path = "vendor/{WHEEL}", marker = "sys_platform == \'linux\'" }}]')


def break_pyproject(repo: Path) -> None:
    (repo / "pyproject.toml").write_text("[project\n", encoding="utf-8")


def leave_conflict_markers(repo: Path) -> None:
    file = repo / "pyproject.toml"
    file.write_text(f"{file.read_text('utf-8')}{'<' * 7} before updating\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (leave_conflict_markers, "pyproject.toml,line=5,title=mlroad's wheel::Conflict marker <<<<<<<."),
        (swap_one_byte, f"vendor/{WHEEL},title=mlroad's wheel::Its SHA-256 is "),
        (remove_sums, "vendor/SHA256SUMS is missing"),
        (remove_wheel, f"vendor/{WHEEL} is missing"),
        (remove_vendor, f"vendor/{WHEEL} is missing"),
        (add_wheel, "vendor/pandas-9.0-py3-none-any.whl,"),
        (name_another_wheel, "vendor/mlroad-2.0-py3-none-any.whl is missing"),
        (name_a_wheel_outside, f"../{WHEEL} is missing"),
        (list_another_file, "vendor/SHA256SUMS names another one"),
        (empty_sums, "vendor/SHA256SUMS names another one"),
        (keep_a_wheel_that_nothing_names, "pyproject.toml takes mlroad from somewhere else."),
        (name_no_source, "no usable line for mlroad"),
        (list_sources, "no usable line for mlroad"),
        (break_pyproject, "no usable line for mlroad"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_wrong_wheel_is_red(repo: Path, change: Callable[[Path], None], message: str) -> None:
    change(repo)
    code, printed = verify(repo)
    assert code == 1, printed
    assert printed.startswith("::error file=")
    assert message in printed


@pytest.mark.skipif(sys.platform == "win32", reason="a step for bash")
@pytest.mark.parametrize("text", ["3.13\n", "3.13", "3.13\r\n"])
def test_uv_is_given_the_python_of_the_repo(tmp_path: Path, text: str) -> None:
    steps = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    (tmp_path / ".python-version").write_bytes(text.encode())
    output = tmp_path / "output"
    environment = {**os.environ, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-e", "-c", steps[0]["run"]], cwd=tmp_path, env=environment, check=True)
    assert output.read_text(encoding="utf-8") == "version=3.13\n"
    assert steps[0]["id"] == "python"
    assert steps[1]["with"]["python-version"] == "${{ steps.python.outputs.version }}"


@pytest.mark.parametrize("line", [FROM_GIT, 'mlroad = { index = "mlroad" }'])
def test_no_wheel_is_needed_from_elsewhere(repo: Path, line: str) -> None:
    remove_vendor(repo)
    take_from(repo, line)
    assert verify(repo) == (
        0,
        "pyproject.toml takes mlroad from somewhere else: there is no wheel to verify.\n",
    )


def test_the_right_wheel_is_green(repo: Path) -> None:
    code, printed = verify(repo)
    assert code == 0
    assert printed == f"vendor/{WHEEL}: {hashlib.sha256(b'wheel').hexdigest()}\n"


def swap_committed_wheel(repo: Path) -> None:
    [wheel] = (repo / "vendor").glob("*.whl")
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell")
@pytest.mark.parametrize("change", [swap_committed_wheel, remove_sums, add_wheel])
def test_a_wrong_wheel_stops_every_job_before_it_installs_anything(
    act: Act, project: Callable[..., Path], change: Callable[[Path], None]
) -> None:
    """No code of the wheel runs: in a whole CI run, no job gets past the verification."""
    repo = project()
    act.warm_up(repo, repo / ".github" / "workflows" / "ci.yml")  # while the wheel can still be read
    change(repo)
    run = act.run(repo)
    for job in ("lint", "types", "guard", "second-scan", "check"):
        run.assert_red(
            job, "./.github/actions/setup", "::error file=vendor/" if change is not remove_sums else "::"
        )
        log = next(step.log for step in run.job(job).steps.values() if step.name == "./.github/actions/setup")
        assert "Failure - Main Verify the wheel of mlroad" in log
        assert "Main Install the environment" not in log
    run.assert_red("ci", "Check that every job succeeded", "lint: failure", "train: skipped")
