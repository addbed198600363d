"""What every store hands out: the vocabulary that S3, http and fsspec share. Knows no store."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from brainio.errors import InterruptedTransferError
from brainio.stores.location import Location

CHUNK = 128 * 1024  # what a broken connection may lose of what came
CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
Progress = Callable[[int], object]
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
    """

    size: int | None
    start: int
    length: int | None
    tag: str | None
    version_id: str | None = None
    in_parts: bool = False


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


def hang_up(body: object) -> None:
    """Stop the receiving of a body of urllib3, which other threads may be waiting for."""
    with suppress(AttributeError, OSError, RuntimeError, ValueError):  # it came to its end, or is of another kind
        body.shutdown()  # type: ignore[attr-defined]  # urllib3 has it from 2.3 on


def facts_of_range(content_range: str, size: int | None) -> tuple[int, int | None]:
    """Read ``Content-Range: bytes 5-9/100`` as (start, size of the whole); as they are where there is none.

    Examples
    --------
    >>> facts_of_range("bytes 5-9/100", 5), facts_of_range("", 100)
    ((5, 100), (0, 100))
    """
    span, _, total = content_range.removeprefix("bytes").strip().partition("/")
    first = count_of(span.partition("-")[0])
    return (0, size) if first is None else (first, count_of(total))


def count_of(text: str) -> int | None:
    """Read a number of bytes as a server writes it; None where that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
