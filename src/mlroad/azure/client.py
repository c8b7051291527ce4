"""A client for an Azure ML workspace.

azure-identity provides the credentials (DefaultAzureCredential): those of `az login` on a laptop, of
azure/login in a workflow, or of a managed identity in Azure.
"""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from mlroad.azure.workspace import Workspace
from mlroad.core.problems import UserError


def connect(workspace: Workspace, *, show_progress: bool = False) -> Any:
    """An `azure.ai.ml.MLClient`. It sends no request yet.

    Set ``show_progress`` if the client itself uploads something, such as the code of a job: without it,
    azure-ai-ml 1.35.2 waits forever if the upload of a file fails (see mlroad.azure.storage). Raises
    UserError if azure-ai-ml is not installed.
    """
    try:
        from azure.ai.ml import MLClient

        from mlroad.azure.retry import RETRIES, RetryTransport
    except ImportError as error:
        what = f"The Azure client is not installed (no module {error.name})."
        raise UserError(what, "Run `uv sync --group azure` first.") from None
    _quiet_logs()
    return MLClient(
        credential(),
        workspace.subscription,
        workspace.group,
        workspace.name,
        enable_telemetry=False,
        show_progress=show_progress,
        transport=RetryTransport(note=printer()),
        **RETRIES,
    )


def credential() -> Any:
    """The credential for Azure clients. It sends no request yet."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


@contextlib.contextmanager
def without_progress() -> Iterator[None]:
    """Hide the client's progress bars and notes on experimental classes (on standard error)."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def printer() -> Callable[[str], None]:
    """A function that prints to the current standard error, even while `without_progress` replaces it."""
    stream = sys.stderr
    return lambda text: print(text, file=stream, flush=True)


def _quiet_logs() -> None:
    """Hide the warnings of these libraries: our own messages say the same."""
    for name in ("azure", "azure.identity", "azure.ai.ml", "msal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
