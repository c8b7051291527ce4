"""The update matrix: from released versions of the template to today's, for all kinds of repos and edits.

`python -m tests.templates.update_matrix` runs all of it on all processors; the test suite runs a part.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from tests import support
from tests.support import call, clone_template, commit_all, contents, git, tool
from tests.templates.next_release import add_next_release
from tests.templates.team_edits import apply
from tests.templates.update_laws import States, lost, stale, unexecutable, unseen
from tests.templates.whole_update import mlroad_in, new_repo, release, releases, update_in

HISTORY = ("e94a859", "c66023d", "18744c8", "b412b5b", "7760f00", "ac7cfbe")
"""Commits that count as releases, from before there were any. The first is the last one whose repos contained
the source of the tool; then: the wheel, kinds of models, rulesets, three jobs in the factory, .NET."""
NEXT = "v9.1.0"
TODAY = "v9.0.0"
ANSWERS: dict[str, dict[str, Any]] = {
    "prototype": {"template": "prototype"},
    "prototype, other answers": {
        "template": "prototype", "sample": False, "notebook_outputs": "keep", "python_version": "3.12",
        "toolkit": "git", "owners": "@octocat @my-org/science",
    },
    "factory": {"template": "factory"},
    "factory, other answers": {
        "template": "factory", "sample": False, "dotnet": False, "experimentation": True,
        "toolkit": "index", "toolkit_index": "https://packages.example.invalid/simple",
    },
}  # fmt: skip
SWITCHES: dict[str, tuple[tuple[str, ...], ...]] = {
    "": ((),),
    "another Python": (("python_version=3.13",),),
    "without the sample": (("sample=false",),),
    "prototype becomes a factory": (("template=factory",),),
    "prototype becomes a factory and back": (("template=factory",), ("template=prototype",)),
    "factory becomes a prototype and back": (("template=prototype",), ("template=factory",)),
    "factory without .NET": (("dotnet=false",),),
}
"""Answers that are changed, update after update."""


@dataclass(frozen=True)
class Case:
    """One repo and one update."""

    answers: str
    version: str
    edited: bool
    to: str = TODAY
    switch: str = ""

    @property
    def left_to_do(self) -> str:
        """The code by which `mlroad check` says what the team has to do after a switch; or "no code"."""
        if self.switch.startswith("prototype becomes a factory") and not self.edited:
            return "MR711"  # the sample has no gates yet
        return "MR704" if self.switch == "factory without .NET" else "no code"  # its gates.yml asks .NET

    def __str__(self) -> str:
        edits = "with edits" if self.edited else "pristine"
        return f"{self.answers}, {edits}, {self.version} to {self.to} {self.switch}".rstrip()


def history(folder: Path) -> Path:
    """A clone of the template with its releases."""
    clone = clone_template(folder)
    git(clone, "fetch", "--quiet", "--tags", "--", str(support.REPO))
    return clone


def make_template(history: Path, folder: Path) -> Path:
    """A template with all releases of the matrix."""
    commits = {
        git(history, "rev-parse", f"{name}^{{commit}}").strip() for name in (*HISTORY, *tags_in(history))
    }
    ordered = sorted(commits, key=lambda commit: int(git(history, "rev-list", "--count", commit)))
    versions = {f"v0.0.{number}": commit for number, commit in enumerate(ordered, 1)}
    template = releases(history, folder, {**versions, TODAY: "HEAD"})
    add_next_release(template)
    release(template, NEXT)
    return template


def tags_in(history: Path) -> list[str]:
    return [tag for tag in git(history, "tag", "--list", "v*").split() if re.fullmatch(r"v\d+(\.\d+)+", tag)]


def versions_in(template: Path) -> list[str]:
    """The releases before today's, oldest first."""
    return git(template, "tag", "--list", "v0.0.*", "--sort=version:refname").split()


def run(template: Path, case: Case) -> list[str]:
    """Update one repo; returns what is wrong afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlroad-matrix-") as folder:
        answers = {"project_name": "demo", **ANSWERS[case.answers]}
        repo = new_repo(template, Path(folder) / "demo", case.version, **answers)
        start = contents(repo)
        if case.edited:
            apply(repo)
            commit_all(repo, "Our own work")
        mine, modes, told = contents(repo), _executable(repo), set[str]()
        for changed in SWITCHES[case.switch]:
            commit_all(repo, "The update before, if there was one")
            said = update_in(repo, "--to", case.to, *(f"--data={answer}" for answer in changed))
            told |= set(re.findall(r"^  (\S+) \(you have edited it\)$", said.text, re.MULTILINE))
        recorded = yaml.safe_load((repo / ".copier-answers.yml").read_text(encoding="utf-8"))
        now = json.dumps({name: value for name, value in recorded.items() if not name.startswith("_")})
        states = States(start, mine, contents(repo), _fresh(template, case.to, now))
        guarded = mlroad_in(repo, "guard", "--all")
        wrong = [*lost(states, told), *stale(states), *unseen(states, said, guarded)]
        wrong += unexecutable(modes, _executable(repo), states)
        if guarded.code == 0:
            wrong += [red for red in not_green(repo) if f"{case.left_to_do}:" not in red]
        return wrong


@cache
def _fresh(template: Path, version: str, answers: str) -> dict[str, bytes]:
    """The files of a new repo."""
    with tempfile.TemporaryDirectory(prefix="mlroad-matrix-") as folder:
        return contents(new_repo(template, Path(folder) / "demo", version, **json.loads(answers)))


def _executable(repo: Path) -> set[str]:
    return {name for name in contents(repo) if os.access(repo / name, os.X_OK)}


def not_green(repo: Path) -> list[str]:
    """What the repo's own pull request would run, as far as it takes no environment of its own."""
    checked = mlroad_in(repo, "check")
    ruff = call([tool("ruff"), "check", "--output-format=concise", "--no-cache"], repo, check=False)
    runs = (("mlroad check", checked.code, checked.text), ("ruff check", ruff.returncode, ruff.stdout))
    return [f"`{name}` is red: {text}" for name, code, text in runs if code]


def all_cases(template: Path) -> list[Case]:
    """The full product."""
    versions = versions_in(template)
    cases = [Case(*values) for values in product(ANSWERS, versions, (False, True))]
    cases += [Case(answers, TODAY, edited, NEXT) for answers, edited in product(ANSWERS, (False, True))]
    for answers, edited, version in product(("prototype", "factory"), (False, True), (versions[-1],)):
        cases += [
            Case(answers, version, edited, switch=switch) for switch in SWITCHES if _applies(switch, answers)
        ]
    return cases


def _applies(switch: str, answers: str) -> bool:
    return bool(switch) and (answers in switch.split()[:1] or not switch.startswith(("prototype", "factory")))


def main() -> None:
    """Run all cases, print what is wrong, and exit with 1 if anything is."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlroad-matrix-") as folder:
        template = make_template(history(Path(folder) / "history"), Path(folder) / "template")
        cases = all_cases(template)
        bad = 0
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for case, wrong in zip(cases, pool.map(partial(run, template), cases), strict=True):
                print(f"{'wrong' if wrong else 'right'}: {case}", *wrong, sep="\n  ", flush=True)
                bad += bool(wrong)
    print(f"{len(cases)} updates, {bad} wrong: {time.monotonic() - started:.0f} s (target 300 s)")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
