"""Transactions on databases, with time-outs, locks and errors of the project's hierarchy."""

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
from brainio.stores.redaction import redact

# libpq's options for servers that do not respond, in seconds and milliseconds; the URL can override them.
_SERVER_TIMEOUTS = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of a name
_RETRY_SECONDS = 60.0

_servers: dict[str, Engine] = {}
_away: dict[str, tuple[float, str]] = {}  # URL of a server -> end of the pause before the next attempt, and the reason


def why_away(place: DatabaseLocation) -> str:
    """Return why the server of a catalog did not respond within the last minute; empty if it may respond now."""
    until, reason = _away.get(place.url, (0.0, ""))
    return reason if time.monotonic() < until else ""


@contextmanager
def reading(place: DatabaseLocation) -> Iterator[Connection]:
    """Yield a connection that sees one snapshot of a database, taken at the first query.

    Raises
    ------
    CatalogError
        The database does not exist, or does not respond.
    MissingDriverError
        The driver is not installed.
    OfflineCatalogError
        `BRAINIO_OFFLINE` is set, and the database is on a server.
    LockHeldError
        A process that writes the database makes no progress.
    """
    if place.path is not None and not place.path.is_file():
        raise CatalogError(
            f"there is no database {place.path}. Check the location, or create it: brainio catalog copy FROM {place}"
        )
    with _translate_errors(place, "read"), _transaction(place, writes=False) as connection:
        yield connection


@contextmanager
def changing(place: DatabaseLocation) -> Iterator[Connection]:
    """Yield a connection in a transaction that commits at the end of the block, or rolls back after an exception.

    A missing SQLite file is created. Only one process at a time changes such a file; on a server, `tables.lock_catalog`
    locks the row of a catalog.

    Raises
    ------
    CatalogError, MissingDriverError, OfflineCatalogError
        As of `reading`, or the database may not be written.
    LockHeldError
        A process that uses the database makes no progress.
    """
    with _translate_errors(place, "changed"), _transaction(place, writes=True) as connection:
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
def _translate_errors(place: DatabaseLocation, action: str) -> Iterator[None]:
    try:
        yield
    except BrainioError:
        raise
    except (DBAPIError, PoolTimeoutError, ValueError) as error:  # of malformed JSON
        reason = _reason(place, error)
        if place.path is None and is_gone(error):
            _away[place.url] = time.monotonic() + _RETRY_SECONDS, reason
        # Not chained: the driver's message may contain the password of the URL.
        raise CatalogError(
            f"the database {place} could not be {action}: {reason}. Check that the database is there and that you may "
            f"use it, and try again."
        ) from None
    _away.pop(place.url, None)


def is_gone(error: Exception) -> bool:
    """Whether a server cannot be reached or closes connections, as opposed to responding with an error."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, OperationalError) and (state is None or state.startswith(("08", "57P")))


def _reason(place: DatabaseLocation, error: Exception) -> str:
    text = " ".join(str(getattr(error, "orig", error)).split()).rstrip(".")
    password = make_url(place.url).password
    return redact(text.replace(str(password), "...") if password else text)


def _engine_of(place: DatabaseLocation) -> Engine:
    if place.path is not None:
        return _sqlite_engine(place.path)
    if is_offline():
        raise OfflineCatalogError(
            f"{place} was not contacted, since {BRAINIO_OFFLINE} is set. Unset it to use the network."
        )
    try:
        return server_engine(place.url)
    except ImportError:
        raise MissingDriverError(f"the database {place} needs the driver psycopg: {install_command('sql')}") from None
    except (ArgumentError, ValueError) as error:
        raise CatalogError(f"{place} is not the URL of a database: {redact(str(error))}") from None


def _leave_connections() -> None:
    """Let a forked process open its own connections: two processes cannot share one."""
    for engine in _servers.values():
        engine.dispose(close=False)
    _servers.clear()
    _sqlite_engine.cache_clear()


renew_in_child(_leave_connections)


def server_engine(url: str) -> Engine:
    """Return the engine of this process for a server; raises ImportError, ArgumentError or ValueError."""
    known = _servers.get(url)
    if known is not None:
        return known
    server = make_url(url).set(drivername="postgresql+psycopg")
    options: dict[str, int | str | None] = {
        name: value for name, value in _SERVER_TIMEOUTS.items() if name not in server.query
    }
    # Plan each statement with its values: the best plan for a frequent word differs from that for a rare word. JIT
    # compilation takes longer than any of these statements.
    options["prepare_threshold"] = None
    if "application_name" not in server.query:  # waiting processes show this name
        here = this_process()
        options["application_name"] = f"brainio pid {here.pid} on {here.host}"[:_LONGEST_NAME]
    made = create_engine(server, pool_pre_ping=True, max_overflow=20, connect_args=options)
    event.listen(made, "connect", lambda connection, _: connection.execute("SET jit = off") and connection.commit())
    return _servers.setdefault(url, made)


@cache
def _sqlite_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # The mode of an existing file excludes "create": a file that was moved meanwhile is not recreated empty.
        mode = "rw" if path.exists() else "rwc"
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )

    # No connection outlives its transaction, so that the next one opens a file that replaced the old one.
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    listen(engine)
    return engine
