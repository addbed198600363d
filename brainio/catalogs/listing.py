"""Reading of a listing: from the text of a catalog to its entries, with warnings about malformed rows.

`csv_format` parses the text of a catalog into rows, and `registry` selects the active catalogs.
"""

from collections.abc import Iterable, Mapping

from brainio.catalogs.backends import backend_of, format_location
from brainio.catalogs.csv_format import LeftOutRows, read_rows
from brainio.catalogs.entries import (
    STATUS_CURRENT,
    STATUS_SUPERSEDED,
    Entry,
    EntryFile,
    Key,
    Listing,
    file_of,
    row_problems,
)
from brainio.errors import CatalogRowError

_ENTRY_COLUMNS = ("stimulus_set_identifier", "status", "successor", "publication", "license", "card")


def read_listing(identifier: str, text: str, source: str = "") -> Listing:
    """Parse the CSV text of a catalog; a malformed row is left out with a CatalogWarning that names file and line.

    Parameters
    ----------
    identifier : str
        Identifier of the catalog.
    text : str
        The complete text, with any line ending, with or without a byte order mark.
    source : str
        Path or URL of the catalog, for messages and for relative locations.

    Raises
    ------
    CatalogError
        The header is missing, or lacks columns of the format.

    Examples
    --------
    >>> header = 'identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier'
    >>> row = 'lab.Doe2026,assembly,NeuroidAssembly,S3,s3://lab/assy_lab_Doe2026.nc,,lab.Doe2026'
    >>> listing = read_listing('lab', chr(10).join([header, row]))
    >>> listing.entries['assembly', 'lab.Doe2026'].class_name
    'NeuroidAssembly'
    """
    return _listing_from_rows(identifier, read_rows(text, format_location(source) or identifier), source)


def _listing_from_rows(identifier: str, rows: Iterable[tuple[int, Mapping[str, str]]], source: str = "") -> Listing:
    """Build a listing from numbered rows (line number, column -> text)."""
    files: dict[tuple[str, str, str], dict[str, EntryFile]] = {}
    facts: dict[tuple[str, str, str], dict[str, str]] = {}
    left_out = LeftOutRows(format_location(source) or identifier)
    for number, (line, row) in enumerate(rows):
        try:
            _add_row(row, number, files, facts)
        except CatalogRowError as error:
            left_out.warn(line, str(error))
    left_out.summarize()
    listing = Listing(identifier, source)
    versions: dict[Key, list[Entry]] = {}
    base = backend_of(source).base if source else ""
    for (lookup_type, name, version), parts in files.items():
        fact = facts[lookup_type, name, version]
        entry = Entry(
            catalog=identifier,
            lookup_type=lookup_type,
            identifier=name,
            files=tuple(parts.values()),
            aliases=tuple(fact["aliases"].split()),
            version=version,
            base=base,
            **{column: fact[column] for column in _ENTRY_COLUMNS},
        )
        versions.setdefault((lookup_type, name), []).append(entry)
        _add_entry(listing, entry)
    listing.versions = {key: tuple(several) for key, several in versions.items() if len(several) > 1}
    return listing


def _add_row(
    row: Mapping[str, str],
    number: int,
    files: dict[tuple[str, str, str], dict[str, EntryFile]],
    facts: dict[tuple[str, str, str], dict[str, str]],
) -> None:
    problems = row_problems(row)
    if problems:
        raise CatalogRowError("; ".join(problems))
    key = (row["lookup_type"], row["identifier"], row.get("version", ""))
    file = file_of(row, number)
    parts = files.setdefault(key, {})
    known = parts.setdefault(file.part, file)
    if known is not file and (known.sha1, known.location) != (file.sha1, file.location):
        raise CatalogRowError(
            f"{key[0]} {key[1]!r} has a second {file.part} file ({_describe_file(file)}; the first: "
            f"{_describe_file(known)}); give the newer one a version of its own"
        )
    fact = facts.setdefault(key, dict.fromkeys((*_ENTRY_COLUMNS, "aliases"), ""))
    for column in fact:
        fact[column] = fact[column] or row.get(column, "")
    fact["status"] = fact["status"] or STATUS_CURRENT


def _describe_file(file: EntryFile) -> str:
    return f"{format_location(file.location)}, sha1 {file.sha1 or 'not stated'}"


def _rank(entry: Entry) -> int:
    """Rank the versions of an entry: the current one first, superseded ones last."""
    return {STATUS_CURRENT: 2, STATUS_SUPERSEDED: 0}.get(entry.status, 1)


def _add_entry(listing: Listing, entry: Entry) -> None:
    key = (entry.lookup_type, entry.identifier)
    known = listing.entries.get(key)
    if known is not None and _rank(known) > _rank(entry):
        return
    listing.entries[key] = entry
    for alias in entry.aliases:
        listing.aliases[entry.lookup_type, alias] = entry.identifier
