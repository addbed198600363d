"""Schemas of the JSON API: the records, and the functions that create them from entries.

The functions may wait for disks and databases: call them in a thread.
"""

from collections import Counter
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile, Listing, stimulus_set_of
from brainio.catalogs.publications import publications_of
from brainio.errors import CatalogError, EntryLookupError
from brainio.exchange.croissant import croissant, describe_listed_files
from brainio.relations.stimulus_set_usage import find_assemblies
from brainio.service import urls
from brainio.service.access import Access
from brainio.service.embargoes import Embargoes
from brainio.service.locations import public_location
from brainio.service.snapshots import Snapshot

Kind = Literal["stimulus_set", "assembly"]


class Schema(BaseModel):
    """Base class of all records."""

    model_config = ConfigDict(populate_by_name=True)


class Link(Schema):
    """A reference to an entry."""

    catalog: str
    kind: Kind
    identifier: str
    version: str
    url: str


class File(Schema):
    """One file of an entry; `url` leads to its bytes.

    `location` is null if only the service can read the file, and under embargo.
    """

    part: Literal["csv", "zip", "nc"]
    class_name: str = Field(alias="class")
    size: int | None
    sha1: str
    sha256: str
    version_id: str
    location: str | None
    mirrors: list[str]
    url: str


class Summary(Link):
    """An entry in a list."""

    class_name: str = Field(alias="class")
    status: Literal["current", "superseded", "deprecated", "unavailable"]
    aliases: list[str]
    stimulus_set_identifier: str
    publication: str
    license: str


class Version(Summary):
    """One version of an entry. `card` is null if no card exists; `embargo` is the last day of an embargo, in UTC."""

    successor: str
    files: list[File]
    card: str | None
    embargo: date | None


class Publication(Schema):
    """A row of the table of publications."""

    publication: str
    title: str
    authors: str
    year: str
    journal: str
    doi: str
    url: str
    volume: str = ""
    number: str = ""
    pages: str = ""
    publisher: str = ""


class EntryDetails(Version):
    """The full record of an entry; the fields of `Version` describe the requested version."""

    publications: list[Publication]
    stimulus_set: Link | None
    used_by: list[Link]
    versions: list[Version]
    load: str
    history: str


class Entries(Schema):
    """A page of entries; `next` is the URL of the following page."""

    entries: list[Summary]
    next: str | None


class History(Schema):
    """All versions of an entry, the oldest first."""

    versions: list[Version]


class CatalogRecord(Schema):
    """A catalog. `state` is its version token; if `available` is false, the record describes the last snapshot."""

    catalog: str
    available: bool
    state: str | None
    stimulus_sets: int
    assemblies: int
    csv: str
    entries: str
    changes: str
    url: str


class Catalogs(Schema):
    """The served catalogs."""

    catalogs: list[CatalogRecord]


class ChangeRecord(Schema):
    """A change of an entry; `url` is null if it was removed."""

    change: Literal["added", "changed", "removed"]
    kind: Kind
    identifier: str
    url: str | None


class Changes(Schema):
    """Changes since a cursor, and the cursor for the next request; `more` is true if further changes are available."""

    catalog: str
    changes: list[ChangeRecord]
    cursor: str
    more: bool


class HitRecord(Schema):
    """A search result."""

    catalog: str
    kind: Kind
    identifier: str
    version: str
    class_name: str = Field(alias="class")
    status: str
    title: str
    lab: str
    year: int | None
    regions: dict[str, str]
    species: dict[str, str]
    has_repetitions: bool | None
    has_reliability: bool | None
    matched: dict[str, list[str]]
    missing: list[str]
    score: float | None
    why: str
    load: str
    url: str


class SearchResponse(Schema):
    """A page of search results, with the number of entries by facet value."""

    text: str
    filters: dict[str, list[str]]
    total: int
    has_all_words: bool
    note: str
    facets: dict[str, dict[str, int]]
    hits: list[HitRecord]
    next: str | None


class Stimuli(Schema):
    """A page of the stimuli of a set, each with all columns; null is a missing value."""

    total: int
    stimuli: list[dict[str, str | int | float | None]]
    next: str | None


class Start(Schema):
    """The start of the API, with the URLs of its main resources."""

    name: str
    version: str
    catalogs: str
    entries: str
    search: str
    openapi: str


class Health(Schema):
    """Readiness of the service and the number of visible catalogs: current, served as last read, and unavailable.

    `database` tells whether tokens and embargoes can be read.
    """

    status: Literal["ok", "starting"]
    database: Literal["ok", "away"]
    catalogs: dict[Literal["ok", "stale", "away"], int]


def link(entry: Entry) -> Link:
    """Return a reference to an entry."""
    return Link(**_link_fields(entry))


def summary(entry: Entry) -> Summary:
    """Return an entry as a list shows it."""
    return Summary(**_summary_fields(entry))


def version_record(entry: Entry, signed_buckets: list[str], embargoes: Embargoes) -> Version:
    """Return the record of one version of an entry."""
    return Version(**_version_fields(entry, signed_buckets, embargoes))


def entry_details(snapshot: Snapshot, entry: Entry, access: Access, signed_buckets: list[str]) -> EntryDetails:
    """Return the full record of an entry, computed from the visible catalogs only."""
    listing, visible = snapshot.catalogs[entry.catalog].listing, snapshot.listings(access)
    users = find_assemblies(entry, visible) if entry.lookup_type == TYPE_STIMULUS_SET else []
    stimulus_set = _stimulus_set(entry, visible)
    getter = "get_assembly" if entry.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    is_current = listing.entries.get((entry.lookup_type, entry.identifier)) == entry
    argument = "" if is_current else f", version={entry.version!r}"
    versions = listing.all_versions(entry)
    return EntryDetails(
        **_version_fields(entry, signed_buckets, snapshot.embargoes),
        publications=[Publication(**paper) for paper in publications_of(entry)],
        stimulus_set=None if stimulus_set is None else link(stimulus_set),
        used_by=[link(user) for user in users],
        versions=[version_record(version, signed_buckets, snapshot.embargoes) for version in versions],
        load=f"brainio.{getter}({entry.identifier!r}{argument})",
        history=urls.entry_api_url("history", entry, current=True),
    )


def catalog_record(snapshot: Snapshot, name: str) -> CatalogRecord:
    """Return the record of a catalog, even if it was never read."""
    catalog = snapshot.catalogs.get(name)
    counts = catalog.counts if catalog else Counter[str]()
    return CatalogRecord(
        catalog=name,
        available=name not in snapshot.problems,
        state=catalog.version if catalog else None,
        stimulus_sets=counts[TYPE_STIMULUS_SET],
        assemblies=counts[TYPE_ASSEMBLY],
        csv=urls.catalog_csv_url(name),
        entries=urls.with_query(urls.api_url("entries"), catalog=name),
        changes=urls.catalog_api_url(name, "changes"),
        url=urls.catalog_api_url(name),
    )


def croissant_record(entry: Entry, origin: str) -> dict[str, Any]:
    """Describe an entry as Croissant; reads nothing but its card."""
    return croissant([entry], lambda file: f"{origin}{urls.file_url(entry, file.file.part)}", describe_listed_files)


def _stimulus_set(entry: Entry, visible: list[Listing]) -> Entry | None:
    # The error for an unknown identifier would compare it with all others to suggest a similar one.
    name = entry.stimulus_set_identifier
    keys = [(TYPE_STIMULUS_SET, candidate) for candidate in (name, name.partition(":")[2])]
    if not any(key in table for listing in visible for table in (listing.entries, listing.aliases) for key in keys):
        return None
    try:
        return stimulus_set_of(entry, visible)
    except (EntryLookupError, CatalogError):
        return None


def _link_fields(entry: Entry) -> dict[str, Any]:
    return {
        "catalog": entry.catalog,
        "kind": entry.lookup_type,
        "identifier": entry.identifier,
        "version": entry.version,
        "url": urls.entry_api_url("entries", entry),
    }


def _summary_fields(entry: Entry) -> dict[str, Any]:
    return {
        **_link_fields(entry),
        "class": entry.class_name,
        "status": entry.status,
        "aliases": list(entry.aliases),
        "stimulus_set_identifier": entry.stimulus_set_identifier,
        "publication": entry.publication,
        "license": entry.license,
    }


def _version_fields(entry: Entry, signed_buckets: list[str], embargoes: Embargoes) -> dict[str, Any]:
    is_withheld = embargoes.withholds(entry)
    return {
        **_summary_fields(entry),
        "successor": entry.successor,
        "files": [_file_record(entry, file, signed_buckets, is_withheld=is_withheld) for file in entry.files],
        "card": urls.entry_api_url("cards", entry) if entry.card else None,
        "embargo": embargoes.until(entry),
    }


def _file_record(entry: Entry, file: EntryFile, signed_buckets: list[str], *, is_withheld: bool) -> File:
    locations = [(file.location, file.location_type), *((mirror, "") for mirror in file.mirrors)]
    public = [] if is_withheld else [public_location(entry, *location, signed_buckets) for location in locations]
    location, *mirrors = public or [None]
    fields = {name: getattr(file, name) for name in ("part", "class_name", "size", "sha1", "sha256", "version_id")}
    return File(
        **fields,
        location=location,
        mirrors=[mirror for mirror in mirrors if mirror],
        url=urls.file_url(entry, file.part),
    )
