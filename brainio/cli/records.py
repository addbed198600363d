"""Entries as records, for programs and for tables."""

from brainio.catalogs import TYPE_STIMULUS_SET, Entry
from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import read_card
from brainio.catalogs.publications import publications_of
from brainio.cli.output import Record
from brainio.relations.users import users_of


def summary(entry: Entry) -> Record:
    """Return the fields by which entries are listed."""
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "class": entry.class_name,
        "catalog": entry.catalog,
        "status": entry.status,
        "aliases": list(entry.aliases),
        "stimulus_set_identifier": entry.stimulus_set_identifier,
        "publication": entry.publication,
    }


def details(entry: Entry) -> Record:
    """Return all that is known of an entry; `card` is None where there is none, `used_by` that of an assembly."""
    files = [
        {
            "part": file.part,
            "location": format_location(file.location),
            "mirrors": [format_location(mirror) for mirror in file.mirrors],
            "sha1": file.sha1,
            "sha256": file.sha256,
            "version_id": file.version_id,
            "size": file.size,
        }
        for file in entry.files
    ]
    users = [user.identifier for user in users_of(entry)] if entry.lookup_type == TYPE_STIMULUS_SET else None
    used_by = users and list(dict.fromkeys(users))
    extra = {"used_by": used_by, "version": entry.version, "successor": entry.successor, "license": entry.license}
    known = {"publications": publications_of(entry), "files": files, "card": read_card(entry) or None}
    return {**summary(entry), **extra, **known}
