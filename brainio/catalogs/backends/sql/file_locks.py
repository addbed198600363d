"""Locks on SQLite files: one writer at a time, and waits that name the process that holds the lock.

Writers of this package also hold a lock file next to the database (`brainio.locks`), which names their process and
shows whether it still runs. Other programs only hold SQLite's own lock, whose process Linux lists in /proc/locks.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from brainio.catalogs.backends.sql.location import DatabaseLocation
from brainio.errors import LockHeldError
from brainio.local_files import Fingerprint
from brainio.locks import Heartbeat, Wait, acquire_exclusive, continue_or_end, find_owner
from brainio.processes import ProcessIdentity, this_process
from brainio.text import get_logger

_log = get_logger("brainio.catalogs")
BUSY_TIMEOUT = 0.25  # seconds that SQLite itself waits at each attempt
_ACCESS = "brainio_file_access"
_STEPS = 100_000  # instructions of SQLite between two heartbeats within a statement
_PROC_LOCKS = Path("/proc/locks")


class FileAccess:
    """A transaction on an SQLite file that waits for other processes as long as they make progress.

    Parameters
    ----------
    place : DatabaseLocation
        The database.
    path : Path
        Its file.
    writes : bool
        Whether the transaction writes.
    """

    def __init__(self, place: DatabaseLocation, path: Path, *, writes: bool) -> None:
        self._place, self._path, self._writes = place, path, writes
        self._wait = _FileWait(path)
        self._heartbeat: Heartbeat | None = None

    @contextmanager
    def exclude_writers(self) -> Iterator[None]:
        """If this transaction writes, hold the lock file, unless the folder cannot contain one.

        Raises
        ------
        LockHeldError
            The process that holds the lock makes no progress.
        """
        with ExitStack() as stack:
            if self._writes:
                self._acquire(stack)
            yield

    def _acquire(self, stack: ExitStack) -> None:
        lock = acquire_exclusive(*_lock_of(self._path), str(self._place), self._wait.is_stalled)
        try:
            self._heartbeat = Heartbeat(stack.enter_context(lock).path)
        except LockHeldError:
            raise
        except OSError:  # SQLite's own lock remains, and reports the problem
            _log.debug("no lock next to %s", self._path)

    def attach(self, connection: Connection) -> None:
        """Let this object begin and commit the transactions of a connection."""
        connection.execution_options(**{_ACCESS: self})
        raw = connection.connection.dbapi_connection
        if self._writes and isinstance(raw, sqlite3.Connection):
            raw.set_progress_handler(self.beat, _STEPS)

    def begin(self, connection: Connection) -> None:
        """Begin the transaction, and acquire SQLite's lock."""
        self._run(connection, "BEGIN IMMEDIATE" if self._writes else "BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1")

    def commit(self, connection: Connection) -> None:
        """Commit after writing, as soon as no other process reads the file."""
        if self._writes:
            self._run(connection, "COMMIT")

    def beat(self) -> None:
        """Update the heartbeat, so that waiting processes see progress."""
        if self._heartbeat is not None:
            self._heartbeat.beat()

    def _run(self, connection: Connection, *statements: str) -> None:
        while not self._is_done(connection, statements):
            if self._wait.is_stalled():
                failure = f"the database {self._place} was not {'written' if self._writes else 'read'}"
                raise self._wait.error_for(failure)
            self._wait.pause()

    @staticmethod
    def _is_done(connection: Connection, statements: Iterable[str]) -> bool:
        """Execute statements; False if another process has the file locked."""
        try:
            for statement in statements:
                connection.exec_driver_sql(statement)
        except OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code is None or code & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True


def listen(engine: Engine) -> None:
    """Let the `FileAccess` that is attached to a connection begin and commit its transactions."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        _access_of(connection).begin(connection)

    @event.listens_for(engine, "commit")
    def commit(connection: Connection) -> None:
        _access_of(connection).commit(connection)

    @event.listens_for(engine, "before_cursor_execute")
    def beat(connection: Connection, *_statement: Any) -> None:
        _access_of(connection).beat()


def _access_of(connection: Connection) -> FileAccess:
    access: FileAccess = connection.get_execution_options()[_ACCESS]
    return access


class _FileWait(Wait):
    """A wait for SQLite's lock on a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(f"of SQLite on {path}", self._find_holder, self._find_progress)

    def error_for(self, failure: str) -> LockHeldError:
        process = _lock_holder(self._path)
        if process is not None and process.is_stopped:
            return self.error(failure, continue_or_end(process), " and is stopped")
        return self.error(failure, "Wait for it or end it")

    def _find_holder(self) -> object:
        process, writer = _lock_holder(self._path), find_owner(*_lock_of(self._path))
        if writer is None or writer.process is None or writer.process == this_process():
            return process or "another program"
        return writer if process is None or process.pid == writer.process.pid else process

    def _find_progress(self) -> object:
        process = _lock_holder(self._path)
        states: list[object] = [process and process.pid]
        return states + [Fingerprint.find(f"{self._path}{ending}") for ending in ("", "-journal", "-wal")]


def _lock_of(path: Path) -> tuple[Path, str]:
    """Return folder and key of the lock of this package on an SQLite file."""
    return path.parent, f".{path.name}"


def _lock_holder(path: Path) -> ProcessIdentity | None:
    """Return the process that holds SQLite's lock on a file; None if the system does not report it.

    The file must not be opened for this: closing it would release all locks of this process on it.
    """
    files = set()
    for name in (path, f"{path}-shm"):
        with suppress(OSError):
            status = os.stat(name)  # noqa: PTH116 - many times a second
            files.add(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}")
    try:
        records = [line.split() for line in _PROC_LOCKS.read_text().splitlines()]
    except OSError:  # not Linux
        return None
    locks = [
        fields
        for fields in records
        if len(fields) == 8 and fields[1] == "POSIX" and fields[4].isdecimal() and fields[5] in files
    ]
    if not locks:
        return None
    first = min(locks, key=lambda lock: (int(lock[4]) == os.getpid(), lock[3] != "WRITE"))
    return ProcessIdentity.from_pid(int(first[4]))
