"""A file in a store that can be read from anywhere: what is read is asked for in blocks, which are kept for a while.

All parts come from one state of the file: every request names the strong validator or the version that the store stated
when the file was opened, and every response must state it again. A file without either is read only if its first block
is all of it. Nothing is verified by a hash, and nothing is kept on disk.
"""

from typing import Any

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from brainio import stores
from brainio.errors import ChangedFileError, InterruptedTransferError, TransferError
from brainio.logs import get_logger
from brainio.stores.location import Location
from brainio.stores.transfer import Facts, Span, first

_log = get_logger("brainio.stores")
# An HDF5 file is read in small pieces that lie near each other: a chunk of values, a node of the index of chunks.
BLOCK = 128 * 1024
_BLOCKS_KEPT = 512


class RangeReader(AbstractBufferedFile):
    """A read-only binary file; see `brainio.stores.open_file`. May be pickled: whoever loads it opens it again.

    Parameters
    ----------
    location
        Where it lies.
    version_id
        Of an S3 object.
    tag
        The state that it must be in, as `tag` tells; default: whatever is found.

    Attributes
    ----------
    tag
        What names the state that is read, as words for people; None: the store has no name for it.
    """

    def __init__(self, location: Location, version_id: str | None = None, tag: str | None = None) -> None:
        self._where = location
        self.tag = tag
        with stores.open_read(location, version_id, Span(0, BLOCK)) as reading:
            facts = reading.facts
            if facts.size is None or facts.length is None or facts.length > BLOCK:
                raise TransferError(
                    f"{location} cannot be read in parts: its server gives whole files only. Get it without streaming."
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
                f"two states of the file could be mixed. Get it without streaming."
            )
        kept = {"maxblocks": _BLOCKS_KEPT}
        super().__init__(None, str(location), "rb", BLOCK, cache_type="blockcache", cache_options=kept, size=facts.size)

    @property
    def pin(self) -> str | None:
        """What names the state that is read, as words for people; None: the store has no name for it."""
        return f"version id {self._version_id!r}" if self._version_id else self.tag

    def read(self, length: int = -1) -> bytes:
        """Read up to that many bytes from where the file stands (-1: to its end)."""
        stop = self.size if length < 0 else min(self.size, self.loc + length)
        if stop - self.loc <= 2 * BLOCK:
            return bytes(super().read(length))
        part = self._fetch_range(self.loc, stop)  # as one request, where blocks would be many
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
        with stores.open_read(self._where, self._version_id, Span(start, end), self._validator) as reading:
            self._require_same(reading.facts)
            if reading.facts.start != start:
                raise TransferError(f"{self._where} was asked for the bytes {start} to {end} and gave others.")
            part = b"".join(first(reading.chunks(), end - start))  # some servers give all to the end
        if len(part) != end - start:
            raise TransferError(
                f"{self._where} was asked for the bytes {start} to {end} and gave {len(part)}. Try again."
            )
        _log.debug("read the bytes %d to %d of %s", start, end, self._where)
        return part

    def _require_same(self, facts: Facts) -> None:
        if self._size is not None and facts.size not in (None, self._size):
            raise ChangedFileError(
                f"{self._where} has changed since it was opened: expected {self._size} bytes, found {facts.size}. "
                f"Open it again for the new state."
            )
        if self.tag is not None and facts.tag != self.tag:
            raise ChangedFileError(
                f"{self._where} has changed since it was opened: expected {self.tag}, found {facts.tag}. What was read "
                f"of it stays as it is; open it again for the new state."
            )

    def __str__(self) -> str:
        return str(self._where)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        return RangeReader, (self._where, self._version_id, self.tag)
