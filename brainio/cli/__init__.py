"""The command `brainio`: a face over the catalogs and the way out, with no logic of its own.

Heavy libraries load inside the commands that need them, so that `brainio list` answers at once.
"""

import click

from brainio.catalogs import (
    LOOKUP_TYPES,
    TYPE_ASSEMBLY,
    TYPE_STIMULUS_SET,
    Entry,
    entries,
    resolve,
    sources,
    stimulus_set_of,
)
from brainio.catalogs.entries import STATUS_UNAVAILABLE
from brainio.catalogs.publications import Publication, publications_of
from brainio.catalogs.sources import CatalogSource
from brainio.cli.output import Record, errors_told, show, show_facts
from brainio.errors import EntryLookupError

_KINDS = {
    "stimulus-sets": TYPE_STIMULUS_SET,
    "assemblies": TYPE_ASSEMBLY,
}
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_catalog = click.option("--catalog", metavar="CATALOG", help="Look in this catalog only.")
_kind = click.option(
    "--kind",
    type=click.Choice(LOOKUP_TYPES),
    help="Which one is meant where an identifier names both.",
)

_version = click.option("--version", metavar="VERSION", help="This version of the entry, not the current one.")


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        with errors_told():
            return super().invoke(ctx)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 wrong usage, 3 no such identifier, 4 known but not to be had, 5 transfer failed, "
    "6 wrong bytes, 7 catalog not readable, 1 any other error.",
)
@click.version_option(package_name="brainio")
def main() -> None:
    """Stimuli and neural recordings by identifier.

    \b
    Examples:
      brainio list assemblies
      brainio info dicarlo.MajajHong2015
      brainio get modelfest.Carney1999
    """


@main.command("list")
@click.argument("what", type=click.Choice([*_KINDS, "catalogs"]), required=False)
@_catalog
@_json
def list_(what: str | None, catalog: str | None, as_json: bool) -> None:
    """List what the catalogs in force hold: stimulus-sets, assemblies, or the catalogs themselves.

    \b
    Examples:
      brainio list
      brainio list assemblies --catalog brainscore
      brainio list catalogs --json
    """
    if what == "catalogs":
        places = [
            {"catalog": name, "location": source.location if isinstance(source, CatalogSource) else ""}
            for name, source in sources().items()
            if name == (catalog or name)
        ]
        show(places, ("catalog", "location"), as_json=as_json)
        return
    records = [_summary(entry) for entry in entries(_KINDS.get(what or ""), catalog)]
    records.sort(key=lambda record: (record["kind"], record["identifier"]))
    show(records, ("identifier", "kind", "class", "catalog", "status"), as_json=as_json)


@main.command()
@click.argument("identifier")
@_kind
@_catalog
@_version
@_json
def info(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show what is known about an identifier, without downloading anything.

    \b
    Examples:
      brainio info dicarlo.MajajHong2015
      brainio info FreemanZiemba2013.public --kind stimulus_set
      brainio info hvm --json
    """
    found = _entries_of(identifier, kind, catalog, version)
    if as_json:
        show([_details(entry) for entry in found], (), as_json=True)
        return
    for number, entry in enumerate(found):
        if number:
            click.echo()
        details = _details(entry)
        files = details.pop("files")
        papers = details.pop("publications")
        show_facts(details | {"publication": "\n".join(map(_reference, papers)) or entry.publication})
        click.echo()
        show(files, ("part", "location", "sha1", "version_id", "size", "mirrors"), as_json=False)


@main.command()
@click.argument("identifier")
@_kind
@_catalog
@_version
@_json
def get(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Bring the files of an identifier into the cache, verified, and print where they are.

    The archive of a stimulus set is unpacked; an assembly comes with its stimulus set.

    \b
    Examples:
      brainio get dicarlo.MajajHong2015
      brainio get hvm --json
    """
    from brainio.fetch import fetch_entry, unzip

    places = []
    for entry in _with_stimuli(_entries_of(identifier, kind, catalog, version)):
        paths = {part: str(path) for part, path in fetch_entry(entry).items()}
        if "zip" in paths:
            paths["folder"] = unzip(paths["zip"])
        names = {"identifier": entry.identifier, "kind": entry.lookup_type}
        places += [{**names, "part": part, "path": path} for part, path in paths.items()]
    show(places, ("identifier", "kind", "part", "path"), as_json=as_json)


def _entries_of(identifier: str, kind: str | None, catalog: str | None, version: str | None) -> list[Entry]:
    """Return the entries of both kinds that an identifier names, or of the one kind that was asked for."""
    wanted = [kind] if kind else LOOKUP_TYPES
    found, failures = [], []
    for lookup_type in wanted:
        try:
            found.append(resolve(lookup_type, identifier, catalog=catalog, version=version))
        except EntryLookupError as error:
            failures.append(error)
    if not found:
        raise EntryLookupError("\n".join(str(failure) for failure in failures))
    return found


def _with_stimuli(found: list[Entry]) -> list[Entry]:
    stimuli = [stimulus_set_of(entry) for entry in found if entry.lookup_type == TYPE_ASSEMBLY]
    available = [entry for entry in stimuli if entry is not None and entry.status != STATUS_UNAVAILABLE]
    return list(dict.fromkeys([*found, *available]))


def _reference(paper: Publication) -> str:
    return " ".join(filter(None, [paper["title"], f"({paper['year']})", paper["doi"]]))


def _summary(entry: Entry) -> Record:
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


def _details(entry: Entry) -> Record:
    files = [
        {
            "part": file.part,
            "location": file.location,
            "mirrors": list(file.mirrors),
            "sha1": file.sha1,
            "sha256": file.sha256,
            "version_id": file.version_id,
            "size": file.size,
        }
        for file in entry.files
    ]
    extra = {"version": entry.version, "successor": entry.successor, "license": entry.license}
    return {**_summary(entry), **extra, "publications": publications_of(entry), "files": files}
