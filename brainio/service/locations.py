"""Where the files and cards of a catalog are had through the service: by the paths that its served CSV form names.

A path is only looked up, never joined to a folder, so that it leads nowhere but to what the catalog lists.
"""

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from brainio.catalogs import Entry, EntryFile, Listing
from brainio.catalogs.csv_format import Row
from brainio.catalogs.entries import part_of
from brainio.errors import LocationError
from brainio.service.embargoes import Embargoes
from brainio.stores import Location, parse_location

BY_KEY = "by-key"


@dataclass(frozen=True, slots=True)
class ServedFile:
    """What a path below a served catalog leads to: a file of an entry, or (without one) its card."""

    entry: Entry
    file: EntryFile | None = None


def places_of(listing: Listing, embargoes: Embargoes) -> dict[str, ServedFile]:
    """Return all paths below a catalog, each with what it leads to; a path that several entries name, to a free one."""
    places: dict[str, ServedFile] = {}
    for entry in every_version(listing):
        is_withheld = embargoes.withholds(entry)
        for file in entry.files:
            place = ServedFile(entry, file)
            places[key_path(entry, file.part)] = place
            if is_below(file.location):
                path = posixpath.normpath(file.location)
                places[path] = places.get(path, place) if is_withheld else place
        if entry.card:
            places[key_path(entry, "json")] = ServedFile(entry)
            if is_below(entry.card):
                places[posixpath.normpath(entry.card)] = ServedFile(entry)
    return places


def every_version(listing: Listing) -> Iterator[Entry]:
    """Yield all versions of all entries of a catalog."""
    for current in listing.entries.values():
        yield from listing.all_versions(current)


def key_path(entry: Entry, part: str) -> str:
    """Return the path of a file that has none of its own below the catalog: any identifier fits into it."""
    key = repr((entry.lookup_type, entry.identifier, entry.version)).encode("utf-8", "backslashreplace")
    return f"{BY_KEY}/{hashlib.sha256(key).hexdigest()[:32]}.{part}"


def is_below(location: str) -> bool:
    """Whether a location is a path below the folder of its catalog.

    Examples
    --------
    >>> [is_below(one) for one in ("files/a.csv", "/etc/passwd", "../a.csv", "s3://lab/a.csv", "file:a.csv")]
    [True, False, False, False, False]
    """
    path = posixpath.normpath(location)
    has_scheme = "://" in location or location.lower().startswith(("file:", "data:"))
    return not (has_scheme or location.startswith(("/", "~")) or path in {".", ".."} or path.startswith("../"))


def location_of(entry: Entry, location: str, location_type: str = "") -> Location:
    """Read a location of an entry; raises LocationError."""
    return parse_location(location, location_type, base=entry.base or None)


def is_signed(location: Location, signed_buckets: list[str]) -> bool:
    """Whether a location is had by signed links only; never what a catalog from the network names."""
    return not location.origin and location.is_in_bucket(signed_buckets)


def served_cells(
    row: Row, places: Mapping[tuple[str, ...], ServedFile], signed_buckets: list[str], embargoes: Embargoes
) -> dict[str, str]:
    """Return the cells that a row has in the served form, where they are others: its places, as clients may ask.

    Parameters
    ----------
    row : dict
        A row of the catalog.
    places : mapping
        (lookup_type, identifier, version, part) -> the file that it lists.
    signed_buckets : list of str
        Whose objects clients have to ask the service for.
    embargoes : Embargoes
        Of whose entries nothing is told about where files lie.
    """
    key = (row["lookup_type"], row["identifier"], row.get("version", ""))
    part = part_of(row["lookup_type"], row["class"])
    place = places.get((*key, part))
    if place is None or place.file is None:
        return {}
    entry = place.entry
    cells: dict[str, str] = {}
    is_withheld = embargoes.withholds(entry)
    if is_withheld or not _stays(entry, row["location"], row["location_type"], signed_buckets):
        cells |= {"location": key_path(entry, part), "location_type": ""}
    mirrors = row.get("mirrors", "").split()
    named = (
        [] if is_withheld else [one for one in mirrors if not is_below(one) and _stays(entry, one, "", signed_buckets)]
    )
    if named != mirrors:
        cells["mirrors"] = " ".join(named)
    if row.get("card") and not _stays(entry, row["card"], "", signed_buckets):
        cells["card"] = key_path(entry, "json")
    return cells


def _stays(entry: Entry, text: str, location_type: str, signed_buckets: list[str]) -> bool:
    if is_below(text):
        return True
    try:
        location = location_of(entry, text, location_type)
    except LocationError:
        return False
    return location.is_shareable and not is_signed(location, signed_buckets)
