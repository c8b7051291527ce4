"""Answers of servers: which are a refusal, which are a fault, and what is sent."""

from __future__ import annotations

import http.server
import json
import math
import threading
from collections.abc import Iterator

import pytest

from mlroad.models.http_model import HttpModel
from mlroad.models.tensors import Tensor

OUTPUT = {"name": "y", "shape": [2], "datatype": "FP64", "data": [1.5, "NaN"]}


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    """A server that answers with what its ``reply`` is, and keeps what it gets."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self.server.got = (self.path, json.loads(self.rfile.read(length)), dict(self.headers))  # type: ignore[attr-defined]
            status, body = self.server.reply  # type: ignore[attr-defined]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    ("status", "body", "refused", "ended"),
    [
        (400, '{"error": "age is missing."}', "400: age is missing", False),
        (422, "no JSON", "422: no JSON", False),
        (401, '{"error": "who?"}', "401: who?", True),
        (404, "{}", "404: {}", True),
        (500, '{"error": "oh"}', "500: oh", True),
        (200, "no JSON", "its answer is not an answer of the protocol", True),
        (200, "[]", "its answer is not an answer of the protocol", True),
        (200, '{"outputs": [{"name": "y"}]}', "its answer is not an answer of the protocol", True),
        (200, json.dumps({"outputs": [{**OUTPUT, "datatype": "FP16"}]}), "the datatype of y", True),
    ],
)
def test_faults(server: http.server.HTTPServer, status: int, body: str, refused: str, ended: bool) -> None:
    server.reply = (status, body)  # type: ignore[attr-defined]
    with HttpModel(f"http://127.0.0.1:{server.server_address[1]}/v2/models/m") as model:
        answer = model.answer([Tensor("x", "FP64", (1, 1), (1.0,))])
    assert answer.outputs is None
    assert refused in answer.refused
    assert answer.ended is ended


@pytest.mark.parametrize("address", ["/v2/models/m", "/v2/models/m/", "/v2/models/m/infer"])
def test_what_is_sent(server: http.server.HTTPServer, address: str) -> None:
    server.reply = (200, json.dumps({"outputs": [{**OUTPUT, "parameters": {}}]}))  # type: ignore[attr-defined]
    with HttpModel(f"http://127.0.0.1:{server.server_address[1]}{address}", token="t" * 3) as model:
        answer = model.answer([Tensor("x", "FP64", (2, 1), (math.inf, 1.0))])
    assert answer.outputs
    first, second = answer.outputs[0].data
    assert (first, str(second)) == (1.5, "nan")
    path, body, headers = server.got  # type: ignore[attr-defined]
    assert (path, headers["Authorization"]) == ("/v2/models/m/infer", "Bearer ttt")
    sent = {"name": "x", "shape": [2, 1], "datatype": "FP64", "data": ["Infinity", 1.0]}
    assert body == {"inputs": [sent]}
