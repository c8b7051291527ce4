"""Computes of the workspace, as Compute/createOrUpdate/BasicAmlCompute.json of preview/2024-01-01-preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.azure.loopback.arm import AUDIENCE, PROVIDER, SYSTEM_DATA, WORKSPACE_ID, Arm
from tests.azure.loopback.server import Request, Response, arm_error


@dataclass
class Computes:
    """Clusters, by name. A new one is ready at the second request."""

    arm: Arm
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The properties that each was created with."""

    def __post_init__(self) -> None:
        self.arm.route("GET", "/computes/(?P<name>[^/]+)", self._get)
        self.arm.route("PUT", "/computes/(?P<name>[^/]+)", self._put)
        # The service may choose any URL for the operation; this one is where `route` can serve it.
        self.arm.route("GET", "/computeOperationsStatus/(?P<name>[^/]+)", self._operation)

    def _get(self, _request: Request, found: Mapping[str, str]) -> Response:
        name = found["name"]
        if name not in self.stored:
            return arm_error(404, "ComputeNotFound", f"Compute with name {name} not found.")
        return Response(200, self._resource(name, "Succeeded"))

    def _put(self, request: Request, found: Mapping[str, str]) -> Response:
        body = request.json()
        properties = body.get("properties") or {}
        scale = (properties.get("properties") or {}).get("scaleSettings") or {}
        if properties.get("computeType") != "AmlCompute" or not properties["properties"].get("vmSize"):
            return arm_error(400, "BadRequest", "Only AmlCompute with a vmSize is spoken here.")
        if "maxNodeCount" not in scale:
            return arm_error(400, "BadRequest", "scaleSettings.maxNodeCount is required.")
        self.stored[found["name"]] = properties["properties"]
        where = f"{AUDIENCE}{WORKSPACE_ID}/computeOperationsStatus/{found['name']}?api-version=2024-01-01"
        headers = {"Azure-AsyncOperation": where, "Retry-After": "1"}
        return Response(201, self._resource(found["name"], "Creating"), headers)

    def _operation(self, _request: Request, _found: Mapping[str, str]) -> Response:
        return Response(200, {"status": "Succeeded"})

    def _resource(self, name: str, state: str) -> dict[str, Any]:
        return {
            "id": f"{WORKSPACE_ID}/computes/{name}",
            "type": f"{PROVIDER}/workspaces/computes",
            "name": name,
            "location": "westeurope",
            "properties": {
                "computeType": "AmlCompute",
                "computeLocation": "westeurope",
                "provisioningState": state,
                "properties": self.stored[name],
            },
            "systemData": SYSTEM_DATA,
        }
