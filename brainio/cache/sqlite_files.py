"""SQLite files that are made once under a name of their own, get their final name, and are only read from then on.

Whoever reads needs no locks, since a published file never changes. The time of change that a file is to have is written
into it, so that whatever writes to it later is noticed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote
from weakref import WeakSet

from brainio.cache.files import LAST_USE_EVERY
from brainio.forks import Activity, guard, renew_in_child
from brainio.local_files import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection


SUFFIX = ".sqlite"
_PRAGMAS = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768"
Answer = TypeVar("Answer")
# SQLite has locks around its memory and its files, which a forked process would find as its parent's threads had them.
IN_SQLITE = guard(Activity(), "SQLite")
_engines: WeakSet[Engine] = WeakSet()  # of the files that are open


class SQLiteFile:
    """An open file; many threads may ask it. Without a path it is in memory."""

    def __init__(self, engine: Engine, path: Path | None = None, print_: Fingerprint | None = None) -> None:
        self._engine = engine
        # One connection has the data that are in memory.
        self._alone = guard(threading.RLock(), "an index in memory") if path is None else nullcontext()
        self.path, self._print = path, print_
        if path is not None:
            _engines.add(engine)

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Return what some work on a connection gives."""
        pool = self._engine.pool
        with IN_SQLITE:
            try:
                with self._alone, self._engine.connect() as connection:
                    return work(connection)
            finally:
                if pool is not self._engine.pool:  # closed meanwhile
                    pool.dispose()

    def is_there(self) -> bool:
        """Whether its file still has its name: another one may have been published, or it was deleted."""
        try:
            return self.path is None or is_same_file(self.path, self._print)
        except OSError:
            return False

    def close(self) -> None:
        """Close its connections, those in use when they are given back."""
        with IN_SQLITE, self._alone:
            self._engine.dispose()


def is_same_file(path: Path, print_: Fingerprint | None) -> bool:
    """Whether a file is the one that had that fingerprint; its ctime is ignored, since noting a use changes it.

    Raises
    ------
    OSError
        There is no such file.
    """
    now = Fingerprint.of(path)
    return print_ is not None and (now == print_ or now.differs_in_ctime_only(print_))


def _leave_connections() -> None:
    """Let a forked process open its own connections; those of its parent stay open there."""
    for engine in list(_engines):
        engine.dispose(close=False)


renew_in_child(_leave_connections)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a published file, which never changes, so that there is nothing to lock."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def create_database(path: Path) -> sqlite3.Connection:
    """Open a new file that nobody else knows: if this process dies, it is as good as none."""
    connection = sqlite3.connect(path)
    connection.executescript(_PRAGMAS)
    return connection


def new_mtime_ns() -> int:
    """Return the time of change that a new file is to have, in ns: whole, even seconds, as all file systems keep."""
    return int(time.time()) // 2 * 2_000_000_000


def remove_stale(folder: Path, unused: float, left: float) -> None:
    """Remove files that were not used for so many seconds, and what killed processes left for so many."""
    for path in folder.iterdir():
        with suppress(OSError):
            status = path.stat()
            used, most = (status.st_atime, unused) if path.suffix == SUFFIX else (status.st_mtime, left)
            if time.time() - used > most:
                path.unlink()


def record_access(path: Path) -> None:
    """Note in its time of access that a file is used; not every file system does that by itself."""
    with suppress(OSError), path.open("rb") as file:
        status = os.fstat(file.fileno())
        if time.time() - status.st_atime > LAST_USE_EVERY:
            os.utime(file.fileno(), ns=(time.time_ns(), status.st_mtime_ns))
