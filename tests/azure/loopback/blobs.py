"""Block blobs, as far as azure-storage-blob needs them to upload, list and download.

The protocol: "Blob service REST API", Put Blob, Put Block, Put Block List, Set Blob Metadata, Get Blob,
Get Blob Properties and List Blobs, in version 2021-12-02 and later.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.azure.loopback.entra import Entra
from tests.azure.loopback.server import Request, Response

HOSTS = r"[a-z0-9]+\.blob\.core\.windows\.net"
AUDIENCE = "https://storage.azure.com"
_XML = '<?xml version="1.0" encoding="utf-8"?>'
PAGE = 3
"""Blobs in one page of a listing: few, so that tests read several pages."""


@dataclass
class Blob:
    content: bytes
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Blobs:
    """Answers for every storage account. Blobs are kept by host, container and name."""

    entra: Entra
    sas: str
    """The query string of the accepted shared access signature."""
    stored: dict[str, Blob] = field(default_factory=dict)
    """By host, container and name: ``account.blob.core.windows.net/container/path``."""
    _blocks: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def put(self, account: str, container: str, name: str, content: bytes) -> None:
        """Store a blob, as if another client had uploaded it."""
        self.stored[f"{account}.blob.core.windows.net/{container}/{name}"] = Blob(content)

    def __call__(self, request: Request) -> Response:
        sent = "&".join(f"{key}={value}" for key, value in request.query.items())
        if self.sas not in sent and not self.entra.accepts(request, AUDIENCE):
            return _error(403, "AuthorizationPermissionMismatch", "This request is not authorized.")
        if request.query.get("comp") == "list":
            return self._list(request)
        key = request.address
        if request.method == "PUT":
            return self._put(key, request)
        if key not in self.stored:
            return _error(404, "BlobNotFound", "The specified blob does not exist.")
        if request.method == "DELETE":
            del self.stored[key]
            return Response(202, b"")
        if request.method in {"GET", "HEAD"}:
            return _get(self.stored[key], request)
        return _error(405, "UnsupportedHttpVerb", "The resource doesn't support the verb.")

    def _put(self, key: str, request: Request) -> Response:
        comp = request.query.get("comp")
        sent_md5 = request.headers.get("content-md5")
        if sent_md5 and sent_md5 != _md5(request.body):
            return _error(400, "Md5Mismatch", "The MD5 value specified in the request did not match.")
        if comp == "metadata":
            if key not in self.stored:
                return _error(404, "BlobNotFound", "The specified blob does not exist.")
            self.stored[key].metadata = _metadata(request)
            return Response(200, b"", _marks(self.stored[key]))
        if comp == "block":
            self._blocks[key, request.query["blockid"]] = request.body
            return Response(201, b"", {"x-ms-request-server-encrypted": "true"})
        if key in self.stored and request.headers.get("if-none-match") == "*":
            return _error(409, "BlobAlreadyExists", "The specified blob already exists.")
        content = request.body
        if comp == "blocklist":
            ids = [block.text or "" for block in ElementTree.fromstring(request.body)]
            content = b"".join(self._blocks.pop((key, block)) for block in ids)
        self.stored[key] = Blob(content, _metadata(request))
        return Response(201, b"", _marks(self.stored[key]))

    def _list(self, request: Request) -> Response:
        start = f"{request.address}/"
        names = [key.removeprefix(start) for key in sorted(self.stored) if key.startswith(start)]
        prefix = request.query.get("prefix", "")
        names = [
            name for name in names if name.startswith(prefix) and name >= request.query.get("marker", "")
        ]
        page, rest = names[:PAGE], names[PAGE:]
        items = "".join(_listed(name, self.stored[start + name]) for name in page)
        marker = escape(rest[0]) if rest else ""
        text = (
            f'{_XML}<EnumerationResults ServiceEndpoint="https://{request.host}/" '
            f'ContainerName="{request.path.strip("/")}"><Prefix>{escape(prefix)}</Prefix><Blobs>{items}</Blobs>'
            f"<NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        return Response(200, text.encode(), {"Content-Type": "application/xml"})


def _get(blob: Blob, request: Request) -> Response:
    headers = {**_marks(blob), **{f"x-ms-meta-{name}": value for name, value in blob.metadata.items()}}
    wanted = request.headers.get("x-ms-range") or request.headers.get("range")
    headers |= {"Content-Type": "application/octet-stream", "x-ms-blob-type": "BlockBlob"}
    headers["Accept-Ranges"] = "bytes"
    if request.method == "HEAD":
        return Response(200, b"", {**headers, "Content-Length": str(len(blob.content))})
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if not found:
        return Response(200, blob.content, headers)
    first = int(found[1])
    if first >= len(blob.content):
        size = {"Content-Range": f"bytes */{len(blob.content)}"}
        return Response(
            416, _xml("InvalidRange", "The range is invalid."), {"x-ms-error-code": "InvalidRange", **size}
        )
    part = blob.content[first : int(found[2]) + 1 if found[2] else None]
    headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(blob.content)}"
    return Response(206, part, headers)


def _listed(name: str, blob: Blob) -> str:
    marks = _marks(blob)
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{marks['Last-Modified']}</Last-Modified>"
        f"<Etag>{escape(marks['ETag'])}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        f"<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties>"
        f"<Metadata>{metadata}</Metadata></Blob>"
    )


def _metadata(request: Request) -> dict[str, str]:
    start = "x-ms-meta-"
    return {
        name.removeprefix(start): text for name, text in request.headers.items() if name.startswith(start)
    }


def _marks(blob: Blob) -> dict[str, str]:
    return {
        "ETag": f'"{hashlib.sha256(blob.content).hexdigest()[:16]}"',
        "Last-Modified": email.utils.formatdate(1_700_000_000, usegmt=True),
    }


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _xml(code: str, message: str) -> bytes:
    return f"{_XML}<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, _xml(code, message), {"x-ms-error-code": code, "Content-Type": "application/xml"})
