"""Digests of a stream, computed beside the thread that brings it, so that hashing does not slow a transfer."""

import hashlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

BLOCK = 1024 * 1024  # bytes: smaller blocks are not worth handing to another thread
_AHEAD = 8  # blocks that may wait for each digest: bounds the memory


class Hasher:
    """Several digests of the same bytes, one thread each.

    Parameters
    ----------
    kinds
        Names that hashlib knows.

    Examples
    --------
    >>> hasher = Hasher(["sha1"])
    >>> hasher.update(b"ab")
    >>> hasher.update(b"c")
    >>> hasher.hexdigests()
    {'sha1': 'a9993e364706816aba3e25717850c26c9cd0d89d'}
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._digests = {kind: hashlib.new(kind) for kind in kinds}
        self._threads: list[ThreadPoolExecutor] = []
        self._waiting: deque[Future[None]] = deque()

    def update(self, block: bytes) -> None:
        """Take the next bytes, which must not change any more; may wait for the digests to come near."""
        if len(block) < BLOCK:
            self._wait(0)
            for digest in self._digests.values():
                digest.update(block)
            return
        if not self._threads:
            self._threads = [ThreadPoolExecutor(1, "brainio-hash") for _ in self._digests]
        for thread, digest in zip(self._threads, self._digests.values(), strict=True):
            self._waiting.append(thread.submit(digest.update, block))
        self._wait(_AHEAD * len(self._digests))

    def hexdigests(self) -> dict[str, str]:
        """Return the digests of all bytes so far; more may follow."""
        self._wait(0)
        return {kind: digest.hexdigest() for kind, digest in self._digests.items()}

    def close(self) -> None:
        """Let the threads go."""
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)
        self._threads = []

    def _wait(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()
