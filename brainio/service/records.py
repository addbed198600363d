"""From entries to the records of the JSON interface. Waits for disks and databases: not for the event loop."""

from collections import Counter
from typing import Any

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile, Listing, stimulus_set_of
from brainio.catalogs.publications import Publication, publications_of
from brainio.errors import CatalogError, EntryLookupError, LocationError
from brainio.exchange.croissant import croissant
from brainio.exchange.distribution import listed
from brainio.relations.users import users_of
from brainio.service import schemas, urls
from brainio.service.access import Access
from brainio.service.embargoes import Embargoes
from brainio.service.locations import is_below, is_signed, location_of
from brainio.service.snapshots import Snapshot


def link(entry: Entry) -> schemas.Link:
    """Return what names an entry."""
    return schemas.Link(**_named(entry))


def summary(entry: Entry) -> schemas.Summary:
    """Return an entry as it is listed."""
    return schemas.Summary(**_summed(entry))


def version(entry: Entry, signed_buckets: list[str], embargoes: Embargoes) -> schemas.Version:
    """Return one version of an entry."""
    return schemas.Version(**_version(entry, signed_buckets, embargoes))


def whole(snapshot: Snapshot, entry: Entry, access: Access, signed_buckets: list[str]) -> schemas.EntryDetails:
    """Return all that is known of an entry, as if there were no catalogs but those that may be seen."""
    listing, visible = snapshot.catalogs[entry.catalog].listing, snapshot.listings(access)
    users = users_of(entry, visible) if entry.lookup_type == TYPE_STIMULUS_SET else []
    stimuli = _stimulus_set(entry, visible)
    getter = "get_assembly" if entry.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    is_current = listing.entries.get((entry.lookup_type, entry.identifier)) == entry
    of = "" if is_current else f", version={entry.version!r}"
    return schemas.EntryDetails(
        **_version(entry, signed_buckets, snapshot.embargoes),
        publications=[_publication(paper) for paper in publications_of(entry)],
        stimulus_set=None if stimuli is None else link(stimuli),
        used_by=[link(user) for user in users],
        versions=[version(one, signed_buckets, snapshot.embargoes) for one in listing.all_versions(entry)],
        load=f"brainio.{getter}({entry.identifier!r}{of})",
        history=urls.of_resource("history", entry, current=True),
    )


def catalog(snapshot: Snapshot, name: str) -> schemas.CatalogRecord:
    """Return the record of a catalog, also of one that was never read."""
    held = snapshot.catalogs.get(name)
    counts = held.counts if held else Counter[str]()
    return schemas.CatalogRecord(
        catalog=name,
        available=name not in snapshot.problems,
        state=held.state if held else None,
        stimulus_sets=counts[TYPE_STIMULUS_SET],
        assemblies=counts[TYPE_ASSEMBLY],
        csv=urls.of_csv(name),
        entries=urls.with_query(urls.of_api("entries"), catalog=name),
        changes=urls.of_catalog(name, "changes"),
        url=urls.of_catalog(name),
    )


def croissant_of(entry: Entry, origin: str) -> dict[str, Any]:
    """Describe an entry as Croissant; nothing is looked for on disks but its card."""
    return croissant([entry], lambda file: f"{origin}{urls.of_file(entry, file.file.part)}", listed)


def _stimulus_set(entry: Entry, visible: list[Listing]) -> Entry | None:
    # The error of a name that nobody lists would look through all of them for one like it.
    name = entry.stimulus_set_identifier
    keys = [(TYPE_STIMULUS_SET, one) for one in (name, name.partition(":")[2])]
    if not any(key in table for one in visible for table in (one.entries, one.aliases) for key in keys):
        return None
    try:
        return stimulus_set_of(entry, visible)
    except (EntryLookupError, CatalogError):
        return None


def _publication(paper: Publication) -> schemas.Publication:
    return schemas.Publication(**paper)


def _named(entry: Entry) -> dict[str, Any]:
    return {
        "catalog": entry.catalog,
        "kind": entry.lookup_type,
        "identifier": entry.identifier,
        "version": entry.version,
        "url": urls.of_resource("entries", entry),
    }


def _summed(entry: Entry) -> dict[str, Any]:
    return {
        **_named(entry),
        "class": entry.class_name,
        "status": entry.status,
        "aliases": list(entry.aliases),
        "stimulus_set_identifier": entry.stimulus_set_identifier,
        "publication": entry.publication,
        "license": entry.license,
    }


def _version(entry: Entry, signed_buckets: list[str], embargoes: Embargoes) -> dict[str, Any]:
    is_withheld = embargoes.withholds(entry)
    return {
        **_summed(entry),
        "successor": entry.successor,
        "files": [_file(entry, file, signed_buckets, is_withheld=is_withheld) for file in entry.files],
        "card": urls.of_resource("cards", entry) if entry.card else None,
        "embargo": embargoes.until(entry),
    }


def _file(entry: Entry, file: EntryFile, signed_buckets: list[str], *, is_withheld: bool) -> schemas.File:
    texts = [] if is_withheld else [(file.location, file.location_type), *((mirror, "") for mirror in file.mirrors)]
    location, *mirrors = [_public(entry, *one, signed_buckets) for one in texts] or [None]
    known = {name: getattr(file, name) for name in ("part", "class_name", "size", "sha1", "sha256", "version_id")}
    return schemas.File(
        **known,
        location=location,
        mirrors=[mirror for mirror in mirrors if mirror],
        url=urls.of_file(entry, file.part),
    )


def _public(entry: Entry, text: str, location_type: str, signed_buckets: list[str]) -> str | None:
    """Return a location that everybody may be told and can ask for, None for others."""
    try:
        location = location_of(entry, text, location_type)
    except LocationError:
        return None
    if not location.is_shareable or is_signed(location, signed_buckets):
        return None
    return location.url if is_below(text) else text
