"""How much longer commands take for 8 times the input: 8 is linear, 64 quadratic. Tests have more cases."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlroad.core.yaml_nodes import parse_yaml
from mlroad.pipeline.checker import check_pipeline
from mlroad.run.plain_display import without_overwritten
from mlroad.steps.script_rules import check_script
from mlroad.steps.signatures import read_signature
from tests.growth import LIMIT, growth
from tests.unit.test_growth import HEAD, PIPELINES, SCRIPTS, TAIL, pipeline


def main() -> None:
    """Print one ratio for each kind of input."""
    _print("a log with a long line", growth(lambda n: b"a\rb\n" + b"x" * n, without_overwritten, 300_000))
    _print("YAML", growth(lambda n: "- {a: 1}\n" * n, lambda text: parse_yaml(text, Path("x.yml")), 2000))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for about, text in PIPELINES.items():
            times = growth(lambda n, text=text: pipeline(folder, text(n)), check_pipeline, 100)  # type: ignore[misc]
            _print(f"a pipeline: {about}", times)
        for about, text in SCRIPTS.items():
            file = folder / "step.py"

            def work(size: int, text: object = text, file: Path = file) -> object:
                file.write_text(HEAD + text(size) + TAIL, encoding="utf-8")  # type: ignore[operator]
                return read_signature(file), check_script(file)

            _print(f"a script: {about}", growth(lambda n: n, work, 150))


def _print(about: str, times: float) -> None:
    print(f"{about}, 8 times the input: {times:.1f} x (limit {LIMIT})", flush=True)
