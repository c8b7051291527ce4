"""The resource manager's Machine Learning provider: one workspace, its datastores and its data assets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.azure.loopback.entra import Entra
from tests.azure.loopback.server import Request, Response, arm_error

HOST = "management.azure.com"
AUDIENCE = f"https://{HOST}"
DATAPLANE = "westeurope.api.azureml.ms"
"""The URL of the workspace's run history."""
SUBSCRIPTION = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
GROUP = "ml-group"
WORKSPACE = "ml-workspace"
PROVIDER = "Microsoft.MachineLearningServices"
WORKSPACE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{PROVIDER}/workspaces/{WORKSPACE}"
)
# The properties of a data version in the published specification. Any other is a mistake of the client.
_DATA_PROPERTIES = {
    "autoDeleteSetting",
    "dataType",
    "dataUri",
    "description",
    "intellectualProperty",
    "isAnonymous",
    "isArchived",
    "properties",
    "referencedUris",
    "stage",
    "tags",
}
_DATA_TYPES = {"uri_file", "uri_folder", "mltable"}
SYSTEM_DATA = {
    "createdAt": "2026-01-01T12:34:56.999Z",
    "createdBy": "A Test",
    "createdByType": "User",
    "lastModifiedAt": "2026-01-01T12:34:56.999Z",
    "lastModifiedBy": "A Test",
    "lastModifiedByType": "User",
}

Answer = Callable[[Request, Mapping[str, str]], Response]


@dataclass
class Datastore:
    """A container of the workspace. listSecrets returns ``sas``; None means identity-based access only."""

    name: str
    account: str
    container: str
    sas: str | None = None
    kind: str = "AzureBlob"

    def resource(self) -> dict[str, Any]:
        credentials = {"credentialsType": "AccountKey" if self.sas else "None"}
        if self.sas:
            credentials["secrets"] = {"secretsType": "AccountKey"}  # type: ignore[assignment]
        place = "containerName" if self.kind == "AzureBlob" else "filesystem"
        return {
            "id": f"{WORKSPACE_ID}/datastores/{self.name}",
            "name": self.name,
            "type": f"{PROVIDER}/workspaces/datastores",
            "properties": {
                "description": None,
                "tags": None,
                "properties": None,
                "isDefault": self.name == "workspaceblobstore",
                "credentials": credentials,
                "datastoreType": self.kind,
                "accountName": self.account,
                place: self.container,
                "endpoint": "core.windows.net",
                "protocol": "https",
            },
            "systemData": SYSTEM_DATA,
        }


@dataclass
class Arm:
    """Answers requests to management.azure.com. Add a resource with `route`."""

    entra: Entra
    datastores: dict[str, Datastore] = field(default_factory=dict)
    data: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """The properties of each data version, by name and version."""

    def __post_init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Answer]] = []
        self.route("GET", "", self._workspace)
        self.route("GET", "/data/(?P<name>[^/]+)/versions", self._list_data)
        self.route("GET", "/data/(?P<name>[^/]+)/versions/(?P<version>[^/]+)", self._get_data)
        self.route("PUT", "/data/(?P<name>[^/]+)/versions/(?P<version>[^/]+)", self._put_data)
        self.route("GET", "/datastores", self._list_datastores)
        self.route("GET", "/datastores/(?P<name>[^/]+)", self._get_datastore)
        self.route("POST", "/datastores/(?P<name>[^/]+)/listSecrets", self._datastore_secrets)

    def route(self, method: str, pattern: str, answer: Answer) -> None:
        """Let ``answer`` handle ``method`` on a path below the workspace; groups become its arguments."""
        self._routes.append((method, re.compile(re.escape(WORKSPACE_ID) + pattern, re.IGNORECASE), answer))

    def __call__(self, request: Request) -> Response:
        if not self.entra.accepts(request, AUDIENCE):
            message = "The access token expiry UTC time is earlier than current UTC time, or it is invalid."
            return arm_error(401, "ExpiredAuthenticationToken", message, WWW_Authenticate="Bearer")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", request.query.get("api-version", "")):
            return arm_error(
                400, "MissingApiVersionParameter", "The api-version query parameter is required."
            )
        if not request.path.lower().startswith(WORKSPACE_ID.lower()):
            message = f"The Resource '{request.path}' was not found."
            return arm_error(404, "ResourceNotFound", message)
        for method, path, answer in self._routes:
            found = path.fullmatch(request.path)
            if found and method == request.method:
                return answer(request, found.groupdict())
        return arm_error(404, "InvalidResourceType", f"{request.method} {request.path} is not spoken here.")

    def _workspace(self, _request: Request, _found: Mapping[str, str]) -> Response:
        properties = {
            "friendlyName": WORKSPACE,
            "workspaceId": "99999999-8888-7777-6666-555555555555",
            "discoveryUrl": f"https://{DATAPLANE}/discovery",
        }
        resource = {"id": WORKSPACE_ID, "name": WORKSPACE, "location": "westeurope", "properties": properties}
        return Response(200, resource)

    def _list_data(self, _request: Request, found: Mapping[str, str]) -> Response:
        keys = sorted(key for key in self.data if key[0] == found["name"])
        return Response(200, {"value": [self._data_resource(*key) for key in keys], "nextLink": None})

    def _get_data(self, _request: Request, found: Mapping[str, str]) -> Response:
        key = (found["name"], found["version"])
        if key not in self.data:
            message = f"Data version {key[0]}:{key[1]} (dataContainerName:version) not found."
            return arm_error(404, "UserError", message)
        return Response(200, self._data_resource(*key))

    def _put_data(self, request: Request, found: Mapping[str, str]) -> Response:
        body = request.json()
        if set(body) != {"properties"} or not isinstance(body["properties"], dict):
            return arm_error(400, "ValidationError", "properties is required, and nothing beside it.")
        properties = body["properties"]
        tags = properties.get("tags") or {}
        wrong = sorted(set(properties) - _DATA_PROPERTIES)
        if wrong or properties.get("dataType") not in _DATA_TYPES:
            return arm_error(400, "ValidationError", f"Not in a data version: {wrong or 'this dataType'}.")
        if not re.search("[a-zA-Z0-9_]", properties.get("dataUri") or ""):
            return arm_error(400, "ValidationError", "dataUri is required.")
        if not all(isinstance(value, str) for value in tags.values()):
            return arm_error(400, "ValidationError", "Tags are texts.")
        key = (found["name"], found["version"])
        old = self.data.get(key)
        if old and self._full_uri(properties["dataUri"]) != old["dataUri"]:
            # The message is in azure-ai-ml's _artifacts/_constants.py; the status is not published.
            return arm_error(400, "UserError", "Asset paths cannot be updated.")
        self.data[key] = {**properties, "dataUri": self._full_uri(properties["dataUri"])}
        return Response(200 if old else 201, self._data_resource(*key))

    def _full_uri(self, uri: str) -> str:
        """The service answers with the workspace in the address."""
        place = f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}/"
        return re.sub("^azureml://(?=datastores/)", place, uri)

    def _data_resource(self, name: str, version: str) -> dict[str, Any]:
        return {
            "id": f"{WORKSPACE_ID}/data/{name}/versions/{version}",
            "name": version,
            "type": f"{PROVIDER}/workspaces/data/versions",
            "properties": self.data[name, version],
            "systemData": SYSTEM_DATA,
        }

    def _list_datastores(self, request: Request, _: Mapping[str, str]) -> Response:
        stores = [store.resource() for store in self.datastores.values()]
        if request.query.get("isDefault") == "true":
            stores = [store for store in stores if store["properties"]["isDefault"]]
        return Response(200, {"value": stores, "nextLink": None})

    def _get_datastore(self, _request: Request, found: Mapping[str, str]) -> Response:
        store = self.datastores.get(found["name"])
        if not store:
            return arm_error(404, "UserError", f"Could not find datastore with name {found['name']}.")
        return Response(200, store.resource())

    def _datastore_secrets(self, _request: Request, found: Mapping[str, str]) -> Response:
        store = self.datastores.get(found["name"])
        if not store or not store.sas:
            return arm_error(400, "UserError", "The datastore has no secrets.")
        return Response(200, {"secretsType": "Sas", "sasToken": store.sas})
