"""Finds uv, which may be neither on the PATH nor beside Python: start.py brings its own."""

import os
import shutil
import sys
from pathlib import Path

from mlroad.core.git import git_environment
from mlroad.core.problems import UserError

_NOTE = "uv-program.txt"
"""In a virtual environment: the path of the uv that made it."""


def find_uv() -> str:
    """The uv that started this program, or one beside Python, on the PATH, or that made this environment.

    Raises UserError if there is none.
    """
    beside = os.fspath(Path(sys.executable).parent)
    found = os.environ.get("UV") or shutil.which("uv", path=beside) or shutil.which("uv") or _noted()
    if found is None:
        raise UserError("uv was not found.", "Install it: python -m pip install uv")
    return found


def note_uv(environment: Path, uv: str) -> None:
    """Keep the path of uv in the virtual environment that it has made, for commands that run without it."""
    found = shutil.which(uv)
    if found and environment.is_dir():
        text = os.fspath(Path(found).absolute())
        (environment / _NOTE).write_text(f"{text}\n", encoding="utf-8", newline="\n")


def uv_environment() -> dict[str, str]:
    """This process's environment for uv, without the virtual environment and the repo that it runs in."""
    kept = {name: value for name, value in git_environment().items() if name != "VIRTUAL_ENV"}
    # Behind a company's proxy uv fails unless it trusts what the system trusts.
    return {"UV_SYSTEM_CERTS": "1", **kept}


def _noted() -> str | None:
    try:
        return shutil.which(Path(sys.prefix, _NOTE).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return None
