"""SQLite files that are written once, renamed to their final name, and only read afterwards.

Readers need no locks, since a published file never changes. The intended modification time is stored in the file, so a
later write by any program is detected.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote
from weakref import WeakSet

from cachetools import LRUCache

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
Result = TypeVar("Result")
Key = TypeVar("Key")
# SQLite has internal locks, which a forked process would inherit in the state of its parent's threads.
IN_SQLITE = guard(Activity(), "SQLite")
_engines: WeakSet[Engine] = WeakSet()  # of open files


class SQLiteFile:
    """An open file that threads may query at the same time; without a path, it is in memory."""

    def __init__(self, engine: Engine, path: Path | None = None, fingerprint: Fingerprint | None = None) -> None:
        self._engine = engine
        # Data in memory belong to a single connection.
        self._exclusive = guard(threading.RLock(), "an index in memory") if path is None else nullcontext()
        self.path, self._fingerprint = path, fingerprint
        if path is not None:
            _engines.add(engine)

    def run(self, query: Callable[[Connection], Result]) -> Result:
        """Call a function with a connection, and return its result."""
        pool = self._engine.pool
        with IN_SQLITE:
            try:
                with self._exclusive, self._engine.connect() as connection:
                    return query(connection)
            finally:
                if pool is not self._engine.pool:  # closed meanwhile
                    pool.dispose()

    def is_current(self) -> bool:
        """Return whether the file still has its name, and was not replaced or deleted."""
        try:
            return self.path is None or is_same_file(self.path, self._fingerprint)
        except OSError:
            return False

    def close(self) -> None:
        """Close all connections; those in use close when they are returned."""
        with IN_SQLITE, self._exclusive:
            self._engine.dispose()


class Closable(Protocol):
    """An object with resources to close."""

    def close(self) -> None:
        """Close the object, because a `ClosingCache` removes it."""


ClosableType = TypeVar("ClosableType", bound=Closable)


class ClosingCache(LRUCache[Key, ClosableType]):
    """A cache of open objects, which closes the least recently used one to make room for another."""

    def popitem(self) -> tuple[Key, ClosableType]:
        """Remove and close the least recently used object."""
        key, least_used = super().popitem()
        least_used.close()
        return key, least_used

    def close(self) -> None:
        """Remove and close all objects."""
        while self:
            self.popitem()


def is_same_file(path: Path, fingerprint: Fingerprint | None) -> bool:
    """Return whether a file has a given fingerprint; its ctime is ignored, since recording a use changes it.

    Raises
    ------
    OSError
        The file does not exist.
    """
    now = Fingerprint.of(path)
    return fingerprint is not None and (now == fingerprint or now.differs_in_ctime_only(fingerprint))


def _leave_connections() -> None:
    """Make a forked process open its own connections; its parent's stay open there."""
    for engine in list(_engines):
        engine.dispose(close=False)


renew_in_child(_leave_connections)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a published file; it never changes, so no locks are needed."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def create_database(path: Path) -> sqlite3.Connection:
    """Open a new file that has no final name yet; if this process dies, the file is discarded."""
    connection = sqlite3.connect(path)
    connection.executescript(_PRAGMAS)
    return connection


def new_mtime_ns() -> int:
    """Return a modification time for a new file, in ns: even seconds, which all file systems can represent."""
    return int(time.time()) // 2 * 2_000_000_000


def remove_stale(folder: Path, max_unused: float, max_leftover_age: float) -> None:
    """Remove files that were unused for a number of seconds, and those of killed processes."""
    for path in folder.iterdir():
        with suppress(OSError):
            status = path.stat()
            is_published = path.suffix == SUFFIX
            last_use, max_age = (status.st_atime, max_unused) if is_published else (status.st_mtime, max_leftover_age)
            if time.time() - last_use > max_age:
                path.unlink()


def record_access(path: Path) -> None:
    """Record in its access time that a file is in use; some file systems do not do so by themselves."""
    with suppress(OSError), path.open("rb") as file:
        status = os.fstat(file.fileno())
        if time.time() - status.st_atime > LAST_USE_EVERY:
            os.utime(file.fileno(), ns=(time.time_ns(), status.st_mtime_ns))
