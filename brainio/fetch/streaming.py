"""Assemblies whose file stays where it lies."""

import warnings
from typing import TYPE_CHECKING

from brainio.catalogs import Entry
from brainio.errors import EntryUnavailableError, StreamWarning, UnexpectedContentError
from brainio.fetch.entries import require_available, unavailable, wanted_file
from brainio.fetch.files import first_that_works
from brainio.fetch.signatures import mismatch_of
from brainio.stores import Location, open_file, parse_location

if TYPE_CHECKING:
    from brainio.stores.ranges import RangeFile


def open_entry(entry: Entry) -> "RangeFile":
    """Open the file of an assembly where it lies, or the verified copy of it that is in the cache."""
    require_available(entry)
    file = entry.file("nc")
    if file is None:
        raise EntryUnavailableError(unavailable(entry))
    wanted = wanted_file(entry, file)
    if (cached := wanted.cached()) is not None:
        return open_file(parse_location(cached.as_uri()))
    opened = first_that_works(_opened, wanted.places)
    pin = f"pinned by {opened.pin}" if opened.pin else "pinned by nothing, since its store names no version"
    warnings.warn(
        f"{entry.kind} {entry.identifier!r} is read from {opened} as it is used: {pin}, not verified by a hash; "
        f"without stream=True it is fetched and verified",
        StreamWarning,
        stacklevel=3,
    )
    return opened


def _opened(location: Location, version_id: str) -> "RangeFile":
    file = open_file(location, version_id or None)
    mismatch = mismatch_of(file, "nc")
    if mismatch is not None:
        file.close()
        raise UnexpectedContentError(f"{mismatch.message(str(location))}.")
    file.seek(0)
    return file
