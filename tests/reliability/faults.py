"""Faults for a `tests.servers.FaultyServer`. Each fault changes, breaks or delays a correct response."""

import socket
import struct
import time
from collections.abc import Callable, Mapping

from tests.servers import Fault, _Handler


def wrong_bytes(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Change one byte of the body, but keep its size and ETag."""
    middle = len(body) // 2
    handler.reply(status, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :], headers)


def cut(after: int) -> Fault:
    """Announce the whole body, send a part of it, and close the connection."""
    return lambda handler, status, body, headers: handler.reply(status, body[:after], headers, announced=len(body))


def closed_early(after: int) -> Fault:
    """Announce no length, as HTTP/1.0 allows, send a part of the body, and close the connection normally."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        _begin(handler, status, {name: text for name, text in headers.items() if name != "Content-Range"})
        handler.wfile.write(body[:after])

    return fault


def reset(after: int) -> Fault:
    """Send a part of the body, then reset the connection (RST)."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        _begin(handler, status, {**headers, "Content-Length": str(len(body))})
        handler.wfile.write(body[:after])
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(handler.connection.detach())

    return fault


def stall(after: int) -> Fault:
    """Send a part of the body, or nothing at all (-1), then wait until the client closes the connection."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if after >= 0:
            _begin(handler, status, {**headers, "Content-Length": str(len(body))})
            handler.wfile.write(body[:after])
        handler.connection.recv(1)
        handler.close_connection = True

    return fault


def slowly(seconds: float, blocks: int = 16) -> Fault:
    """Send the whole body in blocks over some seconds."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        _begin(handler, status, {**headers, "Content-Length": str(len(body))})
        size = max(1, -(-len(body) // blocks))
        for start in range(0, len(body), size):
            handler.wfile.write(body[start : start + size])
            time.sleep(seconds / blocks)

    return fault


def trickled(after: int, seconds: float) -> Fault:
    """Send a part of the body (-1: not even the headers), then one byte after each pause."""

    def fault(handler: _Handler, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if after >= 0:
            _begin(handler, status, {**headers, "Content-Length": str(len(body))})
            handler.wfile.write(body[:after])
        rest = body[after:] if after >= 0 else b"HTTP/1.1 200 " + b"O" * 10_000
        for byte in rest:
            time.sleep(seconds)
            handler.wfile.write(bytes([byte]))

    return fault


def answered(status: int, headers: Mapping[str, str] | None = None) -> Fault:
    """Send another status without a body."""
    return lambda handler, _status, _body, _headers: handler.reply(status, b"the test said so", headers)


def altered(
    status: int | None = None, headers: Mapping[str, str] | None = None, body: Callable[[bytes], bytes] | None = None
) -> Fault:
    """Send the response with another status, other headers (empty: without them) or another body."""

    def fault(handler: _Handler, good: int, sent: bytes, given: Mapping[str, str]) -> None:
        sent = sent if body is None else body(sent)
        handler.reply(good if status is None else status, sent, {**given, **(headers or {})})

    return fault


def _begin(handler: _Handler, status: int, headers: Mapping[str, str]) -> None:
    """Send the status and headers of a response after which the connection closes."""
    handler.protocol_version = "HTTP/1.0"
    handler.close_connection = True
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
