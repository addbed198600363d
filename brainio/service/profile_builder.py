"""The profile builder: builds missing profiles of served entries whose files are on this machine.

One process per machine builds them, one after the other, in a worker process with limits on time and memory, so that no
process of the service grows and no visitor waits. A failure is logged and stored for the page of the entry; the builder
retries it after a day, when the files change, or when the limits change.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

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
from brainio.fetch.cache_access import local_cache
from brainio.fetch.entry_files import ExpectedFile, has_local_files
from brainio.local_files import Fingerprint
from brainio.locks import Lock, try_acquire
from brainio.service.snapshots import CatalogWatcher, Snapshot
from brainio.stores.location import is_url
from brainio.worker_process import Limits, WorkerProcess

_log = structlog.get_logger("brainio.service")
_LOCK_KEY = "profile-making"
_RETRY_SECONDS = 86_400.0
_MAX_LOGGED = 2000  # characters of an error
_NICENESS = 10  # on a busy machine, a tenth of the processor share of the service
_RESCAN_SECONDS = 600.0  # between two searches for files outside of the cache
_WORK_SECONDS = 0.01  # between two pauses
_WORK_SHARE = 0.1  # of the time
_REASONS = (
    (IntegrityError, "the files on this server do not have the hashes in the catalog"),
    (FormatError, "the files violate the data format"),
    (CacheError, "this server could not store the files"),
    (EntryUnavailableError, "some files are not on this server"),
    (BrainioError, "the files could not be read"),
)


class ProfileBuilder:
    """Builds profiles while the service runs.

    Parameters
    ----------
    catalogs : CatalogWatcher
        The served catalogs.
    interval : float
        Seconds between two searches for entries without a profile.
    limits : Limits
        Limits of the worker process, for each profile.
    """

    def __init__(self, catalogs: CatalogWatcher, interval: float, limits: Limits) -> None:
        self._catalogs, self._interval, self._limits = catalogs, interval, limits
        self._stop = threading.Event()
        self._finder = MissingProfileFinder(self._stop.wait)
        self._failed: dict[object, float] = {}
        self._lock: Lock | None = None
        self._is_chosen = False

    async def watch(self) -> None:
        """Build missing profiles at regular intervals, until cancelled."""
        try:
            while True:
                await asyncio.sleep(self._interval)
                try:
                    await self._run_once()
                except Exception:  # pages work without profiles; try again
                    self._finder.reset()
                    _log.exception("building profiles failed")
        finally:
            self._stop.set()
            if self._lock is not None:
                self._lock.release()

    async def _run_once(self) -> None:
        if not self._is_chosen and not self._acquire_lock():
            return
        snapshot = self._catalogs.snapshot
        entries = await asyncio.to_thread(self._entries_to_build, snapshot)
        if entries:
            await self._build(entries)

    def _entries_to_build(self, snapshot: Snapshot) -> list[Entry]:
        missing = self._finder.find(snapshot, _served_entries(snapshot))
        return [entry for entry in missing if self._may_retry(entry)]

    def _acquire_lock(self) -> bool:
        """Become the process that builds profiles; if locks do not work here, every process does."""
        try:
            self._lock = try_acquire(partial_folder(local_cache().root), _LOCK_KEY)
        except OSError:  # another process has the lock, or the cache is read-only
            return False
        self._is_chosen = True
        return True

    def _may_retry(self, entry: Entry) -> bool:
        if time.monotonic() - self._failed.get(_attempt_key(entry), float("-inf")) <= _RETRY_SECONDS:
            return False
        earlier = find_failure(entry)  # before the service was restarted
        is_recent = earlier is not None and 0 <= time.time() - earlier.time <= _RETRY_SECONDS
        return not (is_recent and earlier is not None and earlier.conditions == str(self._limits))

    async def _build(self, entries: Iterable[Entry]) -> None:
        worker = WorkerProcess("profiles", niceness=_NICENESS)
        try:
            for entry in entries:
                # Another entry may have the same bytes, or another process may have built the profile meanwhile.
                if await asyncio.to_thread(has_profile, entry):
                    continue
                try:
                    await asyncio.to_thread(self._build_in, worker, entry)
                except BrainioError as error:
                    await asyncio.to_thread(self._record_failure, entry, error)
                    text = f"{type(error).__name__}: {error}"[:_MAX_LOGGED]
                    _log.warning("no profile", catalog=entry.catalog, identifier=entry.identifier, error=text)
                else:
                    _log.info("profile built", catalog=entry.catalog, kind=entry.kind, identifier=entry.identifier)
        finally:
            worker.stop()

    def _build_in(self, worker: WorkerProcess, entry: Entry) -> None:
        arguments = [entry.lookup_type, entry.identifier, entry.catalog, entry.version]
        subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r}"
        worker.call(
            "brainio.cards.profile_builder:build_listed_profile", arguments, subject=subject, limits=self._limits
        )

    def _record_failure(self, entry: Entry, error: BrainioError) -> None:
        self._failed[_attempt_key(entry)] = time.monotonic()
        record_failure(entry, _public_reason(error, self._limits), str(self._limits))


def _public_reason(error: BrainioError, limits: Limits) -> str:
    """Return the reason of a failure for visitors, without paths and messages of this machine."""
    if isinstance(error, ResourceLimitError):
        return (
            f"they need more than the {limits.memory_mb:,.0f} MB of memory or the {limits.seconds:,.0f} seconds that "
            f"this server allows"
        )
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


def _attempt_key(entry: Entry) -> object:
    """Return a key that changes when a retry makes sense: with the hashes of an entry, or its files."""
    fingerprints: list[Fingerprint] = []
    for file in entry.files:
        with suppress(OSError):
            fingerprints += [
                Fingerprint.of(place.path) for place, _ in ExpectedFile.from_entry(entry, file).local_locations()
            ]
    return entry.catalog, entry.lookup_type, entry.identifier, profile_key(entry), tuple(fingerprints)


def _served_entries(snapshot: Snapshot) -> Iterator[Entry]:
    """Yield all versions of all entries, the current versions first."""
    for catalog in snapshot.catalogs.values():
        yield from catalog.listing.entries.values()
    for catalog in snapshot.catalogs.values():
        for key, versions in catalog.listing.versions.items():
            current = catalog.listing.entries[key]
            yield from (version for version in versions if version is not current)


class MissingProfileFinder:
    """Finds entries whose files are on this machine and that have no profile.

    It checks all entries (there may be 100,000) when the catalogs or the files in the cache have changed, in short
    pieces of work; otherwise it only compares the modification times of a few hundred folders.

    Parameters
    ----------
    pause : callable
        Waits for a number of seconds; returns true to end the search.
    """

    def __init__(self, pause: Callable[[float], bool]) -> None:
        self._pause = pause
        self._catalogs: object = None
        self._cache_times: list[list[int]] = []
        self._searched_at = float("-inf")

    def find(self, catalogs: object, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries without a profile; an empty list if nothing changed since the last search.

        Parameters
        ----------
        catalogs : object
            Another object when the served catalogs changed.
        entries : iterable of Entry
            All served entries.
        """
        roots = (local_cache().root, *local_cache().shared)
        cache_times, now = [_modification_times(root) for root in roots], time.monotonic()
        is_same = catalogs is self._catalogs and cache_times == self._cache_times
        if is_same and now - self._searched_at < _RESCAN_SECONDS:
            return []
        cached = {sha1 for root in roots for sha1 in _cached_hashes(root)}
        missing = [entry for entry in self._with_pauses(entries) if _may_be_local(entry, cached) and _is_missing(entry)]
        self._catalogs, self._cache_times, self._searched_at = catalogs, cache_times, now
        return missing

    def reset(self) -> None:
        """Let the next search check all entries, not only those of changed catalogs."""
        self._catalogs = None

    def _with_pauses(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        start = time.monotonic()
        for entry in entries:
            yield entry
            worked = time.monotonic() - start
            if worked > _WORK_SECONDS:
                if self._pause(worked / _WORK_SHARE):
                    return
                start = time.monotonic()


def _may_be_local(entry: Entry, cached: set[str]) -> bool:
    """Whether a check on the disk is worthwhile: all files are in the cache, or have locations on this machine."""
    return all(
        file.sha1 in cached
        or not file.sha1
        or _is_local_path(entry.base, file.location)
        or any(_is_local_path(entry.base, mirror) for mirror in file.mirrors)
        for file in entry.files
    )


def _is_local_path(base: str, location: str) -> bool:
    is_path = not is_url(location)
    return location.startswith("file:") or (is_path and (not is_url(base) or base.startswith("file:")))


def _is_missing(entry: Entry) -> bool:
    return not has_profile(entry) and has_local_files(entry)


def _modification_times(root: Path) -> list[int]:
    """Return the modification times of a cache's folders, which change when files are added or removed."""
    times = []
    for entry in (*_scan(root), *_scan(root / "content")):
        with suppress(OSError):  # removed meanwhile
            times.append(entry.stat().st_mtime_ns)
    return times


def _cached_hashes(root: Path) -> Iterator[str]:
    for folder in _scan(root / "content"):
        for content in _scan(Path(folder.path)):
            yield content.name


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
