"""The command `brainio`: a face over the catalogs and the way out, with no logic of its own.

Heavy libraries load inside the commands that need them, so that `brainio list` answers at once.
"""

from importlib import import_module

import click

from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, Entry, entries, entries_of, sources
from brainio.catalogs.listing import shown
from brainio.catalogs.publications import Publication, publications_of
from brainio.catalogs.sources import CatalogSource
from brainio.cli import options
from brainio.cli.output import EXIT_CODES_TOLD, Record, errors_told, show, show_facts

_KINDS = {
    "stimulus-sets": TYPE_STIMULUS_SET,
    "assemblies": TYPE_ASSEMBLY,
}
_ELSEWHERE = {"get": "brainio.cli.fetching", "cache": "brainio.cli.upkeep"}  # modules that load when they are named


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        with errors_told():
            return super().invoke(ctx)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES_TOLD,
)
@click.version_option(package_name="brainio")
def main() -> None:
    """Stimuli and neural recordings by identifier.

    \b
    Examples:
      brainio list assemblies
      brainio info dicarlo.MajajHong2015
      brainio get modelfest.Carney1999
      brainio cache ls
    """


@main.command("list")
@click.argument("what", type=click.Choice([*_KINDS, "catalogs"]), required=False)
@options.catalog
@options.as_json
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
            {"catalog": name, "location": shown(source.location) if isinstance(source, CatalogSource) else ""}
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
@options.kind
@options.catalog
@options.version
@options.as_json
def info(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show what is known about an identifier, without downloading anything.

    \b
    Examples:
      brainio info dicarlo.MajajHong2015
      brainio info FreemanZiemba2013.public --kind stimulus_set
      brainio info hvm --json
    """
    found = entries_of(identifier, kind=kind, catalog=catalog, version=version)
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
            "location": shown(file.location),
            "mirrors": [shown(mirror) for mirror in file.mirrors],
            "sha1": file.sha1,
            "sha256": file.sha256,
            "version_id": file.version_id,
            "size": file.size,
        }
        for file in entry.files
    ]
    extra = {"version": entry.version, "successor": entry.successor, "license": entry.license}
    return {**_summary(entry), **extra, "publications": publications_of(entry), "files": files}
