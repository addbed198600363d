"""What happens around every request: limits before it, headers on its answer, a count and a line of log behind it."""

import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brainio.service import metrics, urls
from brainio.service.access import Access, AccessControl
from brainio.service.credentials import forget_cookie
from brainio.service.cross_site import AllowedHosts
from brainio.service.errors import Refusal, error_body
from brainio.service.response_cache import CachedResponse
from brainio.service.responses import OF_RIGHTS, respond
from brainio.service.settings import Settings
from brainio.service.sites import CrossSitePolicy
from brainio.service.telemetry import access_logger
from brainio.stores.redaction import without_tokens

_LONGEST_TARGET = 8192  # bytes of path and query
_LARGEST_HEADERS = 32_768  # bytes
KeptFor = Callable[[Access, Scope], CachedResponse | None]
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_PRIVATE = [
    (b"cache-control", b"private, no-store"),
    (b"vary", OF_RIGHTS.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_RESOURCE_POLICY = b"cross-origin-resource-policy"
_REPLACED = {name for name, _ in _PRIVATE} - {b"vary"}
_log = structlog.get_logger("brainio.service")


class ServiceMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, rights: AccessControl, kept: KeptFor, settings: Settings) -> None:
        self._app, self._rights, self._kept, self._access_log = app, rights, kept, settings.access_log
        self._prefix = settings.prefix
        self._hosts, self._sites = AllowedHosts(settings), CrossSitePolicy(settings)
        readers = b"cross-origin" if self._sites.is_open else b"same-origin"
        self._security = [*_SECURITY, (_RESOURCE_POLICY, readers)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # every resource that can be had can be asked about; the server sends no body
            scope = {**scope, "method": "GET", "is_head": True}
        scope = _below(self._prefix, scope)
        with urls.use_prefix(self._prefix):
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(scope, send, self._security)
        metrics.running.inc()
        try:
            refused = _refused(scope) or self._hosts.refusal(scope) or self._sites.refusal(scope)
            if refused is None:
                scope["access"] = self._rights.of(scope)
            if refused:
                await answer.refuse(*refused)
            elif self._prefix and scope["path"] == self._prefix and scope["method"] == "GET":
                query = scope["query_string"].decode("latin-1")
                front = f"{self._prefix}/{'?' if query else ''}{query}"
                await RedirectResponse(front, 308)(scope, receive, answer.send)
            elif known := self._known(scope):
                await known(scope, receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        except Exception:
            _log.exception("failed", request_id=answer.request_id, path=scope["path"])
            if answer.status:
                raise
            await answer.refuse(500, "internal_error", "the service failed at this request", "Tell whoever runs it.")
        finally:
            metrics.running.dec()
            answer.note(access_log=self._access_log)

    def _known(self, scope: Scope) -> Response | None:
        """Return an answer that was rendered before, where nothing but the path and who asks decides it."""
        if scope["method"] != "GET":
            return None
        headers = Headers(scope=scope)
        if headers.get("accept", "*/*") != "*/*" or "origin" in headers:
            return None
        access = scope["access"]
        kept = self._kept(access, scope) if isinstance(access, Access) else None
        if kept is None:
            return None
        rendered, scope["route"] = kept
        answer = respond(headers, rendered)
        answer.raw_headers.append((b"vary", b"Origin"))
        return answer


class _Answer:
    """The answer to one request as it goes out."""

    def __init__(self, scope: Scope, send: Send, security: list[tuple[bytes, bytes]]) -> None:
        self._scope, self._send, self._security = scope, send, security
        self._begin = time.perf_counter()
        self._sent = self.status = 0
        self._method = "HEAD" if scope.get("is_head") else scope["method"]
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        self._id = given if _ID.fullmatch(given) else secrets.token_hex(8).encode()
        self.request_id = scope["request_id"] = self._id.decode()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"] = self._for_whom(list(message.get("headers", ())))
            known = {name for name, _ in headers}
            if self._scope.get("has_stale_cookie") and b"set-cookie" not in known:
                headers += [(b"set-cookie", one.encode()) for one in self._forgetting()]
            headers += [(name, value) for name, value in self._security if name not in known]
            headers.append((b"x-request-id", self._id))
        elif message["type"] == "http.response.body" and self._method != "HEAD":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def _forgetting(self) -> list[str]:
        return forget_cookie(is_https=self._scope.get("scheme") == "https")

    def _for_whom(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer; those of one that is not for everybody keep it from all caches."""
        access = self._scope.get("access")
        if not isinstance(access, Access) or access.is_public:
            return headers
        return [one for one in headers if one[0] not in _REPLACED] + _PRIVATE

    async def refuse(self, status: int, code: str, message: str, hint: str) -> None:
        body = error_body(code, message, hint, self.request_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def note(self, *, access_log: bool) -> None:
        seconds = time.perf_counter() - self._begin
        scope = self._scope
        route = getattr(scope.get("route"), "path", "") or "unmatched"
        metrics.count(self._method, route, self.status, seconds, self._sent)
        if access_log:
            access_logger.msg(
                "request",
                request_id=self.request_id,
                method=self._method,
                path=without_tokens(scope["path"][:_LONGEST_TARGET]),
                asked=_names(scope["query_string"]),
                status=self.status,
                ms=round(seconds * 1000, 2),
                bytes=self._sent,
                client=(scope.get("client") or ("",))[0],
                **({"token": scope["token"]} if "token" in scope else {}),
            )


def _below(prefix: str, scope: Scope) -> Scope:
    """Return a request as ASGI has it below a prefix, whether or not a proxy has taken that from its path."""
    path = scope["path"]
    if not prefix:
        return scope
    if path == prefix or path.startswith(f"{prefix}/"):
        return {**scope, "root_path": prefix}
    raw = prefix.encode() + (scope.get("raw_path") or b"")
    return {**scope, "root_path": prefix, "path": prefix + path, "raw_path": raw}


def _names(query: bytes) -> list[str]:
    """Return which parameters a query has, since any value may be a secret."""
    if not query:
        return []
    return [without_tokens(name)[:100] for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)][:20]


def _refused(scope: Scope) -> Refusal | None:
    """Return the refusal of a request that no resource should see."""
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if target > _LONGEST_TARGET:
        message = f"path and query have {target:,} bytes; at most {_LONGEST_TARGET:,} are read"
        return Refusal(414, "too_long", message, "Ask for less at once.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _LARGEST_HEADERS:
        message = f"the headers have more than {_LARGEST_HEADERS:,} bytes"
        return Refusal(431, "headers_too_large", message, "Send fewer.")
    if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        return Refusal(400, "nul_character", "path or query holds a NUL character", "Leave it out.")
    return None
