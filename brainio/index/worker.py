"""Build large indexes in a worker process.

This neither slows down concurrent queries nor leaves memory behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from brainio.catalogs import listing, sources
from brainio.errors import BrainioError, CatalogError
from brainio.index.index_store import OpenIndexes
from brainio.index.postgresql_index import PostgresIndexStore
from brainio.index.sqlite_index import SqliteIndexStore
from brainio.worker_process import WorkerProcess

if TYPE_CHECKING:
    from brainio.index.freshness import Names
    from brainio.index.open_index import Index

_FEW_ENTRIES = 5_000  # building their index takes less time than starting a process
_NICENESS = 10  # a tenth of the CPU share of the queries on a busy machine, if no query waits for the index


class WorkerIndexStore:
    """An index store that builds large indexes in a worker process; see `IndexStore`.

    Parameters
    ----------
    database : str
        `postgresql://...`; empty for files below `BRAINIO_HOME`.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._store = index_store(database)

    def is_current(self, index: Index, names: Names) -> bool:
        """Return whether an index has the present state of some catalogs."""
        return self._store.is_current(index, names)

    def open_or_build(self, names: Names, previous: Index | None) -> Index:
        """Open an index, or build it, in a worker process if it is large."""
        if not _are_few(names):
            if (existing := self._store.find(names)) is not None:
                return existing
            name = _build_in_worker(names, self._database, is_waited_for=previous is None)
            if name and (built := self._store.open(name)) is not None:
                return built
        return self._store.open_or_build(names, previous)


def index_store(database: str) -> SqliteIndexStore | PostgresIndexStore:
    """Return the store of a database, or of files if `database` is empty."""
    return PostgresIndexStore(database) if database else SqliteIndexStore()


def _are_few(names: Names) -> bool:
    entries = 0
    for name in sources() if names is None else names:
        with suppress(CatalogError):
            entries += len(listing(name).entries)
    return entries < _FEW_ENTRIES


def _build_in_worker(names: Names, database: str, *, is_waited_for: bool) -> str:
    """Build an index in a worker process and return its name, or an empty text if that failed."""
    worker = WorkerProcess("index", niceness=0 if is_waited_for else _NICENESS)
    arguments = [None if names is None else sorted(names), database]
    try:
        return str(worker.call("brainio.index.worker:build_index", arguments, subject="the search index"))
    except BrainioError:
        return ""
    finally:
        worker.stop()


def build_index(names: list[str] | None, database: str) -> str:
    """Build an index and return its name; called in a worker process.

    Parameters
    ----------
    names : list of str or None
        Catalogs; None: the active ones.
    database : str
        See `WorkerIndexStore`.
    """
    catalogs = None if names is None else frozenset(names)
    return OpenIndexes(index_store(database)).query(catalogs, lambda _, index: index.name)
