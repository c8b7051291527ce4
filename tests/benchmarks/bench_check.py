"""How long `mlroad check` takes as a process: one pipeline, and 200 models with all their scripts."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.make_models import make_models
from tests.benchmarks.timing import MLROAD, median, seconds

MODELS = 200
_AZURE = "import sys; from azure.ai.ml import load_job; load_job(sys.argv[1])._validate()"


def main() -> None:
    """Print ``name: value (target)`` lines; medians of five runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-check-") as name:
        repo = Path(name, "repo")
        make_models(repo, MODELS)
        pipeline = Path("models", "model_000", "pipeline.yml")
        one = median(lambda: seconds([*MLROAD, "check", pipeline], repo))
        beside = median(lambda: seconds([sys.executable, "-W", "ignore", "-c", _AZURE, pipeline], repo))
        everything = median(lambda: seconds([*MLROAD, "check"], repo))
        version = median(lambda: seconds([*MLROAD, "--version"], repo))
    print(f"check: one pipeline: {one:.2f} s (target 0.25); azure-ai-ml beside: {beside:.2f} s")
    print(f"check: {MODELS} models, {MODELS * 4} steps: {everything:.2f} s (target 2.0)")
    print(f"mlroad --version: {version:.2f} s (target 0.12)")


if __name__ == "__main__":
    main()
