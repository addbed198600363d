"""File locations in the CSV form of a served catalog: which are public, and the paths that replace all others.

Clients add a catalog by the URL of its CSV form. The service only looks up paths below this URL in a table and never
joins them to a folder, so that they lead to nothing but the files that the catalog lists.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from brainio.catalogs import Entry, EntryFile, Listing
from brainio.catalogs.csv_format import Row, line_of
from brainio.catalogs.entries import REQUIRED_COLUMNS, part_of, row_problems
from brainio.errors import LocationError
from brainio.service.embargoes import Embargoes
from brainio.stores import Location, parse_location
from brainio.stores.location import is_url

_KEY_FOLDER = "by-key"


@dataclass(frozen=True, slots=True)
class ServedFile:
    """The target of a path below a served catalog: a file of an entry, or the entry's card if `file` is None."""

    entry: Entry
    file: EntryFile | None = None


def served_files(listing: Listing, embargoes: Embargoes) -> dict[str, ServedFile]:
    """Return the targets of all paths below a catalog; if several entries name a path, prefer one without embargo."""
    targets: dict[str, ServedFile] = {}
    for entry in every_version(listing):
        is_withheld = embargoes.withholds(entry)
        for file in entry.files:
            target = ServedFile(entry, file)
            targets[_key_path(entry, file.part)] = target
            if _is_relative(file.location):
                path = posixpath.normpath(file.location)
                targets[path] = targets.get(path, target) if is_withheld else target
        if entry.card:
            targets[_key_path(entry, "json")] = ServedFile(entry)
            if _is_relative(entry.card):
                targets[posixpath.normpath(entry.card)] = ServedFile(entry)
    return targets


def every_version(listing: Listing) -> Iterator[Entry]:
    """Yield all versions of all entries of a catalog."""
    for current in listing.entries.values():
        yield from listing.all_versions(current)


def _key_path(entry: Entry, part: str) -> str:
    """Return the path of a file that has no path below the catalog; works for any identifier."""
    key = repr((entry.lookup_type, entry.identifier, entry.version)).encode("utf-8", "backslashreplace")
    return f"{_KEY_FOLDER}/{hashlib.sha256(key).hexdigest()[:32]}.{part}"


def _is_relative(location: str) -> bool:
    """Whether a location is a path below the folder of its catalog.

    Examples
    --------
    >>> [_is_relative(text) for text in ("files/a.csv", "/etc/passwd", "../a.csv", "s3://lab/a.csv", "file:a.csv")]
    [True, False, False, False, False]
    """
    path = posixpath.normpath(location)
    has_scheme = is_url(location) or location.lower().startswith(("file:", "data:"))
    return not (has_scheme or location.startswith(("/", "~")) or path in {".", ".."} or path.startswith("../"))


def parse_entry_location(entry: Entry, location: str, location_type: str = "") -> Location:
    """Parse a location of an entry; raises LocationError."""
    return parse_location(location, location_type, base=entry.base or None)


def needs_signed_link(location: Location, signed_buckets: list[str]) -> bool:
    """Whether clients need a signed link; never for a location in a remote catalog, which could name any object."""
    return not location.origin and location.is_in_bucket(signed_buckets)


def public_location(entry: Entry, text: str, location_type: str, signed_buckets: list[str]) -> str | None:
    """Return a location that everybody may see and download; None for other locations."""
    try:
        location = parse_entry_location(entry, text, location_type)
    except LocationError:
        return None
    if not location.is_shareable or needs_signed_link(location, signed_buckets):
        return None
    return location.url if _is_relative(text) else text


def served_csv(
    rows: Iterable[Row], targets: Mapping[str, ServedFile], signed_buckets: list[str], embargoes: Embargoes
) -> str:
    """Return the CSV form of a catalog for other machines, without rows that break the format.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the catalog.
    targets : mapping
        As `served_files` returns them.
    signed_buckets : list of str
        Buckets whose objects clients must request from the service.
    embargoes : Embargoes
        Entries under embargo are listed without locations.
    """
    by_key: dict[tuple[str, ...], Entry] = {
        (target.entry.lookup_type, target.entry.identifier, target.entry.version, target.file.part): target.entry
        for target in targets.values()
        if target.file is not None
    }
    valid = [row for row in rows if not row_problems(row)]
    columns = list(dict.fromkeys(name for row in valid for name in row)) or list(REQUIRED_COLUMNS)
    served = (row | _replaced_cells(row, by_key, signed_buckets, embargoes) for row in valid)
    cells = ([row.get(name, "") for name in columns] for row in served)
    return "".join(line_of(line, "\n") for line in (columns, *cells))


def _replaced_cells(
    row: Row, by_key: Mapping[tuple[str, ...], Entry], signed_buckets: list[str], embargoes: Embargoes
) -> dict[str, str]:
    """Return the cells of a row that differ in the served form: locations that clients cannot read themselves."""
    part = part_of(row["lookup_type"], row["class"])
    entry = by_key.get((row["lookup_type"], row["identifier"], row.get("version", ""), part))
    if entry is None:
        return {}
    cells: dict[str, str] = {}
    is_withheld = embargoes.withholds(entry)
    if is_withheld or not _is_kept(entry, row["location"], row["location_type"], signed_buckets):
        cells |= {"location": _key_path(entry, part), "location_type": ""}
    mirrors = row.get("mirrors", "").split()
    public = [mirror for mirror in mirrors if not _is_relative(mirror) and _is_kept(entry, mirror, "", signed_buckets)]
    if is_withheld:
        public = []
    if public != mirrors:
        cells["mirrors"] = " ".join(public)
    if row.get("card") and not _is_kept(entry, row["card"], "", signed_buckets):
        cells["card"] = _key_path(entry, "json")
    return cells


def _is_kept(entry: Entry, text: str, location_type: str, signed_buckets: list[str]) -> bool:
    return _is_relative(text) or public_location(entry, text, location_type, signed_buckets) is not None
