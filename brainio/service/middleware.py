"""Middleware: limits before each request, headers on its response, one metric and one log line after it."""

import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brainio.service import telemetry, urls
from brainio.service.access import Access, AccessControl, cookie_deletions
from brainio.service.cross_site import AllowedHosts, CrossSitePolicy
from brainio.service.errors import INTERNAL_ERROR, Rejection, error_body
from brainio.service.responses import VARY_ON_ACCESS, CachedResponse, respond
from brainio.service.settings import Settings
from brainio.stores.redaction import without_tokens

_MAX_TARGET = 8192  # bytes of path and query
_MAX_HEADERS = 32_768  # bytes
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_RESOURCE_POLICY = b"cross-origin-resource-policy"
_PRIVATE_HEADERS = [
    (b"cache-control", b"private, no-store"),
    (b"vary", VARY_ON_ACCESS.encode()),
    (_RESOURCE_POLICY, b"same-origin"),
]
_REPLACED_HEADERS = {b"cache-control", _RESOURCE_POLICY}
CacheLookup = Callable[[Access, Scope], CachedResponse | None]
_log = structlog.get_logger("brainio.service")


class ServiceMiddleware:
    """The outermost layer of the application."""

    def __init__(
        self, app: ASGIApp, access_control: AccessControl, find_cached: CacheLookup, settings: Settings
    ) -> None:
        self._app, self._access_control, self._find_cached = app, access_control, find_cached
        self._log_requests, self._prefix = settings.access_log, settings.prefix
        self._hosts, self._cross_site = AllowedHosts(settings), CrossSitePolicy(settings)
        readers = b"cross-origin" if self._cross_site.is_open else b"same-origin"
        self._security_headers = [*_SECURITY_HEADERS, (_RESOURCE_POLICY, readers)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # every GET resource supports HEAD; the server drops the body
            scope = {**scope, "method": "GET", "is_head": True}
        scope = _with_root_path(self._prefix, scope)
        with urls.use_prefix(self._prefix):
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, send, self._security_headers)
        telemetry.running_requests.inc()
        try:
            rejection = _size_rejection(scope) or self._hosts.rejection(scope) or self._cross_site.rejection(scope)
            if rejection is None:
                scope["access"] = self._access_control.resolve(scope)
            if rejection:
                await exchange.send_error(*rejection)
            elif self._prefix and scope["path"] == self._prefix and scope["method"] == "GET":
                query = scope["query_string"].decode("latin-1")
                front_page = f"{self._prefix}/{'?' if query else ''}{query}"
                await RedirectResponse(front_page, 308)(scope, receive, exchange.send)
            elif cached := self._cached_response(scope):
                await cached(scope, receive, exchange.send)
            else:
                await self._app(scope, receive, exchange.send)
        except Exception:
            _log.exception("failed", request_id=exchange.request_id, path=scope["path"])
            if exchange.status:
                raise
            await exchange.send_error(*INTERNAL_ERROR)
        finally:
            telemetry.running_requests.dec()
            exchange.record(log=self._log_requests)

    def _cached_response(self, scope: Scope) -> Response | None:
        """Return a cached response to a request that depends on nothing but URL and access."""
        if scope["method"] != "GET":
            return None
        headers = Headers(scope=scope)
        if headers.get("accept", "*/*") != "*/*" or "origin" in headers:
            return None
        access = scope["access"]
        cached = self._find_cached(access, scope) if isinstance(access, Access) else None
        if cached is None:
            return None
        rendered, scope["route"] = cached
        response = respond(headers, rendered)
        response.raw_headers.append((b"vary", b"Origin"))
        return response


class _Exchange:
    """One request and the response to it, while that is sent."""

    def __init__(self, scope: Scope, send: Send, security_headers: list[tuple[bytes, bytes]]) -> None:
        self._scope, self._send, self._security_headers = scope, send, security_headers
        self._start = time.perf_counter()
        self._sent = self.status = 0
        self._method = "HEAD" if scope.get("is_head") else scope["method"]
        client_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        self._id = client_id if _REQUEST_ID.fullmatch(client_id) else secrets.token_hex(8).encode()
        self.request_id = scope["request_id"] = self._id.decode()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"] = self._with_cache_policy(list(message.get("headers", ())))
            names = {name for name, _ in headers}
            if self._scope.get("has_stale_cookie") and b"set-cookie" not in names:
                is_https = self._scope.get("scheme") == "https"
                headers += [(b"set-cookie", value.encode()) for value in cookie_deletions(is_https=is_https)]
            headers += [(name, value) for name, value in self._security_headers if name not in names]
            headers.append((b"x-request-id", self._id))
        elif message["type"] == "http.response.body" and self._method != "HEAD":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def _with_cache_policy(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Keep responses to requests with a token out of all caches."""
        access = self._scope.get("access")
        if not isinstance(access, Access) or access.is_public:
            return headers
        return [header for header in headers if header[0] not in _REPLACED_HEADERS] + _PRIVATE_HEADERS

    async def send_error(self, status: int, code: str, message: str, hint: str) -> None:
        body = error_body(code, message, hint, self.request_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def record(self, *, log: bool) -> None:
        """Count the request, and log it."""
        seconds = time.perf_counter() - self._start
        scope = self._scope
        route = getattr(scope.get("route"), "path", "") or "unmatched"
        telemetry.count_request(self._method, route, self.status, seconds, self._sent)
        if log:
            telemetry.access_logger.msg(
                "request",
                request_id=self.request_id,
                method=self._method,
                path=without_tokens(scope["path"][:_MAX_TARGET]),
                asked=_parameter_names(scope["query_string"]),
                status=self.status,
                ms=round(seconds * 1000, 2),
                bytes=self._sent,
                client=(scope.get("client") or ("",))[0],
                **({"token": scope["token"]} if "token" in scope else {}),
            )


def _with_root_path(prefix: str, scope: Scope) -> Scope:
    """Return a request with the prefix as its ASGI root path, whether or not a proxy has removed it from the path."""
    path = scope["path"]
    if not prefix:
        return scope
    if path == prefix or path.startswith(f"{prefix}/"):
        return {**scope, "root_path": prefix}
    raw = prefix.encode() + (scope.get("raw_path") or b"")
    return {**scope, "root_path": prefix, "path": prefix + path, "raw_path": raw}


def _parameter_names(query: bytes) -> list[str]:
    """Return the names of the parameters of a query; values are not logged, since any may be a secret."""
    if not query:
        return []
    return [without_tokens(name)[:100] for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)][:20]


def _size_rejection(scope: Scope) -> Rejection | None:
    """Return the rejection of a request that is too large or contains a NUL character."""
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if target > _MAX_TARGET:
        message = f"path and query have {target:,} bytes; at most {_MAX_TARGET:,} are allowed"
        return Rejection(414, "too_long", message, "Split the request.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEADERS:
        message = f"the headers have more than {_MAX_HEADERS:,} bytes"
        return Rejection(431, "headers_too_large", message, "Send fewer headers.")
    if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        return Rejection(400, "nul_character", "path or query contains a NUL character", "Remove it.")
    return None
