"""Bringing a file to the disk while it still grows, so that the last sync is short and overlaps with the transfer."""

import os
from concurrent.futures import Future, ThreadPoolExecutor

EVERY = 64 * 1024 * 1024  # bytes: at most twice as many are not on the disk yet


class Syncer:
    """Syncs a file from a thread of its own.

    Parameters
    ----------
    descriptor : int
        Of the open file; it may be closed after `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None
        self._written = 0

    def wrote(self, count: int) -> None:
        """Take note of more bytes; may wait for those before the last.

        Raises
        ------
        OSError
            Earlier bytes could not be brought to the disk.
        """
        self._written += count
        if self._written < EVERY:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "brainio-sync")
        if self._running is not None:
            self._running.result()
        self._running, self._written = self._thread.submit(os.fsync, self._descriptor), 0

    def finish(self) -> None:
        """Bring everything to the disk.

        Raises
        ------
        OSError
            That failed.
        """
        if self._running is not None:
            self._running.result()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let the thread go."""
        if self._thread is not None:
            self._thread.shutdown()
