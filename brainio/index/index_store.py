"""Open indexes: opened or built on demand, checked for freshness, and closed when unused.

The catalogs remain the source of truth, and an index may be deleted at any time. `sqlite_index` and `postgresql_index`
store indexes.
"""

from __future__ import annotations

import threading
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import DatabaseError

from brainio.cache.sqlite_files import ClosingCache
from brainio.errors import CatalogWarning, IndexUnavailableError
from brainio.text import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.open_index import Index, Result

MAX_WAIT_SECONDS = 2.0  # to wait for a new index while a previous one is open
_MAX_OPEN = 16  # indexes
_BUILD_TIMEOUT = 30.0  # seconds to wait for an index that another thread builds, if checks run in the background
_CHECK_PAUSE = 5  # multiples of the duration of a check until the next one

_log = get_logger("brainio.index")


class IndexStore(Protocol):
    """A place that stores indexes."""

    def is_current(self, index: Index, names: Names) -> bool:
        """Return whether an index of this store has the present state of some catalogs."""

    def open_or_build(self, names: Names, previous: Index | None) -> Index:
        """Return the index of the present state of catalogs, or the previous one while another process builds it.

        Parameters
        ----------
        names : frozenset of str or None
            The catalogs; None for all active ones.
        previous : Index or None
            The index that was used so far.
        """


@dataclass
class _Slot:
    """The index of some catalogs in this process; only the thread that holds the lock replaces it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    index: Index | None = None
    next_check: float = 0.0

    def close(self) -> None:
        """Close the index, if it is open."""
        if self.index is not None:
            self.index.close()


class OpenIndexes:
    """The open indexes of a process, one for each set of catalogs; the least recently used are closed.

    Parameters
    ----------
    store : IndexStore
        The store of the indexes.
    fresh_seconds : float, default 0
        How long an index counts as fresh after a check. With 0, each query checks the catalogs and waits for a new
        index after a change. Otherwise queries use the open index while another thread checks and builds.
    """

    def __init__(self, store: IndexStore, fresh_seconds: float = 0.0) -> None:
        self._store, self._fresh_seconds = store, fresh_seconds
        self.forget()

    def forget(self) -> None:
        """Forget all open indexes, as a forked process must: its connections belong to the parent."""
        self._lock = threading.Lock()
        self._slots: ClosingCache[Names, _Slot] = ClosingCache(_MAX_OPEN)
        self._preparing: threading.Thread | None = None

    def close(self) -> None:
        """Close all indexes; the next query opens them again."""
        with self._lock:
            self._slots.close()

    def query(self, names: Names, function: Callable[[Connection, Index], Result]) -> Result:
        """Call a function with the index of some catalogs, which is built if necessary, and return its result.

        Warns
        -----
        CatalogWarning
            A catalog cannot be read and is left out.

        Parameters
        ----------
        names : frozenset of str or None
            Identifiers of active catalogs; None for all. Other catalogs do not influence the result.
        function : callable
            Called with a connection and the index.

        Raises
        ------
        IndexUnavailableError
            The database of the index is unreachable, or another thread takes too long to build the index.
        """
        index = self._current(names)
        for dependency in index.dependencies:
            if dependency.problem:
                warnings.warn(f"{dependency.problem}; this catalog is left out", CatalogWarning, stacklevel=5)
        try:
            return index.run(lambda connection: function(connection, index))
        except DatabaseError:
            self._discard(names, index)
        rebuilt = self._current(names)
        return rebuilt.run(lambda connection: function(connection, rebuilt))

    def prepare(self, names: Names) -> None:
        """Open or build an index in another thread before the first query."""
        slot = self._slot(names)
        if slot.index is None and slot.lock.acquire(blocking=False):
            self._preparing = self._start_check(slot, names)

    @property
    def is_preparing(self) -> bool:
        """Whether that thread is still running."""
        return self._preparing is not None and self._preparing.is_alive()

    def _current(self, names: Names) -> Index:
        slot = self._slot(names)
        index = slot.index
        if index is not None and self._fresh_seconds:
            if time.monotonic() >= slot.next_check and slot.lock.acquire(blocking=False):
                self._start_check(slot, names)
            return index
        if not slot.lock.acquire(timeout=_BUILD_TIMEOUT if self._fresh_seconds else -1):
            raise IndexUnavailableError("the index of the catalogs is still being built; try again in a minute")
        try:
            return self._refresh(slot, names)
        finally:
            slot.lock.release()

    def _start_check(self, slot: _Slot, names: Names) -> threading.Thread:
        thread = threading.Thread(
            target=self._check_in_background, args=(slot, names), name="brainio-index", daemon=True
        )
        thread.start()
        return thread

    def _check_in_background(self, slot: _Slot, names: Names) -> None:
        """Check an index while others use it, and release the lock, which the caller acquired."""
        try:
            self._refresh(slot, names)
        except Exception as error:  # the next query without an index raises it
            _log.warning("The index could not be rebuilt: %s", error)
        finally:
            slot.lock.release()

    def _refresh(self, slot: _Slot, names: Names) -> Index:
        begin, previous = time.monotonic(), slot.index
        try:
            if previous is not None and self._store.is_current(previous, names):
                return previous
            slot.index = current = self._store.open_or_build(names, previous)
        finally:
            end = time.monotonic()
            slot.next_check = end + max(self._fresh_seconds, _CHECK_PAUSE * (end - begin))
        if previous is not None and previous is not current:
            previous.close()
        return current

    def _slot(self, names: Names) -> _Slot:
        with self._lock:
            return self._slots.setdefault(names, _Slot())

    def _discard(self, names: Names, index: Index) -> None:
        slot = self._slot(names)
        with slot.lock:
            if slot.index is index:
                slot.index = None
                index.discard()
            else:  # another thread discarded it before
                index.close()
