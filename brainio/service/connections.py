"""Connections that do not get as far as a request: those whose headers never end, come too slowly, or are no HTTP."""

import asyncio
import secrets
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from brainio.service.errors import error_body

_LARGEST_HEADERS = 65_536  # bytes; whoever sends less is told more nicely by `around`
PATIENCE = 20.0  # seconds for all headers of a request


class LimitedHttpProtocol(HttpToolsProtocol):
    """The connection of one client."""

    _waiting: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waiting."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the end of the headers."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Be content."""
        self._wait_no_more()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read, but no headers without an end."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._waiting is not None:
            self._unread += len(data)
            if self._unread > _LARGEST_HEADERS:
                self._refuse(431, f"the headers have more than {_LARGEST_HEADERS:,} bytes")

    def send_400_response(self, msg: str) -> None:
        """Say that something is no HTTP."""
        self._refuse(400, f"this is no HTTP request: {msg}")

    def _wait(self) -> None:
        self._wait_no_more()
        self._unread = 0
        self._waiting = self.loop.call_later(PATIENCE, self._refuse, 408, "the request did not come in time")

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, status: int, message: str) -> None:
        self._wait_no_more()
        phrase = HTTPStatus(status).phrase
        body = error_body(phrase.lower().replace(" ", "_"), message, "See RFC 9112.", secrets.token_hex(8))
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
