"""What is loaded, told to whoever wants to know; and which entry an identifier means, where somebody decides that.

Knows nothing of lock files, which build on this. Both hold for all threads of the process: nothing that a pool loads
slips through.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from brainio import catalogs
from brainio.catalogs import LOOKUP_TYPES, TYPE_ASSEMBLY, Entry
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.errors import EntryLookupError, LockfileError, NotLockedError
from brainio.forks import guard, renew_in_child


@dataclass(frozen=True)
class Use:
    """An entry that was loaded or fetched, and the stimulus set that an assembly came with."""

    entry: Entry
    stimuli: Entry | None = None


class Pins(Protocol):
    """Decides which entries identifiers mean."""

    def find(self, lookup_type: str, identifier: str, catalog: str | None, version: str | None) -> Entry:
        """Do what `brainio.catalogs.resolve` does elsewhere."""

    def stimuli_of(self, entry: Entry) -> Entry | None:
        """Do what `brainio.catalogs.stimulus_set_of` does elsewhere."""


Listener = Callable[[Use], object]


_listeners: list[Listener] = []
# A forked process would write into the lock file of its parent.
renew_in_child(_listeners.clear)
_lock = guard(threading.RLock(), "lock files in use")
_pins: tuple[Pins, ...] = ()
_opened_here: ContextVar[tuple[Pins, ...]] = ContextVar("brainio_pins", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener what is loaded meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        if listener in _listeners:  # a forked process has none
            _listeners.remove(listener)


@contextmanager
def pinned_by(pins: Pins) -> Iterator[None]:
    """Let pins decide what is loaded meanwhile; of blocks in blocks, the innermost.

    Raises
    ------
    LockfileError
        Another thread or task has such a block open.
    """
    global _pins
    with _lock:
        before = _pins
        if before != _opened_here.get():
            raise LockfileError(
                "another thread or task loads from a lock file at the moment, which holds for the whole process. "
                "Open one block around both, or run them one after the other"
            )
        _pins = (*before, pins)
    token = _opened_here.set(_pins)
    try:
        yield
    finally:
        _opened_here.reset(token)
        _pins = before


def note(entry: Entry, stimuli: Entry | None = None) -> None:
    """Say that an entry was loaded or fetched."""
    for listener in tuple(_listeners):
        listener(Use(entry, stimuli))


def note_fetched(fetched: Collection[Entry]) -> None:
    """Say that entries were fetched, assemblies with their stimulus sets."""
    for entry in fetched:
        stimuli = None
        with suppress(EntryLookupError):  # fetching said so
            stimuli = stimulus_set_of(entry) if entry.lookup_type == TYPE_ASSEMBLY else None
        note(entry, stimuli if stimuli in fetched else None)


def pinned(entry: Entry) -> Entry:
    """Return what an entry that a catalog lists means here: itself, unless pins decide."""
    if not _pins:
        return entry
    return _pins[-1].find(entry.lookup_type, entry.identifier, entry.catalog, None)


def resolve(lookup_type: str, identifier: str, *, catalog: str | None = None, version: str | None = None) -> Entry:
    """Return the one entry that an identifier names; see `brainio.catalogs.resolve`."""
    if not _pins:
        return catalogs.resolve(lookup_type, identifier, catalog=catalog, version=version)
    return _pins[-1].find(lookup_type, identifier, catalog, version)


def entries_of(
    identifier: str, *, catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the entries of both kinds, or one, that an identifier names; see `brainio.catalogs.entries_of`."""
    if not _pins:
        return catalogs.entries_of(identifier, catalog=catalog, kind=kind, version=version)
    found, failures = [], []
    for lookup_type in [kind] if kind else LOOKUP_TYPES:
        try:
            found.append(_pins[-1].find(lookup_type, identifier, catalog, version))
        except NotLockedError as failure:
            failures.append(failure)
    if not found:
        raise failures[0]
    return found


def stimulus_set_of(entry: Entry, hashes: Mapping[str, str] | None = None) -> Entry | None:
    """Return the stimulus set that an assembly belongs to, if any; see `brainio.catalogs.stimulus_set_of`."""
    return _pins[-1].stimuli_of(entry) if _pins else catalogs.stimulus_set_of(entry, hashes=hashes)


def with_stimuli(found: Iterable[Entry]) -> list[Entry]:
    """Return entries and the stimulus sets of the assemblies among them, as far as these can be had.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError, LockfileError
        What an assembly names does not lead to one stimulus set.

    Examples
    --------
    >>> [entry.kind for entry in with_stimuli(entries_of('modelfest.Carney1999', kind='assembly'))]
    ['assembly', 'stimulus set']
    """
    found = list(found)
    stimuli = [stimulus_set_of(entry) for entry in found if entry.lookup_type == TYPE_ASSEMBLY]
    available = [entry for entry in stimuli if entry is not None and entry.status != STATUS_UNAVAILABLE]
    return list(dict.fromkeys([*found, *available]))
