"""Turns the errors of Azure's clients into messages that say what is wrong and what to do."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from mlroad.azure.workspace import Workspace
from mlroad.core.problems import UserError

# Each credential that was tried has a line. The managed identity fails on every laptop.
_NO_NETWORK = re.compile(
    r"^\s*(?!ManagedIdentity)\w+: .*"
    r"(Failed to establish|Unable to connect|NameResolution|CERTIFICATE_VERIFY_FAILED|timed out)",
    re.MULTILINE,
)


class AzureError(UserError):
    """Azure refused a request or failed. ``status`` is the HTTP status, 0 if there was no answer."""

    def __init__(self, what: str, fix: str, status: int = 0) -> None:
        super().__init__(what, fix)
        self.status = status


@contextlib.contextmanager
def plain_errors(doing: str, workspace: Workspace) -> Iterator[None]:
    """Turn an error of Azure's clients into an `AzureError`. ``doing``: such as "Registering diabetes:1"."""
    from azure.ai.ml.exceptions import MlException
    from azure.core.exceptions import AzureError as ClientError

    try:
        yield
    except (ClientError, MlException) as error:
        raise _plain(doing, workspace, error) from error


def _plain(doing: str, workspace: Workspace, error: Exception) -> AzureError:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    cause = _innermost(error)
    if isinstance(cause, ClientAuthenticationError) and _status(cause) == 0:
        return _not_signed_in(doing, cause)
    if isinstance(cause, HttpResponseError):
        return _refused(doing, workspace, cause)
    if isinstance(cause, ServiceRequestError | ServiceResponseError):
        what = f"{doing} failed: Azure cannot be reached ({_first_line(cause)})."
        return AzureError(what, "Check the network and the proxy settings, then run it again.")
    return AzureError(f"{doing} failed: {_first_line(cause)}.", "")


def _innermost(error: BaseException) -> BaseException:
    """The error inside: azure-ai-ml wraps the errors of the storage client."""
    from azure.core.exceptions import HttpResponseError

    inner = getattr(error, "inner_exception", None) or error.__cause__
    if isinstance(error, HttpResponseError) or not isinstance(inner, BaseException):
        return error
    return _innermost(inner)


def _not_signed_in(doing: str, error: BaseException) -> AzureError:
    text = str(error)
    # Entra ID's own reason (AADSTS…) says more than the list of the credentials that were tried.
    reason = re.search(r"AADSTS\d+: [^\n]*?\.", text)
    if reason:
        what = f"{doing} failed: Entra ID did not accept the credentials: {reason[0]}"
        fix = "Check AZURE_TENANT_ID, AZURE_CLIENT_ID and the secret or federated credential, or `az login`."
        return AzureError(what, fix)
    if _NO_NETWORK.search(text):
        what = f"{doing} failed: Azure cannot be reached for the sign-in."
        return AzureError(what, "Check the network, HTTPS_PROXY and REQUESTS_CA_BUNDLE, then run it again.")
    what = f"{doing} failed: you are not signed in to Azure."
    fix = "Run `az login` (on a laptop), use azure/login (in a workflow), or give the job a managed identity."
    return AzureError(what, fix)


def _refused(doing: str, workspace: Workspace, error: Any) -> AzureError:
    status = _status(error)
    said = _first_line(error)
    host = _host(error)
    is_storage = ".blob." in host or ".dfs." in host
    what = f"{doing} failed: {{}} ({status}: {said})."
    if status == 401:
        what = what.format("Azure did not accept your sign-in")
        return AzureError(what, "Sign in again (`az login`), to the tenant of the subscription.", status)
    if status == 403 and is_storage:
        fix = (
            f"Ask for the role Storage Blob Data Contributor on the storage account {host.split('.')[0]} "
            "(Reader is enough to fetch), and for access through its firewall if it has one."
        )
        return AzureError(what.format("you lack permission for the storage account"), fix, status)
    if status == 403:
        fix = f"Ask for the role AzureML Data Scientist on the workspace {workspace.name}."
        return AzureError(what.format(f"you lack permission in {workspace.name}"), fix, status)
    if status == 404:
        fix = f"The workspace is {workspace.id} (from {workspace.source}): check each part of it."
        return AzureError(what.format("not found in Azure"), fix, status)
    if status == 409:
        fix = "It was changed by someone else at the same time. Run it again; it continues where it stopped."
        return AzureError(what.format("conflict"), fix, status)
    if status == 429:
        wait = error.response.headers.get("Retry-After") if error.response is not None else None
        # Seconds, or an HTTP date.
        after = "later" if not wait else f"after {wait} s" if wait.isdecimal() else f"after {wait}"
        fix = f"Run it again {after}; it continues where it stopped."
        return AzureError(what.format("Azure is still throttling requests after a wait"), fix, status)
    if status >= 500:
        fix = "It was tried several times. Run it again later; it continues where it stopped."
        return AzureError(what.format("Azure has an error"), fix, status)
    return AzureError(what.format("Azure refused"), "", status)


def _status(error: Any) -> int:
    return getattr(error, "status_code", None) or 0


def _host(error: Any) -> str:
    response = getattr(error, "response", None)
    request = getattr(response, "request", None)
    found = re.match(r"https?://([^/:?]+)", getattr(request, "url", "") or "")
    return found[1] if found else ""


def _first_line(error: BaseException) -> str:
    text = getattr(error, "message", "") or str(error)
    # A signature in a URL must not be printed.
    text = re.sub(r"(sig=)[^&\s]+", r"\1…", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^\(\w+\) ", "", lines[0]).rstrip(".") if lines else type(error).__name__
