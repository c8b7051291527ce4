"""The generated CI fails on everything that it must stop: faults are planted in a fresh repo, and CI runs.

Faults that one job finds in one step are planted together, each in its own file; the test expects a message
for each. Secrets are built at run time; no file in this repo contains one.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import git
from tests.workflows.harness import Act, edit_wheel, made_up_token

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
LINT = ("lint", "Lint")
GUARD = ("guard", "Secrets, notebooks, large files, conflicts")
ALIVE = ("guard", "Test the guards themselves")
CHECK = ("check", "Check pipelines, components and steps")
DATA = ("check", "Verify the datasets")
SCHEMA = ("check", "Compare data with schemas, and prod with dev")
SECOND = ("second-scan", "Second secret scan")
STEPS = Path("models/diabetes/steps")


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def append(file: Path, text: str) -> None:
    write(file, file.read_text(encoding="utf-8") + text)


def unused_import(repo: Path) -> None:
    write(repo / STEPS / "extra.py", "import os\n")


def undefined_name(repo: Path) -> None:
    write(repo / STEPS / "area.py", "def area(width: float) -> float:\n    return width * heigth\n")


def mutable_default(repo: Path) -> None:
    write(repo / STEPS / "collect.py", "def collect(found: list[int] = []) -> list[int]:\n    return found\n")


def broken_syntax(repo: Path) -> None:
    # Not in the steps: `mlroad check` does not check anything else in a model with such a file.
    write(repo / "scripts" / "broken.py", "def area(width:\n")


def secret_in_python(repo: Path) -> None:
    write(repo / STEPS / "connect.py", f'client = connect(token="{made_up_token()}")\n')


def secret_in_notebook_output(repo: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["connected with ", f"{made_up_token()}\n"]}
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "source": ["connect()"]}
    notebook = {"cells": [{**cell, "outputs": [output]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write(repo / "notebooks" / "connect.ipynb", json.dumps(notebook, indent=1) + "\n")


def secret_in_dotenv(repo: Path) -> None:
    write(repo / ".env", f"GITHUB_TOKEN={made_up_token()}\n")
    git(repo, "add", "--force", ".env")


def scan_that_fails_open(repo: Path) -> None:
    """A careless edit of the tool: everything passes, but secrets in calls are no longer found."""
    hidden = 'FILTERS = (\n    "detect_secrets.filters.heuristic.is_indirect_reference",'
    edit_wheel(repo, "mlroad/guard/secret_engine.py", "FILTERS = (", hidden)


def conflict_marker(repo: Path) -> None:
    theirs = "<" * 7 + " before updating\n"
    append(repo / "README.md", theirs + "mine\n" + "=" * 7 + "\ntheirs\n" + ">" * 7 + " after updating\n")


def rejected_patch(repo: Path) -> None:
    write(repo / "ruff.toml.rej", "@@ -1 +1 @@\n-line-length = 110\n+line-length = 111\n")


def large_file(repo: Path) -> None:
    (repo / "data.bin").write_bytes(random.Random(7).randbytes(20 * 1024 * 1024))


def literal_path(repo: Path) -> None:
    step = repo / STEPS / "prep.py"
    append(step, '\n\ndef peek() -> object:\n    return open("../../data/patients.csv", encoding="utf-8")\n')


def step_without_its_component(repo: Path) -> None:
    step = repo / STEPS / "train.py"
    text = step.read_text(encoding="utf-8")
    before, end_of_signature, after = text.partition(") -> None:")
    assert end_of_signature
    write(step, f"{before.rstrip().rstrip(',')}, patience: int = 3{end_of_signature}{after}")


def edited_contract(repo: Path) -> None:
    append(repo / STEPS / "step_io.py", "\n# mine\n")


def binding_to_nothing(repo: Path) -> None:
    pipeline = repo / "models" / "diabetes" / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    write(pipeline, text.replace("parent.jobs.prep.outputs.", "parent.jobs.prp.outputs.", 1))


def tampered_data(repo: Path) -> None:
    data = repo / "datasets" / "diabetes" / "1" / "diabetes.csv"
    content = data.read_bytes()
    data.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])


def rewritten_version(repo: Path) -> None:
    """Data and digest were changed together: only the previous commit shows it."""
    tampered_data(repo)
    data = repo / "datasets" / "diabetes" / "1" / "diabetes.csv"
    version = repo / "datasets" / "diabetes" / "1.yml"
    old = re.search(r"sha256:[0-9a-f]{64}", version.read_text(encoding="utf-8"))
    assert old
    new = f"sha256:{hashlib.sha256(data.read_bytes()).hexdigest()}"
    write(version, version.read_text(encoding="utf-8").replace(old[0], new))


def prod_without_a_column(repo: Path) -> None:
    data = repo / "datasets" / "diabetes" / "1" / "diabetes.csv"
    prod = data.read_text(encoding="utf-8").replace("bmi", "body_mass_index", 1)
    write(repo / "datasets" / "diabetes" / "2" / "diabetes.csv", prod)
    version = (repo / "datasets" / "diabetes" / "1.yml").read_text(encoding="utf-8")
    for old, new in (('version: "1"', 'version: "2"'), ("./1/", "./2/"), ("stage: dev", "stage: prod")):
        assert old in version
        version = version.replace(old, new)
    digest = hashlib.sha256(prod.encode()).hexdigest()
    version = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{digest}", version)
    size = len(prod.encode())
    write(repo / "datasets" / "diabetes" / "2.yml", re.sub(r'size: "\d+"', f'size: "{size}"', version))


def test_every_job_fails_for_what_it_must_stop(act: Act, project: Callable[..., Path]) -> None:
    """One run of all jobs. Branch protection looks at `ci` alone, so `ci` names every job that failed."""
    repo = project()
    for plant in (
        unused_import, undefined_name, mutable_default, broken_syntax,
        secret_in_python, secret_in_notebook_output, secret_in_dotenv,
        conflict_marker, rejected_patch, large_file,
        literal_path, step_without_its_component, edited_contract, binding_to_nothing,
    ):  # fmt: skip
        plant(repo)
    run = act.run(repo)
    lint = ["extra.py,line=1", "F401", "area.py,line=2", "F821", "heigth", "collect.py,line=1", "B006"]
    run.assert_red(*LINT, *lint, "broken.py,line=2", "invalid-syntax")
    guard = ["connect.py:1", "connect.ipynb", ".env:1", "README.md:", "ruff.toml.rej", "data.bin: large-file"]
    run.assert_red(*GUARD, *guard)
    # It prints a secret once, however many files contain it.
    run.assert_red(*SECOND, "GitHub Personal Access Token", "[REDACTED:")
    check = ["prep.py,line=", "../../data/patients.csv", "components/train.yml,line=", "mlroad sync"]
    run.assert_red(*CHECK, *check, "step_io.py", "pipeline.yml,line=", "prp")
    failed = ["lint: failure", "guard: failure", "second-scan: failure", "check: failure", "train: skipped"]
    run.assert_red("ci", "Check that every job succeeded", *failed)
    # The type check is only advice, and does not fail.
    assert run.job("types").result == "success"
    assert "types:" not in run.job("ci").steps["0"].log.partition("::error")[2]
    assert made_up_token() not in run.output, "a finding must not print the secret"


@pytest.mark.parametrize(
    ("plant", "where", "messages"),
    [
        (scan_that_fails_open, ALIVE, ["FAILED: canary 1", "not found: openai.py"]),
        (tampered_data, DATA, ["datasets/diabetes/1/diabetes.csv", "MD203"]),
        (rewritten_version, DATA, ["datasets/diabetes/1.yml", "MD208", "digest"]),
        (prod_without_a_column, SCHEMA, ["diabetes:2", "body_mass_index"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else value[0] if isinstance(value, tuple) else "",
)
def test_red(
    act: Act,
    project: Callable[..., Path],
    plant: Callable[[Path], None],
    where: tuple[str, str],
    messages: list[str],
) -> None:
    repo = project()
    plant(repo)
    act.run(repo, job=where[0]).assert_red(*where, *messages)
