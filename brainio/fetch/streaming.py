"""Assemblies whose file stays where it lies."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.catalogs import Entry
from brainio.errors import EntryUnavailableError, StreamWarning, UnexpectedContentError
from brainio.fetch.entries import require_available, unavailable, wanted_file
from brainio.fetch.files import WantedFile, first_that_works
from brainio.fetch.pruned import retry_if_pruned
from brainio.fetch.signatures import mismatch_of
from brainio.local_files import open_regular
from brainio.stores import Location, open_file

if TYPE_CHECKING:
    from brainio.stores.range_reader import RangeReader


class CachedFile(io.BufferedReader):
    """The verified copy of an entry's file, which stays readable when it is pruned.

    May be pickled: a process that loads it opens the entry again.

    Parameters
    ----------
    path : Path
        The file in the cache.
    entry : Entry
        The assembly.
    """

    def __init__(self, path: Path, entry: Entry) -> None:
        super().__init__(open_regular(path))
        self._path, self._entry = path, entry

    def __str__(self) -> str:
        return str(self._path)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_entry, (self._entry,)


def open_entry(entry: Entry) -> "RangeReader | CachedFile":
    """Open the file of an assembly at its location, or the verified copy in the cache."""
    require_available(entry)
    file = entry.file("nc")
    if file is None:
        raise EntryUnavailableError(unavailable(entry))
    wanted = wanted_file(entry, file)
    if (copy := retry_if_pruned(lambda: _cached_copy(entry, wanted))) is not None:
        return copy
    opened = first_that_works(_opened, wanted.places)
    pin = f"pinned by {opened.pin}" if opened.pin else "pinned by nothing, since its store names no version"
    warnings.warn(
        f"{entry.kind} {entry.identifier!r} is read from {opened} as it is used: {pin}, not verified by a hash; "
        f"without stream=True it is fetched and verified",
        StreamWarning,
        stacklevel=3,
    )
    return opened


def _cached_copy(entry: Entry, wanted: WantedFile) -> CachedFile | None:
    path = wanted.cached()
    return None if path is None else CachedFile(path, entry)


def _opened(location: Location, version_id: str) -> "RangeReader":
    file = open_file(location, version_id or None)
    mismatch = mismatch_of(file, "nc")
    if mismatch is not None:
        file.close()
        raise UnexpectedContentError(f"{mismatch.message(str(location))}.")
    file.seek(0)
    return file
