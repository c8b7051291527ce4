"""Walks through the tour: runs each step's commands, checks the step's effect, and records what happened."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.text import count, duration
from tools.stopping import started

REPOS = ("template", "prototype", "factory")
PYTHON = "py" if os.name == "nt" else "python3"
LOGS = "logs"
_FIRST, _LAST = 4, 7
"""How many lines of a long output are shown, from its start and its end."""
_WIDTH = 150
_SKIPPED = {".git", ".venv", ".tools", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
_MOST_NAMES = 8


class TourFailed(Exception):
    """A step did not do what it says. The text names the step."""


class NotDone(Exception):
    """What a step does could not be done, or is not there. The text says what is missing."""


@dataclass(frozen=True)
class Step:
    """A part of the tour."""

    title: str
    why: str
    commands: Callable[[], Sequence[str]]
    """As a person types them, one after the other. Some are known only after earlier steps."""
    check: Callable[[], str]
    """Says what the step did; raises `NotDone` if it did not. It looks at the repos, not at the output."""
    takes_from: str = ""
    """The repo that it takes something from, for the diagram."""
    exits: Mapping[str, int] = field(default_factory=dict)
    """The exit codes of commands that do not end with 0."""


class Walk:
    """The terminal, the record, and the folder in which the next command runs."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.steps: list[dict[str, Any]] = []
        self.output: list[str] = []
        """What the commands of the current step have said."""
        self.links: dict[str, str] = {}
        """What the page links to, besides the repos: a name, and a path below the folder."""
        self._here = folder
        self._environment = environment
        self._path = environment["PATH"]
        self._started = time.monotonic()
        (folder / LOGS).mkdir(parents=True, exist_ok=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def take(self, step: Step, of: int) -> None:
        """Run a step. Raises TourFailed if it fails, has no effect, or its effect was there before."""
        number = len(self.steps) + 1
        print(f"\n==> {number}/{of} {step.title} ({duration(self.seconds)} so far)\n{step.why}", flush=True)
        record: dict[str, Any] = {
            "title": step.title, "why": step.why, "takes_from": step.takes_from, "repo": "", "commands": []
        }  # fmt: skip
        self.steps.append(record)
        self.output = []
        started, files, references = time.monotonic(), self._files(), self._references()
        try:
            self._refuse_effect_without_the_step(step)
            for command in step.commands():
                self._run(command, step.exits.get(command, 0), number, record)
            record["done"] = step.check()
        except (NotDone, UserError) as error:
            record["failed"] = str(error)
            raise TourFailed(f"step {number}, {step.title}: {error}") from None
        except BaseException as error:
            record["failed"] = f"stopped ({type(error).__name__})"
            raise
        finally:
            record["seconds"] = time.monotonic() - started
            record["changes"] = [*_differences(files, self._files()), *_moved(references, self._references())]
        print(f"    done: {record['done']} ({record['seconds']:.1f} s)", flush=True)

    def _refuse_effect_without_the_step(self, step: Step) -> None:
        """A check that passes before its step has run would notice nothing."""
        try:
            found = step.check()
        except NotDone:
            return
        raise NotDone(f"its effect was there before the step ran, so the check proves nothing: {found}")

    def _run(self, command: str, expected: int, number: int, record: dict[str, Any]) -> None:
        print(f"    $ {command}", flush=True)
        told: dict[str, Any] = {"command": command, "lines": [], "seconds": 0.0}
        record["commands"].append(told)
        words = shlex.split(command)
        if words[0] == "cd":
            self._here = (self._here / words[1]).resolve()
            return
        if words[0] == "echo":  # echo TEXT >> FILE
            with (self._here / words[3]).open("a", encoding="utf-8", newline="\n") as file:
                file.write(f"{words[1]}\n")
            return
        record["repo"] = self._repo()
        started = time.monotonic()
        code, lines = self._output(words)
        self.output += lines
        told |= {"seconds": time.monotonic() - started, "lines": shortened(lines)}
        name = f"{number:02}.txt"
        with (self.folder / LOGS / name).open("a", encoding="utf-8", newline="\n") as file:
            file.write("\n".join([f"$ {command}", *lines, f"exit code {code}", "", ""]))
        record["log"] = f"{LOGS}/{name}"
        if code != expected:
            what = f"`{command}` ended with the exit code {code}, not {expected}"
            raise NotDone(f"{what}: see {self.folder / LOGS / name}")

    def _output(self, words: Sequence[str]) -> tuple[int, list[str]]:
        """Run a program. Its first lines are shown at once, and its last ones at the end."""
        # Windows looks for a program on this process's PATH, not on that of the new one.
        program = sys.executable if words[0] == PYTHON else shutil.which(words[0], path=self._path)
        if program is None:
            raise NotDone(f"{words[0]} is not on the PATH")
        lines: list[str] = []
        with started(
            [program, *words[1:]], cwd=self._here, env=dict(self._environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    lines.append(line.rstrip())
                    if len(lines) <= _FIRST:
                        _show(lines[-1])
        for line in shortened(lines)[_FIRST:]:
            _show(line)
        return process.returncode, lines

    def _repo(self) -> str:
        """The repo in which commands run now; empty for the folder around them."""
        return "/".join(self._here.relative_to(self.folder).parts[:1])

    def _files(self) -> dict[str, tuple[int, int]]:
        """Each file of the three repos, with its size and time."""
        found = {}
        for repo in REPOS:
            for place, folders, names in os.walk(self.folder / repo):
                folders[:] = [name for name in folders if name not in _SKIPPED]
                for name in names:
                    state = Path(place, name).stat()
                    path = Path(place, name).relative_to(self.folder).as_posix()
                    found[path] = (state.st_size, state.st_mtime_ns)
        return found

    def _references(self) -> dict[str, str]:
        """Each branch and tag of the three repos, with its commit."""
        found = {}
        form = "%(refname)%09%(objectname:short) %(subject)"
        for repo in REPOS:
            if (self.folder / repo / ".git").is_dir():
                for line in run_git(self.folder / repo, "for-each-ref", f"--format={form}").text.splitlines():
                    name, _, commit = line.partition("\t")
                    found[f"{repo}: {name}"] = commit
        return found


def shortened(lines: Sequence[str]) -> list[str]:
    """The start and the end of an output, and of a long line its start."""
    cut = [line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in lines]
    left_out = len(cut) - _FIRST - _LAST
    if left_out < 2:
        return cut
    return [*cut[:_FIRST], f"… {left_out} more lines", *cut[-_LAST:]]


def _show(line: str) -> None:
    print(f"      {line[:_WIDTH]}", flush=True)


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The files that are new, changed or deleted, in words."""
    told = []
    for what, names in (
        ("new", after.keys() - before.keys()),
        ("changed", {name for name in after.keys() & before.keys() if after[name] != before[name]}),
        ("deleted", before.keys() - after.keys()),
    ):
        told += [f"{what}: {name}" for name in _folders(names)]
    return told


def _folders(names: Iterable[str]) -> list[str]:
    """The names; if they are many, the folders that hold them, as deep as possible."""
    paths = sorted(PurePosixPath(name).parts for name in names)
    for depth in range(max(map(len, paths), default=1), 0, -1):
        found: dict[str, int] = {}
        for parts in paths:
            name = "/".join(parts[:depth]) + ("/" if len(parts) > depth else "")
            found[name] = found.get(name, 0) + 1
        if len(found) <= _MOST_NAMES or depth == 1:
            break
    return [
        f"{name} ({count(files, 'file')})" if name.endswith("/") else name for name, files in found.items()
    ]


def _moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The branches and tags that are new or have moved, in words."""
    told = []
    for name, commit in after.items():
        if before.get(name) != commit:
            repo, _, reference = name.partition(": ")
            kind, short = reference.removeprefix("refs/").split("/", 1)
            what = {"heads": "branch", "remotes": "remote branch", "tags": "tag"}.get(kind, kind)
            told.append(f"{repo}, {'new ' if name not in before else ''}{what} {short}: {commit}")
    return told
