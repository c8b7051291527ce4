"""How long `mlroad promote --no-run` takes: the promotion's own work, without the pipeline's run."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.timing import MLROAD, median, seconds
from tests.support import clone_template, commit_all, git, render
from tests.unit.promote.line_model import mlroad

FILES, COMMITS = 5000, 2000


def main() -> None:
    """Print ``name: value (target)`` lines; medians of five promotions after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-promote-") as name:
        folder = Path(name)
        template = clone_template(folder / "template")
        factory = render(
            template, folder / "factory", template="factory", project_name="f", sample=False, dotnet=False
        )
        prototype = render(template, folder / "prototype", template="prototype", project_name="p")
        mlroad(prototype, "run", "models/diabetes", "--quiet")
        mlroad(prototype, "freeze", "models/diabetes")
        commit_all(prototype, "Freeze")
        git(prototype, "tag", "small")
        _grow(prototype)
        git(prototype, "tag", "large")
        for tag, what, target in (
            ("small", "the sample", 2),
            ("large", f"a repo of {FILES:,} files and {COMMITS:,} commits", 5),
        ):
            taken = median(partial(_promote, factory, prototype, tag))
            print(f"promote: {what}: {taken:.2f} s (target {target})")


def _promote(factory: Path, prototype: Path, tag: str) -> float:
    words = ["promote", f"{prototype}@{tag}", "diabetes", "--no-run", "--target", "progression"]
    taken = seconds([*MLROAD, *words], factory)
    git(factory, "branch", "-D", f"promote/diabetes-{tag}")
    return taken


def _grow(repo: Path) -> None:
    """Add files, and commits that change them; every tenth commit changes the model's folder."""
    stream = "".join(_commits(git(repo, "rev-parse", "HEAD").strip()))
    file = repo / ".git" / "stream"
    file.write_text(stream, encoding="utf-8", newline="\n")
    with file.open(encoding="utf-8") as given:
        subprocess.run(["git", "fast-import", "--quiet"], cwd=repo, stdin=given, check=True)
    file.unlink()
    git(repo, "reset", "--quiet", "--hard", "main")


def _commits(head: str) -> Iterator[str]:
    words = random.Random(1)
    for number in range(COMMITS):
        ends = (number * FILES // COMMITS, (number + 1) * FILES // COMMITS)
        names = [f"notebooks/part{n % 50}/script{n}.py" for n in range(*ends)]
        if number % 10 == 0:
            names.append("models/diabetes/notes.md")
        yield "commit refs/heads/main\ncommitter T <t@e.invalid> 1700000000 +0000\ndata 1\nx\n"
        yield f"from {head}\n" if number == 0 else ""
        for name in names:
            text = "".join(f"value_{n} = compute({words.random():.3f})\n" for n in range(60))
            yield f"M 100644 inline {name}\ndata {len(text)}\n{text}\n"
