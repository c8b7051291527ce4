"""The public examples, which Azure ML runs: no error on any of them.

They are not part of this repo. Set AZUREML_EXAMPLES to a checkout of Azure/azureml-examples to run this test.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlroad.core.yaml_nodes import MapNode, read_yaml
from mlroad.pipeline.checker import check_pipeline
from mlroad.pipeline.file_type import file_type
from tests.unit.pipeline.azure import azure_errors

EXAMPLES = os.environ.get("AZUREML_EXAMPLES")
MISTAKES = {"image_classification_with_densenet": "MR223"}
"""Examples with a mistake that Azure ML does not detect, such as 224 for a boolean input."""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not EXAMPLES, reason="AZUREML_EXAMPLES names no checkout")]


def _pipelines() -> list[Path]:
    found = []
    for file in sorted(Path(EXAMPLES or "nowhere").glob("cli/jobs/**/*.y*ml")):
        node, _ = read_yaml(file)
        if isinstance(node, MapNode) and file_type(node) == "pipeline":
            found.append(file)
    return found


@pytest.mark.parametrize("file", _pipelines() if EXAMPLES else [], ids=str)
def test_no_false_alarm(file: Path) -> None:
    refused = azure_errors(file)
    errors = [str(problem) for problem in check_pipeline(file) if problem.severity == "error"]
    if refused:
        # The example is broken or needs something from a workspace. Then azure-ai-ml reports an error too.
        assert errors, refused
    else:
        mistake = MISTAKES.get(file.parent.name, "none")
        assert [error for error in errors if f" {mistake}: " not in error] == []


def test_there_are_examples() -> None:
    assert _pipelines()
