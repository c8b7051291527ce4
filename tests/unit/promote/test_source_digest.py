"""The digest of a model's code: it changes with what decides a run, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.core.model_source import source_digest

FILES = {
    "pipeline.yml": "type: pipeline\n",
    "steps/fit.py": "x = 1\n",
    "steps/saved/table.csv": "a,b\n",
    "components/fit.yml": "type: command\n",
    "environment/conda.yml": "dependencies: []\n",
}
ABOUT = (
    "MODEL_CARD.md", "metrics.json", "gates.yml", "data.yml", "provenance.yml", "inference_tests/cases.jsonl",
    "tests/test_fit.py", "data/rows.csv", "steps/__pycache__/fit.pyc", ".DS_Store", "steps/.hidden",
)  # fmt: skip


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_what_counts(model: Path, name: str) -> None:
    before = source_digest(model)
    write(model, name, FILES[name] + "# more\n")
    assert source_digest(model) != before
    write(model, name, FILES[name])
    assert source_digest(model) == before
    (model / name).rename(model / f"{name}.old")
    assert source_digest(model) != before


@pytest.mark.parametrize("name", ABOUT)
def test_what_does_not_count(model: Path, name: str) -> None:
    before = source_digest(model)
    write(model, name, "anything\n")
    assert source_digest(model) == before


def test_line_ends_do_not_count(model: Path) -> None:
    before = source_digest(model)
    for name, text in FILES.items():
        write(model, name, text.replace("\n", "\r\n"))
    assert source_digest(model) == before
