"""The maker of profiles: of whatever is served and has its bytes on this machine, one after the other, apart.

One process on a machine makes them (of many workers the first), by a worker process with limits on time and memory, so
that no worker of the service grows and no visitor waits. A failure is logged and stored for the page of the entry; it
is tried again after a day, when the files change, or when the limits do.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import structlog

from brainio.cache.files import partial_folder
from brainio.cards import find_failure, has_profile, profile_key, record_failure
from brainio.catalogs import Entry
from brainio.errors import (
    BrainioError,
    CacheError,
    EntryUnavailableError,
    FormatError,
    IntegrityError,
    ResourceLimitError,
)
from brainio.fetch.entries import wanted_file
from brainio.fetch.home import local_cache
from brainio.local_files import Fingerprint
from brainio.locks import Lock, try_acquire
from brainio.service.catalog_watcher import MissingProfileFinder
from brainio.service.snapshots import CatalogWatcher, Snapshot
from brainio.worker_process import Limits, WorkerProcess

_log = structlog.get_logger("brainio.service")
_LOCK_KEY = "profile-making"
_AGAIN_AFTER = 86_400.0  # seconds
_LONGEST = 2000  # characters of an error in the log
_NICE = 10  # a tenth of the share of those who answer, on a machine that is busy
_REASONS = (
    (IntegrityError, "the files on this server are not those that its catalog promises"),
    (FormatError, "its files break the published format"),
    (CacheError, "this server could not store them"),
    (EntryUnavailableError, "its files are not all on this server"),
    (BrainioError, "its files could not be read"),
)


class ProfileBuilder:
    """Makes profiles while the service runs.

    Parameters
    ----------
    holdings : CatalogWatcher
        What is served.
    every : float
        Seconds between two looks.
    limits : Limits
        Of the process that makes them, for each profile.
    """

    def __init__(self, holdings: CatalogWatcher, every: float, limits: Limits) -> None:
        self._holdings, self._every, self._limits = holdings, every, limits
        self._stop = threading.Event()
        self._looking = MissingProfileFinder(self._stop.wait)
        self._failed: dict[object, float] = {}
        self._lock: Lock | None = None
        self._is_alone = False

    async def watch(self) -> None:
        """Look and make for ever."""
        try:
            while True:
                await asyncio.sleep(self._every)
                try:
                    await self._round()
                except Exception:  # whatever it is, pages do without profiles meanwhile
                    self._looking.forget()
                    _log.exception("making profiles failed")
        finally:
            self._stop.set()
            if self._lock is not None:
                self._lock.release()

    async def _round(self) -> None:
        if not self._is_alone and not self._acquire_lock():
            return
        snapshot = self._holdings.snapshot
        wanted = await asyncio.to_thread(self._wanted, snapshot)
        if wanted:
            await self._make(wanted)

    def _wanted(self, snapshot: Snapshot) -> list[Entry]:
        lacking = self._looking.lacking(snapshot, _served(snapshot))
        return [entry for entry in lacking if self._may_be_tried(entry)]

    def _acquire_lock(self) -> bool:
        """Become the one that makes profiles; where locks do not work, every process does."""
        try:
            self._lock = try_acquire(partial_folder(local_cache().root), _LOCK_KEY)
        except OSError:  # another process has it, or nothing can be written
            return False
        self._is_alone = True
        return True

    def _may_be_tried(self, entry: Entry) -> bool:
        if time.monotonic() - self._failed.get(_attempt(entry), float("-inf")) <= _AGAIN_AFTER:
            return False
        earlier = find_failure(entry)  # of this service before it was restarted
        is_recent = earlier is not None and 0 <= time.time() - earlier.time <= _AGAIN_AFTER
        return not (is_recent and earlier is not None and earlier.conditions == str(self._limits))

    async def _make(self, entries: Iterable[Entry]) -> None:
        worker = WorkerProcess("profiles", niceness=_NICE)
        try:
            for entry in entries:
                # another catalog may list the same bytes, or another process made it meanwhile
                if await asyncio.to_thread(has_profile, entry):
                    continue
                try:
                    await asyncio.to_thread(self._make_in, worker, entry)
                except BrainioError as error:
                    await asyncio.to_thread(self._note_failure, entry, error)
                    told = f"{type(error).__name__}: {error}"[:_LONGEST]
                    _log.warning("no profile", catalog=entry.catalog, identifier=entry.identifier, error=told)
                else:
                    _log.info("profile made", catalog=entry.catalog, kind=entry.kind, identifier=entry.identifier)
        finally:
            worker.stop()

    def _make_in(self, worker: WorkerProcess, entry: Entry) -> None:
        arguments = [entry.lookup_type, entry.identifier, entry.catalog, entry.version]
        subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}"
        worker.call(
            "brainio.cards.profile_builder:build_listed_profile", arguments, subject=subject, limits=self._limits
        )

    def _note_failure(self, entry: Entry, error: BrainioError) -> None:
        self._failed[_attempt(entry)] = time.monotonic()
        record_failure(entry, _in_plain_words(error, self._limits), str(self._limits))


def _in_plain_words(error: BrainioError, limits: Limits) -> str:
    """Return the reason of a failure for visitors, who learn no paths and messages."""
    if isinstance(error, ResourceLimitError):
        return (
            f"they need more than the {limits.memory_mb:,.0f} MB of memory or the {limits.seconds:,.0f} seconds that "
            f"this server allows"
        )
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


def _attempt(entry: Entry) -> object:
    """Return what is another one when it is worth trying again: other hashes, or files that changed."""
    prints: list[Fingerprint] = []
    for file in entry.files:
        with suppress(OSError):
            prints += [Fingerprint.of(place.path) for place, _ in wanted_file(entry, file).local_places()]
    return entry.catalog, entry.lookup_type, entry.identifier, profile_key(entry), tuple(prints)


def _served(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield all that has a page: every version of every entry, the current ones first."""
    for held in snapshot.catalogs.values():
        yield from held.listing.entries.values()
    for held in snapshot.catalogs.values():
        for key, versions in held.listing.versions.items():
            yield from (one for one in versions if one is not held.listing.entries[key])
