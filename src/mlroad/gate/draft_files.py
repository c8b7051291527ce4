"""Draft the files that a model needs in a factory and lacks: data.yml, gates.yml, tests, a model card.

Drafts pass `mlroad check` and are a start: each says in its first line who drafted it and what to look at. A
file that exists is never changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlroad.core.files import write_text
from mlroad.gate.draft_gates import GateFacts, gates_text
from mlroad.run.model_folder import STAGES, Stage
from mlroad.steps.components import scalar

TESTS = "tests"
_CONFTEST = '''"""Lets the tests import the steps as they import each other, and log to a temporary folder."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "steps"))
STORE = tempfile.TemporaryDirectory(prefix="mlflow-", ignore_cleanup_errors=True)
os.environ |= {"MLFLOW_TRACKING_URI": Path(STORE.name, "runs").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
'''
_TEST = '''"""Runs the steps on the first rows of the dev data. Drafted by {by}: add cases of your own.

A step is a function: `from prep import prep`, and call it with files that show what must not happen.
"""

from pathlib import Path

import pytest
from mlroad.run.call_steps import call_steps

MODEL = Path(__file__).resolve().parent.parent
OUTPUTS = [
{outputs}
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each step wrote, by STEP.OUTPUT."""
    return call_steps(MODEL, tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_step_writes_its_outputs(made: dict[str, Path], output: str) -> None:
    written = made[output]
    assert written.is_file() or any(written.iterdir())
'''


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What the drafts say. ``by`` is the command that drafts: ``mlroad promote``."""

    by: str
    gates: GateFacts | None
    """None if the model has its gates.yml."""
    data: Mapping[str, Mapping[Stage, str]]
    """For each data input of the pipeline its dev and prod version, as ``name:version``; else empty."""
    outputs: Sequence[str]
    """The outputs of all steps, as STEP.OUTPUT."""
    card: Mapping[str, str] = field(default_factory=dict)
    """The texts of the model card by heading; empty if the model has its card."""
    summary: str = ""
    """What the model predicts, in one sentence: the first line of the card."""


def draft_factory_files(folder: Path, name: str, facts: DraftFacts) -> list[Path]:
    """Write each missing file into the model's folder. Returns what it wrote."""
    files = {"data.yml": _data(facts)} if facts.data else {}
    if facts.gates:
        files["gates.yml"] = gates_text(name, facts.gates, facts.by)
    if not any((folder / TESTS).rglob("test_*.py")):
        files[f"{TESTS}/conftest.py"] = _CONFTEST
        shown = "\n".join(f'    "{output}",' for output in facts.outputs)
        files[f"{TESTS}/test_{name}_steps.py"] = _TEST.format(by=f"`{facts.by}`", outputs=shown)
    if facts.card:
        files["MODEL_CARD.md"] = _card(name, facts)
    written = []
    for place, text in files.items():
        file = folder / place
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)
            written.append(file)
    return written


def _data(facts: DraftFacts) -> str:
    lines = [
        f"# Drafted by `{facts.by}`. Which version each data input of the pipeline gets: `dev` is what",
        "# pipeline.yml names, and what pull requests train on; `prod` is what a merge trains on.",
    ]
    for name, versions in facts.data.items():
        lines += [f"{scalar(name)}:", *(f"  {stage}: azureml:{versions[stage]}" for stage in STAGES)]
    return "\n".join(lines) + "\n"


def _card(name: str, facts: DraftFacts) -> str:
    parts = [f"## {heading}\n{text.strip()}\n" for heading, text in facts.card.items()]
    return "\n".join([f"# Model card: {name}\n", f"{facts.summary}\n", *parts])
