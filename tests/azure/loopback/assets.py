"""Versioned assets that a client registers with a job: environments, code and components.

Bodies as azure-ai-ml 1.35.2 sends them; EnvironmentVersion/createOrUpdate and CodeVersion/
createOrGetStartPendingUpload were checked against the published examples of preview/2024-01-01-preview.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.azure.loopback.arm import PROVIDER, SYSTEM_DATA, WORKSPACE_ID, Arm
from tests.azure.loopback.server import Request, Response, arm_error

_COMMON = {"description", "isAnonymous", "isArchived", "properties", "stage", "tags", "autoDeleteSetting"}
_KNOWN = {
    "environments": _COMMON
    | {"autoRebuild", "build", "condaFile", "image", "inferenceConfig", "intellectualProperty", "osType"},
    "codes": _COMMON | {"codeUri"},
    "components": _COMMON | {"componentSpec"},
}


@dataclass
class Assets:
    """All assets of one kind, by name and version. An existing version never changes."""

    arm: Arm
    kind: str
    """environments, codes or components, as in the URL."""
    stored: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = f"/{self.kind}/(?P<name>[^/]+)/versions"
        self.arm.route("GET", place, self._list)
        self.arm.route("GET", place + "/(?P<version>[^/]+)", self._get)
        self.arm.route("PUT", place + "/(?P<version>[^/]+)", self._put)

    def id(self, name: str, version: str) -> str:
        return f"{WORKSPACE_ID}/{self.kind}/{name}/versions/{version}"

    def has(self, asset_id: str) -> bool:
        """Whether ``asset_id`` (an ARM id, or azureml:name:version) is one of them."""
        return any(
            asset_id.removeprefix("azureml:").lower() in (self.id(*key).lower(), ":".join(key).lower())
            for key in self.stored
        )

    def _list(self, request: Request, found: Mapping[str, str]) -> Response:
        wanted = request.query.get("hash")
        keys = [
            key
            for key, properties in self.stored.items()
            if key[0] == found["name"]
            and (not wanted or (properties.get("properties") or {}).get("hash_sha256") == wanted)
        ]
        return Response(200, {"value": [self._resource(*key) for key in keys], "nextLink": None})

    def _get(self, _request: Request, found: Mapping[str, str]) -> Response:
        key = (found["name"], found["version"])
        if key not in self.stored:
            return arm_error(404, "UserError", f"{self.kind} {key[0]}:{key[1]} not found.")
        return Response(200, self._resource(*key))

    def _put(self, request: Request, found: Mapping[str, str]) -> Response:
        properties = request.json().get("properties")
        if not isinstance(properties, dict):
            return arm_error(400, "ValidationError", "properties is required.")
        wrong = sorted(set(properties) - _KNOWN[self.kind])
        if wrong:
            return arm_error(400, "ValidationError", f"Not in {self.kind}: {wrong}.")
        if problem := self.problem(properties):
            return arm_error(400, "ValidationError", problem)
        key = (found["name"], found["version"])
        is_new = key not in self.stored
        if not is_new and self.content(properties) != self.content(self.stored[key]):
            return arm_error(409, "UserError", f"{self.kind} {key[0]}:{key[1]} exists and cannot be changed.")
        self.stored[key] = properties
        return Response(201 if is_new else 200, self._resource(*key))

    def problem(self, properties: Mapping[str, Any]) -> str | None:
        """What the service would reject."""
        if self.kind == "environments" and not (properties.get("image") or properties.get("build")):
            return "An environment needs an image or a build context."
        if self.kind == "codes" and not str(properties.get("codeUri", "")).startswith("https://"):
            return "codeUri is required."
        if self.kind == "components" and not isinstance(properties.get("componentSpec"), dict):
            return "componentSpec is required."
        return None

    def content(self, properties: Mapping[str, Any]) -> Any:
        """The part that must not change."""
        return {name: properties.get(name) for name in ("image", "condaFile", "codeUri", "componentSpec")}

    def _resource(self, name: str, version: str) -> dict[str, Any]:
        return {
            "id": self.id(name, version),
            "name": version,
            "type": f"{PROVIDER}/workspaces/{self.kind}/versions",
            "properties": self.stored[name, version],
            "systemData": SYSTEM_DATA,
        }


@dataclass
class Codes(Assets):
    """Code snapshots. The client first requests a place to upload to."""

    uri: str = ""
    """The container that snapshots are uploaded to."""
    sas: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        place = f"/{self.kind}/(?P<name>[^/]+)/versions/(?P<version>[^/]+)/startPendingUpload"
        self.arm.route("POST", place, self._start)

    def _start(self, request: Request, _: Mapping[str, str]) -> Response:
        if request.json().get("pendingUploadType") != "TemporaryBlobReference":
            return arm_error(400, "ValidationError", "pendingUploadType is TemporaryBlobReference.")
        reference = {
            "blobUri": self.uri,
            "storageAccountArmId": re.sub("workspaces/.*", "storage", WORKSPACE_ID),
            "credential": {"credentialType": "SAS", "sasUri": f"{self.uri}?{self.sas}"},
        }
        return Response(
            200,
            {
                "blobReferenceForConsumption": reference,
                "pendingUploadId": None,
                "pendingUploadType": "TemporaryBlobReference",
            },
        )
