"""Checks of what each step of the tour did. They read files, commits and databases, not what a command says.

Each one returns what the step did, in words, and raises `NotDone` if it did not.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from mlroad.core.git import current_branch, dirty_files, file_at, run_git
from mlroad.core.template import ANSWERS, origin
from mlroad.core.text import count
from mlroad.core.wheel import is_intact, wheel_named
from tools.tour_walk import REPOS, NotDone, Walk

STANDARD = ".github/pull_request_template.md"
"""The standard file that the next release changes. Both repos have it."""
QUESTION = "- [ ] The template's next release asks this question"
SERVER = "server.git"
_MODEL, _TAG, _BRANCH = "diabetes", "diabetes-v1", "promote/diabetes-diabetes-v1"
_FOLDER = f"models/{_MODEL}"


class Checks:
    """The checks, by the names that tour.toml uses."""

    def __init__(self, walk: Walk, release: str, following: str) -> None:
        self._walk = walk
        self._release, self._following = release, following
        self._template, self._prototype, self._factory = (walk.folder / name for name in REPOS)

    def template(self) -> str:
        tagged = resolved(self._template, self._release)
        require(bool(tagged), f"there is no tag {self._release}")
        require(tagged == resolved(self._template, "HEAD"), f"{self._release} is not the last commit")
        require(not dirty_files(self._template), "the clone has changes that are not committed")
        return f"the clone is at {self._release}, commit {tagged[:7]}"

    def repo(self, name: str, *models: str) -> str:
        repo = self._walk.folder / name
        self._follows(repo, self._release)
        require((repo / ".git/hooks/pre-commit").is_file(), "the git hooks are not installed")
        require(bool(resolved(repo, "HEAD")), f"{name} has no commit")
        there = sorted(folder.name for folder in (repo / "models").iterdir() if folder.is_dir())
        require(there == [*models], f"its models are {there}")
        require(all(runs(repo) for _ in models), "the sample was not trained")
        return f"{name} is at {self._release}, with the tool, the hooks and {count(len(models), 'model')}"

    def run(self) -> str:
        found = runs(self._prototype)
        require(len(found) == 2, f"there are {len(found)} runs, not 2")
        last = found[-1]
        require(last["state"] == "completed", f"the run is {last['state']}")
        require(all(step["reused_from"] for step in last["steps"].values()), "a step was not reused")
        return f"{count(len(last['steps']), 'step')} reused, in {last['seconds']:.1f} s"

    def freeze(self) -> str:
        cases = file_at(self._prototype, "HEAD", f"{_FOLDER}/inference_tests/cases.jsonl")
        require(cases is not None, "no inference test is committed")
        kinds = [json.loads(line)["kind"] for line in (cases or b"").splitlines()]
        require({"golden", "invalid"} <= {*kinds}, f"there are only tests of the kinds {sorted({*kinds})}")
        return f"{count(len(kinds), 'inference test')} committed"

    def left(self) -> str:
        told = re.search(r"\d+ of \d+ left: (.*)", "\n".join(self._walk.output))
        require(told is not None, "it did not list what is left")
        assert told is not None
        require(not run_git(self._prototype, "tag").text, "a tag was made")
        return f"left: {told[1]}"

    def tag(self) -> str:
        tagged = resolved(self._prototype, _TAG)
        require(bool(tagged), f"there is no tag {_TAG}")
        require(tagged == resolved(self._prototype, "HEAD"), f"{_TAG} is not the last commit")
        metrics = file_at(self._prototype, _TAG, f"{_FOLDER}/metrics.json")
        require(metrics is not None, f"{_TAG} has no metrics.json")
        return f"{_TAG} is the commit {tagged[:7]}, with metrics.json"

    def promotion(self) -> str:
        require(bool(resolved(self._factory, _BRANCH)), f"there is no branch {_BRANCH}")
        provenance = file_at(self._factory, _BRANCH, f"{_FOLDER}/provenance.yml") or b""
        for fact in (_TAG, resolved(self._prototype, _TAG)):
            require(fact.encode() in provenance, f"provenance.yml does not name {fact}")
        pushed = resolved(self._factory, f"origin/{_BRANCH}")
        require(pushed == resolved(self._factory, _BRANCH), f"{_BRANCH} was not pushed")
        require(current_branch(self._factory) == "main", "the branch main was left")
        require(not (self._factory / _FOLDER).exists(), "the working tree was changed")
        files = changed(self._factory, "main", _BRANCH)
        for name in ("gates.yml", "data.yml"):
            require(f"{_FOLDER}/{name}" in files, f"{name} was not drafted")
        return f"the branch {_BRANCH} adds {count(len(files), 'file')}"

    def pull_request(self) -> str:
        require(current_branch(self._factory) == _BRANCH, f"{_BRANCH} is not checked out")
        self._link("The report of the pull request", self._judged("dev", resolved(self._factory, _BRANCH)))
        ran = len(self._walk.steps[-1]["commands"]) - 1
        return f"{count(ran, 'command')} of pr.yml passed, the gates among them"

    def merge(self) -> str:
        parents = run_git(self._factory, "rev-list", "--parents", "--max-count=1", "main").text.split()[1:]
        require(resolved(self._factory, _BRANCH) in parents, f"{_BRANCH} was not merged into main")
        pushed = resolved(self._factory, "origin/main")
        require(pushed == resolved(self._factory, "main"), "main was not pushed")
        require((self._factory / _FOLDER / "gates.yml").is_file(), f"main does not have {_MODEL}")
        return f"main has {_MODEL}"

    def judged(self, data: str) -> str:
        gate = self._judged(data, resolved(self._factory, "main"))
        if data == "prod":
            self._link("The report of the champion", gate)
        return f"the verdict on {gate.parent.name} is green: {read(gate / 'verdict.json')['headline']}"

    def alias(self, name: str, verb: str) -> str:
        version = registered(self._factory).get(name)
        require(version is not None, f"{_MODEL} has no {name}")
        subject = run_git(self._walk.folder / SERVER, "log", "-1", "--format=%s", "registry").text
        require(
            subject.startswith(f"registry: {verb} {_MODEL}:{version}"),
            f"the last commit of the server's branch registry is: {subject}",
        )
        return f"{_MODEL}:{version} is the {name}"

    def why(self) -> str:
        told = "\n".join(self._walk.output)
        commit = resolved(self._factory, "main")
        for fact in (commit, _TAG, resolved(self._prototype, _TAG)[:12], "champion\n  claimed by"):
            require(fact in told, f"it does not name {fact}")
        require("dev twin\n  none" not in told, "the version has no twin")
        return f"it names the commit {commit[:7]}, the prototype's tag {_TAG} and the approval"

    def release(self) -> str:
        require(bool(resolved(self._template, self._following)), f"there is no tag {self._following}")
        files = changed(self._template, self._release, self._following)
        require(files == [f"prototype_template/{STANDARD}"], f"the release changes {files}")
        return f"{self._following} differs from {self._release} in {files[0]}"

    def update(self, name: str) -> str:
        repo = self._walk.folder / name
        self._follows(repo, self._following)
        text = file_at(repo, "HEAD", STANDARD) or b""
        require(QUESTION.encode() in text, f"{STANDARD} does not have the new line")
        files = changed(repo, "HEAD~1", "HEAD")
        standards = {ANSWERS, "pyproject.toml", STANDARD}
        others = [file for file in files if file not in standards and not file.startswith("vendor/")]
        require(not others, f"the update changed {others}, which the release does not")
        return f"{name} is at {self._following}, which changed {', '.join(files)}"

    def _follows(self, repo: Path, release: str) -> None:
        """Require a repo at this release of the tour's template, with its tool, and nothing uncommitted."""
        require((repo / ANSWERS).is_file(), f"{repo.name} was not rendered")
        found = origin(repo)
        require(found.version == release, f"{repo.name} is at {found.version}")
        require(Path(found.address) == self._template, f"{repo.name} names the template {found.address}")
        wheel = wheel_named(repo)
        require(wheel is not None and is_intact(repo, wheel), "vendor/ does not have the tool")
        require(not dirty_files(repo), f"{repo.name} has changes that are not committed")

    def _trained(self, data: str, commit: str) -> Path:
        """The newest run of the factory on this data, of this commit."""
        for file in sorted((self._factory / ".runs" / _MODEL).glob("*/train.json"), reverse=True):
            made_from = read(file.with_name("run.json"))["git"]
            if read(file)["data"] == data and made_from == {"commit": commit, "dirty": False}:
                return file.parent
        raise NotDone(f"no run on {data} data is of the commit {commit[:7]}")

    def _judged(self, data: str, commit: str) -> Path:
        """The gate folder of that run, with a green verdict."""
        gate = self._trained(data, commit) / "gate"
        require((gate / "verdict.json").is_file(), f"the run {gate.parent.name} has no verdict")
        verdict = read(gate / "verdict.json")
        require(verdict["passed"] is True, f"the verdict is red: {verdict['headline']}")
        return gate

    def _link(self, name: str, gate: Path) -> None:
        """The page links to the report, which must be there."""
        require((gate / "report.html").is_file(), f"the run {gate.parent.name} has no report")
        self._walk.links[name] = (gate / "report.html").relative_to(self._walk.folder).as_posix()


def registered(factory: Path) -> dict[str, str]:
    """The aliases of the model in the factory's registry, with their versions."""
    database = factory / ".registry" / "mlflow.db"
    if not database.is_file():
        return {}
    with closing(sqlite3.connect(database)) as connection:
        asked = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
        return {alias: str(version) for alias, version in connection.execute(asked, [_MODEL])}


def runs(repo: Path) -> list[dict[str, Any]]:
    """The records of the model's runs, oldest first."""
    return [read(file) for file in sorted((repo / ".runs" / _MODEL).glob("*/run.json"))]


def read(file: Path) -> dict[str, Any]:
    """A JSON file."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def resolved(repo: Path, name: str) -> str:
    """The commit of a branch or tag; empty if there is none."""
    if not (repo / ".git").exists():
        return ""
    return run_git(repo, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").text


def changed(repo: Path, before: str, after: str) -> list[str]:
    """The files that differ between two commits."""
    return run_git(repo, "diff", "-z", "--name-only", before, after, check=True).names


def require(holds: bool, missing: str) -> None:
    """Raises `NotDone`."""
    if not holds:
        raise NotDone(missing)
