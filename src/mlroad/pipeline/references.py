"""References to what Azure ML has, ``azureml:NAME:VERSION`` and ``azureml://…``: is their form right?"""

import re
from typing import Literal

from mlroad.core.text import did_you_mean, nearest
from mlroad.pipeline.findings import a

AssetKind = Literal["component", "environment", "code"]
_NAME = re.compile(r"(?P<name>[\w.-]+)(?::(?P<version>[\w.+-]+)|@(?P<label>[\w.-]+))?")
_REGISTRY = re.compile(r"//registries/[^/]+/(?P<kind>[^/]+)/[^/]+/(?:versions|labels)/[^/]+/?")
_ID = re.compile(r"/?/subscriptions/[^/]+/resourcegroups/[^/]+/.+", re.IGNORECASE)
_DATASTORE = re.compile(r"//datastores/[^/]+/paths(/.*)?", re.DOTALL)
_REGISTRY_DATA = re.compile(r"//registries/[^/]+/(data|models|labels)/[^/]+/(versions|labels)/[^/]+/?")
FILLED_IN_LATER = re.compile(r"[<>]|\$\(|\{")
"""Parts that something replaces before Azure ML reads the file: <NAME>, $(NAME), {{NAME}}, expressions."""
_CURATED = "AzureML-"
"""Azure ML completes the names of its own environments."""


def asset_fault(reference: str, kind: AssetKind) -> tuple[str, str] | None:
    """What is wrong with a reference to an asset of this kind, and what to do; None if nothing is."""
    rest = reference.removeprefix("azureml:")
    local = "folder" if kind == "code" else f"{kind}'s file"
    how = f"Write azureml:NAME:VERSION, azureml:NAME@latest or the path of the {local}."
    malformed = f"{reference} is not a reference to {a(kind)}."
    if FILLED_IN_LATER.search(rest) or _ID.fullmatch(rest):
        return None
    if rest.startswith("/"):
        return _registry_fault(reference, rest, kind)
    found = _NAME.fullmatch(rest)
    if found is None:
        return malformed, how
    label, version = found["label"], found["version"]
    if label and label != "latest" and nearest(label, ["latest"], 0.7) and not rest.startswith(_CURATED):
        return f"{reference} has an unknown label.", "Did you mean @latest?"
    if not label and not version and not (kind == "environment" and rest.startswith(_CURATED)):
        return f"{reference} has no version.", f"Write {reference}:VERSION or {reference}@latest."
    return None


def data_fault(reference: str) -> tuple[str, str] | None:
    """What is wrong with an ``azureml://…`` address of data, and what to do; None if nothing is."""
    rest = reference.removeprefix("azureml:")
    if FILLED_IN_LATER.search(rest):
        return None
    if any(form.fullmatch(rest) for form in (_DATASTORE, _REGISTRY_DATA, _ID)):
        return None
    how = "Write azureml://datastores/NAME/paths/PATH."
    parts = rest.strip("/").split("/")
    if not rest.startswith("//"):
        return f"{reference} does not begin with azureml://.", how
    places = ("datastores", "registries", "subscriptions")
    if parts[0] not in places:
        return f"{reference} is not the address of data.", did_you_mean(parts[0], places, how)
    if parts[0] == "registries":
        how = "Write azureml://registries/REGISTRY/data/NAME/versions/VERSION."
    return f"{reference} is not the address of data.", how


def name_fault(name: str, kind: Literal["compute", "datastore"]) -> tuple[str, str] | None:
    """What is wrong with ``azureml:NAME``, which has no version, and what to do; None if nothing is."""
    bare = name.removeprefix("azureml:")
    if bare == name or FILLED_IN_LATER.search(bare) or bare.startswith("/"):
        return None
    if not bare:
        return f"{name} names no {kind}.", "Write azureml:NAME."
    if not re.fullmatch(r"[\w.-]+", bare):
        return f"{name} is not the name of a {kind}.", f"Write azureml:NAME; a {kind} has no version."
    return None


def _registry_fault(reference: str, rest: str, kind: AssetKind) -> tuple[str, str] | None:
    how = f"Write azureml://registries/REGISTRY/{kind}s/NAME/versions/VERSION."
    found = _REGISTRY.fullmatch(rest)
    if found is None:
        missing = re.fullmatch(r"//registries/[^/]+/(\w+)/[^/]+/?", rest)
        if rest.startswith("//feeds/"):  # Microsoft's own registries
            return None
        what = "has no version" if missing else f"is not a reference to {a(kind)} in a registry"
        return f"{reference} {what}.", how
    if found["kind"] != f"{kind}s":
        return f"{reference} names one of the {found['kind']}, not {a(kind)}.", how
    return None
