"""From entries to the records of the JSON interface. Waits for disks and databases: not for the event loop."""

from typing import Any

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, EntryFile, stimulus_set_of
from brainio.catalogs.publications import COLUMNS, Publication, publications_of
from brainio.errors import CatalogError, EntryLookupError, LocationError
from brainio.relations.users import users_of
from brainio.service import addresses, shapes
from brainio.service.holdings import Held
from brainio.service.places import is_below, is_signed, location_of, may_be_named
from brainio.service.rights import Sight


def link(entry: Entry) -> shapes.Link:
    """Return what names an entry."""
    return shapes.Link(**_named(entry))


def summary(entry: Entry) -> shapes.Summary:
    """Return an entry as it is listed."""
    return shapes.Summary(**_summed(entry))


def version(entry: Entry, signed_buckets: list[str]) -> shapes.Version:
    """Return one version of an entry."""
    return shapes.Version(**_version(entry, signed_buckets))


def whole(held: Held, entry: Entry, sight: Sight, signed_buckets: list[str]) -> shapes.EntryAnswer:
    """Return all that is known of an entry, as far as it may be seen."""
    versions = held.listing.all_versions(entry)
    users = users_of(entry) if entry.lookup_type == TYPE_STIMULUS_SET else []
    stimuli = _stimulus_set(entry)
    getter = "get_assembly" if entry.lookup_type == TYPE_ASSEMBLY else "get_stimulus_set"
    of = "" if entry in held.listing.entries.values() else f", version={entry.version!r}"
    return shapes.EntryAnswer(
        **_version(entry, signed_buckets),
        publications=[_publication(paper) for paper in publications_of(entry)],
        stimulus_set=link(stimuli) if stimuli is not None and sight.sees(stimuli.catalog) else None,
        used_by=[link(user) for user in users if sight.sees(user.catalog)],
        versions=[version(one, signed_buckets) for one in versions],
        load=f"brainio.{getter}({entry.identifier!r}{of})",
        history=addresses.of_resource("history", entry, current=True),
    )


def _stimulus_set(entry: Entry) -> Entry | None:
    try:
        return stimulus_set_of(entry)
    except (EntryLookupError, CatalogError):
        return None


def _publication(paper: Publication) -> shapes.Publication:
    return shapes.Publication(**{name: paper[name] for name in COLUMNS})


def _named(entry: Entry) -> dict[str, Any]:
    return {
        "catalog": entry.catalog,
        "kind": entry.lookup_type,
        "identifier": entry.identifier,
        "version": entry.version,
        "url": addresses.of_resource("entries", entry),
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


def _version(entry: Entry, signed_buckets: list[str]) -> dict[str, Any]:
    return {
        **_summed(entry),
        "successor": entry.successor,
        "files": [_file(entry, file, signed_buckets) for file in entry.files],
        "card": addresses.of_resource("cards", entry) if entry.card else None,
    }


def _file(entry: Entry, file: EntryFile, signed_buckets: list[str]) -> shapes.File:
    mirrors = (_public(entry, mirror, "", signed_buckets) for mirror in file.mirrors)
    known = {name: getattr(file, name) for name in ("part", "class_name", "size", "sha1", "sha256", "version_id")}
    return shapes.File(
        **known,
        location=_public(entry, file.location, file.location_type, signed_buckets),
        mirrors=[mirror for mirror in mirrors if mirror],
        url=addresses.of_file(entry, file.part),
    )


def _public(entry: Entry, text: str, location_type: str, signed_buckets: list[str]) -> str | None:
    """Return a location that everybody may be told and can ask for, None for others."""
    try:
        location = location_of(entry, text, location_type)
    except LocationError:
        return None
    if not may_be_named(location) or is_signed(location, signed_buckets):
        return None
    return location.url if is_below(text) else text
