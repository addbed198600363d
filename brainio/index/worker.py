"""Have a worker process make the indexes of many entries.

So that making one neither slows those down who ask meanwhile nor leaves memory behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from brainio.catalogs import listing, sources
from brainio.errors import BrainioError, CatalogError
from brainio.index.index_store import Indexes
from brainio.index.postgresql_index import Server
from brainio.index.sqlite_index import Files
from brainio.worker_process import WorkerProcess

if TYPE_CHECKING:
    from brainio.index.freshness import Names
    from brainio.index.index_store import Index

_FEW = 5_000  # entries, of which an index is made in less time than a process takes to start
_NICE = 10  # a tenth of the share of those who answer, on a machine that is busy; where nobody waits for the index


class Apart:
    """The indexes in files or in a database, made apart; see `Shelf`.

    Parameters
    ----------
    database : str
        `postgresql://...`; empty: files below `BRAINIO_HOME`.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._shelf = shelf_in(database)

    def is_current(self, index: Index, names: Names) -> bool:
        """Whether an index is that of catalogs as they are now."""
        return self._shelf.is_current(index, names)

    def found_or_made(self, names: Names, before: Index | None) -> Index:
        """Open an index if it is there; else have it made, apart if that takes long and can be done."""
        if not _are_few(names):
            if (found := self._shelf.found(names)) is not None:
                return found
            name = _made(names, self._database, is_waited_for=before is None)
            if name and (made := self._shelf.opened(name)) is not None:
                return made
        return self._shelf.found_or_made(names, before)


def shelf_in(database: str) -> Files | Server:
    """Return the indexes in a database; without one, those in files."""
    return Server(database) if database else Files()


def _are_few(names: Names) -> bool:
    entries = 0
    for name in sources() if names is None else names:
        with suppress(CatalogError):
            entries += len(listing(name).entries)
    return entries < _FEW


def _made(names: Names, database: str, *, is_waited_for: bool) -> str:
    """Have a worker process make an index, and return its name; empty where it could not."""
    worker = WorkerProcess("index", niceness=0 if is_waited_for else _NICE)
    arguments = [None if names is None else sorted(names), database]
    try:
        return str(worker.call("brainio.index.worker:make_index", arguments, subject="the search index"))
    except BrainioError:
        return ""
    finally:
        worker.stop()


def make_index(names: list[str] | None, database: str) -> str:
    """Make an index and return its name; runs in a worker process.

    Parameters
    ----------
    names : list of str or None
        Catalogs; None: the active ones.
    database : str
        See `Apart`.
    """
    catalogs = None if names is None else frozenset(names)
    return Indexes(shelf_in(database)).ask(catalogs, lambda _, index: index.name)
