"""Streaming of assemblies: reading a file at its location, without fetching it."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainio.catalogs import Entry
from brainio.errors import EntryUnavailableError, StreamWarning, UnexpectedContentError
from brainio.fetch.cache_access import retry_if_pruned
from brainio.fetch.content_signatures import find_mismatch
from brainio.fetch.entry_files import ExpectedFile, check_available, explain_unavailable, try_locations
from brainio.local_files import open_regular
from brainio.stores import Location, open_file

if TYPE_CHECKING:
    from brainio.stores.range_reader import RangeReader


class CachedFile(io.BufferedReader):
    """The verified copy of an entry's file in the cache, open so that it stays readable if it is pruned.

    Can be pickled: a process that loads the pickle opens the entry again.

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
    """Open the file of an assembly: the verified copy in the cache, else the file at its location."""
    check_available(entry)
    file = entry.file("nc")
    if file is None:
        raise EntryUnavailableError(explain_unavailable(entry))
    expected = ExpectedFile.from_entry(entry, file)
    if (copy := retry_if_pruned(lambda: _open_cached(entry, expected))) is not None:
        return copy
    reader = try_locations(_open_remote, expected.locations)
    pin = f"pinned by {reader.pin}" if reader.pin else "not pinned, since its store names no version"
    warnings.warn(
        f"{entry.kind} {entry.identifier!r} is streamed from {reader}: {pin}, and not verified by a hash; "
        f"without stream=True it is fetched and verified",
        StreamWarning,
        stacklevel=3,
    )
    return reader


def _open_cached(entry: Entry, expected: ExpectedFile) -> CachedFile | None:
    path = expected.find_cached()
    return None if path is None else CachedFile(path, entry)


def _open_remote(location: Location, version_id: str) -> "RangeReader":
    file = open_file(location, version_id or None)
    mismatch = find_mismatch(file, "nc")
    if mismatch is not None:
        file.close()
        raise UnexpectedContentError(f"{mismatch.message(str(location))}.")
    file.seek(0)
    return file
