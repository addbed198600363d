"""The commands `brainio history` and `brainio deprecate`: versions of an entry, and the end of its use."""

import click

from brainio.catalogs import TYPE_STIMULUS_SET, Entry, catalog_source, stimulus_set_of
from brainio.catalogs import deprecate as deprecate_entries
from brainio.catalogs import history as history_of
from brainio.catalogs.cards import read_card
from brainio.cli import options
from brainio.cli.output import Record, notify, show
from brainio.errors import EntryLookupError
from brainio.relations.users import assemblies_of

_COLUMNS = ("kind", "version", "status", "stimulus_set", "assemblies", "successor", "reason", "catalog")


@click.command()
@click.argument("identifier")
@options.kind
@options.catalog
@options.as_json
def history(identifier: str, kind: str | None, catalog: str | None, as_json: bool) -> None:
    """Show all versions of an identifier.

    The oldest comes first. Each version is listed with its status, its successor and the reason for the change.

    \b
    Examples:
      brainio history dicarlo.MajajHong2015
      brainio history klab.Zhang2018.search_obj_array --json
    """
    records = [_record(entry) for entry in history_of(identifier, catalog=catalog, kind=kind)]
    show(records, _COLUMNS, as_json=as_json)


@click.command()
@click.argument("identifier")
@click.option("--reason", required=True, metavar="TEXT", help="Why it should not be used any more, in a sentence.")
@click.option("--successor", default="", metavar="IDENTIFIER", help="What to use instead.")
@options.which
@options.dry_run
@options.as_json
def deprecate(identifier: str, reason: str, successor: str, dry_run: bool, as_json: bool, **which: str | None) -> None:
    """Mark an identifier as deprecated, with a reason.

    The entry can still be loaded, with a warning that gives the reason.

    \b
    Examples:
      brainio deprecate lab.Doe2026 --reason "Two neuroids are swapped." --successor lab.Doe2027
      brainio deprecate lab.Doe2026 --version 1 --reason "Two neuroids are swapped." --dry-run
    """
    marked = deprecate_entries(identifier, reason, successor=successor, dry_run=dry_run, **which)
    for entry in marked:
        notify(f"{'would mark' if dry_run else 'marked'} in {_place(entry)}, with the reason in {entry.card}")
    show([_record(entry) | {"reason": reason} for entry in marked], _COLUMNS, as_json=as_json)


def _linked(entry: Entry) -> Record:
    """Return the stimulus set that an assembly loads with, or the assemblies that load with a stimulus set."""
    if entry.lookup_type == TYPE_STIMULUS_SET:
        users = assemblies_of(entry.identifier, catalog=entry.catalog, version=entry.version)
        return {"assemblies": list(dict.fromkeys(_versioned(user) for user in users))}
    try:
        stimuli = stimulus_set_of(entry)
    except EntryLookupError:
        return {"stimulus_set": f"{entry.stimulus_set_identifier} (version not listed)"}
    return {"stimulus_set": "" if stimuli is None else _versioned(stimuli)}


def _versioned(entry: Entry) -> str:
    return f"{entry.identifier} (version {entry.version})" if entry.version else entry.identifier


def _place(entry: Entry) -> str:
    return str(catalog_source(entry.catalog))


def _record(entry: Entry) -> Record:
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "version": entry.version,
        "status": entry.status,
        "successor": entry.successor,
        **_linked(entry),
        "reason": read_card(entry).get("status_reason", ""),
        "catalog": entry.catalog,
        "sha1": {file.part: file.sha1 for file in entry.files},
    }
