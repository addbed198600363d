"""Transactions on the databases that catalogs live in, and what their failures are called.

Knows drivers, time-outs and locks; `tables` reads and writes the tables.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from brainio.cache.sqlite_files import IN_SQLITE
from brainio.catalogs.backends.sql.file_locks import BUSY_TIMEOUT, FileAccess, listen
from brainio.catalogs.backends.sql.location import DatabaseLocation
from brainio.catalogs.backends.sql.server_locks import limit_waits, watch_locks
from brainio.errors import BrainioError, CatalogError, MissingDriverError, OfflineCatalogError
from brainio.forks import renew_in_child
from brainio.installation import install_command
from brainio.processes import this_process
from brainio.stores import BRAINIO_OFFLINE, is_offline
from brainio.stores.redaction import redacted

# A server that does not answer: libpq's words, in seconds and milliseconds. What the URL says of them wins.
_SERVER_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of a name
_SECONDS_BEFORE_ASKING_AGAIN = 60.0

_servers: dict[str, Engine] = {}
_away: dict[str, tuple[float, str]] = {}  # URL of a server -> until when it is not asked, and why


def why_away(place: DatabaseLocation) -> str:
    """Return why the server of a catalog did not answer within the last minute; empty where it is worth asking."""
    until, reason = _away.get(place.url, (0.0, ""))
    return reason if time.monotonic() < until else ""


@contextmanager
def reading(place: DatabaseLocation) -> Iterator[Connection]:
    """Give a connection on which a database stays as it is at the first question.

    Raises
    ------
    CatalogError
        There is no such database, or it does not answer.
    MissingDriverError
        What connects to it is not installed.
    OfflineCatalogError
        `BRAINIO_OFFLINE` is set, and it is a server.
    LockHeldError
        A process that writes the database makes no progress.
    """
    if place.path is not None and not place.path.is_file():
        raise CatalogError(
            f"there is no database {place.path}. Check the location, or make it: brainio catalog copy FROM {place}"
        )
    with _translated(place, "read"), _transaction(place, writes=False) as connection:
        yield connection


@contextmanager
def changing(place: DatabaseLocation) -> Iterator[Connection]:
    """Give a connection whose changes are kept all together at the end, or not at all after an exception.

    An SQLite file that does not exist is made. Only one process at a time changes such a file; on a server it takes
    the lock on the row of a catalog, which `sql_writing` does.

    Raises
    ------
    CatalogError, MissingDriverError, OfflineCatalogError
        As of `reading`, or the database may not be written.
    LockHeldError
        A process that uses the database makes no progress.
    """
    with _translated(place, "changed"), _transaction(place, writes=True) as connection:
        yield connection


def _transaction(place: DatabaseLocation, *, writes: bool) -> AbstractContextManager[Connection]:
    engine = _engine_of(place)
    if place.path is None:
        return _server_transaction(place, engine, writes=writes)
    return _file_transaction(engine, FileAccess(place, place.path, writes=writes))


@contextmanager
def _file_transaction(engine: Engine, access: FileAccess) -> Iterator[Connection]:
    # The lock comes first: forks wait for threads inside SQLite, but not for those that wait for another process.
    with access.exclude_writers(), IN_SQLITE, engine.connect() as connection:
        access.attach(connection)
        with connection.begin():
            yield connection


@contextmanager
def _server_transaction(place: DatabaseLocation, engine: Engine, *, writes: bool) -> Iterator[Connection]:
    with engine.connect() as connection:
        if not writes:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        failure = f"the database {place} was not {'written' if writes else 'read'}"
        with connection.begin():
            pid = limit_waits(connection) if writes else None
            with watch_locks(connection, str(place), failure, pid):
                yield connection


@contextmanager
def _translated(place: DatabaseLocation, what: str) -> Iterator[None]:
    try:
        yield
    except BrainioError:
        raise
    except (DBAPIError, PoolTimeoutError, ValueError) as error:  # a value that is none: of JSON that somebody wrote
        reason = _reason(place, error)
        if place.path is None and is_gone(error):
            _away[place.url] = time.monotonic() + _SECONDS_BEFORE_ASKING_AGAIN, reason
        # Not chained: the text of a driver may have what the URL holds.
        raise CatalogError(
            f"the database {place} could not be {what}: {reason}. Check that the database is there and that you may "
            f"use it, and try again."
        ) from None
    _away.pop(place.url, None)


def is_gone(error: Exception) -> bool:
    """Whether a server cannot be reached, or ends connections, unlike one that answers with an error."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, OperationalError) and (state is None or state.startswith(("08", "57P")))


def _reason(place: DatabaseLocation, error: Exception) -> str:
    text = " ".join(str(getattr(error, "orig", error)).split()).rstrip(".")
    password = make_url(place.url).password
    return redacted(text.replace(str(password), "...") if password else text)


def _engine_of(place: DatabaseLocation) -> Engine:
    if place.path is not None:
        return _sqlite_engine(place.path)
    if is_offline():
        raise OfflineCatalogError(
            f"{place} was not asked, since {BRAINIO_OFFLINE} is set. Unset it to use the network."
        )
    try:
        return server_engine(place.url)
    except ImportError:
        raise MissingDriverError(f"the database {place} needs the driver psycopg: {install_command('sql')}") from None
    except (ArgumentError, ValueError) as error:
        raise CatalogError(f"{place} is no URL of a database: {redacted(str(error))}") from None


def _leave_connections() -> None:
    """Let a forked process connect by itself: two processes cannot talk on one connection."""
    for engine in _servers.values():
        engine.dispose(close=False)
    _servers.clear()
    _sqlite_engine.cache_clear()


renew_in_child(_leave_connections)


def server_engine(url: str) -> Engine:
    """Return what connects this process to a server, made once; raises ImportError, ArgumentError or ValueError."""
    known = _servers.get(url)
    if known is not None:
        return known
    server = make_url(url).set(drivername="postgresql+psycopg")
    wanted: dict[str, int | str | None] = {
        name: value for name, value in _SERVER_PATIENCE.items() if name not in server.query
    }
    # Each statement is planned with its values: of a word that nearly all rows have, and of one that nearly none has,
    # the best plans differ. Compiling plans takes longer than any of them.
    wanted["prepare_threshold"] = None
    if "application_name" not in server.query:  # so that those who wait for this process can name it
        here = this_process()
        wanted["application_name"] = f"brainio pid {here.pid} on {here.host}"[:_LONGEST_NAME]
    made = create_engine(server, pool_pre_ping=True, max_overflow=20, connect_args=wanted)
    event.listen(made, "connect", lambda connection, _: connection.execute("SET jit = off") and connection.commit())
    return _servers.setdefault(url, made)


@cache
def _sqlite_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # Without "create" in the mode of an existing file, one that was moved away meanwhile is not made anew, empty.
        mode = "rw" if path.exists() else "rwc"
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )

    # No connection outlives its transaction, so that a file that was put in the place of another one is seen.
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    listen(engine)
    return engine
