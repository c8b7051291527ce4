"""Figures. pytest finds modelkit by pytest.toml, `python -m tests.benchmarks` by what stands here."""

import sys
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / "prototype_template"
sys.path.insert(0, str(PACKAGES))
