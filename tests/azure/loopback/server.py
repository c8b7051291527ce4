"""The proxy: it terminates the client's TLS tunnel, and a service answers in place of the host."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.azure.loopback.tls import make_certificates


@dataclass(frozen=True)
class Request:
    """A client's request. ``path`` is decoded, the names of ``headers`` are lowercase."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def address(self) -> str:
        return f"{self.host}{self.path}"

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Response:
    """A response. A ``body`` other than bytes is sent as JSON."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        return json.dumps(self.body).encode()


def arm_error(status: int, code: str, message: str, **headers: str) -> Response:
    """An error in the form of Azure Resource Manager; ``Retry_After="2"`` becomes a header."""
    body = {"error": {"code": code, "message": message, "details": [], "additionalInfo": []}}
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Fault:
    """A fault for the next ``times`` requests that match."""

    method: str
    address: re.Pattern[str]
    answer: Callable[[], Response]
    times: int
    is_served: bool = False
    """Whether the service handles the request before its response fails."""

    def fits(self, request: Request) -> bool:
        return self.times > 0 and request.method == self.method and bool(self.address.search(request.address))


@dataclass(frozen=True)
class Exchange:
    """One request and its response. ``at`` is in seconds of a monotonic clock."""

    request: Request
    status: int
    at: float


Service = Callable[[Request], Response]


class Loopback:
    """The proxy, on a free port of this machine. ``services`` maps host patterns to services."""

    def __init__(self, folder: Path, services: Mapping[str, Service], hosts: list[str]) -> None:
        self.authority, context = make_certificates(folder, hosts)
        self.log: list[Exchange] = []
        self.faults: list[Fault] = []
        self._services = {re.compile(pattern): service for pattern, service in services.items()}
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, context))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, address: str, answer: Callable[[], Response], times: int = 1) -> None:
        """Make the next ``times`` requests to matching URLs (host and path) fail."""
        self.faults.append(Fault(method, re.compile(address), answer, times))

    def cut(self, method: str, address: str, times: int = 1) -> None:
        """Close the connection of the next ``times`` requests without an answer."""
        self.fail(method, address, lambda: Response(0), times)

    def lose(self, method: str, address: str, times: int = 1) -> None:
        """Serve the next ``times`` requests, but drop the responses."""
        self.faults.append(Fault(method, re.compile(address), lambda: Response(0), times, is_served=True))

    def asked(self, method: str, address: str) -> list[Exchange]:
        """The requests so far whose host and path match."""
        return [
            seen
            for seen in self.log
            if seen.request.method == method and re.search(address, seen.request.address)
        ]

    def answer(self, request: Request) -> Response:
        """One request at a time: the services keep plain dicts."""
        with self._lock:
            response = self._answer(request)
            self.log.append(Exchange(request, response.status, time.monotonic()))
            return response

    def _answer(self, request: Request) -> Response:
        for fault in self.faults:
            if fault.fits(request):
                fault.times -= 1
                if fault.is_served:
                    self._serve(request)
                return fault.answer()
        return self._serve(request)

    def _serve(self, request: Request) -> Response:
        for host, service in self._services.items():
            if host.fullmatch(request.host):
                return service(request)
        return Response(502, f"nobody answers for {request.host} here\n".encode())


def _handler(loopback: Loopback, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise each response waits 40 ms for an acknowledgement
        host = ""

        def do_CONNECT(self) -> None:
            self.host = self.path.rpartition(":")[0]
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                self.connection = context.wrap_socket(self.connection, server_side=True)
            except (ssl.SSLError, OSError):
                self.close_connection = True
                return
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def respond(self) -> None:
            parts = urlsplit(self.path)
            request = Request(
                method=self.command,
                host=self.host or parts.hostname or "",
                path=unquote(parts.path),
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self._body(),
            )
            response = loopback.answer(request)
            if not response.status:
                self.close_connection = True
                return
            content = response.content()
            self.send_response(response.status)
            self.send_header("x-ms-request-id", str(uuid.uuid4()))
            for name, value in response.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in response.headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = respond  # noqa: N815 (the base's names)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                return b"".join(self._chunks())
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def handle(self) -> None:
            # Ignore clients that hang up, such as a cancelled program.
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it)
            """Print nothing: `Loopback.log` records the requests."""

    return Handler
