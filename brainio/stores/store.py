"""The store protocol: the operations on a location that every kind of storage implements.

A further store is one module with a subclass of `Store`, and one row in `_STORES`; its package (boto3, requests,
fsspec) is imported when the first location needs it. Its instances have no state, so that threads and processes share
them freely. `tests/stores/test_contract.py` tests every store alike.
"""

# ruff: noqa: ARG002, B027 (default implementations ignore their parameters)

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from brainio.errors import InterruptedTransferError, LocationError
from brainio.stores.location import S3, Location, require_online

CHUNK = 128 * 1024  # bytes of a block; a broken connection loses at most one
Progress = Callable[[int], object]
_STORES = {
    S3: ("s3_store", "S3Store"),
    "http": ("http_store", "HttpStore"),
    "https": ("http_store", "HttpStore"),
    "file": ("filesystem_store", "LocalStore"),
}
_OTHERS = ("filesystem_store", "FsspecStore")
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


class Store(ABC):
    """A kind of storage. Callers use the functions of `brainio.stores`, which select a store and document the errors.

    Attributes
    ----------
    is_read_only : bool
        Whether `upload` refuses every location.
    has_versions : bool
        Whether a file may have versions, which a version id selects.
    has_compare_and_swap : bool
        Whether `replace_if` works.
    """

    is_read_only = False
    has_versions = False
    has_compare_and_swap = False

    @abstractmethod
    def open_read(
        self, location: Location, span: Span, validator: str | None, version_id: str | None
    ) -> AbstractContextManager[Reading]:
        """Open a file, or a part of it; raise MissingFileError if it does not exist."""

    @abstractmethod
    def find(self, location: Location, version_id: str | None) -> Facts | None:
        """Return the facts about a file without its bytes; None if it does not exist."""

    def upload(self, path: Path, location: Location, progress: Progress | None, *, replace: bool) -> UploadResult:
        """Write a local file; raise ChangedFileError if `replace` is False and a file exists."""
        raise LocationError(
            f"{location} cannot be written over {location.location_type}. Give an S3 location or a folder."
        )

    def replace_if(self, location: Location, data: bytes, tag: str | None) -> None:
        """Write a small file if its current tag is the given one (None: if there is no file)."""
        raise LocationError(
            f"{location} cannot be replaced on condition: only S3 compares ETags. Give a location on S3, or a copy on "
            f"this machine."
        )

    def abort_uploads(self, path: Path, location: Location) -> None:
        """Remove the parts that killed uploads of a file left; by default, a store keeps none."""

    def is_copy(self, facts: Facts, path: Path) -> bool:
        """Whether the facts alone prove that a file has the bytes of a local file of the same size."""
        return False

    def public_url(self, location: Location, version_id: str) -> str:
        """Return the URL or path by which other programs find a file, without secrets."""
        return str(location)

    def request_url(self, location: Location, version_id: str, method: str, signed_seconds: int | None) -> str:
        """Return the URL for one request (``GET`` or ``HEAD``) by a client without credentials."""
        return location.url


def store_of(location: Location) -> Store:
    """Return the store that reads and writes a location."""
    return _store(location.location_type)


def store_for_request(location: Location, version_id: str | None = None) -> Store:
    """Return the store of a location after checking that a request to it is allowed.

    Raises
    ------
    OfflineError
        The store needs the network, and `BRAINIO_OFFLINE` is set.
    LocationError
        A version id is given, and the store keeps no versions.
    """
    require_online(location)
    store = store_of(location)
    if version_id and not store.has_versions:
        raise LocationError(
            f"The version {version_id!r} of {location} was requested, but only S3 keeps versions. Leave version_id "
            f"empty."
        )
    return store


@cache
def _store(location_type: str) -> Store:
    module, name = _STORES.get(location_type, _OTHERS)
    store: Store = getattr(import_module(f"brainio.stores.{module}"), name)()
    return store


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
