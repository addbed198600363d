"""The bytes of one place, from any byte on: continued where the connection breaks, in parallel where that pays.

Bytes come in order, and all of them from one state of the file. If a hash is promised, the hash decides that. If not, a
transfer continues only with a strong validator (`Facts.validator`, or a version of S3) that the response confirms;
without one, or when the file was replaced, the transfer begins again with the first byte. Large files are asked for in
parts over several connections. How many there are, and how many parts wait in memory, is bounded for the whole process.
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
from brainio.logs import get_logger
from brainio.progress import FileProgress
from brainio.stores import WHOLE, Facts, Location, Reading, Span, open_read
from brainio.stores.transfer import CHUNK, after, first, pausing, require_whole
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
_PROGRESS = 64 << 10  # what an attempt must bring to count as progress


class _Bounds:
    """What all downloads of this process share."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.connections = threading.BoundedSemaphore(CONNECTIONS)
        self.parts = threading.BoundedSemaphore(PARTS_IN_MEMORY)


_bounds = _Bounds()
# A forked process has none of the threads that would give back what they hold.
renew_in_child(_bounds.renew)


class Download:
    """The bytes of a place from one byte on; to be iterated once.

    Parameters
    ----------
    place, version_id
        As `brainio.stores.open_read` takes them.
    start : int
        The first byte that is wanted.
    progress : FileProgress
        Told the size of the whole file as soon as the place tells it; its `stop` ends the download.
    came : function
        Called often while bytes come, or a server asks to wait; from several threads.
    restart : function
        Called before the first byte comes again: all bytes so far are void.
    verified : bool
        Whether a hash will tell if these are the right bytes. If not, only a strong validator continues a transfer.

    Attributes
    ----------
    facts : Facts or None
        What the place states of the file; None before the first response.
    was_continued : bool
        Whether bytes of several responses were put together without a validator, so that only a hash can tell if they
        belong together.

    Raises
    ------
    TransferError
        While iterating: the place does not give the bytes, also not after some attempts.
    CancelledError
        While iterating: it was told to stop.
    """

    def __init__(
        self,
        place: Location,
        version_id: str,
        start: int,
        progress: FileProgress,
        came: Callable[[], object],
        restart: Callable[[], object],
        *,
        verified: bool,
    ) -> None:
        self._place, self._version_id = place, version_id or None
        self._position = start
        self._progress, self._came, self._restart = progress, came, restart
        self._verified = verified
        self._stop = Stop()
        self.facts: Facts | None = None
        self.was_continued = start > 0
        self._gives_parts = True
        self._restarts = 0
        self._block = CHUNK

    def __iter__(self) -> Iterator[bytes]:
        with self._progress.stop.reaching(self._stop.set):
            try:
                for attempt in self._retrying():
                    with attempt:
                        yield from self._rest(attempt)
            finally:
                self._stop.set()

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(InterruptedTransferError),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            sleep=self._stop.pause,
            reraise=True,
        )

    def _rest(self, attempt: AttemptManager) -> Iterator[bytes]:
        yield from self._stream(attempt)
        size = self._size
        if size and self._is_large():
            yield from self._parts(size)
        if size and self._position < size:
            self._gives_parts = False
            yield from self._stream(attempt)
            size = self._size
        require_whole(self._place, size, self._position)
        if size is not None and self._position > size:
            raise TransferError(f"{self._place} announced {size} bytes and gave {self._position}. Try again.")

    def _stream(self, attempt: AttemptManager) -> Iterator[bytes]:
        """Read on over one connection, of a large file no more than one part."""
        with ExitStack() as stack:
            reading = self._open_rest(stack)
            began, at = self._position, time.monotonic()
            for block in _from(began, reading, self._place):
                self._sign()
                self._position += len(block)
                if self._position - began > _PROGRESS:
                    attempt.retry_state.attempt_number = 1
                yield block
                if self._position - began >= _PART and self._is_large():
                    self._block = _block_for((self._position - began) / (time.monotonic() - at))
                    return

    def _open_rest(self, stack: ExitStack) -> Reading:
        """Open the file at the current position, or at its first byte if the rest may belong to another state of it."""
        if self._position and self._may_continue:
            try:
                # One byte early: servers refuse to begin at the end of a file, where a finished transfer would.
                reading = stack.enter_context(self._opened(Span(self._position - 1)))
            except (ChangedFileError, RangeResponseError, ShorterFileError) as error:
                _log.info("%s", error)
            else:
                if self._continues(reading.facts):
                    self.was_continued |= not self._confirms(reading.facts)
                    return self._noted(reading)
                if reading.facts.start == 0:  # the server returned the new file as a whole
                    self._begin_again()
                    return self._noted(reading)
                stack.pop_all().close()
        if self._position:
            self._begin_again()
        return self._noted(stack.enter_context(self._opened(WHOLE)))

    def _begin_again(self) -> None:
        self._restarts += 1
        if self._restarts > _RESTARTS:
            raise TransferError(
                f"{self._place} broke or changed {self._restarts} times, the last time after {self._position} bytes, "
                f"and the transfer could not continue: no hash is promised, and the server confirmed no strong ETag. "
                f"Try again when the network is better, or state the sha1 of the file in its catalog."
            )
        _log.info("%s is transferred again from its first byte", self._place)
        self._restart()
        self._position, self.facts, self._gives_parts, self.was_continued = 0, None, False, False

    def _noted(self, reading: Reading) -> Reading:
        self.facts = reading.facts
        if self.facts.size is not None:
            self._progress.announce(self.facts.size)
        return reading

    @property
    def _size(self) -> int | None:
        return self.facts.size if self.facts else None

    @property
    def _validator(self) -> str | None:
        return self.facts.validator if self.facts else None

    @property
    def _is_pinned(self) -> bool:
        """Whether a version of S3 is read, which never changes; 'null' is that of an object without versions."""
        return self._version_id not in {None, "null"}

    @property
    def _may_continue(self) -> bool:
        """Whether the rest of the file may be asked for."""
        return self._verified or self._is_pinned or self._validator is not None

    def _continues(self, facts: Facts) -> bool:
        """Whether a response is of the same bytes as those before, as far as the place can tell."""
        if self._size is not None and facts.size not in (None, self._size):
            return False
        return self._verified or self._confirms(facts)

    def _confirms(self, facts: Facts) -> bool:
        return self._is_pinned or (facts.validator is not None and facts.validator == self._validator)

    @contextmanager
    def _opened(self, span: Span) -> Iterator[Reading]:
        with _bounds.connections, ExitStack() as stack:
            self._sign()
            token = pausing.set(self._sign)
            try:
                validator = None if span.is_whole or self._verified else self._validator
                reading = stack.enter_context(open_read(self._place, self._version_id, span, validator))
            finally:
                pausing.reset(token)
            stack.enter_context(self._stop.reaching(reading.interrupt))
            size = reading.facts.size
            if size is not None and span.start and size <= span.start:
                raise ShorterFileError(f"{self._place} ends after {size} bytes; expected more than {span.start}.")
            yield reading

    def _sign(self) -> None:
        self._stop.check()
        self._came()

    def _is_large(self) -> bool:
        facts = self.facts
        in_parts = facts is not None and facts.in_parts and self._gives_parts and self._may_continue
        return bool(in_parts and facts and facts.size and facts.size - self._position >= _IN_PARTS_FROM)

    def _parts(self, size: int) -> Iterator[bytes]:
        """Read on over several connections, in order, to the end or to where the place gives something else."""
        starts = deque(range(self._position, size, _PART))
        waiting: deque[Future[list[bytes] | None]] = deque()
        bound = _bounds.parts
        try:
            while starts or waiting:
                while starts and len(waiting) < _PARTS_AT_ONCE and self._may_ask(bound, waits=not waiting):
                    start = starts.popleft()
                    part = partial(self._retrying(), self._read_part, start, min(start + _PART, size))
                    waiting += in_background([part], 1, "brainio-part")
                blocks = waiting[0].result()
                if blocks is None:
                    return
                for block in blocks:
                    self._position += len(block)
                    yield block
                waiting.popleft()
                bound.release()
        finally:
            for _ in waiting:
                bound.release()

    def _may_ask(self, bound: threading.Semaphore, *, waits: bool) -> bool:
        """Whether one more part may be in memory; may wait until that is so."""
        while not bound.acquire(timeout=0.5 if waits else 0):
            if not waits:
                return False
            self._sign()
        return True

    def _read_part(self, start: int, stop: int) -> list[bytes] | None:
        """Return the blocks of a part; None where the place gives something else, such as all of the file."""
        try:
            return self._part(Span(start, stop), stop - start)
        except (ChangedFileError, RangeResponseError, ShorterFileError) as error:
            _log.info("%s", error)
            return None

    def _part(self, span: Span, count: int) -> list[bytes] | None:
        blocks = []
        with self._opened(span) as reading:
            fits = reading.facts.start == span.start and reading.facts.length in (None, count)
            if not fits or not self._continues(reading.facts):
                return None
            for block in first(reading.chunks(self._block), count):
                self._sign()
                blocks.append(block)
        self.was_continued |= not self._confirms(reading.facts)
        require_whole(self._place, count, sum(map(len, blocks)))
        return blocks


def _block_for(speed: float) -> int:
    """Return how much to read at once of each part, so that something comes about every second of all of them."""
    return max(CHUNK, min(_PART, int(speed) // _PARTS_AT_ONCE))


def _from(position: int, reading: Reading, place: Location) -> Iterator[bytes]:
    """Yield a body from a byte of the file on; a server may have begun earlier."""
    surplus = position - reading.facts.start
    if surplus < 0:
        raise TransferError(f"{place} was asked for the bytes from {position} on, and began later. Try again.")
    yield from after(reading.chunks(), surplus)


class FileReceiver:
    """Receives a file from one location.

    Parameters
    ----------
    incoming : IncomingFile
        Where the bytes go. What an earlier attempt left there is continued.
    location, version_id
        As `brainio.stores.open_read` takes them.
    progress : FileProgress
        Counts the bytes.
    part : str
        `'csv'`, `'zip'` or `'nc'`: what the file has to be, if no hash is promised. Empty: anything.
    is_size_known : bool
        Whether a size is promised, which tells a whole body from one that was cut short.
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
        """Receive the file and return where it is in the cache.

        A hash that fails may be that of two states of the file, put together; then the file is transferred once more,
        from its first byte, and continued with a strong validator only.

        Raises
        ------
        UnexpectedContentError
            The location holds something else than the file, such as a sign-in page. Nothing was stored.
        IntegrityError
            The bytes are not the promised ones. Nothing was stored.
        TransferError
            The location did not give the bytes.
        """
        download = self._download(verified=self._incoming.is_promised)
        try:
            return self._take(download)
        except IntegrityError as error:
            if isinstance(error, UnexpectedContentError) or not download.was_continued:
                raise
        return self._take(self._download(verified=False))

    def _download(self, *, verified: bool) -> Download:
        place, began = (self._location, self._version_id), self._incoming.offset
        return Download(*place, began, self._progress, self._incoming.show, self._restart, verified=verified)

    def _restart(self) -> None:
        self._head.clear()
        self._progress.reach(0)
        self._incoming.restart()

    def _take(self, download: Download) -> Path:
        incoming = self._incoming
        self._progress.reach(incoming.offset)
        try:
            for block in download:
                if incoming.offset == len(self._head) < HEAD_SIZE:
                    self._head += block[:HEAD_SIZE]
                incoming.write(block)
                self._progress.reach(incoming.offset)
            self._media_type = download.facts.media_type if download.facts else ""
            self._require_end(download)
            return incoming.finish(self._judge)
        except IntegrityError as error:
            self._media_type = download.facts.media_type if download.facts else ""
            substitute, size = detect_substitute(bytes(self._head), incoming.offset), incoming.offset
            self._restart()
            if isinstance(error, UnexpectedContentError):
                raise
            if substitute is not None and not download.was_continued:
                raise self._refusal(Mismatch(substitute, EXPECTED_CONTENT.get(self._part, ""), size)) from error
            raise IntegrityError(f"{self._location}: {error}") from error

    def _judge(self, path: Path) -> None:
        with path.open("rb") as file:
            mismatch = find_mismatch(file, self._part)
        if mismatch is not None:
            raise self._refusal(mismatch)

    def _refusal(self, mismatch: Mismatch) -> UnexpectedContentError:
        message = mismatch.message(str(self._location), self._media_type)
        return UnexpectedContentError(f"{message}. Nothing was stored: the next call fetches the file again.")

    def _require_end(self, download: Download) -> None:
        """Refuse a body of which nobody can tell whether it came to its end."""
        is_delimited = download.facts is None or download.facts.is_delimited
        if not is_delimited and not self._is_size_known and not self._incoming.is_promised:
            raise TransferError(
                f"{self._location} was sent without its length, so that a broken connection looks like the end of the "
                f"file, and no hash is promised. State the sha1 or the size of the file in its catalog, or use another "
                f"location."
            )
