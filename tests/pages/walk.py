"""Runs the commands of a page in order, and compares their output with what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from mlroad.cli.lazy import load
from mlroad.cli.main import COMMANDS
from tests.pages.fences import Fence, WrongPage
from tests.support import REPO
from tests.unit.cli.command import Command
from tools import start

EVERYTHING = "MLROAD_ALL_PAGES"
"""The environment variable with which also the long blocks run."""


class Line(NamedTuple):
    """A command of a block, with the output that the page shows for it."""

    command: str
    shown: str


def commands(fence: Fence) -> Iterator[Line]:
    """The commands of a block. In `console`, they begin with $; what follows is their output."""
    joined = re.sub(r"\\\n\s*", "", fence.text)
    if fence.language == "console":
        first, *parts = re.split(r"^\$ ", joined, flags=re.MULTILINE)
        if first.strip() or not parts:
            raise WrongPage(f"{fence.place}: A console starts with $ and a command.")
        for part in parts:
            command, _, shown = part.partition("\n")
            yield Line(command, shown)
    else:
        if re.search(r"^\$ ", joined, re.MULTILINE):
            raise WrongPage(f"{fence.place}: A block with $ before its commands is a `console`.")
        for line in joined.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield Line(line.strip(), "")


def check_names(text: str, place: str) -> None:
    """Each `mlroad` command in ``text`` exists, and has the options that it is given. Raises WrongPage."""
    for part in re.findall(
        r"(?:^|[`$(|;] ?|uv run (?:--group \w+ )?)mlroad ([a-z][^`\n|;#&)]*)", text, re.MULTILINE
    ):
        _check_command(part, place)


def _check_command(text: str, place: str) -> None:
    """The words up to the first that is no command name are looked up, then the options among the others."""
    first, *words = re.findall(r"--?[a-zA-Z][\w-]*|[^\s\[\]]+", text)
    if first not in COMMANDS:
        raise WrongPage(f"{place}: `mlroad {text.strip()}`: {first} is not a command.")
    entry = COMMANDS[first]
    known = {"-h", "--help"}
    for target in filter(None, (entry.target, entry.in_prototype)):
        known |= _options(load(target), words)
    for word in words:
        if re.fullmatch(r"--?[a-zA-Z][\w-]*", word) and word not in known:
            raise WrongPage(f"{place}: `mlroad {text.strip()}`: there is no option {word}.")


def _options(command: click.Command, words: list[str]) -> set[str]:
    """The options of a command, or of the subcommand that the first word names."""
    # click keeps the help option that the first context of a command asks for.
    context = command.make_context(
        command.name, words[:1], resilient_parsing=True, help_option_names=["-h", "--help"]
    )
    command = context.command  # `guard allow` is another one than `guard`
    below = [command]
    if isinstance(command, click.Group):
        named = command.get_command(context, words[0]) if words else None
        below += [named] if named else command.commands.values()
    return {option for each in below for it in each.params for option in (*it.opts, *it.secondary_opts)}


def loosely(text: str) -> str:
    """Output without what differs between runs: ids, dates, digests, durations, decimals, cores, widths."""
    for pattern, word in (
        (r"\b\d{8}-\d{6}(?:-\d{6}(?:-[0-9a-f]{4})?)?\b", "<run>"),
        (r"\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?", "<date>"),
        (r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b…?", "<digest>"),
        (r"\b\d+ h \d+ min\b|\b(?:\d+ min )?\d+(?:\.\d+)? s\b", "<duration>"),
        (r"\b\d+\.\d+(?:e-?\d+)?\b", "<number>"),
        (r"\bup to \d+ at a time\b", "up to <cores> at a time"),
        (r"\s+", " "),
    ):
        text = re.sub(pattern, word, text)
    return text.strip()


def is_shown(shown: str, output: str) -> str | None:
    """The first line of ``shown`` that ``output`` does not have; … is for anything."""
    said = loosely(output)
    for line in filter(None, map(str.strip, shown.splitlines())):
        # The digest ends at the …, if it was cut there.
        if not re.search(".*".join(map(re.escape, loosely(line).split("…"))), said):
            return line
    return None


def quickly(command: str) -> str:
    """What the suite runs of a command in a long block: nothing, or something quick that proves it."""
    own = command.removeprefix("uv run ")
    if own.startswith("git commit"):
        return f"{command} --allow-empty"
    if own.startswith(
        ("git ", "python -m ", "mlroad new ", "mlroad check", "mlroad sync", "mlroad runs", "mlroad list")
    ):
        return command
    return f"{command} --dry-run" if own.startswith("mlroad run ") else ""


class Walker:
    """Follows one page."""

    def __init__(
        self, repos: Callable[[str], Path], capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self._repos = repos
        self._capfd = capfd
        self._patch = patch
        self.repo: Path | None = None
        self.everything = EVERYTHING in os.environ

    def enter(self, kind: str) -> Path:
        """Go on in a fresh repo of a kind."""
        self.repo = self._repos(kind)
        return self.repo

    def enter_new(self, template: str) -> None:
        """Go on in a repo as `start.py new` leaves it: trained, and without a commit."""
        repo = self.enter(f"trained {template}" if self.everything else template)
        shutil.rmtree(repo / ".git")
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=repo, check=True)

    def edit(self, value: str, place: str) -> None:
        """``FILE: OLD => NEW``."""
        assert self.repo is not None
        name, _, change = value.partition(": ")
        old, _, new = change.partition(" => ")
        file = self.repo / name
        text = file.read_text(encoding="utf-8")
        if old not in text:
            raise WrongPage(f"{place}: {name} does not contain {old!r}.")
        file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    def play(self, fence: Fence) -> None:
        """Run a block's commands. Raises WrongPage if one fails, or does not print what the page shows."""
        lines = list(commands(fence))
        for index, line in enumerate(lines):
            command, shown = line.command, line.shown
            expected = int(fence.note("exit") or 0) if index == len(lines) - 1 else 0
            if fence.long and not self.everything:
                command, shown, expected = quickly(command), "", 0
            if not command:
                continue
            code, output = self.run(command, fence.place)
            if code != expected:
                raise WrongPage(
                    f"{fence.place}: `{line.command}` ends with exit code {code}, not {expected}:\n{output}"
                )
            if missing := is_shown(shown, output):
                raise WrongPage(f"{fence.place}: `{line.command}` does not print\n{missing}\nbut:\n{output}")

    def run(self, command: str, place: str) -> tuple[int, str]:
        """Run one command as the reader would."""
        words = shlex.split(command, comments=True)
        if words[:2] == ["uv", "run"]:
            words = words[4:] if words[2] == "--group" else words[2:]
        if words[:2] == ["python3", "start.py"]:
            return self._start(words[2:])
        if self.repo is None:
            raise WrongPage(f"{place}: `{command}`: say in which repo it runs: <!-- in prototype -->")
        if words[0] == "cd":
            return 0, ""  # into the repo: that is where we are
        if words[0] == "mlroad" and not {"|", "&&", ">"} & set(words):
            said = Command(self.repo, self._capfd, self._patch)(*words[1:])
            return said.code, said.text
        if words[:2] == ["python", "-m"]:
            words[0] = sys.executable
            self._patch.setenv("PYTHONPATH", str(REPO))
        if words[0] in ("git", sys.executable) and not {"|", "&&", ">"} & set(words):
            done = subprocess.run(
                words, cwd=self.repo, capture_output=True, text=True, encoding="utf-8", check=False
            )
            return done.returncode, done.stdout + done.stderr
        raise WrongPage(f"{place}: tests cannot run `{command}`. Say why: <!-- not run: REASON -->")

    def _start(self, words: list[str]) -> tuple[int, str]:
        """`start.py new` has tests of its own: here, its arguments are read, and its repo is there."""
        options = start.parser().parse_args(words)
        if options.command == "new":
            self.enter_new(options.template)
        return 0, ""


def follow(page: list[Fence], walker: Walker) -> Iterator[Fence]:
    """Run what can run, and yield the other blocks."""
    for fence in page:
        skipped = fence.not_run
        brief = fence.long and not walker.everything
        for note in fence.notes:
            if note.kind == "in":
                walker.enter(note.value if walker.everything else note.value.removeprefix("trained "))
            elif note.kind == "first" and not skipped:
                if command := quickly(note.value) if brief else note.value:
                    code, output = walker.run(command, fence.place)
                    if code:
                        raise WrongPage(f"{fence.place}: `{command}` ends with exit code {code}:\n{output}")
            elif note.kind == "edit" and not skipped and not brief:
                walker.edit(note.value, fence.place)
        if fence.language in ("bash", "console", "sh"):
            check_names(fence.text, fence.place)
            if not skipped:
                walker.play(fence)
        elif fence.title and walker.repo and not skipped:
            file = walker.repo / fence.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fence.text, encoding="utf-8", newline="\n")
        else:
            yield fence
