"""Ask a model behind a server of the Open Inference Protocol V2: the runtime `http` of `mlroad test`.

Source: https://github.com/kserve/open-inference-protocol, inference_rest.md. 400 to 499 is a refusal.
Any other fault is not, since a server that fails has not refused a request.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from mlroad.core.problems import UserError
from mlroad.models.model_process import Answer, ModelBroken
from mlroad.models.tensors import Tensor, TensorError, read_tensor

_SECONDS = 30.0


class HttpModel:
    """A model's address, such as http://localhost:8080/v2/models/iris. Use it in a ``with`` block."""

    def __init__(self, address: str, token: str = "") -> None:
        """``token`` is sent as a bearer token. Raises UserError for a text that is not an address."""
        parts = urlsplit(address.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"{address} is not the address of a model.",
                "Write it as --url http://localhost:8080/v2/models/NAME.",
            )
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_SECONDS)
        self._path = parts.path.removesuffix("/infer") + "/infer"
        self._address = address
        self._headers = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }

    def __enter__(self) -> HttpModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def answer(self, inputs: Sequence[Tensor]) -> Answer:
        """Its answer to one inference request. Raises ModelBroken if the server cannot be reached."""
        return self.post(json.dumps({"inputs": [tensor.json() for tensor in inputs]}))

    def post(self, body: str) -> Answer:
        """Its answer to any text, which may not be a valid request. Raises ModelBroken as `answer` does."""
        began = time.perf_counter()
        status, said = self._post(body)
        took = (time.perf_counter() - began) * 1000
        try:
            content: Any = json.loads(said)
        except (ValueError, RecursionError):
            content = {"error": said[:200]}
        if status != http.client.OK:
            why = str(content.get("error", content) if isinstance(content, dict) else content)[:300]
            refused = 400 <= status < 500 and status not in (401, 403, 404)
            return Answer(refused=f"{status}: {why}".rstrip("."), ended=not refused)
        try:
            outputs = tuple(
                read_tensor({key: item[key] for key in ("name", "shape", "datatype", "data")})
                for item in content["outputs"]
            )
        except (KeyError, TypeError, ValueError, TensorError) as error:
            return Answer(refused=f"its answer is not an answer of the protocol: {error}", ended=True)
        return Answer(outputs, milliseconds=took)

    def _post(self, body: str) -> tuple[int, str]:
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ModelBroken(f"{self._address} cannot be reached: {error}") from None
