"""What every store hands out: the vocabulary that S3, http and fsspec share. Knows no store."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from brainio.errors import InterruptedTransferError, RangeResponseError
from brainio.stores.location import Location

CHUNK = 128 * 1024  # what a broken connection may lose of what came
CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
Progress = Callable[[int], object]
_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)
_RANGE_ADVICE = "Report this to the operator of the server, or use another location."
pausing: ContextVar[Callable[[], object]] = ContextVar("pausing", default=lambda: None)
"""Called every second while a store waits before it asks again; what it raises ends the waiting."""


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
        """What a request says in its header ``Range``."""
        return f"bytes={self.start}-{'' if self.stop is None else self.stop - 1}"


WHOLE = Span()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store says of the file that it is about to give.

    Attributes
    ----------
    size
        Bytes of the whole file (None: the store did not say).
    start
        Which byte of the file the body begins with: 0 also where a part was asked for and the store gives the whole.
    length
        Bytes of the body (None: the store did not say).
    tag
        What names these bytes at this store, as words for people (``'ETag "ab12"'``); other bytes have another. None:
        the store has no such thing.
    version_id
        Of an object of S3, as it was answered.
    in_parts
        Whether several parts may be asked for side by side, and may be worth it.
    validator
        A strong validator: two responses that state the same one are of the same bytes (RFC 9110, section 8.8). A
        transfer without a promised hash continues only with one. None: the store states none.
    media_type
        What the store calls the content, such as ``'text/html'``. Often wrong.
    is_delimited
        Whether the end of the body differs from a broken connection.
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
    the connection breaks or the body ends too early. What came of a block until then is lost.
    """

    @property
    def facts(self) -> Facts:
        """What the store says of the file."""

    def chunks(self, most: int = CHUNK) -> Iterator[bytes]:
        """Yield the body."""

    def interrupt(self) -> None:
        """Make another thread, which waits for the body, meet its end; called from any thread, and never raises."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What a store answered to an upload: the version that S3 gave (None: no versioning), and the bytes sent."""

    version_id: str | None
    size: int


def require_whole(location: Location, expected: int | None, found: int) -> None:
    """Raise InterruptedTransferError unless all announced bytes came."""
    if expected is not None and found < expected:
        raise InterruptedTransferError(
            f"{location} was cut short: {expected} bytes were announced, {found} came. Try again; if it stays so, the "
            f"server or a proxy on the way is at fault."
        )


def first(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Pass on so many bytes, and take no block beyond them.

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
    """Skip so many bytes and yield the rest.

    Examples
    --------
    >>> list(after([b"ab", b"cd", b"ef"], 3))
    [b'd', b'ef']
    """
    for block in blocks:
        if rest := block[count:]:
            yield rest
        count = max(0, count - len(block))


def hang_up(body: object) -> None:
    """Stop the receiving of a body of urllib3, which other threads may be waiting for."""
    with suppress(AttributeError, OSError, RuntimeError, ValueError):  # it came to its end, or is of another kind
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
        The response was not asked for, or does not prove which bytes of the file it holds.

    Examples
    --------
    >>> where = Location("http", "http://lab.org/a.csv")
    >>> extent_of_part(where, Span(5), "bytes 5-9/10", 5)
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
    fits = start == span.start and announced > 0 and (size is None or last < size) and length in (None, announced)
    if not fits:
        raise RangeResponseError(
            f"{location} was asked for {span.header} and returned {content_range!r}"
            f"{'' if length is None else f' in {length} bytes'}. {_RANGE_ADVICE}"
        )
    return start, size, announced


def count_of(text: str) -> int | None:
    """Read a number of bytes as a server writes it; None where that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
