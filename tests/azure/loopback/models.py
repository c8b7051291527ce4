"""Models of the workspace: ModelVersion/{createOrUpdate,list} of preview/2023-04-01-preview."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.azure.loopback.arm import PROVIDER, SYSTEM_DATA, WORKSPACE_ID, Arm
from tests.azure.loopback.server import Request, Response, arm_error

_KNOWN = {
    "autoDeleteSetting", "datasets", "description", "flavors", "intellectualProperty", "isAnonymous",
    "isArchived", "jobName", "modelType", "modelUri", "properties", "provisioningState", "stage", "tags",
}  # fmt: skip
_TYPES = {"mlflow_model", "custom_model", "triton_model"}
PAGE = 4
"""Versions in one page of a listing: few, so that tests read several pages."""


@dataclass
class Models:
    """Model versions, by name and version."""

    arm: Arm
    stored: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arm.route("GET", "/models", self._list_names)
        self.arm.route("GET", "/models/(?P<name>[^/]+)", self._container)
        self.arm.route("GET", "/models/(?P<name>[^/]+)/versions", self._list)
        place = "/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
        self.arm.route("GET", place, self._get)
        self.arm.route("PUT", place, self._put)

    def _list_names(self, _request: Request, _: Mapping[str, str]) -> Response:
        names = sorted({name for name, _version in self.stored})
        return Response(200, {"value": [self._container_resource(name) for name in names], "nextLink": None})

    def _container(self, _request: Request, found: Mapping[str, str]) -> Response:
        if not any(name == found["name"] for name, _version in self.stored):
            return arm_error(404, "UserError", f"Model container {found['name']} not found.")
        return Response(200, self._container_resource(found["name"]))

    def _container_resource(self, name: str) -> dict[str, Any]:
        numbers = [int(its) for known, its in self.stored if known == name and its.isdecimal()]
        return {
            "id": f"{WORKSPACE_ID}/models/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/models",
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": False,
                "latestVersion": str(max(numbers, default=0)),
                "nextVersion": str(max(numbers, default=0) + 1),
            },
            "systemData": SYSTEM_DATA,
        }

    def _list(self, request: Request, found: Mapping[str, str]) -> Response:
        # Versions are strings, newest first: a client that needs them in numeric order has to sort.
        everything = request.query.get("listViewType") == "All"
        keys = sorted(
            (
                key
                for key, properties in self.stored.items()
                if key[0] == found["name"] and (everything or not properties.get("isArchived"))
            ),
            reverse=True,
        )
        start = int(request.query.get("$skip", "0"))
        page = keys[start : start + PAGE]
        more = None
        if keys[start + PAGE :]:
            query = urlencode({**request.query, "$skip": start + PAGE})
            more = f"https://{request.host}{request.path}?{query}"
        return Response(200, {"value": [self._resource(*key) for key in page], "nextLink": more})

    def _get(self, _request: Request, found: Mapping[str, str]) -> Response:
        key = (found["name"], found["version"])
        if key not in self.stored:
            return arm_error(404, "UserError", f"Model {key[0]}:{key[1]} not found.")
        return Response(200, self._resource(*key))

    def _put(self, request: Request, found: Mapping[str, str]) -> Response:
        properties = request.json().get("properties") or {}
        wrong = sorted(set(properties) - _KNOWN)
        if wrong or properties.get("modelType") not in _TYPES:
            return arm_error(400, "ValidationError", f"Not in a model version: {wrong or 'this modelType'}.")
        if not all(isinstance(text, str) for text in (properties.get("tags") or {}).values()):
            return arm_error(400, "ValidationError", "Tags are texts.")
        key = (found["name"], found["version"])
        old = self.stored.get(key)
        if old and _path(properties.get("modelUri") or "") != _path(old["modelUri"]):
            # The text is in azure-ai-ml's _artifacts/_constants.py; the status is not published.
            return arm_error(400, "UserError", "Asset paths cannot be updated.")
        self.stored[key] = copy.deepcopy(properties)
        return Response(200 if old else 201, self._resource(*key))

    def _resource(self, name: str, version: str) -> dict[str, Any]:
        return {
            "id": f"{WORKSPACE_ID}/models/{name}/versions/{version}",
            "name": version,
            "type": f"{PROVIDER}/workspaces/models/versions",
            # azure-ai-ml expects the flavors; what the service reads from MLmodel is not documented.
            "properties": {"flavors": {}, **self.stored[name, version]},
            "systemData": SYSTEM_DATA,
        }


def _path(uri: str) -> str:
    found = re.search("datastores/.*", uri)
    return found[0].rstrip("/") if found else uri
