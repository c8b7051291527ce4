"""A shared Azure ML registry: only what sharing a workspace's model needs.

Neither its discovery nor its data plane has a published specification: the addresses, audiences and bodies
are those that azure-ai-ml 1.35.2 uses (`_utils/_registry_utils.py`, `_restclient/registry_discovery`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.azure.loopback.arm import AUDIENCE, SUBSCRIPTION
from tests.azure.loopback.entra import Entra
from tests.azure.loopback.jobs import AML_AUDIENCE
from tests.azure.loopback.models import Models
from tests.azure.loopback.server import Request, Response, arm_error

HOST = "eastus.api.azureml.ms"
NAME = "shared-models"
_GROUP = "registry-group"


@dataclass
class SharedRegistry:
    """Answers for the discovery and the data plane of the only registry."""

    entra: Entra
    workspace: Models
    models: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """What was shared, by name and version."""

    def __call__(self, request: Request) -> Response:
        is_discovery = request.path.startswith("/registrymanagement/")
        if not self.entra.accepts(request, AML_AUDIENCE if is_discovery else AUDIENCE):
            return arm_error(401, "Unauthorized", "Token is invalid.", WWW_Authenticate="Bearer")
        if request.path == f"/registrymanagement/v1.0/registries/{NAME}/discovery":
            return Response(200, _discovery())
        place = (
            f"/mferp/managementfrontend/subscriptions/{SUBSCRIPTION}/resourceGroups/{_GROUP}"
            f"/providers/Microsoft.MachineLearningServices/registries/{NAME}"
        )
        if request.path == f"{place}/import" and request.method == "POST":
            return self._import(request)
        found = re.fullmatch(re.escape(place) + "/models/([^/]+)(?:/versions(?:/([^/]+))?)?", request.path)
        if found and request.method == "GET":
            return self._get(found[1], found[2], request.path.endswith("/versions"))
        return arm_error(404, "NotFound", f"{request.method} {request.path} is not spoken here.")

    def _get(self, name: str, version: str | None, is_list: bool) -> Response:
        if is_list:
            known = [version for model, version in self.models if model == name]
            return Response(200, {"value": [self._resource(name, its) for its in known]})
        if version is None or (name, version) not in self.models:
            return arm_error(404, "UserError", f"{name} was not found in the registry.")
        return Response(200, self._resource(name, version))

    def _import(self, request: Request) -> Response:
        properties = request.json()["properties"]
        wanted = r"azureml://locations/westeurope/workspaces/[0-9a-f-]+/models/([^/]+)/versions/([^/]+)"
        found = re.fullmatch(wanted, properties["sourceAssetId"])
        source = self.workspace.stored.get((found[1], found[2])) if found else None
        if source is None or properties["referenceType"] != "Id":
            return arm_error(400, "UserError", f"There is no {properties['sourceAssetId']}.")
        self.models[properties["destinationName"], properties["destinationVersion"]] = source
        return Response(200, b"")

    def _resource(self, name: str, version: str) -> dict[str, Any]:
        return {
            "id": f"azureml://registries/{NAME}/models/{name}/versions/{version}",
            "name": version,
            "properties": {"flavors": {}, **self.models[name, version]},
        }


def _discovery() -> dict[str, Any]:
    return {
        "registryName": NAME,
        "primaryRegion": "eastus",
        "primaryRegionResourceProviderUri": f"https://{HOST}/",
        "resourceGroup": _GROUP,
        "subscriptionId": SUBSCRIPTION,
        "registryFqdns": {"eastus": {"uri": f"https://{HOST}/", "managementFqdns": []}},
    }
