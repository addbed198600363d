"""Download of one file from one location into the cache: resumed after interruptions, parallel for large files.

The bytes arrive in order and belong to one state of the file. A hash, if the catalog gives one, verifies that.
Otherwise a transfer resumes only with a strong validator (`Facts.validator`, or an S3 version) that the response
confirms; without one, or if the file was replaced, it restarts at the first byte. Large files are requested in parts
over several connections. The numbers of connections and of parts in memory are bounded for the whole process.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import AttemptManager, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from brainio.cache import IncomingFile
from brainio.errors import (
    ChangedFileError,
    IntegrityError,
    InterruptedTransferError,
    RangeResponseError,
    ShorterFileError,
    TransferError,
    UnexpectedContentError,
)
from brainio.fetch.content_signatures import EXPECTED_CONTENT, HEAD_SIZE, Mismatch, detect_substitute, find_mismatch
from brainio.forks import renew_in_child
from brainio.progress import FileProgress
from brainio.stores import WHOLE, Facts, Location, Reading, Span, open_read
from brainio.stores.store import CHUNK, after, first, pausing, require_whole
from brainio.text import get_logger
from brainio.threads import Stop, in_background

if TYPE_CHECKING:
    from concurrent.futures import Future


_log = get_logger("brainio.fetch")
CONNECTIONS = 16
PARTS_IN_MEMORY = 16
_PART = 8 << 20
_PARTS_AT_ONCE = 8  # of one file
_IN_PARTS_FROM = 8 * _PART
_ATTEMPTS = 5
_RESTARTS = 4
_PROGRESS = 64 << 10  # bytes that make an attempt count as progress


class _Limits:
    """The limits that all downloads of this process share."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Replace the semaphores, for a process that holds none of them."""
        self.connections = threading.BoundedSemaphore(CONNECTIONS)
        self.parts = threading.BoundedSemaphore(PARTS_IN_MEMORY)


_limits = _Limits()
# A forked process lacks the threads that would release the semaphores.
renew_in_child(_limits.reset)


class Download:
    """An iterator over the bytes of a file from a position on; single use.

    Parameters
    ----------
    location, version_id
        See `brainio.stores.open_read`.
    start : int
        Position of the first byte.
    progress : FileProgress
        Receives the size of the whole file once the store reports it; its `stop` cancels the download.
    on_activity : function
        Called often while bytes arrive or a server asks to wait; from several threads.
    on_restart : function
        Called before the download restarts at the first byte: all earlier bytes are invalid.
    verified : bool
        Whether the caller verifies the bytes by a hash. If not, only a strong validator lets a transfer resume.

    Attributes
    ----------
    facts : Facts or None
        The size, validator and media type that the store reports; None before the first response.
    was_joined : bool
        Whether bytes of several responses were joined without a validator, so that only a hash can verify them.

    Raises
    ------
    TransferError
        While iterating: the location did not return the bytes after several attempts.
    CancelledError
        While iterating: the download was cancelled.
    """

    def __init__(
        self,
        location: Location,
        version_id: str,
        start: int,
        progress: FileProgress,
        on_activity: Callable[[], object],
        on_restart: Callable[[], object],
        *,
        verified: bool,
    ) -> None:
        self._location, self._version_id = location, version_id or None
        self._position = start
        self._progress, self._on_activity, self._on_restart = progress, on_activity, on_restart
        self._verified = verified
        self._stop = Stop()
        self.facts: Facts | None = None
        self.was_joined = start > 0
        self._supports_parts = True
        self._restart_count = 0
        self._block = CHUNK

    def __iter__(self) -> Iterator[bytes]:
        with self._progress.stop.reaching(self._stop.set):
            try:
                for attempt in self._retry_interruptions():
                    with attempt:
                        yield from self._read_rest(attempt)
            finally:
                self._stop.set()

    def _retry_interruptions(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(InterruptedTransferError),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            sleep=self._stop.pause,
            reraise=True,
        )

    def _read_rest(self, attempt: AttemptManager) -> Iterator[bytes]:
        yield from self._stream(attempt)
        size = self._size
        if size and self._is_large():
            yield from self._read_parts(size)
        if size and self._position < size:
            self._supports_parts = False
            yield from self._stream(attempt)
            size = self._size
        require_whole(self._location, size, self._position)
        if size is not None and self._position > size:
            raise TransferError(f"{self._location} announced {size} bytes and sent {self._position}. Try again.")

    def _stream(self, attempt: AttemptManager) -> Iterator[bytes]:
        """Yield the next bytes over one connection; for a large file, at most one part."""
        with ExitStack() as stack:
            reading = self._open_rest(stack)
            start, start_time = self._position, time.monotonic()
            for block in _skip_to(start, reading, self._location):
                self._report_activity()
                self._position += len(block)
                if self._position - start > _PROGRESS:
                    attempt.retry_state.attempt_number = 1
                yield block
                if self._position - start >= _PART and self._is_large():
                    self._block = _block_size((self._position - start) / (time.monotonic() - start_time))
                    return

    def _open_rest(self, stack: ExitStack) -> Reading:
        """Open the file at the current position, or at its first byte if the file may have changed."""
        if self._position and self._may_resume:
            try:
                # One byte earlier, because servers refuse a range that starts at the end of a file.
                reading = stack.enter_context(self._open(Span(self._position - 1)))
            except (ChangedFileError, RangeResponseError, ShorterFileError) as error:
                _log.info("%s", error)
            else:
                if self._is_same_file(reading.facts):
                    self.was_joined |= not self._confirms(reading.facts)
                    return self._record_facts(reading)
                if reading.facts.start == 0:  # the server returned the new file as a whole
                    self._start_over()
                    return self._record_facts(reading)
                stack.pop_all().close()
        if self._position:
            self._start_over()
        return self._record_facts(stack.enter_context(self._open(WHOLE)))

    def _start_over(self) -> None:
        self._restart_count += 1
        if self._restart_count > _RESTARTS:
            raise TransferError(
                f"{self._location} was interrupted or replaced {self._restart_count} times, the last time after "
                f"{self._position} bytes, and the transfer cannot resume: the catalog gives no hash, and "
                f"the server confirmed no strong ETag. Try again on a better network, or add the sha1 of the file to "
                f"its catalog."
            )
        _log.info("%s is downloaded again from its first byte", self._location)
        self._on_restart()
        self._position, self.facts, self._supports_parts, self.was_joined = 0, None, False, False

    def _record_facts(self, reading: Reading) -> Reading:
        self.facts = reading.facts
        if self.facts.size is not None:
            self._progress.set_size(self.facts.size)
        return reading

    @property
    def _size(self) -> int | None:
        return self.facts.size if self.facts else None

    @property
    def _validator(self) -> str | None:
        return self.facts.validator if self.facts else None

    @property
    def _is_pinned(self) -> bool:
        """Whether a version id pins the bytes; the S3 version 'null' can be overwritten."""
        return self._version_id not in {None, "null"}

    @property
    def _may_resume(self) -> bool:
        """Whether the rest of the file may be requested alone."""
        return self._verified or self._is_pinned or self._validator is not None

    def _is_same_file(self, facts: Facts) -> bool:
        """Return whether a response belongs to the same state of the file, according to the store."""
        if self._size is not None and facts.size not in (None, self._size):
            return False
        return self._verified or self._confirms(facts)

    def _confirms(self, facts: Facts) -> bool:
        return self._is_pinned or (facts.validator is not None and facts.validator == self._validator)

    @contextmanager
    def _open(self, span: Span) -> Iterator[Reading]:
        with _limits.connections, ExitStack() as stack:
            self._report_activity()
            token = pausing.set(self._report_activity)
            try:
                validator = None if span.is_whole or self._verified else self._validator
                reading = stack.enter_context(open_read(self._location, self._version_id, span, validator))
            finally:
                pausing.reset(token)
            stack.enter_context(self._stop.reaching(reading.interrupt))
            size = reading.facts.size
            if size is not None and span.start and size <= span.start:
                raise ShorterFileError(f"{self._location} ends after {size} bytes; expected more than {span.start}.")
            yield reading

    def _report_activity(self) -> None:
        self._stop.check()
        self._on_activity()

    def _is_large(self) -> bool:
        facts = self.facts
        in_parts = facts is not None and facts.in_parts and self._supports_parts and self._may_resume
        return bool(in_parts and facts and facts.size and facts.size - self._position >= _IN_PARTS_FROM)

    def _read_parts(self, size: int) -> Iterator[bytes]:
        """Yield the rest in order over several connections, until the end or a response that does not match."""
        starts = deque(range(self._position, size, _PART))
        waiting: deque[Future[list[bytes] | None]] = deque()
        slots = _limits.parts
        try:
            while starts or waiting:
                while starts and len(waiting) < _PARTS_AT_ONCE and self._acquire_slot(slots, wait=not waiting):
                    start = starts.popleft()
                    part = partial(self._retry_interruptions(), self._read_part, start, min(start + _PART, size))
                    waiting += in_background([part], 1, "brainio-part")
                blocks = waiting[0].result()
                if blocks is None:
                    return
                for block in blocks:
                    self._position += len(block)
                    yield block
                waiting.popleft()
                slots.release()
        finally:
            for _ in waiting:
                slots.release()

    def _acquire_slot(self, slots: threading.Semaphore, *, wait: bool) -> bool:
        """Acquire memory for one more part, waiting if necessary; return whether that succeeded."""
        while not slots.acquire(timeout=0.5 if wait else 0):
            if not wait:
                return False
            self._report_activity()
        return True

    def _read_part(self, start: int, stop: int) -> list[bytes] | None:
        """Return the blocks of a part; None if the response does not match, e.g. has the whole file."""
        try:
            return self._read_span(Span(start, stop), stop - start)
        except (ChangedFileError, RangeResponseError, ShorterFileError) as error:
            _log.info("%s", error)
            return None

    def _read_span(self, span: Span, size: int) -> list[bytes] | None:
        """Return the blocks of a span of `size` bytes; None if the response has another span or another file."""
        blocks = []
        with self._open(span) as reading:
            is_requested_span = reading.facts.start == span.start and reading.facts.length in (None, size)
            if not is_requested_span or not self._is_same_file(reading.facts):
                return None
            for block in first(reading.chunks(self._block), size):
                self._report_activity()
                blocks.append(block)
        self.was_joined |= not self._confirms(reading.facts)
        require_whole(self._location, size, sum(map(len, blocks)))
        return blocks


def _block_size(speed: float) -> int:
    """Return the block size at which the parallel parts together deliver about one block per second."""
    return max(CHUNK, min(_PART, int(speed) // _PARTS_AT_ONCE))


def _skip_to(position: int, reading: Reading, location: Location) -> Iterator[bytes]:
    """Yield a response body from a position in the file on; the response may start earlier."""
    surplus = position - reading.facts.start
    if surplus < 0:
        raise TransferError(
            f"{location} was requested from byte {position} on, but the response starts later. Try again."
        )
    yield from after(reading.chunks(), surplus)


class FileReceiver:
    """Download a file from one location into the cache.

    Parameters
    ----------
    incoming : IncomingFile
        The cache file to write. A partial file of an earlier attempt is resumed.
    location, version_id
        See `brainio.stores.open_read`.
    progress : FileProgress
        Counts the bytes.
    part : str
        `'csv'`, `'zip'` or `'nc'`: the type that content without a hash must have. Empty: any type.
    is_size_known : bool
        Whether the catalog gives a size, which reveals truncated content.
    """

    def __init__(
        self,
        incoming: IncomingFile,
        location: Location,
        version_id: str,
        progress: FileProgress,
        part: str,
        *,
        is_size_known: bool,
    ) -> None:
        self._incoming, self._progress = incoming, progress
        self._location, self._version_id = location, version_id
        self._part, self._is_size_known = part, is_size_known
        self._head = bytearray()
        self._media_type = ""

    def receive(self) -> Path:
        """Download the file and return its path in the cache.

        If the hash is wrong because two states of the file may have been joined, the file is downloaded once more from
        its first byte, and resumed only with a strong validator.

        Raises
        ------
        UnexpectedContentError
            The location returned other content, such as a sign-in page. Nothing was stored.
        IntegrityError
            The bytes do not have the expected hash. Nothing was stored.
        TransferError
            The location did not return the bytes.
        """
        download = self._new_download(verified=self._incoming.is_verifiable)
        try:
            return self._receive_blocks(download)
        except IntegrityError as error:
            if isinstance(error, UnexpectedContentError) or not download.was_joined:
                raise
        return self._receive_blocks(self._new_download(verified=False))

    def _new_download(self, *, verified: bool) -> Download:
        return Download(
            self._location,
            self._version_id,
            self._incoming.offset,
            self._progress,
            self._incoming.signal_progress,
            self._restart,
            verified=verified,
        )

    def _restart(self) -> None:
        self._head.clear()
        self._progress.reach(0)
        self._incoming.restart()

    def _receive_blocks(self, download: Download) -> Path:
        incoming = self._incoming
        self._progress.reach(incoming.offset)
        try:
            for block in download:
                if incoming.offset == len(self._head) < HEAD_SIZE:
                    self._head += block[:HEAD_SIZE]
                incoming.write(block)
                self._progress.reach(incoming.offset)
            self._media_type = download.facts.media_type if download.facts else ""
            self._check_end(download)
            return incoming.finish(self._check_content)
        except IntegrityError as error:
            self._media_type = download.facts.media_type if download.facts else ""
            substitute, size = detect_substitute(bytes(self._head), incoming.offset), incoming.offset
            self._restart()
            if isinstance(error, UnexpectedContentError):
                raise
            if substitute is not None and not download.was_joined:
                raise self._content_error(Mismatch(substitute, EXPECTED_CONTENT.get(self._part, ""), size)) from error
            raise IntegrityError(f"{self._location}: {error}") from error

    def _check_content(self, path: Path) -> None:
        with path.open("rb") as file:
            mismatch = find_mismatch(file, self._part)
        if mismatch is not None:
            raise self._content_error(mismatch)

    def _content_error(self, mismatch: Mismatch) -> UnexpectedContentError:
        message = mismatch.message(str(self._location), self._media_type)
        return UnexpectedContentError(f"{message}. Nothing was stored: the next call fetches the file again.")

    def _check_end(self, download: Download) -> None:
        """Raise TransferError if truncated content would go unnoticed."""
        is_delimited = download.facts is None or download.facts.is_delimited
        if not is_delimited and not self._is_size_known and not self._incoming.is_verifiable:
            raise TransferError(
                f"{self._location} was sent without its length, so that a broken connection looks like the end of the "
                f"file, and the catalog gives no hash. Add the sha1 or the size of the file to the catalog, or use "
                f"another location."
            )
