"""The wheel of this tool in a repo's vendor/: built from the template's commit, with the same bytes anywhere.

Only the standard library is needed: start.py builds a wheel before anything is installed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from mlroad.core.files import write_bytes, write_text
from mlroad.core.git import has_commit, run_git
from mlroad.core.problems import UserError
from mlroad.core.template import shared_clone
from mlroad.core.uv_program import find_uv, uv_environment

SUMS = "SHA256SUMS"
# What the build reads, in the template's repo.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src")
_NAME = re.compile(r"mlroad-(?P<version>[0-9][0-9.a-z]*(?:\+g(?P<commit>[0-9a-f]{7,40}))?)-py3-none-any\.whl")


def tool_source(repo: Path) -> dict[str, Any]:
    """The line for mlroad under [tool.uv.sources] in the repo's pyproject.toml; empty if there is none.

    Raises UserError for a file that cannot be read.
    """
    file = repo / "pyproject.toml"
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: {error}.", "Fix the file and try again.") from error
    source = settings.get("tool", {}).get("uv", {}).get("sources", {}).get("mlroad", {})
    return source if isinstance(source, dict) else {}


def wheel_named(repo: Path) -> Path | None:
    """The wheel that the repo's pyproject.toml names, relative to it; None if mlroad comes from elsewhere.

    Raises UserError for a file that cannot be read, and for a path to anything other than such a wheel.
    """
    path = tool_source(repo).get("path")
    if path is None:
        return None
    if not _NAME.fullmatch(Path(path).name):
        what = f"{repo / 'pyproject.toml'}: {path} is not a wheel of mlroad."
        raise UserError(what, "Restore the line for mlroad: git log -p pyproject.toml")
    return Path(path)


def version_of(wheel: Path) -> str:
    return _parsed(wheel)["version"]


def is_intact(repo: Path, wheel: Path) -> bool:
    """Whether the wheel has the SHA-256 that is recorded beside it."""
    file = repo / wheel
    sums = file.parent / SUMS
    if not sums.is_file():
        return False
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{digest}  {wheel.name}" in sums.read_text(encoding="utf-8").splitlines()


def put_wheel(repo: Path, wheel: Path, template: str, from_disk: bool = False) -> None:
    """Build the wheel that the repo names, record its SHA-256, and remove older wheels.

    ``template`` is the template's address for git, or its folder. ``from_disk`` takes the files of that
    folder as they are, whatever is committed. Raises UserError when the template cannot be reached, does not
    have the commit, or does not build that wheel.
    """
    with tempfile.TemporaryDirectory(prefix="mlroad-") as temporary:
        content = build(template, wheel, Path(temporary), from_disk).read_bytes()
    folder = repo / wheel.parent
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / wheel.name, content)
    write_text(folder / SUMS, f"{hashlib.sha256(content).hexdigest()}  {wheel.name}\n")
    for old in folder.glob("mlroad-*.whl"):
        if old.name != wheel.name:
            old.unlink()


def build(template: str, wheel: Path, folder: Path, from_disk: bool = False) -> Path:
    """Build ``wheel`` from the commit in its name, in ``folder``. Raises UserError as `put_wheel` does."""
    names = _parsed(wheel)
    sources = folder / "sources"
    if from_disk or names["commit"] is None:
        _copy_working_tree(Path(template), sources)
    else:
        _check_out(template, names["commit"], sources)
    # uv must see each commit as a different version.
    for name, text in with_version(sources, names["version"]).items():
        write_text(sources / name, text)
    target = folder / "built"
    # A uv of the version that [build-system] requires builds this by itself, offline.
    command = [find_uv(), "build", "--quiet", "--wheel", "--out-dir", str(target), str(sources)]
    done = subprocess.run(command, env=uv_environment(), capture_output=True, text=True, check=False)
    built = target / wheel.name
    if done.returncode or not built.is_file():
        reason = (done.stderr.strip().splitlines() or ["uv gave no reason."])[-1].strip()
        raise UserError(f"{wheel} could not be built from {template}: {reason}", "Check the network.")
    return built


def _parsed(wheel: Path) -> re.Match[str]:
    found = _NAME.fullmatch(wheel.name)
    assert found is not None, wheel
    return found


def _check_out(template: str, commit: str, target: Path) -> None:
    """Write the sources of a commit to ``target``, with the same line ends on every system."""
    with tempfile.TemporaryDirectory(prefix="mlroad-template-") as temporary:
        clone = shared_clone(commit)
        if clone is None:
            clone = Path(temporary) / "clone"
            # A folder is cloned too: in it, git would follow the settings of one machine.
            options = ("--quiet", "--bare", "--filter=blob:none")
            cloned = run_git(Path.cwd(), "clone", *options, "--", template, os.fspath(clone))
            if not cloned.ok:
                what = f"The template at {template} cannot be read: {cloned.first_reason}."
                fix = "Check your network and access. If it moved, change _src_path in .copier-answers.yml."
                raise UserError(what, fix)
            if not has_commit(clone, commit):
                what = f"The template at {template} has no commit {commit}."
                raise UserError(what, "Push that commit there, or run `mlroad update`.")
        target.mkdir(parents=True)
        line_ends = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
        command = (*line_ends, f"--work-tree={target}", "checkout", commit, "--", *_SOURCES)
        index = {"GIT_INDEX_FILE": os.fspath(Path(temporary) / "index")}
        run_git(clone, *command, environment=index, check=True)


def _copy_working_tree(template: Path, target: Path) -> None:
    """The sources as they are on this disk."""
    target.mkdir(parents=True, exist_ok=True)
    for name in _SOURCES:
        if (template / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(template / name, target / name, ignore=ignored)
        else:
            shutil.copyfile(template / name, target / name)


def with_version(sources: Path, version: str) -> dict[str, str]:
    """The files of the sources that name their version, with another one: a release's, or a commit's own."""
    places = {"pyproject.toml": "version", "src/mlroad/__init__.py": "__version__"}
    found = {}
    for name, key in places.items():
        text = (sources / name).read_text(encoding="utf-8")
        text, count = re.subn(rf'^{key} = ".*"$', f'{key} = "{version}"', text, flags=re.MULTILINE)
        assert count == 1, f"{name}: {count} lines set {key}"
        found[name] = text
    return found
