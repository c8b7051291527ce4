"""Large files, conflict markers, leftovers of failed patches, and the selection of files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.guard.conftest import Guard, environment

OURS, BASE, MIDDLE, THEIRS = "<" * 7, "|" * 7, "=" * 7, ">" * 7


def test_a_large_file_is_red_and_the_limit_can_be_set(repo: Path, guard: Guard) -> None:
    with (repo / "big.csv").open("wb") as file:
        file.truncate(11_000_000)
    told = guard("big.csv").stdout
    assert told.startswith("big.csv: large-file: The file is 11.0 MB, but the limit is 10 MB.")
    assert guard("--all").returncode == 1
    (repo / "pyproject.toml").write_text("[tool.mlroad]\nmax-file-mb = 12\n")
    assert guard("--all", "--only", "large-files").returncode == 0


def test_a_file_in_lfs_may_be_large(repo: Path, guard: Guard) -> None:
    with (repo / "big.bin").open("wb") as file:
        file.truncate(11_000_000)
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    assert guard("--all").returncode == 0


@pytest.mark.parametrize("value", ["0", "-1", '"ten"', "true"])
def test_a_wrong_limit_is_the_users_mistake(repo: Path, guard: Guard, value: str) -> None:
    (repo / "pyproject.toml").write_text(f"[tool.mlroad]\nmax-file-mb = {value}\n")
    assert guard("--all").returncode == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_conflict_markers_are_named_by_line(repo: Path, guard: Guard, end: str) -> None:
    text = [f"{OURS} HEAD", "a", f"{BASE} base", "b", MIDDLE, "c", f"{THEIRS} branch", ""]
    (repo / "a.md").write_bytes(end.join(text).encode())
    told = guard("a.md").stdout.splitlines()
    assert [line.split(":")[1] for line in told] == ["1", "3", "5", "7"]
    assert all(": conflict-marker: " in line for line in told)


@pytest.mark.parametrize("line", [f"{OURS} before updating", f"{THEIRS} after updating", OURS, THEIRS])
def test_one_forgotten_marker_is_enough(repo: Path, guard: Guard, line: str) -> None:
    (repo / "a.yml").write_text(f"a: 1\n{line}\n")
    assert guard("a.yml").stdout.startswith("a.yml:2: conflict-marker: ")


@pytest.mark.parametrize(
    "text",
    [
        f"Title\n{MIDDLE}\n\nText\n",
        f"{MIDDLE}\nTitle\n{MIDDLE}\n",
        f"{'=' * 20}\n{'<' * 20}\n{'>' * 8} x\n",
        f"    {OURS} in an indented example\n",
        f"x = '{OURS} HEAD'\n",
        ">>> f(1)\n>>>>>> quote\n",
        "a ||||||| b\n",
    ],
)
def test_underlines_and_quotes_are_not_conflicts(repo: Path, guard: Guard, text: str) -> None:
    (repo / "a.rst").write_text(text)
    assert guard("a.rst").returncode == 0, guard("a.rst").stdout


@pytest.mark.parametrize("name", ["ci.yml.rej", "train.py.orig"])
def test_what_a_failed_patch_leaves_is_red(repo: Path, guard: Guard, name: str) -> None:
    (repo / name).write_text("x\n")
    assert guard("--all").stdout.startswith(f"{name}: rejected-patch: ")


def test_ignored_files_links_and_submodules_are_left_out(repo: Path, guard: Guard) -> None:
    (repo / ".gitignore").write_text("*.rej\n")
    (repo / "a.rej").write_text("x\n")
    (repo / "link.orig").symlink_to("nowhere")
    subprocess.run(["git", "init", "--quiet", str(repo / "inner")], check=True, env=environment())
    assert guard("--all").returncode == 0


def test_odd_tables_and_deep_yaml_are_read(repo: Path, guard: Guard) -> None:
    (repo / "wide.csv").write_text(f"user,{200_000 * 'x'},password\n1,2,3\n", encoding="utf-8")
    (repo / "deep.yml").write_text(f"password: {1_100 * '['}{1_100 * ']'}\n", encoding="utf-8")
    done = guard("wide.csv", "deep.yml")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_with_spaces_umlauts_and_newlines_are_read(repo: Path, guard: Guard) -> None:
    for name in ("ä b.rej", "new\nline.orig", os.fsdecode(b"\xff.rej")):
        (repo / name).write_text("x\n")
    done = guard("--all")
    assert done.stdout.count("rejected-patch") == 3, done.stderr


def test_binary_and_odd_encodings_are_accepted(repo: Path, guard: Guard) -> None:
    (repo / "a.bin").write_bytes(bytes(range(256)) * 50)
    (repo / "latin.txt").write_bytes("Überprüfung".encode("latin-1"))
    (repo / "grows.txt").write_text("İ" * 50 + " token = x\n", encoding="utf-8")
    (repo / "empty").write_bytes(b"")
    done = guard("--all")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("gone.py",), "does not exist"),
        ((), "Name files or folders, or use --all"),
        (("--all", "pyproject.toml"), "only one of these"),
        (("--all", "--only", "secret"), "unknown guard secret"),
    ],
)
def test_a_users_mistake_ends_with_2(guard: Guard, arguments: tuple[str, ...], told: str) -> None:
    done = guard(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_repo_the_fix_is_named(tmp_path: Path, guard: Guard) -> None:
    done = guard("--all", folder=tmp_path)
    assert done.returncode == 2
    assert "git init" in done.stderr


def test_a_broken_pyproject_is_named(repo: Path, guard: Guard) -> None:
    (repo / "pyproject.toml").write_text("[tool\n")
    done = guard("--all")
    assert done.returncode == 2
    assert "not valid TOML" in done.stderr


@pytest.mark.parametrize("file", ["pyproject.toml", "house/secrets.toml"])
@pytest.mark.parametrize("arguments", [["--all"], ["b.txt"], ["--only", "secrets", "--all"]])
def test_conflict_markers_in_its_own_settings_are_reported(
    repo: Path, guard: Guard, file: str, arguments: list[str]
) -> None:
    """An update leaves them there; the guard must name them, not stop because it cannot read the file."""
    (repo / "house").mkdir()
    (repo / file).write_text(f"a = 1\n{OURS} before\na = 2\n{MIDDLE}\na = 3\n{THEIRS} after\n")
    (repo / "b.txt").write_text(f"{THEIRS} after\n")
    done = guard(*arguments)
    assert done.returncode == 1, done.stderr
    assert f"{file}:2: conflict-marker: " in done.stdout.replace("\\", "/")
    assert "b.txt:1: conflict-marker: " in done.stdout


def test_a_folder_can_be_named(repo: Path, guard: Guard) -> None:
    (repo / "sub").mkdir()
    (repo / "sub/a.rej").write_text("x\n")
    (repo / "b.rej").write_text("x\n")
    assert guard("sub").stdout.splitlines()[0].startswith("sub/a.rej: ")
    assert "b.rej" not in guard("sub").stdout


def test_the_models_that_a_commit_touches_are_checked(repo: Path, guard: Guard) -> None:
    steps = repo / "models/fares/steps"
    steps.mkdir(parents=True)
    (steps / "train.py").write_text('import pandas as pd\n\npd.read_csv("../data/x.csv")\n')
    done = guard("--models", "models/fares/steps/train.py")
    assert done.returncode == 1
    assert "train.py:3:" in done.stdout
    assert guard("--models", "pyproject.toml").returncode == 0
