"""How often a request to Azure is repeated, and after how long. Importing this module imports azure-core."""

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ExponentialRetry

from mlroad.azure.errors import AzureError

LONGEST_WAIT = 300
"""Seconds. If a service asks for more, the command fails, and a person or a schedule tries again."""
RETRIES = {"retry_total": 4, "retry_status": 4, "retry_backoff_factor": 0.8}
"""For azure-core's RetryPolicy, which repeats 408, 429, 5xx and lost connections, and not 400, 401, 403, 404
and 409. It waits as long as Retry-After says, or else 0, 1.6, 3.2 and 6.4 s."""
_STORAGE = 3
"""How often a request to a storage account is repeated."""


class RetryTransport(RequestsTransport):  # type: ignore[misc]  # azure-core need not be installed
    """azure-core's transport, which announces longer waits, and fails instead of waiting for hours."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note

    def sleep(self, duration: float) -> None:
        """Called by the retry policy before the next try; ``duration`` is in seconds.

        Raises AzureError rather than wait longer than `LONGEST_WAIT`.
        """
        _announce(duration, self._note)
        super().sleep(duration)


def _announce(duration: float, note: Callable[[str], None]) -> None:
    if duration > LONGEST_WAIT:
        what = f"Azure is throttling requests, and asks to wait {duration:.0f} s."
        raise AzureError(what, "Run it again later; it continues where it stopped.", status=429)
    if duration >= 1:
        note(f"Azure is busy or has an error: trying again in {duration:.0f} s.")


class StorageRetry(ExponentialRetry):  # type: ignore[misc]  # azure-storage-blob need not be installed
    """The storage client's own retries, which also repeat a 429 and respect Retry-After."""

    def __init__(self, note: Callable[[str], None]) -> None:
        # Waits of 1, 3 and 5 s; the default's first is 15 s.
        super().__init__(initial_backoff=1, increment_base=2, retry_total=_STORAGE, random_jitter_range=0)
        self._note = note

    def sleep(self, settings: dict[str, Any], transport: Any) -> None:
        """Wait before the next try. Raises AzureError as `RetryTransport` does."""
        _announce(self.get_backoff_time(settings), self._note)
        super().sleep(settings, transport)

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """The seconds to wait before the next try. ``settings`` has the history of the request."""
        usual = float(super().get_backoff_time(settings))
        response = settings["history"][-1].http_response if settings["history"] else None
        return max(usual, _asked_for(response))

    def send(self, request: Any) -> Any:
        """Send a request. Raises errors of azure-core, and AzureError as `RetryTransport` does."""
        body = request.http_request.body
        begin = body.tell() if hasattr(body, "seek") and hasattr(body, "tell") else None
        for tried in range(_STORAGE + 1):
            response = super().send(request)
            if response.http_response.status_code != 429 or tried == _STORAGE:
                break
            if begin is not None:
                body.seek(begin)
            duration = max(1.0 + 2 * tried, _asked_for(response.http_response))
            _announce(duration, self._note)
            request.context.transport.sleep(duration)
        return response


def _asked_for(response: Any) -> float:
    """The wait that the service requests, in seconds. Retry-After has a number of seconds, or a time."""
    text = response.headers.get("Retry-After") if response is not None else None
    if not text:
        return 0.0
    try:
        if text.strip().isdecimal():
            return float(text)
        then = parsedate_to_datetime(text)
        return max(0.0, (then - datetime.now(then.tzinfo)).total_seconds())
    except ValueError:
        return 0.0
