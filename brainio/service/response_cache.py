"""Answers that were rendered and are given again, until what they are made of changes."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import Scope

from brainio.service.access import Access
from brainio.service.responses import RenderedBody

Key = tuple[Access, bytes, bytes, str, bytes]


class CachedResponse(NamedTuple):
    """An answer, and the route that gave it."""

    rendered: RenderedBody
    route: BaseRoute


class ResponseCache:
    """Rendered answers, those that were used last, up to so many bytes; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[Key, CachedResponse] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, access: Access, scope: Scope) -> CachedResponse | None:
        """Return what was answered to that path and query."""
        key = _key(access, scope)
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
        return found

    def store(self, access: Access, request: HTTPConnection, rendered: RenderedBody) -> RenderedBody:
        """Keep the answer to a request, and return it."""
        key = _key(access, request.scope)
        with self._lock:
            if key not in self._held:
                self._held[key] = CachedResponse(rendered, request.scope["route"])
                self._size += rendered.size
            while self._size > self._most and self._held:
                self._size -= self._held.popitem(last=False)[1].rendered.size
        return rendered


def _key(access: Access, scope: Scope) -> Key:
    # By scheme and host, too: pages name the address that they were asked at, which anybody may say as he likes.
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return access, scope["raw_path"], scope["query_string"], scope["scheme"], host
