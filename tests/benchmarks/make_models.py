"""`python -m tests.benchmarks.make_models FOLDER [N]` writes N model folders of four steps each."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
TEMPLATE = REPO / "prototype_template"
_SAMPLE = next((TEMPLATE / "models").glob("*diabetes*"))
_DATASET = next((TEMPLATE / "datasets").glob("*diabetes*"))


def make_models(folder: Path, count: int) -> None:
    """Make ``folder`` a repo of ``count`` valid models: copies of the sample under other names."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "many"\nversion = "0"\n', encoding="utf-8")
    shutil.copytree(_DATASET, folder / "datasets" / "diabetes")
    contract = (REPO / "src" / "mlroad" / "steps" / "step_io.py").read_text(encoding="utf-8")
    for number in range(count):
        _model(folder / "models" / f"model_{number:03}", contract)


def _model(folder: Path, contract: str) -> None:
    shutil.copytree(_SAMPLE, folder, ignore=shutil.ignore_patterns("*.jinja", "__pycache__"))
    (folder / "steps" / "step_io.py").write_text(contract, encoding="utf-8", newline="\n")
    (folder / "environment").mkdir(exist_ok=True)
    packages = "".join(f"      - {name}\n" for name in ("mlflow-skinny", "pandas", "scikit-learn", "typer"))
    conda = f"dependencies:\n  - python=3.11\n  - pip:\n{packages}"
    (folder / "environment" / "conda.yml").write_text(conda, encoding="utf-8", newline="\n")
    for component in (folder / "components").glob("*.yml"):
        text = component.read_text(encoding="utf-8").replace("name: diabetes_", f"name: {folder.name}_")
        component.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    make_models(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
