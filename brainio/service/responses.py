"""Responses that are rendered once and sent many times: compression, ETags, conditional requests, response cache."""

import gzip
import hashlib
import re
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

JSON = "application/json"
VARY_ON_ACCESS = "Authorization, Cookie"
"""Request headers that carry a token."""
_MIN_COMPRESSED = 860  # bytes; a smaller body fits into one packet anyway
_ACCEPTS_GZIP = re.compile(
    r"(?:^|,)\s*+(?:gzip|\*)\s*+(?:;\s*+q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]++)?\s*+(?:,|$)", re.IGNORECASE
)
_TEXT = re.compile(r"text/|application/(?:json|ld\+json)|image/svg")  # media types that gzip makes smaller
_RawHeaders = list[tuple[bytes, bytes]]
_BODY_HEADERS = (b"content-type", b"content-length", b"content-encoding")
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class RenderedBody:
    """A response body, plain and compressed, with its headers.

    Attributes
    ----------
    body, compressed : bytes
        The plain and the gzip form; `compressed` is empty if gzip saves too little.
    etag : str
        Without quotes.
    headers, compressed_headers : list of (bytes, bytes)
        Headers of a response with either form.
    """

    body: bytes
    compressed: bytes
    etag: str
    headers: _RawHeaders
    compressed_headers: _RawHeaders

    @property
    def size(self) -> int:
        """Approximate memory use in bytes."""
        return len(self.body) + len(self.compressed) + 2000


class _PreparedResponse(Response):
    """A response whose headers are complete."""

    def __init__(self, status: int, body: bytes, headers: _RawHeaders) -> None:
        self.status_code, self.body, self.raw_headers, self.background = status, body, list(headers), None


def render(
    body: bytes,
    media_type: str = JSON,
    vary: str = "Accept, Accept-Encoding",
    cache: str = "no-cache",
    further: Mapping[str, str] = MappingProxyType({}),
) -> RenderedBody:
    """Compress a body and prepare its headers, so that it can be sent many times.

    Parameters
    ----------
    body : bytes
        The plain body.
    media_type : str, default 'application/json'
        Media type of the body.
    vary : str
        Request headers on which the body depends, besides those that carry a token.
    cache : str, default 'no-cache'
        The `Cache-Control` header; by default caches store the response and revalidate it.
    further : mapping, optional
        Further headers.

    Examples
    --------
    >>> render(b"{}").etag
    '44136fa355b3678a1146ad16f7e8649e'
    """
    is_text = _TEXT.match(media_type) is not None
    compressed = gzip.compress(body, 6, mtime=0) if is_text and len(body) >= _MIN_COMPRESSED else b""
    etag = hashlib.sha256(body).hexdigest()[:32]
    shared = {"Cache-Control": cache, "Vary": f"{vary}, {VARY_ON_ACCESS}", "Content-Type": media_type, **further}
    plain = {**shared, "ETag": f'"{etag}"', "Content-Length": str(len(body))}
    small = {**shared, "ETag": f'"{etag}-gzip"', "Content-Length": str(len(compressed)), "Content-Encoding": "gzip"}
    return RenderedBody(body, compressed, etag, Headers(plain).raw, Headers(small).raw)


def respond(headers: Headers, rendered: RenderedBody) -> Response:
    """Send a rendered body, compressed if the client accepts gzip; send 304 if the client has it.

    Parameters
    ----------
    headers : Headers
        Headers of the request.
    rendered : RenderedBody
        The body to send.
    """
    compress = bool(rendered.compressed) and _ACCEPTS_GZIP.search(headers.get("accept-encoding", "")) is not None
    response_headers = rendered.compressed_headers if compress else rendered.headers
    if matches_etag(headers.get("if-none-match"), rendered.etag):
        return _PreparedResponse(304, b"", [header for header in response_headers if header[0] not in _BODY_HEADERS])
    return _PreparedResponse(200, rendered.compressed if compress else rendered.body, response_headers)


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header lists an ETag, plain or compressed.

    Examples
    --------
    >>> matches_etag('"x", W/"abc-gzip"', "abc"), matches_etag('"abcd"', "abc"), matches_etag("*", "abc")
    (True, False, True)
    """
    if not if_none_match:
        return False
    known = (tag.removesuffix("-gzip") for tag in _ETAG.findall(if_none_match))
    return if_none_match.strip() == "*" or etag in known


class CachedResponse(NamedTuple):
    """A rendered body and the route that rendered it."""

    rendered: RenderedBody
    route: BaseRoute


class ResponseCache:
    """Least recently used rendered bodies, up to a total size in bytes; safe for threads.

    Parameters
    ----------
    max_bytes : int
        Total size. A body that is larger by itself is not stored.
    """

    def __init__(self, max_bytes: int) -> None:
        self._responses: LRUCache[Hashable, CachedResponse] = LRUCache(
            max_bytes, getsizeof=lambda cached: cached.rendered.size
        )
        self._lock = threading.Lock()

    def get(self, access: Hashable, scope: Scope) -> CachedResponse | None:
        """Return the stored response to a request's path and query, for the same access."""
        with self._lock:
            return self._responses.get(_key(access, scope))

    def store(self, access: Hashable, request: HTTPConnection, rendered: RenderedBody) -> RenderedBody:
        """Store the response to a request, and return it."""
        with self._lock:
            if rendered.size <= self._responses.maxsize:
                self._responses[_key(access, request.scope)] = CachedResponse(rendered, request.scope["route"])
        return rendered


def _key(access: Hashable, scope: Scope) -> Hashable:
    # Scheme and host are part of the key: pages contain the URL of the service, and clients choose the Host header.
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return access, scope["raw_path"], scope["query_string"], scope["scheme"], host
