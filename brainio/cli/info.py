"""The command `brainio info`: all that catalogs, publications tables and cards say of an identifier."""

import click

from brainio.catalogs import entries_of
from brainio.catalogs.cards import Card
from brainio.catalogs.publications import Publication
from brainio.cli import options
from brainio.cli.output import Record, echo, show, show_facts
from brainio.cli.records import details

_USERS = 12  # assemblies that are named to people


@click.command()
@click.argument("identifier")
@options.kind
@options.catalog
@options.version
@options.as_json
def info(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show all that is known about an identifier.

    No data are downloaded. If an entry has a card, the output includes its shape, coordinates, counts, repetitions and
    reliability. The card is a small file next to the catalog.

    \b
    Examples:
      brainio info dicarlo.MajajHong2015
      brainio info modelfest.Carney1999 --kind assembly
      brainio info hvm --json
    """
    found = entries_of(identifier, kind=kind, catalog=catalog, version=version)
    if as_json:
        show([details(entry) for entry in found], (), as_json=True)
        return
    for number, entry in enumerate(found):
        if number:
            echo()
        _tell(details(entry))


def _tell(record: Record) -> None:
    files, papers, card = (record.pop(name) for name in ("files", "publications", "card"))
    users = record["used_by"] or []
    more = [f"{len(users) - _USERS} more"] if len(users) > _USERS else []
    told = record | {
        "publication": "\n".join(map(_reference, papers)) or record["publication"],
        "used_by": "\n".join([*users[:_USERS], *more]),
    }
    show_facts(told | (_facts_beyond(told, card) if card else {}))
    echo()
    show(files, ("part", "location", "sha1", "version_id", "size", "mirrors"), as_json=False)
    if card:
        from brainio.cli.card_layout import show_columns

        show_columns(card)


def _facts_beyond(told: Record, card: Card) -> Record:
    """Return what a card says beyond what is told already; a publication tells citation and DOI."""
    from brainio.cli.card_layout import card_facts

    known = {"citation", "doi"} if told["publication"] else set()
    return {name: value for name, value in card_facts(card).items() if name not in known and value != told.get(name)}


def _reference(paper: Publication) -> str:
    return " ".join(filter(None, [paper["title"], f"({paper['year']})", paper["doi"]]))
