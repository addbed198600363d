"""The bytes of one place, from any byte on: continued where the connection breaks, in parallel where that pays.

Bytes come in order, however they came; whether they are the right ones is judged by whoever takes them. Large files are
asked for in parts over several connections, whose number is bounded for the whole process.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from tenacity import AttemptManager, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from brainio.errors import ChangedFileError, InterruptedTransferError, TransferError
from brainio.stores import WHOLE, Facts, Location, Reading, Span, open_read

CONNECTIONS = 16
_connections = threading.BoundedSemaphore(CONNECTIONS)
_PART = 8 << 20
_PARTS_AT_ONCE = 8  # as many parts may be in memory
_IN_PARTS_FROM = 8 * _PART
_ATTEMPTS = 5
_PROGRESS = 64 << 10  # what an attempt must bring to count as progress


def _retrying() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(InterruptedTransferError),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        reraise=True,
    )


class Download:
    """The bytes of a place from one byte on; to be iterated once.

    Parameters
    ----------
    place, version_id
        As `brainio.stores.open_read` takes them.
    start : int
        The first byte that is wanted.
    announce : function
        Called with the size of the whole file, as soon as the place tells it.

    Raises
    ------
    TransferError
        While iterating: the place does not give the bytes, also not after some attempts.
    ChangedFileError
        While iterating: the file was replaced in between.
    """

    def __init__(self, place: Location, version_id: str, start: int, announce: Callable[[int], object]) -> None:
        self._place = place
        self._version_id = version_id or None
        self._position = start
        self._announce = announce
        self._facts: Facts | None = None

    def __iter__(self) -> Iterator[bytes]:
        for attempt in _retrying():
            with attempt:
                yield from self._stream(attempt)
                yield from self._parts()

    def _stream(self, attempt: AttemptManager) -> Iterator[bytes]:
        """Read on over one connection, of a large file no more than one part."""
        began = self._position
        # One byte more than is needed: servers refuse to begin at the end of a file, where a finished one would.
        span = Span(began - 1) if began else WHOLE
        with _connections, open_read(self._place, self._version_id, span) as reading:
            self._note(reading.facts)
            for block in _from(began, reading, self._place):
                self._position += len(block)
                if self._position - began > _PROGRESS:
                    attempt.retry_state.attempt_number = 1
                yield block
                if self._position - began >= _PART and self._is_large():
                    return

    def _note(self, facts: Facts) -> None:
        if self._facts is not None and facts.tag != self._facts.tag:
            raise ChangedFileError(
                f"{self._place} was replaced while it was read: first {self._facts.tag}, now {facts.tag}. Try again."
            )
        self._facts = facts
        if facts.size is not None:
            self._announce(facts.size)

    def _is_large(self) -> bool:
        facts = self._facts
        return bool(facts and facts.in_parts and facts.size and facts.size - self._position >= _IN_PARTS_FROM)

    def _parts(self) -> Iterator[bytes]:
        """Read the rest of a large file over several connections, in order."""
        if self._facts is None or self._facts.size is None or self._position >= self._facts.size:
            return
        size = self._facts.size
        spans = deque(Span(start, min(start + _PART, size)) for start in range(self._position, size, _PART))
        waiting: deque[Future[bytes]] = deque()
        pool = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="brainio-part")
        try:
            while spans or waiting:
                while spans and len(waiting) < _PARTS_AT_ONCE:
                    waiting.append(pool.submit(self._part, spans.popleft()))
                part = waiting.popleft().result()
                self._position += len(part)
                yield part
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _part(self, span: Span) -> bytes:
        return _retrying()(self._read_part, span)

    def _read_part(self, span: Span) -> bytes:
        with _connections, open_read(self._place, self._version_id, span) as reading:
            self._note(reading.facts)
            if reading.facts.start != span.start:
                raise TransferError(f"{self._place} gave parts of its file, and now the whole. Try again.")
            return b"".join(reading.chunks(_PART))  # at once: small blocks would be copied once more


def _from(position: int, reading: Reading, place: Location) -> Iterator[bytes]:
    """Yield a body from a byte of the file on; a server may have begun earlier."""
    surplus = position - reading.facts.start
    if surplus < 0:
        raise TransferError(f"{place} was asked for the bytes from {position} on, and began later. Try again.")
    for block in reading.chunks():
        yield block[surplus:]
        surplus = max(0, surplus - len(block))
