"""Which entries that are served have their bytes on this machine and no profile: looked for in small pieces.

A hundred thousand entries are gone through when the catalogs, or the files in the cache, changed; else nothing is done
but to ask a few hundred folders for their time of change.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from brainio.cards import has_profile
from brainio.catalogs import Entry
from brainio.fetch.entries import are_bytes_here
from brainio.fetch.home import local_cache

_LOCAL_EVERY = 600.0  # seconds after which files outside of the cache are looked for again
_PIECE = 0.01  # seconds of work between two pauses
_SHARE = 0.1  # of the time that is spent on work


class MissingProfileFinder:
    """Remembers what was looked at.

    Parameters
    ----------
    pause : callable
        Waits for so many seconds; true if looking is to end.
    """

    def __init__(self, pause: Callable[[float], bool]) -> None:
        self._pause = pause
        self._catalogs: object = None
        self._files: list[list[int]] = []
        self._seen_at = float("-inf")

    def lacking(self, catalogs: object, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that lack a profile; none where nothing changed since they were last asked for.

        Parameters
        ----------
        catalogs : object
            Another one when what is served changed.
        entries : iterable of Entry
            What is served.
        """
        roots = (local_cache().root, *local_cache().shared)
        files, now = [_state_of(root) for root in roots], time.monotonic()
        if catalogs is self._catalogs and files == self._files and now - self._seen_at < _LOCAL_EVERY:
            return []
        cached = {sha1 for root in roots for sha1 in _contents(root)}
        found = [entry for entry in self._slowly(entries) if may_be_here(entry, cached) and _lacks(entry)]
        self._catalogs, self._files, self._seen_at = catalogs, files, now
        return found

    def forget(self) -> None:
        """Look at all entries the next time."""
        self._catalogs = None

    def _slowly(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        began = time.monotonic()
        for entry in entries:
            yield entry
            worked = time.monotonic() - began
            if worked > _PIECE:
                if self._pause(worked / _SHARE):
                    return
                began = time.monotonic()


def may_be_here(entry: Entry, cached: set[str]) -> bool:
    """Whether it is worth asking the disk for an entry: its contents are in the cache, or its files may lie here."""
    return all(
        file.sha1 in cached
        or not file.sha1
        or _may_be_local(entry.base, file.location)
        or any(_may_be_local(entry.base, mirror) for mirror in file.mirrors)
        for file in entry.files
    )


def _may_be_local(base: str, location: str) -> bool:
    is_path = "://" not in location
    return location.startswith("file:") or (is_path and ("://" not in base or base.startswith("file:")))


def _lacks(entry: Entry) -> bool:
    return not has_profile(entry) and are_bytes_here(entry)


def _state_of(root: Path) -> list[int]:
    """Return what changes when a file comes into a cache or goes."""
    times = []
    for entry in (*_entries(root), *_entries(root / "content")):
        with suppress(OSError):  # it went meanwhile
            times.append(entry.stat().st_mtime_ns)
    return times


def _contents(root: Path) -> Iterator[str]:
    for folder in _entries(root / "content"):
        for content in _entries(Path(folder.path)):
            yield content.name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
