"""A reader with random access to a file in a store: it requests blocks, and keeps them for a while.

All parts come from one state of the file: every request names the strong validator or the version that the store stated
when the file was opened, and every response must confirm it. A file without either can be read only if its first block
contains all of it. Nothing is verified by a hash or stored on disk.
"""

from typing import Any

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from brainio.errors import ChangedFileError, InterruptedTransferError, TransferError
from brainio.stores.location import Location
from brainio.stores.store import Facts, Span, first, store_for_request
from brainio.text import get_logger

_log = get_logger("brainio.stores")
# An HDF5 file is read in small pieces near each other: a chunk of values, a node of the index of chunks.
BLOCK = 128 * 1024
_CACHED_BLOCKS = 512


class RangeReader(AbstractBufferedFile):
    """A read-only binary file; see `brainio.stores.open_file`. A process that unpickles it opens the location again.

    Parameters
    ----------
    location : Location
        The file.
    version_id : str, optional
        The version of an S3 object.
    tag : str, optional
        The required state of the file, from the attribute `tag`; default: its current state.

    Attributes
    ----------
    tag : str or None
        The state of the file, for messages; None if the store states none.
    """

    def __init__(self, location: Location, version_id: str | None = None, tag: str | None = None) -> None:
        self._location = location
        self.tag = tag
        with store_for_request(location, version_id).open_read(location, Span(0, BLOCK), None, version_id) as reading:
            facts = reading.facts
            if facts.size is None or facts.length is None or facts.length > BLOCK:
                raise TransferError(
                    f"{location} cannot be read in parts: its server returns whole files only. "
                    f"Load it without streaming."
                )
            self._head = b"".join(reading.chunks())
        self._size: int | None = None
        self._require_same(facts)
        self.tag, self._validator, self._size = facts.tag, facts.validator, facts.size
        self._version_id = version_id or facts.version_id
        is_pinned = self._validator is not None or self._version_id not in {None, "null"}
        if not is_pinned and facts.size > len(self._head):
            raise TransferError(
                f"{location} cannot be read in parts: its store states no strong ETag and no version, so that parts of "
                f"two states of the file could be mixed. Load it without streaming."
            )
        options = {"maxblocks": _CACHED_BLOCKS}
        super().__init__(
            None, str(location), "rb", BLOCK, cache_type="blockcache", cache_options=options, size=facts.size
        )

    @property
    def pin(self) -> str | None:
        """The version or the tag of the file, for messages; None if the store states neither."""
        return f"version id {self._version_id!r}" if self._version_id else self.tag

    def read(self, length: int = -1) -> bytes:
        """Read up to that many bytes from the current position (-1: to the end)."""
        stop = self.size if length < 0 else min(self.size, self.loc + length)
        if stop - self.loc <= 2 * BLOCK:
            return bytes(super().read(length))
        part = self._fetch_range(self.loc, stop)  # one request instead of one for each block
        self.loc += len(part)
        return part

    @retry(
        retry=retry_if_exception_type(InterruptedTransferError),
        stop=stop_after_attempt(4),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    def _fetch_range(self, start: int, end: int) -> bytes:
        end = min(end, self.size)
        if end <= len(self._head):
            return self._head[start:end]
        store = store_for_request(self._location, self._version_id)
        with store.open_read(self._location, Span(start, end), self._validator, self._version_id) as reading:
            self._require_same(reading.facts)
            if reading.facts.start != start:
                raise TransferError(
                    f"{self._location} returned other bytes than the requested {start} to {end}. Try again."
                )
            part = b"".join(first(reading.chunks(), end - start))  # some servers return all bytes to the end
        if len(part) != end - start:
            raise TransferError(
                f"{self._location} returned {len(part)} bytes of the requested {start} to {end}. Try again."
            )
        _log.debug("read the bytes %d to %d of %s", start, end, self._location)
        return part

    def _require_same(self, facts: Facts) -> None:
        if self._size is not None and facts.size not in (None, self._size):
            raise ChangedFileError(
                f"{self._location} has changed since it was opened: expected {self._size} bytes, found {facts.size}. "
                f"Open it again for the new state."
            )
        if self.tag is not None and facts.tag != self.tag:
            raise ChangedFileError(
                f"{self._location} has changed since it was opened: expected {self.tag}, found {facts.tag}. Open it "
                f"again for the new state."
            )

    def __str__(self) -> str:
        return str(self._location)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        return RangeReader, (self._location, self._version_id, self.tag)
