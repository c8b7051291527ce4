"""Microsoft Entra ID: tokens for one service principal, by the client-credentials flow."""

from __future__ import annotations

import base64
import json
import secrets
import time
from urllib.parse import parse_qsl

from tests.azure.loopback.server import Request, Response

HOST = "login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"


class Entra:
    """Issues tokens, and knows what each of them is valid for."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        self.lifetime = 3600
        """Lifetime of the next token in seconds."""
        self._tokens: dict[str, tuple[str, float]] = {}

    def issue(self, audience: str) -> str:
        """A token for ``audience``, such as https://management.azure.com."""
        # azure-ai-ml reads the audience from the token before it submits a job; the signature is not checked.
        parts = ({"alg": "none"}, {"aud": audience.rstrip("/")})
        token = ".".join([*map(_segment, parts), secrets.token_urlsafe(24)])
        self._tokens[token] = (audience.rstrip("/"), time.monotonic() + self.lifetime)
        return token

    def revoke_all(self) -> None:
        """Invalidate all tokens, as when they expire during the work."""
        self._tokens.clear()

    def accepts(self, request: Request, audience: str) -> bool:
        """Whether the request has a token that is valid for ``audience``."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and self.is_good(token, audience)

    def is_good(self, token: str, audience: str) -> bool:
        """Whether a token was issued for ``audience`` and has neither expired nor been revoked."""
        found = self._tokens.get(token)
        return found is not None and found[0] == audience and found[1] > time.monotonic()

    def __call__(self, request: Request) -> Response:
        if request.path == "/common/discovery/instance":
            return Response(200, _instances())
        tenant, _, rest = request.path.lstrip("/").partition("/")
        if tenant != TENANT:
            return _error(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")
        if rest == "v2.0/.well-known/openid-configuration":
            return Response(200, _configuration())
        if rest == "oauth2/v2.0/token" and request.method == "POST":
            return self._token(request)
        return _error(404, "not_found", f"{request.path} is not spoken here.")

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        if form.get("client_id") != CLIENT:
            return _error(400, "unauthorized_client", "AADSTS700016: Application was not found.")
        if form.get("client_secret") != self.secret:
            return _error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = form.get("scope", "").split()[0].removesuffix("/.default")
        return Response(
            200,
            {
                "token_type": "Bearer",
                "expires_in": self.lifetime,
                "ext_expires_in": self.lifetime,
                "access_token": self.issue(audience),
            },
        )


def _segment(content: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _error(status: int, code: str, description: str) -> Response:
    return Response(status, {"error": code, "error_description": description, "error_codes": []})


def _instances() -> dict[str, object]:
    return {
        "tenant_discovery_endpoint": f"https://{HOST}/{TENANT}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": HOST, "preferred_cache": "login.windows.net", "aliases": [HOST]}],
    }


def _configuration() -> dict[str, object]:
    base = f"https://{HOST}/{TENANT}"
    return {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
    }
