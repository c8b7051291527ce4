"""The tour: the whole way of a model, in both repos. It is the end-to-end test of what is generated."""

from __future__ import annotations

import os
import random
import re
import string
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import IDENTITY, REPO, git, tool
from tools.pull_request_commands import commands as commands_of
from tools.start import main, own_python
from tools.tour_checks import Checks, registered
from tools.tour_page import tour_html
from tools.tour_steps import all_steps, releases
from tools.tour_walk import NotDone, Step, TourFailed, Walk, shortened

Bare = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    folder = tmp_path / "tour"
    (folder / "factory").mkdir(parents=True)
    git(folder / "factory", "init", "--quiet", "--initial-branch", "main")
    return Walk(folder, {**os.environ, **IDENTITY})


def step(walk: Walk, *commands: str, makes: str = "made.txt", **options: Any) -> Step:
    """A step that says that it makes a file in the factory."""

    def check() -> str:
        if not (walk.folder / "factory" / makes).is_file():
            raise NotDone(f"there is no {makes}")
        return f"there is {makes}"

    return Step("Make", "Makes a file.", lambda: commands, check, **options)


MAKE = ("cd factory", "echo hello >> made.txt")
GOOD = (*MAKE, "git add --all", "git commit --quiet --message One", "git log")


def test_a_step_that_does_what_it_says(walk: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    walk.take(step(walk, *GOOD), of=3)
    told = capsys.readouterr().out
    assert "==> 1/3 Make" in told
    assert "Makes a file." in told
    assert "    $ git log\n      commit " in told
    assert "done: there is made.txt" in told
    (record,) = walk.steps
    assert record["repo"] == "factory"
    assert "new: factory/made.txt" in record["changes"]
    assert any(re.fullmatch(r"factory, new branch main: [0-9a-f]{7} One", line) for line in record["changes"])
    assert "exit code 0" in (walk.folder / record["log"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("commands", "makes", "told"),
    [
        (GOOD[:1], "made.txt", "step 1, Make: there is no made.txt"),
        (("git --version",), "made.txt", "step 1, Make: there is no made.txt"),
        ((*MAKE, "git log -1 x"), "made.txt", "`git log -1 x` ended with the exit code 128, not 0"),
        (GOOD, ".git/HEAD", "its effect was there before the step ran"),
    ],
)
def test_a_sabotaged_step_ends_the_tour(walk: Walk, commands: Sequence[str], makes: str, told: str) -> None:
    """Nothing done, something else done, a command that fails, and a check that proves nothing."""
    with pytest.raises(TourFailed, match=re.escape(told)):
        walk.take(step(walk, *commands, makes=makes), of=1)
    assert told.removeprefix("step 1, Make: ") in walk.steps[0]["failed"]


def test_a_sabotaged_tour_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.start.find_uv", lambda: Path(tool("uv")))
    monkeypatch.setattr("tools.tour_steps._clone", lambda *_: ["git init --quiet template"])
    assert main(["tour", str(tmp_path / "tour")]) == 1
    told = capsys.readouterr().err
    assert "start.py: step 1, A template of your own: there is no tag v" in told
    assert f"What there is: {tmp_path / 'tour'}" in told


def test_a_tour_that_is_stopped_says_so(walk: Walk) -> None:
    def stop() -> list[str]:
        raise KeyboardInterrupt

    def check() -> str:
        raise NotDone("nothing")

    with pytest.raises(KeyboardInterrupt):
        walk.take(Step("Stop", "Stops.", stop, check), of=1)
    assert walk.steps[0]["failed"] == "stopped (KeyboardInterrupt)"


def test_an_expected_exit_code_must_come(walk: Walk) -> None:
    command = "git diff --exit-code --no-index made.txt /dev/null"
    walk.take(step(walk, *MAKE, command, exits={command: 1}), of=1)
    with pytest.raises(TourFailed, match="ended with the exit code 0, not 1"):
        walk.take(step(walk, "git --version", makes="x", exits={"git --version": 1}), of=1)


def test_a_long_output_is_shortened() -> None:
    lines = [f"line {number}" for number in range(30)]
    assert shortened(lines[:12]) == lines[:12]
    assert shortened(lines) == [*lines[:4], "… 19 more lines", *lines[-7:]]
    assert len(shortened(["x" * 1000])[0]) == 150


def test_every_check_belongs_to_a_step(walk: Walk) -> None:
    steps = all_steps(walk, REPO)
    used = {one.check.func.__name__ for one in steps}  # type: ignore[attr-defined]
    assert used == {name for name in vars(Checks) if not name.startswith("_")}
    for one in steps:
        with pytest.raises(NotDone):
            one.check()
        if "pull request" not in one.title:
            assert not [command for command in one.commands() if "{" in command]


def starts(line: str) -> bool:
    return line.startswith("uv run ")


def test_all_commands_of_the_pull_request_are_run(rendered: Callable[..., Path]) -> None:
    text = (rendered(template="factory") / ".github/workflows/pr.yml").read_text(encoding="utf-8")
    found = commands_of(text, "diabetes")
    lines = [line.strip().removeprefix("run: ").partition(" | ")[0] for line in text.splitlines()]
    in_file = [
        line.replace('"models/$MODEL"', "models/diabetes").split()[2:4] for line in lines if starts(line)
    ]
    assert [command.split()[2:4] for command in found if starts(command)] == in_file
    assert [command for command in found if command.startswith("uvx ")]
    assert "uv run mlroad guard --commits main" in found
    assert "uv run mlroad gate diabetes --base HEAD^1" in found
    new = yaml.safe_load(text)
    new["jobs"]["lint"]["steps"].append({"run": "uv run mlroad nonsense $NEW"})
    with pytest.raises(ValueError, match="does not know: uv run mlroad nonsense"):
        commands_of(yaml.safe_dump(new), "diabetes")


def test_the_page_shows_what_was_said_as_text() -> None:
    one = {
        "title": "Run", "why": "Runs.", "takes_from": "template", "repo": "prototype", "seconds": 1.25,
        "log": "a.txt",
        "commands": [{"command": "x", "lines": ["<script>alert(1)</script>"], "seconds": 1.0}],
        "changes": ["new: a"],
    }  # fmt: skip
    record = {"folder": "/tmp/t", "seconds_in_all": 61.0, "links": {"prototype": "prototype"}}
    page = tour_html({**record, "steps": [{**one, "done": "it ran"}]})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "All 1 steps" in page
    assert "1 min 1 s" in page
    assert "it ran" in page
    red = tour_html({**record, "steps": [{**one, "failed": "no"}]})
    assert "The tour ended in step 1, Run: no" in red
    assert 'class="failed"' in red


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert main(["tour", str(tmp_path)]) == 2
    assert "is not an empty folder. Name one that is empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_whole_way(bare: Bare, tmp_path: Path) -> None:
    """From a bare machine. Every step checks its own effect, which must not be there before it."""
    tour = tmp_path / "the tour, in a folder with a name so long that Copier folds the line with its path"
    result = bare("tour", tour)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not git(tmp_path / "clone", "status", "--porcelain")
    left = {path.relative_to(tmp_path / "home").as_posix() for path in (tmp_path / "home").rglob("*")}
    # pip's cache is from getting uv, before the tour.
    assert not {path for path in left if not re.match(r"\.cache(/pip|$)", path)}

    page = (tour / "tour.html").read_text(encoding="utf-8")
    assert "All 18 steps did what they say" in page
    assert "<script" not in page
    for target in re.findall(r'href="([^"#]+)"', page):
        assert (tour / target).exists(), target
    assert all((tour / link).is_file() for link in re.findall(r'href="(\S+report\.html)"', page))
    assert (tour / "prototype/.python-version").read_text(encoding="utf-8") == f"{own_python()}\n"
    assert registered(tour / "factory") == {"candidate": "1", "champion": "1"}
    assert git(tour / "factory", "config", "--local", "user.name").strip() == "ML Road tour"
    refuse_a_secret(tour / "prototype", tmp_path)
    sabotage(Walk(tour, os.environ))


def refuse_a_secret(project: Path, tmp_path: Path) -> None:
    """Commit from a shell without uv or .venv on its PATH: the hooks must still find their tools."""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path / "home"), **IDENTITY}

    def commit(text: str) -> subprocess.CompletedProcess[str]:
        (project / "models" / "extra.py").write_text(text, encoding="utf-8")
        for command in (["git", "add", "--all"], ["git", "commit", "-m", "Extra"]):
            result = subprocess.run(
                command, cwd=project, env=environment, capture_output=True, text=True, check=False
            )
        return result

    harmless = commit("key = 1\n")
    assert harmless.returncode == 0, harmless.stdout + harmless.stderr
    letters = random.Random(4).choices(string.ascii_letters + string.digits, k=36)
    leak = commit(f'key = "ghp_{"".join(letters)}"\n')
    assert leak.returncode != 0, "a secret was committed"
    assert "extra.py:1: secret: GitHub token" in leak.stdout + leak.stderr


def sabotage(walk: Walk) -> None:
    """Undo the effects of the finished tour, one by one: the check of each says what is missing."""
    prototype, factory = walk.folder / "prototype", walk.folder / "factory"
    checks = Checks(walk, *releases(REPO))
    assert checks.alias("champion", "approve")
    assert checks.judged("prod")

    def make_red() -> None:
        for verdict in factory.glob(".runs/diabetes/*/gate/verdict.json"):
            text = verdict.read_text(encoding="utf-8")
            verdict.write_text(text.replace('"passed": true', '"passed": false', 1), encoding="utf-8")

    undone: list[tuple[Callable[[], object], Callable[[], str], str]] = [
        (make_red, lambda: checks.judged("prod"), "the verdict is red"),
        (
            lambda: (factory / ".registry").rename(factory / ".elsewhere"),
            lambda: checks.alias("champion", "approve"),
            "diabetes has no champion",
        ),
        (
            lambda: git(prototype, "tag", "--delete", "diabetes-v1"),
            checks.tag,
            "there is no tag diabetes-v1",
        ),
        (
            lambda: git(factory, "branch", "--force", "main", "main~1"),
            checks.merge,
            "was not merged into main",
        ),
        (
            lambda: git(factory, "reset", "--quiet", "HEAD~1"),
            lambda: checks.update("factory"),
            "not committed",
        ),
    ]
    for undo, check, told in undone:
        undo()
        with pytest.raises(NotDone, match=told):
            check()
