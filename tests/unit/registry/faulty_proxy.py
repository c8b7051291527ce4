"""An HTTP proxy in front of a real server, which spoils some requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Literal
from urllib.parse import urlsplit

from tests.http_server import QuietHandler, serving

Fault = Literal["", "drop", "hang", "lose", "401", "500", "html", "json"]
"""``drop``: the request does not arrive; ``lose``: its answer does not; ``hang``: nothing for 3 seconds.
The proxy answers the others."""
_ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "401": (401, "text/plain", b"You are not authenticated"),
    "500": (500, "text/plain", b"Internal Server Error"),
    "html": (200, "text/html", b"<html><body>Please log in</body></html>"),
    "json": (200, "application/json", b'{"ok": true}'),
}


@dataclass
class Proxy:
    """The address, how many requests there were, and which are spoiled: by their number, from 0 on."""

    address: str = ""
    asked: list[str] = field(default_factory=list)
    spoil: Callable[[int], Fault] = lambda _: ""

    def begin(self, spoil: Callable[[int], Fault]) -> None:
        """Count from 0 again."""
        self.asked.clear()
        self.spoil = spoil


@contextmanager
def before(server: str) -> Iterator[Proxy]:
    """A proxy in front of a server."""
    proxy, host = Proxy(), urlsplit(server).netloc

    class Handler(QuietHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append(f"{self.command} {self.path}")
            fault = proxy.spoil(len(proxy.asked) - 1)
            self.close_connection = True
            if fault in _ANSWERS:
                self._answer(*_ANSWERS[fault])
            elif fault == "hang":
                time.sleep(3)
            elif fault != "drop":
                connection = HTTPConnection(host, timeout=30)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                if fault != "lose":
                    self._answer(answer.status, answer.headers.get_content_type(), content)
                connection.close()

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _forward  # noqa: N815

    with serving(Handler) as address:
        proxy.address = address
        yield proxy
