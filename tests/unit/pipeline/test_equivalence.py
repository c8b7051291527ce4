"""The checker rejects everything that azure-ai-ml rejects: known mistakes and random changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlroad.pipeline.check_repo import check
from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.azure import azure_errors
from tests.unit.pipeline.mutations import BASE, PIPELINE
from tests.unit.pipeline.random_changes import changes

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("EQUIVALENCE_SEED", "3"))
COUNT = int(os.environ.get("EQUIVALENCE_COUNT", "150"))
FEW = 16


def _rejects(file: Path) -> bool:
    return any(problem.severity == "error" for problem in check_pipeline(file))


def test_changes_by_chance(base: Path) -> None:
    """azure-ai-ml is slow, so it is asked about what we accept, and about a few files that we reject."""
    missed, ours, both = [], 0, 0
    for said, file, text in changes(BASE, SEED, COUNT):
        original = (base / file).read_text(encoding="utf-8")
        (base / file).write_text(text, encoding="utf-8")
        if _rejects(base / PIPELINE):
            ours += 1
            both += ours <= FEW and bool(azure_errors(base / PIPELINE))
        elif azure_errors(base / PIPELINE):
            missed.append(said)
        (base / file).write_text(original, encoding="utf-8")
    assert missed == [], f"seed {SEED}"
    assert ours > COUNT // 4, "the changes are too harmless to say anything"
    assert both > FEW // 4, "azure-ai-ml rejects almost nothing"


def test_components_alone(base: Path) -> None:
    missed, ours, both = [], 0, 0
    for said, file, text in changes(BASE, SEED + 1, COUNT):
        if file.name == PIPELINE:
            continue
        original = (base / file).read_text(encoding="utf-8")
        (base / file).write_text(text, encoding="utf-8")
        # A component without a name can be used, but not registered: a warning.
        found = check([base / file])
        if any(problem.severity == "error" or problem.code in {"MR113", "MR119"} for problem in found):
            ours += 1
            both += ours <= FEW and bool(azure_errors(base / file, component=True))
        elif azure_errors(base / file, component=True):
            missed.append(said)
        (base / file).write_text(original, encoding="utf-8")
    assert missed == [], f"seed {SEED + 1}"
    assert both > FEW // 4, "azure-ai-ml rejects almost nothing"


@pytest.mark.filterwarnings("ignore")  # azure-ai-ml's own use of marshmallow
def test_every_key_of_the_schemas_is_known() -> None:
    from azure.ai.ml._schema.component.command_component import CommandComponentSchema
    from azure.ai.ml._schema.pipeline.component_job import CommandSchema
    from azure.ai.ml._schema.pipeline.pipeline_component import PipelineComponentSchema
    from azure.ai.ml._schema.pipeline.pipeline_job import PipelineJobSchema

    from mlroad.pipeline import shapes

    pairs = (
        (PipelineJobSchema, shapes.PIPELINE_JOB),
        (CommandComponentSchema, shapes.COMMAND_COMPONENT),
        (PipelineComponentSchema, shapes.PIPELINE_COMPONENT),
        (CommandSchema, shapes.COMPONENT_STEP),
    )
    for schema, shape in pairs:
        fields = schema(context={"base_path": "."}).fields
        keys = {field.data_key or name for name, field in fields.items()}
        assert len(keys) > 10
        assert keys - set(shape.keys) - set(shape.silent) == set(), schema.__name__
