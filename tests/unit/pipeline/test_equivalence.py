"""The checker rejects everything that azure-ai-ml rejects: known mistakes and random changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pipeline.azure import recorded
from tests.unit.pipeline.random_changes import COUNT, FEW, SEED, rejections

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("component", [False, True], ids=["pipelines", "components"])
def test_changes_by_chance(base: Path, component: bool) -> None:
    found = list(rejections(base, recorded(), component=component))
    assert [said for said, ours, theirs in found if theirs and not ours] == [], f"seed {SEED}"
    if not component:
        assert sum(ours for _, ours, _ in found) > COUNT // 4, "the changes are too harmless to say anything"
    both = sum(bool(ours and theirs) for _, ours, theirs in found)
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
