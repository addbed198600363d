"""Open indexes: found or made when they are asked, held while they are used, and looked after.

Catalogs stay the truth, and an index may be deleted at any time. Where indexes lie is the business of `files` and
`server`.
"""

from __future__ import annotations

import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from cachetools import LRUCache
from sqlalchemy import insert, select
from sqlalchemy.exc import DatabaseError

from brainio.errors import CatalogWarning, IndexUnavailableError
from brainio.forks import guard
from brainio.index.facets import Labels
from brainio.index.freshness import Origin
from brainio.index.ranking import scored
from brainio.index.schema import read_packed, source
from brainio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from brainio.index.freshness import Names
    from brainio.index.ranking import Having
    from brainio.index.schema import FullText, Numbers

PATIENCE = 2.0  # seconds that an index in the making is waited for by whoever has the one before
MADE = "made"
"""The kind of origin that says when an index was finished."""
_MOST_OPEN = 16  # indexes
_MOST_HELD = 4_000_000  # documents of words that were asked, of 8 bytes each
_LONGEST_WAIT = 30.0  # seconds that an index is waited for which another thread makes, where checks are not waited for
_REST = 5  # times as long as a check took no other is made

_log = get_logger("brainio.index")
Answer = TypeVar("Answer")


class Index(ABC):
    """An open index; many threads may ask it.

    Attributes
    ----------
    name : str
        What it is opened by; empty where it is in memory.
    text : FullText
        How it is asked.
    origins : list of Origin
        What it was made of.
    """

    name: str
    text: FullText
    origins: list[Origin]

    def __init__(self) -> None:
        self._labels: Labels | None = None
        self._lengths: Numbers | None = None
        self._having: LRUCache[str, Having] = LRUCache(_MOST_HELD, getsizeof=lambda having: len(having.numbers) + 1)
        self._having_lock = guard(threading.RLock(), "remembered search results")

    def labels(self, connection: Connection) -> Labels:
        """Return the labels, which are read once."""
        if self._labels is None:
            self._labels = Labels(connection)
        return self._labels

    def having(self, connection: Connection, word: str) -> Having:
        """Return the documents that have a word of a question, and what it counts there."""
        with self._having_lock:
            if (known := self._having.get(word)) is not None:
                return known
        having = scored(self.text.having(connection, word), self._read_lengths(connection))
        with self._having_lock, suppress(ValueError):  # of a value that alone is larger than the cache
            self._having[word] = having
        return having

    def _read_lengths(self, connection: Connection) -> Numbers:
        if self._lengths is None:
            (self._lengths,) = read_packed(connection, "length")
        return self._lengths

    @abstractmethod
    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Return what some work on a connection gives; raises DatabaseError where the index is damaged."""

    @abstractmethod
    def close(self) -> None:
        """Close what it holds open."""

    @abstractmethod
    def discard(self) -> None:
        """Close it and remove it, since it is damaged."""


class Shelf(Protocol):
    """Where indexes lie."""

    def is_current(self, index: Index, names: Names) -> bool:
        """Whether an index of this shelf is that of catalogs as they are now."""

    def found_or_made(self, names: Names, before: Index | None) -> Index:
        """Return the index of catalogs as they are now, or else one before while somebody else makes it.

        Parameters
        ----------
        names : frozenset of str or None
            The catalogs; None for all in force.
        before : Index or None
            What was used so far, which may be returned.
        """


@dataclass
class _Slot:
    """The index of some catalogs in this process; who holds the lock may replace it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    index: Index | None = None
    next_check: float = 0.0


class Indexes:
    """The indexes that a process has open, one for each set of catalogs that is asked; the least used are closed.

    Parameters
    ----------
    shelf : Shelf
        Where they lie.
    checked_for : float, default 0
        Seconds for which an index that was up to date is taken to be. With 0 each question looks, and waits for what
        has changed. Else nobody who has an index waits: another thread looks, and makes the new one.
    """

    def __init__(self, shelf: Shelf, checked_for: float = 0.0) -> None:
        self._shelf, self._checked_for = shelf, checked_for
        self.forget()

    def forget(self) -> None:
        """Open all indexes anew, as a forked process has to: connections stay with the one that made them."""
        self._lock = threading.Lock()
        self._slots: OrderedDict[Names, _Slot] = OrderedDict()
        self._preparing: threading.Thread | None = None

    def close(self) -> None:
        """Close all indexes; they are opened again when they are needed."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            if slot.index is not None:
                slot.index.close()

    def ask(self, names: Names, work: Callable[[Connection, Index], Answer]) -> Answer:
        """Return what some work gives on the index of catalogs, which is made if need be.

        A catalog that cannot be read is left out with a `CatalogWarning`.

        Parameters
        ----------
        names : frozenset of str or None
            Identifiers of catalogs in force; None for all. What other catalogs list has no part in the answer.
        work : callable
            Is given a connection, and the index.

        Raises
        ------
        IndexUnavailableError
            The database of the index is away, or another thread takes too long to make it.
        """
        index = self._current(names)
        for origin in index.origins:
            if origin.problem:
                warnings.warn(f"{origin.problem}; this catalog is left out", CatalogWarning, stacklevel=5)
        try:
            return index.run(lambda connection: work(connection, index))
        except DatabaseError:
            self._discard(names, index)
        again = self._current(names)
        return again.run(lambda connection: work(connection, again))

    def prepare(self, names: Names) -> None:
        """Have an index opened, or made, by another thread before anybody asks it."""
        slot = self._slot(names)
        if slot.index is None and slot.lock.acquire(blocking=False):
            self._preparing = self._looking(slot, names)

    @property
    def is_preparing(self) -> bool:
        """Whether what is prepared is not ready yet."""
        return self._preparing is not None and self._preparing.is_alive()

    def _current(self, names: Names) -> Index:
        slot = self._slot(names)
        index = slot.index
        if index is not None and self._checked_for:
            if time.monotonic() >= slot.next_check and slot.lock.acquire(blocking=False):
                self._looking(slot, names)
            return index
        if not slot.lock.acquire(timeout=_LONGEST_WAIT if self._checked_for else -1):
            raise IndexUnavailableError("the index of the catalogs is still being made; try again in a minute")
        try:
            return self._checked(slot, names)
        finally:
            slot.lock.release()

    def _looking(self, slot: _Slot, names: Names) -> threading.Thread:
        thread = threading.Thread(target=self._look, args=(slot, names), name="brainio-index", daemon=True)
        thread.start()
        return thread

    def _look(self, slot: _Slot, names: Names) -> None:
        """Check an index while others use it; the lock is held, and let go at the end."""
        try:
            self._checked(slot, names)
        except Exception as error:  # whatever it is, who asks next is told
            _log.warning("the index was not made again: %s", error)
        finally:
            slot.lock.release()

    def _checked(self, slot: _Slot, names: Names) -> Index:
        begin, known = time.monotonic(), slot.index
        try:
            if known is not None and self._shelf.is_current(known, names):
                return known
            slot.index = made = self._shelf.found_or_made(names, known)
        finally:
            end = time.monotonic()
            slot.next_check = end + max(self._checked_for, _REST * (end - begin))
        if known is not None and known is not made:
            known.close()
        return made

    def _slot(self, names: Names) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(names, _Slot())
            self._slots.move_to_end(names)
            old = self._slots.popitem(last=False)[1] if len(self._slots) > _MOST_OPEN else None
        if old is not None and old.index is not None:
            old.index.close()
        return slot

    def _discard(self, names: Names, index: Index) -> None:
        slot = self._slot(names)
        with slot.lock:
            if slot.index is index:
                slot.index = None
                index.discard()
            else:  # another thread was first
                index.close()


def write_origins(connection: Connection, origins: Sequence[Origin]) -> None:
    """Note in an index what it was made of."""
    connection.execute(insert(source), [origin._asdict() for origin in origins])


def origins_in(connection: Connection) -> tuple[list[Origin], str]:
    """Return what an index was made of, and what it says of when it was finished; empty where it does not."""
    rows = [Origin(*row) for row in connection.execute(select(source))]
    made = next((origin.state for origin in rows if origin.kind == MADE), "")
    return [origin for origin in rows if origin.kind != MADE], made
