"""The vocabulary of a transfer: parts, facts and readings, which all stores share."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from brainio.errors import InterruptedTransferError, RangeResponseError
from brainio.stores.location import Location

CHUNK = 128 * 1024  # bytes of a block; a broken connection loses at most one
CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
Progress = Callable[[int], object]
_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)
_RANGE_ADVICE = "Report this to the operator of the server, or use another location."
pausing: ContextVar[Callable[[], object]] = ContextVar("pausing", default=lambda: None)
"""Called every second while a store waits before it retries; an exception ends the wait."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: from byte ``start`` to before byte ``stop`` (None: to the end)."""

    start: int = 0
    stop: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole file."""
        return self.start == 0 and self.stop is None

    @property
    def header(self) -> str:
        """The value of the header ``Range``."""
        return f"bytes={self.start}-{'' if self.stop is None else self.stop - 1}"


WHOLE = Span()


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a file that its store states before it sends the bytes.

    Attributes
    ----------
    size : int or None
        The size of the whole file in bytes; None if the store does not state it.
    start : int
        The position of the first byte of the body: 0 also if a part was requested and the store returns the whole file.
    length : int or None
        The size of the body in bytes; None if the store does not state it.
    tag : str or None
        The state of the file, for messages (``'ETag "ab12"'``): other bytes have another tag. None if the store states
        none.
    version_id : str or None
        The version of an S3 object.
    in_parts : bool
        Whether the store can send several parts at once.
    validator : str or None
        A strong validator: two responses with the same one contain the same bytes (RFC 9110, section 8.8). A transfer
        without an expected hash continues only with one. None if the store states none.
    media_type : str
        The media type according to the store, such as ``'text/html'``. Often wrong.
    is_delimited : bool
        Whether the reader can tell the end of the body from a broken connection.
    """

    size: int | None
    start: int
    length: int | None
    tag: str | None
    version_id: str | None = None
    in_parts: bool = False
    validator: str | None = None
    media_type: str = ""
    is_delimited: bool = True


class Reading(Protocol):
    """An open body.

    ``chunks()`` yields the bytes once, in blocks of at most ``most`` bytes, and raises InterruptedTransferError when
    the connection breaks or the body ends too early. The incomplete block is lost.
    """

    @property
    def facts(self) -> Facts:
        """The facts about the file."""

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        """Yield the body."""

    def interrupt(self) -> None:
        """End the wait of another thread for the body; may be called from any thread, and never raises."""


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of an upload: the new version id on S3 (None without versioning), and the size in bytes."""

    version_id: str | None
    size: int


def require_whole(location: Location, expected: int | None, found: int) -> None:
    """Raise InterruptedTransferError unless all announced bytes arrived."""
    if expected is not None and found < expected:
        raise InterruptedTransferError(
            f"{location} was cut short: expected {expected} bytes, received {found}. Try again; if this happens "
            f"again, the server or a proxy is at fault."
        )


def first(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Yield the first bytes, and take no block beyond them.

    Examples
    --------
    >>> list(first([b"ab", b"cd", b"ef"], 3))
    [b'ab', b'c']
    """
    for block in blocks:
        yield block[:count]
        count -= len(block)
        if count <= 0:
            return


def after(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Skip the first bytes and yield the rest.

    Examples
    --------
    >>> list(after([b"ab", b"cd", b"ef"], 3))
    [b'd', b'ef']
    """
    for block in blocks:
        if rest := block[count:]:
            yield rest
        count = max(0, count - len(block))


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
