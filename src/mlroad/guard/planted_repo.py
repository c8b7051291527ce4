"""A temporary repo with planted files, in which `mlroad guard selftest` runs the real commands."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlroad
from mlroad.guard.guard_settings import HOUSE_FILE, Settings

_PACKAGE = Path(mlroad.__file__).parent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed in a planted repo, with paths relative to it, and its exit code."""

    code: int
    lines: list[str]

    def reports(self, name: str, code: str, kind: str = "") -> bool:
        """Whether a line names this file, this code, and this kind of secret."""
        wanted = re.compile(rf"\s*{re.escape(name)}:(?:\d+:){{0,2}} {re.escape(code)}\b(?P<rest>.*)")
        found = filter(None, map(wanted.match, self.lines))
        return any(match["rest"].startswith(f": {kind}" if kind else "") for match in found)

    def must_report(self, planted: Mapping[str, str]) -> list[str]:
        """What is wrong if these files must be reported with these codes, and nothing may pass."""
        faults = [
            f"not found: {name} ({code})" for name, code in planted.items() if not self.reports(name, code)
        ]
        return faults + (
            [] if self.code == 1 else [f"the exit code is {self.code}, not 1: nothing is stopped"]
        )

    def must_pass(self) -> list[str]:
        """What is wrong if nothing may be reported."""
        if self.code == 0:
            return []
        return [
            f"harmless files were stopped (exit code {self.code}): {line}" for line in self.lines[:3] or [""]
        ]


@contextmanager
def planted_repo(settings: Settings, files: Mapping[str, str]) -> Iterator[Path]:
    """A temporary git repo with the settings and team rules of this one, and some files."""
    with tempfile.TemporaryDirectory(prefix="mlroad-selftest-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        outputs = "strip" if settings.strip_outputs else "keep"
        (root / "pyproject.toml").write_text(
            f'[tool.mlroad]\nmax-file-mb = {settings.max_file_mb}\nnotebook-outputs = "{outputs}"\n',
            encoding="utf-8",
        )
        if settings.house_file:
            (root / HOUSE_FILE).parent.mkdir()
            shutil.copyfile(settings.house_file, root / HOUSE_FILE)
        plant(root, files)
        run(root, "git", "init", "--quiet", check=True)
        yield root


def plant(root: Path, files: Mapping[str, str]) -> None:
    """Write files into a planted repo."""
    for file, text in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def guard(settings: Settings, files: Mapping[str, str], folder: str = ".") -> Outcome:
    """Run the guards as CI does, from ``folder`` of a repo with these files."""
    with planted_repo(settings, files) as root:
        (root / folder).mkdir(exist_ok=True)
        return run_guard(root, "--all", folder=folder)


def run_guard(root: Path, *arguments: str, folder: str = ".") -> Outcome:
    """Run `mlroad guard` in a planted repo."""
    done = run(root / folder, sys.executable, "-m", "mlroad", "guard", *arguments)
    lines = done.stdout.replace(f"{root.as_posix()}/", "").replace(f"{root}{os.sep}", "").splitlines()
    return Outcome(done.returncode, lines)


def run(
    folder: Path, *command: str, check: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a planted repo, without what a hook or a person's git settings would change."""
    # A hook sets GIT_DIR, which would point git to the wrong repo.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    people = {
        f"GIT_{who}_{what}": "selftest" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    ours = {"PYTHONPATH": str(_PACKAGE.parent), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, **people, **alone, **ours, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=check,
    )


def notebook(*cells: dict[str, object], indent: int | None = 1) -> str:
    """A notebook of these cells."""
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=indent)


def code_cell(source: str = "", output: str = "") -> dict[str, object]:
    """A cell of a notebook, with an output if there is text for it."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}] if output else []
    return {
        "cell_type": "code", "metadata": {}, "source": [source] if source else [], "execution_count": None,
        "outputs": outputs,
    }  # fmt: skip
