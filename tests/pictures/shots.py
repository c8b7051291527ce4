"""What is in each picture: real commands in rendered repos."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.pages.set_up import diabetes_2
from tests.pictures.browser import comment_png, page_png
from tests.pictures.terminal import WIDTH, terminal_svg
from tests.support import REPO, call, commit_all
from tests.unit.fleet.small_repos import RELEASES, make_clone, make_template

FOLDER = REPO / "docs" / "pictures"
QUICK = ("check", "ready", "dataset-diff")
"""The terminal pictures that need no training: the test suite makes them, and compares."""


def say(repo: Path, *arguments: str) -> str:
    """What a command prints on a terminal without colours."""
    environment = {"COLUMNS": str(WIDTH), "PYTHONPATH": str(REPO / "src"), "PYTHONIOENCODING": "utf-8"}
    done = call([sys.executable, "-m", "mlroad", *arguments], repo, environment, check=False)
    return done.stdout + done.stderr


def shot(repo: Path, *commands: str) -> str:
    return terminal_svg([(f"mlroad {command}", say(repo, *command.split())) for command in commands])


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, old
    file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def quick_shots(prototype: Path) -> dict[str, str]:
    """The pictures of a fresh prototyping repo by name."""
    pipeline = prototype / "models" / "diabetes" / "pipeline.yml"
    before = pipeline.read_bytes()
    edit(pipeline, "outputs.prepared}}", "outputs.preparred}}")
    edit(pipeline, "alpha:", "alpah:")
    found = {"check": shot(prototype, "check")}
    pipeline.write_bytes(before)
    found["ready"] = shot(prototype, "ready models/diabetes")
    call(
        [sys.executable, "-m", "tests.pages.set_up", diabetes_2.__name__],
        prototype,
        {"PYTHONPATH": str(REPO)},
    )
    found["dataset-diff"] = shot(prototype, "dataset diff diabetes:1 diabetes:2")
    return found


def run_shots(prototype: Path) -> dict[str, str]:
    """A run, and a second one that reuses what has not changed."""
    say(prototype, "run", "models/diabetes")
    again = "run models/diabetes --set jobs.train.inputs.alpha=100"
    return {"run": shot(prototype, again, "runs models/diabetes")}


def gate_shots(factory: Path, folder: Path) -> dict[str, str]:
    """A champion, a candidate that is worse, and what its reviewers see."""
    for data in ("dev", "prod"):
        say(factory, "train", "diabetes", "--data", data)
        say(factory, "gate", "diabetes")
    say(factory, "register", "diabetes", "--by", "octocat")
    say(factory, "approve", "diabetes", "--by", "octocat")
    found = {"why": shot(factory, "why diabetes@champion")}
    edit(factory / "models" / "diabetes" / "pipeline.yml", "alpha: 10.0", "alpha: 1000.0")
    commit_all(factory, "A larger alpha")
    say(factory, "train", "diabetes")
    found["gate"] = shot(factory, "gate diabetes")
    say(factory, "report", "diabetes")
    page = max(factory.glob(".runs/diabetes/*/gate/report.html"))
    page_png(page, folder / "report.png", height=1150)
    comment_png(page.with_suffix(".md"), folder / "comment.png", height=950)
    return found


def dataset_page(prototype: Path, folder: Path) -> None:
    """The page on the difference of two versions, which `quick_shots` made."""
    say(prototype, "dataset", "diff", "diabetes:1", "diabetes:2", "--html", "diff.html")
    page_png(prototype / "diff.html", folder / "dataset-page.png", height=1000)


def fleet_page(work: Path, folder: Path) -> None:
    """The page on a few repos of several versions."""
    template = make_template(work / "template", *RELEASES)
    for name, version, factory in (
        ("churn-models", "v1.2.0", ""), ("prices", "v1.0.0", ""), ("credit-models", "v1.1.0", ""),
        ("model-factory", "v1.1.0", "registry: local\n"),
    ):  # fmt: skip
        make_clone(work / "clones" / name, template, version, factory=factory)
    say(work, "fleet", "show", "clones", "--html", "fleet.html")
    page_png(work / "fleet.html", folder / "fleet.png", height=620)
