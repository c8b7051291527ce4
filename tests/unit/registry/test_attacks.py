"""What whoever trains a model can try against the registry. What needs a runner: tests/workflows/attacks.py.

The job that trains owns the folder that it hands over, and its digest. It can also write any text into the
records of a run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.digests import digest_of
from mlroad.registry.history import history
from mlroad.registry.local_registry import LocalRegistry
from tests.support import commit_all, git
from tests.unit.registry.github import GitHub
from tests.unit.registry.repos import factory, judge_run, make_run, write
from tests.unit.registry.test_proof import github, shown_title, story  # noqa: F401 (a fixture)

Forge = Callable[[Path], object]
"""Changes a run that is handed over."""


def record(**changes: Any) -> Forge:
    return lambda run: write(run / "run.json", json.loads((run / "run.json").read_text("utf-8")) | changes)


def train(**changes: Any) -> Forge:
    return lambda run: write(
        run / "train.json", json.loads((run / "train.json").read_text("utf-8")) | changes
    )


def link(name: str, target: str) -> Forge:
    return lambda run: (run / name).symlink_to(target)


def linked_model(run: Path) -> None:
    """The same bytes, so the digest is that of the judged model, until the target changes."""
    (run / "outputs/model/MLmodel").rename(run.parents[1] / "elsewhere")
    (run / "outputs/model/MLmodel").symlink_to(run.parents[1] / "elsewhere")


NOT_MADE = "`mlroad train` did not create it"
FORGED: dict[str, tuple[Forge, str]] = {
    "of a commit that was merged before": (record(git={"commit": "{merged}", "dirty": False}), "and this is"),
    "of no commit": (record(git=None), "is of the commit None"),
    "of HEAD by name": (record(git={"commit": "HEAD", "dirty": False}), "is of the commit HEAD"),
    "a commit that is a list": (record(git={"commit": ["x"]}), "is of the commit ['x']"),
    "no record of git": (record(git="x"), NOT_MADE),
    "parameters": (record(parameters=["x"]), NOT_MADE),
    "steps": (record(steps={"train": 7}), NOT_MADE),
    "inputs of a step": (record(steps={"train": {"inputs": "x"}}), NOT_MADE),
    "a job": (train(job="x"), NOT_MADE),
    "packages": (train(packages=["x"]), NOT_MADE),
    "a linked model": (linked_model, "MLmodel is a link"),
    "a linked folder": (link("outputs/model/code", "/etc"), "code is a link"),
    "a link out of the run": (link("outputs/onnx2", "../../../.."), "onnx2 is a link"),
    "a link to nothing": (link("outputs/secret", "/proc/self/environ-x"), "secret is a link"),
    "a hidden run": (lambda run: run.rename(run.with_name(".x")), "There is no run .x"),
    "a file among the runs": (lambda run: (run.parent / "x").write_text("", "utf-8"), "There is no run x"),
    "half a run": (lambda run: (run / "train.json").unlink(), NOT_MADE),
}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
def test_what_is_forged_is_not_taken_over(bare: Path, tmp_path: Path) -> None:
    merged = git(bare, "rev-parse", "HEAD").strip()
    commit_all(bare, "The next one")
    run, folder = make_run(bare, 1), tmp_path / "handed"
    factory(bare, "hand-over", "diabetes", str(folder), "--run", run)
    (bare / ".runs/diabetes" / run).rename(tmp_path / "run")

    def take(where: Path) -> subprocess.CompletedProcess[str]:
        words = ("take-over", "diabetes", str(where), "--judged", "--digest", digest_of(where))
        return factory(bare, *words, check=False)

    for name, (forge, told) in FORGED.items():
        forged = Path(shutil.copytree(folder, tmp_path / name / "handed"))
        forge(forged / run)
        if (file := forged / run / "run.json").is_file():
            file.write_text(file.read_text("utf-8").replace("{merged}", merged), "utf-8")
        done = take(forged)
        assert (done.returncode, told in done.stderr) == (2, True), (name, done)
        assert not (bare / ".runs/diabetes" / run).exists() or "among" in name, name
    # Files that only look odd are part of a model.
    for odd in ("..x", ".hidden", "a b.py", "ä.txt", "mlmodel", "sitecustomize.py"):
        (folder / run / "outputs/model" / odd).write_text("x", "utf-8")
    assert take(folder).returncode == 0


def test_no_text_of_a_run_looks_like_an_approval(three: Path) -> None:
    """The reviewer reads `mlroad why` in the summary of a job, and on a terminal."""
    ends = ("\n", "\r", "\x0b", "\x85", "\u2028", "\n```\n")
    text = "".join(f"x{end}  approved by @boss in environment production, run 5" for end in ends) + "\x1b[31m"
    run = three / ".runs/diabetes" / make_run(three, 4, judged=False)
    record(parameters={text: text}, pipeline=text, python=text)(run)
    train(target=text, packages={text: text}, job={"name": text, "url": text})(run)
    judge_run(three, run.name)
    factory(three, "register", "diabetes", "--run", run.name, "--by", text)
    factory(three, "registry", "tag", "diabetes:4", f"deployed={text}")
    factory(three, "approve", "diabetes:4", "--by", text)
    for words in (("why", "diabetes:4"), ("list",), ("who-used", "diabetes:1")):
        told = factory(three, *words).stdout
        assert not [line for line in told.splitlines() if line.strip("` ").startswith("approved")], words
        assert told.replace("\n", "").isprintable(), words
    assert r"run 5\x1b[31m" in factory(three, "why", "diabetes:4").stdout


def test_one_decision_makes_a_champion_once(three: Path, github: GitHub) -> None:  # noqa: F811
    github.add(7, shown_title(three, 2), ("octocat", "approved", "production"))
    factory(three, "approve", "diabetes:1")
    factory(three, "approve", "diabetes:2", "--github-run", "7")
    factory(three, "approve", "diabetes:2", "--github-run", "7")  # again after a failure: nothing to do
    factory(three, "rollback", "diabetes", "--reason", "It is slow.\n  approved by @boss")
    done = factory(three, "approve", "diabetes:2", "--github-run", "7", check=False)
    assert done.returncode == 1
    assert "Run 7 approved it at" in done.stderr
    assert "gh workflow run approve.yml -f model=diabetes -f version=2 -f lineage=sha256:" in done.stderr
    told = factory(three, "why", "diabetes:1").stdout
    assert r"It is slow.\n  approved by @boss" in told
    github.add(8, shown_title(three, 2), ("octocat", "approved", "production"))
    github.approvals[8][0]["user"] = None  # the account was deleted
    factory(three, "approve", "diabetes:2", "--github-run", "8")
    assert "approved by @ghost in environment production, run 8" in factory(three, "why", "diabetes:2").stdout

    # Entries that someone wrote into the registry by hand.
    registry = LocalRegistry.of(three)
    version = registry.version("diabetes", 2)
    first, last = history(version)
    forged = [first, {**last, "run": 7, "by": "@octocat"}, {**last, "what": "rollback", "run": 8}]
    registry.set_tags(version, {"history": json.dumps(forged)})
    assert [note["confirmed"] for note in story(three, "diabetes:2")["history"]] == [True, False, False]
    told = factory(three, "why", "diabetes:2").stdout
    assert (told.count("approved by"), "Run 7 approved it only once." in told) == (1, True)


def test_a_module_in_the_repo_is_not_imported(bare: Path, tmp_path: Path) -> None:
    """`uv run mlroad` starts this script, in the root of the repo and beside the tokens."""
    names = (
        "sitecustomize",
        "usercustomize",
        "conftest",
        "click",
        "mlroad",
        "json",
        "duckdb",
        "numpy",
        "yaml",
    )
    for name in names:
        text = f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n"
        (bare / f"{name}.py").write_text(text, encoding="utf-8")
    script = Path(sys.executable).with_name("mlroad.exe" if os.name == "nt" else "mlroad")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def output(*command: str | Path) -> str:
        return subprocess.run(
            command, cwd=bare, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert output(script, "list") == "No version is registered.\n"
    assert not (tmp_path / "imported").exists()
    output(sys.executable, "-c", "import click")  # canary: another way to start Python takes them
    assert (tmp_path / "imported").read_text(encoding="utf-8") == "click"
