"""The wheel of this tool in a repo's vendor/: built from the template's commit, with the same bytes anywhere.

Only the standard library is needed: start.py builds a wheel before anything is installed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from mlroad.core.problems import UserError

SUMS = "SHA256SUMS"
# What the build reads, in the template's repo.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src/mlroad")
_NAME = re.compile(r"mlroad-(?P<version>[0-9][0-9.a-z]*(?:\+g(?P<commit>[0-9a-f]{7,40}))?)-py3-none-any\.whl")


def wheel_named(repo: Path) -> Path | None:
    """The wheel that the repo's pyproject.toml names, relative to it; None if the tool comes from elsewhere.

    Raises UserError for a pyproject.toml that cannot be read, or that names a file that is not such a wheel.
    """
    file = repo / "pyproject.toml"
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: {error}.", "Fix the file, then run the command again.") from error
    source = settings.get("tool", {}).get("uv", {}).get("sources", {}).get("mlroad", {})
    path = source.get("path") if isinstance(source, dict) else None
    if path is None:
        return None
    if not _NAME.fullmatch(Path(path).name):
        what = f"{file}: {path} is not a wheel of mlroad, such as vendor/mlroad-1.0-py3-none-any.whl."
        raise UserError(what, "Restore the line for mlroad under [tool.uv.sources].")
    return Path(path)


def version_of(wheel: Path) -> str:
    """The version in the name of a wheel."""
    return _parsed(wheel)["version"]


def is_intact(repo: Path, wheel: Path) -> bool:
    """Whether the wheel is there, and is the one whose SHA-256 is recorded beside it."""
    file = repo / wheel
    sums = file.parent / SUMS
    if not file.is_file() or not sums.is_file():
        return False
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{digest}  {wheel.name}" in sums.read_text(encoding="utf-8").splitlines()


def put_wheel(repo: Path, wheel: Path, template: str, from_disk: bool = False) -> None:
    """Build the wheel that the repo names, with its SHA-256, and remove older ones.

    ``template`` is the template's address for git, or its folder; ``from_disk`` takes the files of that
    folder as they are, whatever is committed. Raises UserError when the template cannot be reached, does not
    have the commit, or does not build that wheel.
    """
    with tempfile.TemporaryDirectory(prefix="mlroad-") as temporary:
        built = build(template, wheel, Path(temporary), from_disk)
        folder = repo / wheel.parent
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(built.read_bytes()).hexdigest()
        _replace(folder / wheel.name, built.read_bytes())
        _replace(folder / SUMS, f"{digest}  {wheel.name}\n".encode())
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
    _write_version(sources, names["version"])
    target = folder / "built"
    # A uv of the version that [build-system] requires builds this by itself, offline.
    command = [find_uv(), "build", "--quiet", "--wheel", "--out-dir", str(target), str(sources)]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, encoding="utf-8", check=False
    )
    built = target / wheel.name
    if done.returncode or not built.is_file():
        what = f"{wheel.name} could not be built from {template}: {_last_line(done.stderr)}"
        raise UserError(what, "Check the network, then run `mlroad setup` again.")
    return built


def find_uv() -> str:
    """The uv that started this program, or one beside Python or on the PATH.

    Raises UserError if there is none.
    """
    beside = Path(sys.executable).parent
    found = os.environ.get("UV") or shutil.which("uv", path=os.fspath(beside)) or shutil.which("uv")
    if found is None:
        raise UserError("uv is not on the PATH.", "Install it: `pip install uv`.")
    return found


def clean_environment() -> dict[str, str]:
    """The environment for uv and git in another folder: nothing in it names the caller's venv or repo."""
    dropped = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    # Behind a company's proxy uv fails unless it trusts what the system trusts.
    return {"UV_SYSTEM_CERTS": "1", **kept}


def _parsed(wheel: Path) -> re.Match[str]:
    found = _NAME.fullmatch(wheel.name)
    assert found is not None, wheel
    return found


def _check_out(template: str, commit: str, target: Path) -> None:
    """Write the sources of a commit to ``target``, with the same line ends on every system."""
    with tempfile.TemporaryDirectory(prefix="mlroad-template-") as temporary:
        # A folder is cloned too: in it, `git archive` would follow the settings of one machine.
        cloned = _git("clone", "--quiet", "--bare", template, temporary)
        if cloned.returncode:
            said = cloned.stderr.decode(errors="replace")
            reason = next((line for line in said.splitlines() if line.startswith("fatal: ")), said).strip()
            what = f"The template at {template} cannot be read: {reason}"
            fix = "Check your network and access. If it moved, change _src_path in .copier-answers.yml."
            raise UserError(what, fix)
        packed = _git("-C", temporary, "archive", "--format=tar", commit, "--", *_SOURCES)
        if packed.returncode:
            what = f"The template at {template} has no commit {commit}."
            raise UserError(what, "Push that commit there, or run `mlroad update`.")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(target, filter="data")


def _copy_working_tree(template: Path, target: Path) -> None:
    """The sources as they are on this disk."""
    for name in _SOURCES:
        if (template / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(template / name, target / name, ignore=ignored)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template / name, target / name)


def _write_version(sources: Path, version: str) -> None:
    """Write a commit's own version into its sources, so that each commit is another version for uv."""
    places = {"pyproject.toml": "version", "src/mlroad/__init__.py": "__version__"}
    for name, key in places.items():
        file = sources / name
        text = file.read_text(encoding="utf-8")
        text, count = re.subn(rf'^{key} = ".*"$', f'{key} = "{version}"', text, flags=re.MULTILINE)
        assert count == 1, f"{name}: {count} lines set {key}"
        file.write_text(text, encoding="utf-8", newline="\n")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "core.autocrlf=false", "-c", "core.eol=lf", *arguments]
    return subprocess.run(command, env=clean_environment(), capture_output=True, check=False)


def _replace(file: Path, data: bytes) -> None:
    """Write a file so that a reader, or a kill, never sees half of it."""
    waiting = file.with_name(f".{file.name}.{os.getpid()}")
    waiting.write_bytes(data)
    waiting.replace(file)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].strip()
