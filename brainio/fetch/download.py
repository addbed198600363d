"""The bytes of one place, from any byte on: continued where the connection breaks, in parallel where that pays.

Bytes come in order, however they came; whether they are the right ones is judged by whoever takes them. Large files are
asked for in parts over several connections. How many there are, and how many parts wait in memory, is bounded for the
whole process.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tenacity import AttemptManager, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from brainio.errors import ChangedFileError, InterruptedTransferError, ShorterFileError, TransferError
from brainio.progress import FileProgress
from brainio.stores import WHOLE, Facts, Location, Reading, Span, open_read
from brainio.stores.transfer import CHUNK, first, pausing, require_whole
from brainio.threads import Stop, in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

CONNECTIONS = 16
PARTS_IN_MEMORY = 16
_PART = 8 << 20
_PARTS_AT_ONCE = 8  # of one file
_IN_PARTS_FROM = 8 * _PART
_ATTEMPTS = 5
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
os.register_at_fork(after_in_child=_bounds.renew)


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
    verified : bool
        Whether a hash will tell if these are the right bytes. If not, the tag of the file must stay the same.

    Raises
    ------
    TransferError
        While iterating: the place does not give the bytes, also not after some attempts.
    ShorterFileError
        While iterating: the file ends before a byte that is wanted.
    ChangedFileError
        While iterating: the file was replaced in between.
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
        *,
        verified: bool,
    ) -> None:
        self._place, self._version_id = place, version_id or None
        self._position = start
        self._progress, self._came = progress, came
        self._verified = verified
        self._stop = Stop()
        self._facts: Facts | None = None
        self._gives_parts = True
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
        size = self._facts.size if self._facts else None
        if size and self._is_large():
            yield from self._parts(size)
        if size and self._position < size:
            self._gives_parts = False
            yield from self._stream(attempt)
        require_whole(self._place, size, self._position)
        if size is not None and self._position > size:
            raise TransferError(f"{self._place} announced {size} bytes and gave {self._position}. Try again.")

    def _stream(self, attempt: AttemptManager) -> Iterator[bytes]:
        """Read on over one connection, of a large file no more than one part."""
        began, at = self._position, time.monotonic()
        # One byte more than is needed: servers refuse to begin at the end of a file, where a finished one would.
        with self._opened(Span(began - 1) if began else WHOLE) as reading:
            for block in _from(began, reading, self._place):
                self._sign()
                self._position += len(block)
                if self._position - began > _PROGRESS:
                    attempt.retry_state.attempt_number = 1
                yield block
                if self._position - began >= _PART and self._is_large():
                    self._block = _block_for((self._position - began) / (time.monotonic() - at))
                    return

    @contextmanager
    def _opened(self, span: Span) -> Iterator[Reading]:
        with _bounds.connections, ExitStack() as stack:
            self._sign()
            token = pausing.set(self._sign)
            try:
                reading = stack.enter_context(open_read(self._place, self._version_id, span))
            finally:
                pausing.reset(token)
            stack.enter_context(self._stop.reaching(reading.interrupt))
            self._note(reading.facts, span)
            yield reading

    def _sign(self) -> None:
        self._stop.check()
        self._came()

    def _note(self, facts: Facts, span: Span) -> None:
        if not self._verified and self._facts is not None and facts.tag != self._facts.tag:
            raise ChangedFileError(
                f"{self._place} was replaced while it was read: first {self._facts.tag}, now {facts.tag}. Try again."
            )
        if facts.size is not None:
            if span.start and facts.size <= span.start:
                raise ShorterFileError(f"{self._place} ends after {facts.size} bytes; expected more than {span.start}.")
            self._progress.announce(facts.size)
        self._facts = facts

    def _is_large(self) -> bool:
        facts = self._facts
        in_parts = facts is not None and facts.in_parts and self._gives_parts
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
        blocks = []
        with self._opened(Span(start, stop)) as reading:
            if reading.facts.start != start or reading.facts.length not in (None, stop - start):
                return None
            for block in first(reading.chunks(self._block), stop - start):
                self._sign()
                blocks.append(block)
        require_whole(self._place, stop - start, sum(map(len, blocks)))
        return blocks


def _block_for(speed: float) -> int:
    """Return how much to read at once of each part, so that something comes about every second of all of them."""
    return max(CHUNK, min(_PART, int(speed) // _PARTS_AT_ONCE))


def _from(position: int, reading: Reading, place: Location) -> Iterator[bytes]:
    """Yield a body from a byte of the file on; a server may have begun earlier."""
    surplus = position - reading.facts.start
    if surplus < 0:
        raise TransferError(f"{place} was asked for the bytes from {position} on, and began later. Try again.")
    for block in reading.chunks():
        yield block[surplus:]
        surplus = max(0, surplus - len(block))
