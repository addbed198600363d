"""Load hooks: notify listeners of loaded entries, and let a lock file override identifier resolution.

Both apply to all threads of the process, including those of thread pools. This module does not depend on lock files;
`brainio.lockfile` builds on it.
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
class LoadEvent:
    """The load or fetch of an entry; for an assembly, with the stimulus set that was joined to it."""

    entry: Entry
    stimulus_set: Entry | None = None


class Resolver(Protocol):
    """Resolves identifiers in place of the active catalogs."""

    def resolve(self, lookup_type: str, identifier: str, catalog: str | None, version: str | None) -> Entry:
        """Replace `brainio.catalogs.resolve`."""

    def stimulus_set_of(self, entry: Entry) -> Entry | None:
        """Replace `brainio.catalogs.stimulus_set_of`."""


Listener = Callable[[LoadEvent], object]


_listeners: list[Listener] = []
# A forked process would write into the lock file of its parent.
renew_in_child(_listeners.clear)
_lock = guard(threading.RLock(), "lock files in use")
_resolvers: tuple[Resolver, ...] = ()
_resolvers_of_context: ContextVar[tuple[Resolver, ...]] = ContextVar("brainio_resolvers", default=())


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call a listener for each entry that is loaded in the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        if listener in _listeners:  # a forked process has none
            _listeners.remove(listener)


@contextmanager
def override_resolution(resolver: Resolver) -> Iterator[None]:
    """Resolve identifiers with a resolver in the block; of nested blocks, the innermost applies.

    Raises
    ------
    LockfileError
        Another thread or task is inside such a block.
    """
    global _resolvers
    with _lock:
        before = _resolvers
        if before != _resolvers_of_context.get():
            raise LockfileError(
                "another thread or task loads from a lock file at the moment, which holds for the whole process. "
                "Open one block around both, or run them one after the other"
            )
        _resolvers = (*before, resolver)
    token = _resolvers_of_context.set(_resolvers)
    try:
        yield
    finally:
        _resolvers_of_context.reset(token)
        _resolvers = before


def notify_loaded(entry: Entry, stimulus_set: Entry | None = None) -> None:
    """Notify listeners that an entry was loaded or fetched."""
    for listener in tuple(_listeners):
        listener(LoadEvent(entry, stimulus_set))


def notify_fetched(fetched: Collection[Entry]) -> None:
    """Notify listeners of fetched entries; link an assembly to its stimulus set if both were fetched."""
    for entry in fetched:
        stimulus_set = None
        with suppress(EntryLookupError):  # the fetch reported it
            stimulus_set = stimulus_set_of(entry) if entry.lookup_type == TYPE_ASSEMBLY else None
        notify_loaded(entry, stimulus_set if stimulus_set in fetched else None)


def resolve(lookup_type: str, identifier: str, *, catalog: str | None = None, version: str | None = None) -> Entry:
    """Resolve an identifier to its entry; see `brainio.catalogs.resolve`."""
    if not _resolvers:
        return catalogs.resolve(lookup_type, identifier, catalog=catalog, version=version)
    return _resolvers[-1].resolve(lookup_type, identifier, catalog, version)


def resolve_listed(entry: Entry) -> Entry:
    """Return the entry that loading a listed entry by its identifier gives: itself, unless resolution is overridden."""
    if not _resolvers:
        return entry
    return _resolvers[-1].resolve(entry.lookup_type, entry.identifier, entry.catalog, None)


def entries_of(
    identifier: str, *, catalog: str | None = None, kind: str | None = None, version: str | None = None
) -> list[Entry]:
    """Return the stimulus set and the assembly with an identifier; see `brainio.catalogs.entries_of`."""
    if not _resolvers:
        return catalogs.entries_of(identifier, catalog=catalog, kind=kind, version=version)
    entries, failures = [], []
    for lookup_type in [kind] if kind else LOOKUP_TYPES:
        try:
            entries.append(_resolvers[-1].resolve(lookup_type, identifier, catalog, version))
        except NotLockedError as failure:
            failures.append(failure)
    if not entries:
        raise failures[0]
    return entries


def stimulus_set_of(entry: Entry, hashes: Mapping[str, str] | None = None) -> Entry | None:
    """Return the stimulus set of an assembly, if its catalog names one; see `brainio.catalogs.stimulus_set_of`."""
    return _resolvers[-1].stimulus_set_of(entry) if _resolvers else catalogs.stimulus_set_of(entry, hashes=hashes)


def with_stimulus_sets(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries and the available stimulus sets of the assemblies among them.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError, LockfileError
        The stimulus set that an assembly names cannot be resolved.

    Examples
    --------
    >>> [entry.kind for entry in with_stimulus_sets(entries_of('modelfest.Carney1999', kind='assembly'))]
    ['assembly', 'stimulus set']
    """
    entries = list(entries)
    stimulus_sets = [stimulus_set_of(entry) for entry in entries if entry.lookup_type == TYPE_ASSEMBLY]
    available = [entry for entry in stimulus_sets if entry is not None and entry.status != STATUS_UNAVAILABLE]
    return list(dict.fromkeys([*entries, *available]))
