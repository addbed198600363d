"""Turns: one process at a time does a piece of work, as far as locks work here.

Locks save downloads and unpacking that would be done twice; nothing else depends on them. They do not work on some
network file systems, and on others every machine has its own. Then several processes do the same work, each on a file
of its own.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.logs import get_logger

if TYPE_CHECKING:
    from filelock import BaseFileLock

_log = get_logger("brainio.cache")
STALLED = 30.0  # seconds: a holder whose files do not change for so long is no longer waited for
LOCK = ".lock"  # ends the name of a lock
_POLL = 0.05  # seconds
_SHOW_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Turn:
    """A lock that this process holds; the file below it says so to others and goes away with the turn."""

    lock: "BaseFileLock"
    path: Path
    inode: int

    def end(self) -> None:
        """Let the next one in."""
        with suppress(OSError):
            if self.path.stat().st_ino == self.inode:  # else somebody found us too slow, and has a lock of their own
                self.path.unlink()
        with suppress(OSError):
            self.lock.release()


class Sign:
    """Shows those who wait that work on a file or folder goes on which takes long to look any different."""

    def __init__(self, path: Path) -> None:
        self._path, self._shown = path, time.monotonic()

    def show(self) -> None:
        """Touch it, at most once a second; from any thread, also when it has gone."""
        if time.monotonic() - self._shown > _SHOW_EVERY:
            self._shown = time.monotonic()
            with suppress(OSError):
                os.utime(self._path)


def take_turn(folder: Path, key: str, check: Callable[[], object] = lambda: None) -> Turn | None:
    """Wait until no other process works on ``KEY.*`` in a folder; None where locks do not work.

    While this waits it calls ``check``, and what that raises ends the waiting.

    A holder that makes no progress for `STALLED` seconds loses its turn: its lock file is removed, and the first of
    those who wait makes a new one.
    """
    seen: object = None
    since = time.monotonic()
    while True:
        with suppress(BlockingIOError):
            return try_turn(folder, key)
        progress = _progress(folder, key)
        if progress != seen:
            seen, since = progress, time.monotonic()
        elif time.monotonic() - since > STALLED:
            _log.warning("whoever works on %s in %s made no progress for %g s; going on without", key, folder, STALLED)
            try:
                _lock_path(folder, key).unlink(missing_ok=True)
            except OSError:
                return None
        check()
        time.sleep(_POLL * random.uniform(0.5, 1.5))  # noqa: S311 (spreads those who wait)


def try_turn(folder: Path, key: str) -> Turn | None:
    """Take the turn if nobody has it; None where locks do not work.

    Raises
    ------
    BlockingIOError
        Somebody has it.
    """
    from filelock import FileLock, Timeout  # takes longer to import than most of what the cache does

    path = _lock_path(folder, key)
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)  # a soft lock outlives its process
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BlockingIOError(f"{path} is held") from error
    except (OSError, NotImplementedError) as error:
        _log.debug("no lock on %s: %s", path, error)
        return None
    try:
        return Turn(lock, path, path.stat().st_ino)
    except OSError as error:  # taken away between the two calls
        lock.release()
        raise BlockingIOError(f"{path} was removed") from error


def _lock_path(folder: Path, key: str) -> Path:
    return folder / f"{key}{LOCK}"


def _progress(folder: Path, key: str) -> list[tuple[str, int, int, int]]:
    """Return what changes while somebody works on a key, or hands the turn on."""
    signs = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(f"{key}."):
                with suppress(OSError):
                    status = entry.stat()
                    signs.append((entry.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return sorted(signs)
