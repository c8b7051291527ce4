"""The compute named in factory.yml. It costs money, so it is created only on request."""

from collections.abc import Callable
from typing import Any

from mlroad.azure.errors import plain_errors
from mlroad.azure.workspace import Workspace
from mlroad.core.problems import UserError

SERVERLESS = "serverless"
_SIZE = "STANDARD_DS3_V2"
"""4 cores, 14 GB: azure-ai-ml's own default."""
_IDLE = 300
"""Seconds without work after which the node is released."""


def ensure_compute(
    client: Any, workspace: Workspace, name: str, *, create: bool, tell: Callable[[str], None]
) -> None:
    """Check that the compute exists; with ``create``, create a cluster of 0 to 1 nodes if it does not.

    Raises UserError if it is missing and ``create`` is False, AzureError if Azure refuses or fails.
    """
    from azure.core.exceptions import ResourceNotFoundError

    if name == SERVERLESS:
        return
    with plain_errors(f"Looking for the compute {name}", workspace):
        try:
            client.compute.get(name)
        except ResourceNotFoundError:
            pass
        else:
            return
    if not create:
        what = f"The workspace {workspace.name} has no compute {name}, which is named in factory.yml."
        fix = (
            f"Add --create-compute to create a cluster of that name ({_SIZE}, 0 to 1 nodes), "
            f"or write `compute: {SERVERLESS}` in factory.yml."
        )
        raise UserError(what, fix)
    from azure.ai.ml.entities import AmlCompute

    tell(f"creating the compute {name}: {_SIZE}, 0 to 1 nodes")
    cluster = AmlCompute(
        name=name, size=_SIZE, min_instances=0, max_instances=1, idle_time_before_scale_down=_IDLE
    )
    with plain_errors(f"Creating the compute {name}", workspace):
        client.compute.begin_create_or_update(cluster).result()
