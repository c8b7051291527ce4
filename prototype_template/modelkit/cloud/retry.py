"""How often and how long we wait for Azure. Importing this imports azure-core."""

from __future__ import annotations

from collections.abc import Callable

from azure.core.pipeline.transport import RequestsTransport

from modelkit.cloud.errors import AzureError

LONGEST_WAIT = 300
"""Seconds. A service that wants us to wait longer is not waited for: people or a schedule try again."""
RETRIES = {"retry_total": 4, "retry_status": 4, "retry_backoff_factor": 0.8}
"""For azure-core's RetryPolicy, which repeats what may be repeated (408, 429, 5xx, lost connections) and not
what may not (400, 401, 403, 404, 409). It waits as Retry-After says, or else for 0, 1.6, 3.2 and 6.4 s."""


class Patient(RequestsTransport):  # type: ignore[misc]  # azure-core need not be installed
    """azure-core's transport, which says when it waits before another try, and does not wait for hours."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def sleep(self, duration: float) -> None:
        """Called by the retry policy before the next try; ``duration`` is in seconds.

        Raises AzureError rather than wait longer than `LONGEST_WAIT`.
        """
        if duration > LONGEST_WAIT:
            what = f"Azure is throttling, and asks to wait {duration:.0f} s."
            raise AzureError(what, "Run it again then; it continues where it stopped.", status=429)
        if duration >= 1:
            self._note(f"Azure is busy or has a fault: trying again in {duration:.0f} s.")
        super().sleep(duration)
