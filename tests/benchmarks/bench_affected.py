"""How long `mlroad affected` takes as a process in a repo of 200 models and 10,000 commits."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.timing import MLROAD, median, seconds
from tests.support import git

MODELS = 200
COMMITS = 10_000


def main() -> None:
    """Print ``name: value (target)`` lines; medians of five runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-affected-") as name:
        repo = Path(name)
        make_repo(repo)
        for what, base in (("one commit", "HEAD~1"), ("all commits", f"HEAD~{COMMITS - 1}")):
            command = [*MLROAD, "affected", "--json", "--base", base]
            taken = median(lambda command=command: seconds(command, repo))  # type: ignore[misc]
            print(f"affected: {MODELS} models, {COMMITS} commits, {what}: {taken:.2f} s (target 1.0)")


def make_repo(repo: Path) -> None:
    """A repo with a long history. Each commit changes a step of one model, the last one also a dataset."""
    git(repo, "init", "--quiet", "--initial-branch", "main")
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=repo,
        input="".join(_history()).encode(),
        check=True,
        env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    git(repo, "reset", "--quiet", "--hard", "main")


def _history() -> Iterator[str]:
    for number in range(COMMITS):
        yield "commit refs/heads/main\n"
        yield f"committer Test <test@example.invalid> {1_700_000_000 + number} +0000\ndata 1\nx\n"
        if number == 0:
            yield _file("factory.yml", "registry: local\n")
            for model in range(MODELS):
                yield from _model(f"model_{model:03}", model)
        yield _file(f"models/model_{number % MODELS:03}/steps/train.py", f"x = {number}\n")
        if number == COMMITS - 1:
            yield _file("datasets/data_007/1/rows.csv", f"{number}\n")


def _model(name: str, number: int) -> Iterator[str]:
    data = f"data_{number:03}"
    yield _file(f"models/{name}/pipeline.yml", f"inputs:\n  raw:\n    path: azureml:{data}:2\n" * 20)
    yield _file(f"models/{name}/data.yml", f"raw:\n  dev: azureml:{data}:2\n  prod: azureml:{data}:1\n")
    yield _file(f"models/{name}/gates.yml", f"holdout: azureml:{data}:1\n")
    for step in ("prep", "train", "evaluate", "predict"):
        yield _file(f"models/{name}/steps/{step}.py", f"# {name}\n" * 50)
        yield _file(f"models/{name}/components/{step}.yml", f"name: {step}\n" * 20)
    for version in (1, 2):
        yield _file(f"datasets/{data}/{version}.yml", f"name: {data}\n" * 20)
        yield _file(f"datasets/{data}/{version}/rows.csv", "1,2\n" * 100)


def _file(path: str, text: str) -> str:
    return f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"


if __name__ == "__main__":
    main()
