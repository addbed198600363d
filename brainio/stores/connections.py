"""HTTP connections of urllib3 that the stores of S3 and HTTP share: speed, certificates, partial responses.

The read timeout ends only a response that sends no byte for a while; a server that sends a few bytes at a time would
never meet it. So connections enforce a minimum speed. It counts the time that a program waits for bytes, not the time
in which it processes them, so a slow disk or a pause never ends a transfer. Only the read timeout bounds the wait for
the first byte of a response: servers may need time to find a file.
"""

import io
import math
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from socket import socket
from typing import Any

from brainio.errors import RangeResponseError, TransferError
from brainio.stores.location import Location
from brainio.stores.store import Span
from brainio.text import get_logger

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
# In the order of precedence. The first two are those of requests and curl, the others those of OpenSSL.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
BRAINIO_MIN_SPEED = "BRAINIO_MIN_SPEED"
_DEEPEST = 5  # wrapped errors
_OBJECT = re.compile(r"^(<[^<>]* object at 0x[0-9a-f]+>|HTTPS?Connection(Pool)?\([^()]*\)): ")  # of urllib3
WINDOW = 60.0  # seconds of waiting over which the speed is averaged
_DEFAULT = 1000.0
_WARNING_PART = 1 / 6  # of the window, after which a warning reports a slow server
_SILENT_WINDOWS = 10  # without another warning about the same server
_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)
_RANGE_ADVICE = "Report this to the operator of the server, or use another location."
_silent_until: dict[str, float] = {}  # server -> monotonic time

_log = get_logger("brainio.stores")


def ca_bundle() -> str | None:
    """Return the file or folder of the trusted certificates; None if the environment names none.

    For S3, ``AWS_CA_BUNDLE``, or ``ca_bundle`` in the files of the AWS tools, takes precedence.
    """
    return next((path for name in _VARIABLES if (path := os.environ.get(name))), None)


class CertificateFolders:
    """A mixin for connections of urllib3 that accepts a folder in place of a certificate file."""

    def connect(self) -> None:
        """Connect; accept a folder of CA certificates, which botocore passes as if it were a file."""
        path = getattr(self, "ca_certs", None)
        if path and Path(path).is_dir():
            self.ca_certs, self.ca_cert_dir = None, path
        super().connect()  # type: ignore[misc]  # that of the other parent


class TooSlowError(ConnectionError):
    """A response is slower than the minimum speed. Libraries wrap this error; see `reason_of`."""


def minimum_speed() -> float:
    """Return the minimum speed in bytes per second that the environment variable `BRAINIO_MIN_SPEED` sets.

    The default is 1000; 0 turns the limit off.

    Raises
    ------
    TransferError
        The value is not a number, or is negative.

    Examples
    --------
    >>> minimum_speed()
    1000.0
    """
    text = os.environ.get(BRAINIO_MIN_SPEED, "").strip()
    try:
        speed = float(text) if text else _DEFAULT
    except ValueError:
        speed = math.nan
    if not 0 <= speed < math.inf:
        raise TransferError(f"{BRAINIO_MIN_SPEED} is {text!r}; expected a number of bytes per second, or 0 for none.")
    return speed


def reason_of(error: BaseException) -> str:
    """Return the text of an error, or that of its cause if the error only describes objects of urllib3."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TooSlowError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    for _ in range(_DEEPEST):  # requests wraps the MaxRetryError of urllib3, which contains the reason
        wrapped = getattr(error, "reason", None) or next(iter(error.args), None)
        if not isinstance(wrapped, BaseException):
            break
        error = wrapped
    return _OBJECT.sub("", str(error)).strip()


class _MeteredStream(io.RawIOBase):
    """The bytes of a connection, which must arrive at the minimum speed.

    Raises
    ------
    TooSlowError
        While reading: the average over `WINDOW` is below the minimum.
    """

    def __init__(self, stream: io.RawIOBase, server: str) -> None:
        self._stream, self._server = stream, server
        self._waited, self._count = 0.0, 0
        self._has_begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        began = time.monotonic()
        count = self._stream.readinto(buffer)
        if self._has_begun:
            self._waited += time.monotonic() - began
            self._count += count or 0
            if self._waited >= WINDOW:
                self._check_speed()
            elif self._waited >= _WARNING_PART * WINDOW:
                self._warn_if_slow()
        self._has_begun = True
        return count

    def _warn_if_slow(self) -> None:
        now, minimum = time.monotonic(), minimum_speed()
        if self._count >= minimum * self._waited or now < _silent_until.get(self._server, now):
            return
        _silent_until[self._server] = now + _SILENT_WINDOWS * WINDOW
        _log.warning(
            "the server at %s is slow: %d bytes in %.3g s, below the minimum of %s bytes per second (%s). If it stays "
            "slow, the connection is closed after %.3g s and the request repeated, a few times",
            *(self._server, self._count, self._waited, f"{minimum:,.0f}", BRAINIO_MIN_SPEED, WINDOW),
        )

    def _check_speed(self) -> None:
        minimum = minimum_speed()
        if self._count < minimum * self._waited:
            raise TooSlowError(
                f"the server sent {self._count} bytes in {self._waited:.3g} s, which is below the minimum of "
                f"{minimum:,.0f} bytes per second ({BRAINIO_MIN_SPEED})"
            )
        self._waited, self._count = 0.0, 0

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        self._stream.close()
        super().close()


class _MeteredResponse(HTTPResponse):
    """A response whose status line, headers and body must all arrive at the minimum speed."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader = io.BufferedReader(_MeteredStream(self.fp.detach(), _peer(sock)))


def _peer(sock: socket) -> str:
    try:
        host, port, *_ = sock.getpeername()
    except (OSError, ValueError):  # already disconnected
        return "an unknown address"
    return f"{host}:{port}"


class MeteredConnection:
    """A mixin for connections of urllib3 whose responses must arrive at the minimum speed."""

    response_class = _MeteredResponse


def metered_pools(pools: Mapping[str, type]) -> dict[str, type]:
    """Return the pool classes (by scheme) with connections that are `MeteredConnection`."""
    return {scheme: _with_metered_connections(pool) for scheme, pool in pools.items()}


def _with_metered_connections(pool: Any) -> type:
    connection = pool.ConnectionCls
    if issubclass(connection, MeteredConnection):
        return pool
    metered = type(connection.__name__, (MeteredConnection, CertificateFolders, connection), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": metered})


def shut_down(body: object) -> None:
    """Shut down the connection of a body of urllib3, for which other threads may be waiting."""
    with suppress(AttributeError, OSError, RuntimeError, ValueError):  # it has ended, or has no connection
        body.shutdown()  # type: ignore[attr-defined]  # urllib3 has it from 2.3 on


def extent_of_part(
    location: Location, span: Span, content_range: str | None, length: int | None
) -> tuple[int, int | None, int]:
    """Check a partial response (206) against the request, and return its first byte, the file's size and its length.

    Parameters
    ----------
    location
        The file, for messages.
    span
        The requested part.
    content_range, length
        The header ``Content-Range`` and the announced length of the body in bytes; None where the server sent none.

    Raises
    ------
    RangeResponseError
        The response does not match the request, or does not state which bytes of the file it contains.

    Examples
    --------
    >>> location = Location("http", "http://lab.org/a.csv")
    >>> extent_of_part(location, Span(5), "bytes 5-9/10", 5)
    (5, 10, 5)
    """
    if span.is_whole:
        raise RangeResponseError(f"{location} was requested as a whole and returned a part (206). {_RANGE_ADVICE}")
    match = _CONTENT_RANGE.fullmatch((content_range or "").strip())
    if match is None:
        found = f"the Content-Range {content_range!r}" if content_range else "no Content-Range"
        raise RangeResponseError(
            f"{location} returned a part of the file with {found}; expected bytes {span.start}-END/SIZE. "
            f"{_RANGE_ADVICE}"
        )
    start, last, size = int(match[1]), int(match[2]), count_of(match[3])
    announced = last + 1 - start
    matches = start == span.start and announced > 0 and (size is None or last < size) and length in (None, announced)
    if not matches:
        raise RangeResponseError(
            f"{location} was requested with {span.header} and returned {content_range!r}"
            f"{'' if length is None else f' in {length} bytes'}. {_RANGE_ADVICE}"
        )
    return start, size, announced


def count_of(text: str) -> int | None:
    """Parse a number of bytes from a header; return None for an invalid one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
