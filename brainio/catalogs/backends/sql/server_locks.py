"""Waits for locks on PostgreSQL servers: the holder is logged, and a holder that makes no progress is an error.

One thread per process watches all transactions that take longer than a second, and queries the server for the
processes that block them. A holder makes progress while it executes statements, but not while it is idle in a
transaction or waits for its client.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from brainio.forks import renew_in_child
from brainio.locks import Wait

if TYPE_CHECKING:
    from brainio.errors import LockHeldError

_LOOK_AFTER = 1.0  # seconds
_LOOK_EVERY = 0.5  # seconds
_IDLE = 10.0  # seconds
_LONGEST_WAIT = "3600s"  # for a lock, if the server does not return its holder
_CANCELED = "57014"  # SQLSTATE: a statement was canceled

_LIMIT = text("SELECT pg_backend_pid() FROM set_config('lock_timeout', :limit, true)")
# All processes that block a process, directly or not. Those that wait for no other come first: only they progress.
_BLOCKERS = text("""
WITH RECURSIVE chain(pid) AS (
    SELECT unnest(pg_blocking_pids(:pid)) UNION SELECT unnest(pg_blocking_pids(chain.pid)) FROM chain
)
SELECT chain.pid, usename, application_name, host(client_addr) AS address, xact_start, state,
    coalesce(wait_event_type, '') AS waits_for, state_change, query_start,
    (SELECT max(virtualtransaction) FROM pg_locks WHERE pg_locks.pid = chain.pid) AS transaction
FROM chain LEFT JOIN pg_stat_activity AS activity ON activity.pid = chain.pid
WHERE chain.pid <> :pid
ORDER BY coalesce(wait_event_type, '') = 'Lock', xact_start, chain.pid
""")


def limit_waits(connection: Connection) -> int:
    """Limit the lock waits of a transaction, in case the watch cannot connect; return the id of its server process."""
    pid: int = connection.execute(_LIMIT, {"limit": _LONGEST_WAIT}).scalar_one()
    return pid


@contextmanager
def watch_locks(connection: Connection, lock: str, failure: str, pid: int | None = None) -> Iterator[None]:
    """Cancel statements of the block that wait for a lock whose holder makes no progress.

    Parameters
    ----------
    connection : Connection
        A connection to a PostgreSQL server, in a transaction.
    lock : str
        The locked object, for messages.
    failure : str
        The start of the error: "the database postgresql://lab/neuro was not written".
    pid : int, optional
        The server process, from `limit_waits`; by default the id that the driver knows, which is wrong behind a proxy.

    Raises
    ------
    LockHeldError
        The holder made no progress for `brainio.locks.STALLED` seconds.
    """
    transaction = _Transaction(connection, lock, failure, pid)
    watch = _watch
    watch.add(transaction)
    try:
        yield
    except DBAPIError as error:
        if transaction.error is not None and getattr(error.orig, "sqlstate", None) == _CANCELED:
            raise transaction.error from None
        raise
    finally:
        transaction.end()
        watch.remove(transaction)


class _Transaction:
    """A transaction that may wait for locks of others."""

    def __init__(self, connection: Connection, lock: str, failure: str, pid: int | None) -> None:
        raw: Any = connection.connection.dbapi_connection
        self._raw, self._engine, self._pid = raw, connection.engine, pid or raw.info.backend_pid
        self._failure = failure
        self._begin_wait = partial(Wait, f"in {lock}", self._describe_holder, self._find_progress)
        self._wait = self._begin_wait()
        self._blockers: list[Any] = []
        self._ending = threading.Lock()
        self._is_over = False
        self.began = time.monotonic()
        self.error: LockHeldError | None = None

    def check_blockers(self) -> None:
        """Query the processes that block the transaction, and cancel its statement if they make no progress."""
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with suppress(SQLAlchemyError):  # the transaction itself reports an unreachable server
            with engine.connect() as connection:
                blockers = list(connection.execute(_BLOCKERS, {"pid": self._pid}))
            with self._ending:  # afterwards, another transaction may use the connection
                if not self._is_over:
                    self._judge(blockers)

    def end(self) -> None:
        """Cancel no statement from now on."""
        with self._ending:
            self._is_over = True

    def _judge(self, blockers: list[Any]) -> None:
        if not self._blockers:
            self._wait = self._begin_wait()
        self._blockers = blockers
        if blockers:
            self._wait.log()
            if self._wait.is_stalled():
                self.error = self._wait.error(self._failure, self._remedy())
                self._raw.cancel()

    def _describe_holder(self) -> str:
        holder = self._blockers[0]
        if not holder.pid:
            return "a prepared transaction"
        parts = [holder.application_name, holder.usename and f"user {holder.usename}"]
        parts += [holder.address and f"from {holder.address}", holder.state]
        known = ", ".join(part for part in parts if part)
        since = f" since {holder.xact_start.astimezone():%Y-%m-%d %H:%M:%S}" if holder.xact_start else ""
        return f"server process {holder.pid} ({known}){since}"

    def _find_progress(self) -> object:
        roots = [holder for holder in self._blockers if holder.waits_for != "Lock"] or self._blockers
        return [
            (
                holder.pid,
                holder.transaction,
                holder.state_change,
                holder.query_start,
                _is_working(holder) and time.time(),
            )
            for holder in roots
        ]

    def _remedy(self) -> str:
        pid = self._blockers[0].pid
        if not pid:
            return "Commit or roll back the transactions in pg_prepared_xacts"
        return f"Continue or end its client, or run on the server: SELECT pg_terminate_backend({pid})"


def _is_working(holder: Any) -> bool:
    """Whether a server process executes a statement instead of waiting for its client, a lock or a timeout."""
    return holder.state == "active" and holder.waits_for not in ("Client", "Lock", "Timeout")


class _Watch:
    """The thread that watches transactions; it ends after ten seconds without any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transactions: set[_Transaction] = set()
        self._thread: threading.Thread | None = None

    def add(self, transaction: _Transaction) -> None:
        """Start to watch a transaction."""
        with self._lock:
            self._transactions.add(transaction)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="brainio-locks", daemon=True)
                self._thread.start()

    def remove(self, transaction: _Transaction) -> None:
        """Stop to watch a transaction."""
        with self._lock:
            self._transactions.discard(transaction)

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(_LOOK_EVERY)
            now = time.monotonic()
            with self._lock:
                last = now if self._transactions else last
                if now - last > _IDLE:
                    self._thread = None
                    return
                long = [transaction for transaction in self._transactions if now - transaction.began > _LOOK_AFTER]
            for transaction in long:
                transaction.check_blockers()


_watch = _Watch()


def _reset_watch() -> None:
    global _watch
    _watch = _Watch()


renew_in_child(_reset_watch)
