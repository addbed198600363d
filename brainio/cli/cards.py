"""The commands `brainio card`: building the cards of entries, and showing one."""

from pathlib import Path
from typing import Any

import click

from brainio.catalogs import Entry, entries_of
from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import card_location, read_card
from brainio.cli import options
from brainio.cli.card_layout import card_facts, show_columns
from brainio.cli.facts import tells_facts, told_facts
from brainio.cli.output import Record, echo, fail, notify, show, show_facts, show_json, show_log_warnings
from brainio.cli.wanted import wanted
from brainio.errors import BrainioError, EntryUnavailableError


@click.group()
def card() -> None:
    """Build and show cards (facts that need no download).

    \b
    Examples:
      brainio card show modelfest.Carney1999 --kind assembly
      brainio card build lab.Doe2026
    """


@card.command("show")
@click.argument("identifier")
@options.kind
@options.catalog
@options.version
@options.as_json
def show_(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show the cards of an identifier.

    No data are downloaded.

    \b
    Examples:
      brainio card show modelfest.Carney1999
      brainio card show modelfest.Carney1999 --kind assembly --json
    """
    found = entries_of(identifier, kind=kind, catalog=catalog, version=version)
    cards = [one for one in map(read_card, found) if one]
    if not cards:
        raise EntryUnavailableError(
            f"{identifier!r} has no card in catalog {found[0].catalog!r}; make one of its files: "
            f"brainio card build {identifier}"
        )
    if as_json:
        show_json(cards)
        return
    for number, one in enumerate(cards):
        if number:
            echo()
        show_facts({name: str(one.get(name, "")) for name in ("identifier", "lookup_type", "class")} | card_facts(one))
        show_columns(one)


@card.command()
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option("--catalog", metavar="CATALOG", help="Look in this catalog only; without identifiers: all of it.")
@options.version
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the cards below this folder, and leave the catalog as it is.",
)
@tells_facts
@options.dry_run
@options.as_json
def build(
    identifiers: tuple[str, ...],
    kind: str | None,
    catalog: str | None,
    version: str | None,
    output: Path | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Build the cards of entries from their files.

    Missing files are fetched. Each card is written next to the catalog and named in the rows of its entry. For a
    read-only catalog, use --output. If some cards fail, all others are still built. Facts given as options apply to all
    of these cards; other facts from the catalog, publications table and previous card are kept.

    \b
    Examples:
      brainio card build lab.Doe2026
      brainio card build --catalog my_lab --dry-run
      brainio card build modelfest.Carney1999 --output cards_of_mine
      brainio card build lab.Doe2026 --species 'Macaca mulatta' --author 'Josiah Carberry <0000-0002-1825-0097>' \\
        --author 'Richard Roe' --license CC-BY-4.0 --doi 10.1152/jn.00891.2005
    """
    options.require_names(identifiers, catalog, version, to="make all of its cards", current_entries="get cards")
    show_log_warnings()
    told = told_facts(given)
    found, failures = wanted(identifiers, kind=kind, catalog=catalog, version=version)
    places: list[Record] = []
    for entry in found:
        try:
            places.append(_place(entry, _made(entry, output, told, dry_run=dry_run), output))
        except BrainioError as error:
            failures[f"the card of {entry.kind} {entry.identifier}"] = error
    if places or not failures:
        show(places, ("identifier", "kind", "catalog", "card"), as_json=as_json)
    if failures:
        fail(failures, of_many=len(identifiers or found) > 1)


def _made(entry: Entry, output: Path | None, told: Record, *, dry_run: bool) -> str:
    """Make the card of an entry, or only find out whether it could be kept; return where it lies then."""
    from brainio.cards import add_card, build_card, get_writable_catalog, write_card

    target = output or get_writable_catalog(entry.catalog)
    if dry_run:
        return card_location(entry.lookup_type, entry.identifier, entry.version)
    notify(f"making the card of {entry.kind} {entry.identifier}")
    card = build_card(entry, told)
    return write_card(card, target) if isinstance(target, Path) else add_card(card, target)


def _place(entry: Entry, card: str, output: Path | None) -> Record:
    folder = format_location(entry.base) if output is None else str(output.absolute())
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "catalog": entry.catalog,
        "card": f"{folder}/{card}",
    }
