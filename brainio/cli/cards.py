"""Commands that build and show cards, including the profiles that pages show.

`brainio.cards.card_text` formats the facts of a card; this module lays them out.
"""

import textwrap
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from brainio.cards.card_text import MALFORMED_CARD_ERRORS, format_card, format_column
from brainio.catalogs import Entry, entries_of
from brainio.catalogs.backends import format_location
from brainio.catalogs.cards import Card, card_location, read_card
from brainio.cli import options
from brainio.cli.options import fact_options, parse_facts, select_entries
from brainio.cli.output import (
    Record,
    echo,
    fact_width,
    fail,
    notify,
    show,
    show_facts,
    show_json,
    show_log_warnings,
    summarize,
)
from brainio.errors import BrainioError, EntryUnavailableError
from brainio.progress import readable_size
from brainio.text import printable_line


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
def show_cards(identifier: str, kind: str | None, catalog: str | None, version: str | None, as_json: bool) -> None:
    """Show the cards of an identifier.

    No data are downloaded.

    \b
    Examples:
      brainio card show modelfest.Carney1999
      brainio card show modelfest.Carney1999 --kind assembly --json
    """
    found = entries_of(identifier, kind=kind, catalog=catalog, version=version)
    cards = [card_ for card_ in map(read_card, found) if card_]
    if not cards:
        raise EntryUnavailableError(
            f"{identifier!r} has no card in catalog {found[0].catalog!r}; build it from its files: "
            f"brainio card build {identifier}"
        )
    if as_json:
        show_json(cards)
        return
    for number, record in enumerate(cards):
        if number:
            echo()
        show_facts(
            {name: str(record.get(name, "")) for name in ("identifier", "lookup_type", "class")}
            | format_card_facts(record)
        )
        show_columns(record)


@card.command("build")
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option("--catalog", metavar="CATALOG", help="Use only this catalog; without identifiers, all of its entries.")
@options.version
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the cards to this folder, and do not change the catalog.",
)
@fact_options
@options.dry_run
@options.as_json
def build_cards(
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
      brainio card build modelfest.Carney1999 --output my_cards
      brainio card build lab.Doe2026 --species 'Macaca mulatta' --author 'Josiah Carberry <0000-0002-1825-0097>' \\
        --author 'Richard Roe' --license CC-BY-4.0 --doi 10.1152/jn.00891.2005
    """
    options.require_names(identifiers, catalog, version, to="build all of its cards", current_entries="get cards")
    show_log_warnings()
    facts = parse_facts(given)
    found, failures = select_entries(identifiers, kind=kind, catalog=catalog, version=version)
    records: list[Record] = []
    for entry in found:
        try:
            records.append(_describe_card_location(entry, _build_card(entry, output, facts, dry_run=dry_run), output))
        except BrainioError as error:
            failures[f"the card of {entry.kind} {entry.identifier}"] = error
    if records or not failures:
        show(records, ("identifier", "kind", "catalog", "card"), as_json=as_json)
    if not dry_run:
        summarize(len(records), len(found), "have a new card")
    if failures:
        fail(failures, of_many=len(identifiers or found) > 1)


def _build_card(entry: Entry, output: Path | None, facts: Record, *, dry_run: bool) -> str:
    """Build and store the card of an entry; in a dry run, check only that the catalog is writable. Return its path."""
    from brainio.cards import add_card, build_card, get_writable_catalog, write_card

    target = output or get_writable_catalog(entry.catalog)
    if dry_run:
        return card_location(entry.lookup_type, entry.identifier, entry.version)
    notify(f"building the card of {entry.kind} {entry.identifier}")
    card = build_card(entry, facts)
    return write_card(card, target) if isinstance(target, Path) else add_card(card, target)


def _describe_card_location(entry: Entry, card: str, output: Path | None) -> Record:
    folder = format_location(entry.base) if output is None else str(output.absolute())
    return {
        "identifier": entry.identifier,
        "kind": entry.lookup_type,
        "catalog": entry.catalog,
        "card": f"{folder}/{card}",
    }


_CARD_COLUMNS = ("name", "dim", "kind", "distinct", "missing", "range", "most_common")


def format_card_facts(card: Card) -> Record:
    """Return the facts of a card, formatted and wrapped, without its columns."""
    return {printable_line(name): _wrap_fact(text) for name, text in format_card(card).items()}


def show_columns(card: Card) -> None:
    """Print a table of the coordinates of an assembly, or the columns of a stimulus set."""
    try:
        formatted = [format_column(column) for column in card.get("coordinates") or card.get("columns") or []]
        columns = [{name: printable_line(text) for name, text in column.items()} for column in formatted]
    except MALFORMED_CARD_ERRORS:
        return
    if columns:
        echo()
        show(columns, [name for name in _CARD_COLUMNS if any(column[name] for column in columns)], as_json=False)


def _wrap_fact(text: str) -> str:
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(printable_line(part), fact_width()))


_PROFILE_COLUMNS = ("identifier", "kind", "catalog", "profile", "size")


@click.group()
def profile() -> None:
    """Build and list the profiles that pages show.

    A profile contains the plots and statistics of an entry, precomputed from its files on this machine. The service
    builds profiles by itself for all entries that are fetched here.

    \b
    Examples:
      brainio profile build modelfest.Carney1999
      brainio profile build --all
      brainio profile list
    """


@profile.command("build")
@click.argument("identifiers", metavar="[IDENTIFIER]...", nargs=-1)
@options.kind
@click.option(
    "--catalog", metavar="CATALOG", help="Use only this catalog; without identifiers, all of its entries in the cache."
)
@options.version
@click.option("--all", "every", is_flag=True, help="Use all entries of active catalogs whose files are in the cache.")
@click.option("--again", is_flag=True, help="Rebuild existing profiles.")
@options.as_json
def build_profiles(
    identifiers: tuple[str, ...],
    kind: str | None,
    catalog: str | None,
    version: str | None,
    every: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Build the profiles of entries in the cache.

    Nothing is fetched. If some profiles fail, all others are still built.

    \b
    Examples:
      brainio profile build modelfest.Carney1999
      brainio profile build --catalog my_lab
      brainio profile build --all --again
    """
    if every and identifiers:
        raise click.UsageError("Name identifiers or pass --all, not both.")
    if not every:
        options.require_names(
            identifiers, catalog, version, to="build all of its profiles", current_entries="get profiles"
        )
    show_log_warnings()
    found, failures = select_entries(identifiers, kind=kind, catalog=catalog, version=version)
    from brainio.cards import build_profile
    from brainio.fetch.entry_files import has_local_files

    built = []
    selected = found if identifiers else list(filter(has_local_files, found))
    for entry in selected:
        notify(f"building the profile of {entry.kind} {entry.identifier}")
        try:
            build_profile(entry, rebuild=again)
            built.append(entry)
        except BrainioError as error:
            failures[f"the profile of {entry.kind} {entry.identifier}"] = error
    if built or not failures:
        show(_profile_records(built, as_json=as_json), _PROFILE_COLUMNS, as_json=as_json)
    summarize(len(built), len(selected), "have a profile")
    if failures:
        fail(failures, of_many=len(identifiers or selected) > 1)


@profile.command("list")
@options.kind
@options.catalog
@options.as_json
def list_profiles(kind: str | None, catalog: str | None, as_json: bool) -> None:
    """List entries in the cache with their profiles.

    Each line gives the time at which the profile was built.

    \b
    Examples:
      brainio profile list
      brainio profile list --catalog my_lab --json
    """
    from brainio.cards import has_profile
    from brainio.fetch.entry_files import has_local_files

    found, _ = select_entries((), kind=kind, catalog=catalog, version=None)
    here = [entry for entry in found if has_profile(entry) or has_local_files(entry)]
    show(_profile_records(here, as_json=as_json), _PROFILE_COLUMNS, as_json=as_json)


def _profile_records(found: Iterable[Entry], *, as_json: bool) -> list[Record]:
    from brainio.cards.profile_files import find_profile_path

    records = []
    for entry in found:
        record = {name: getattr(entry, name) for name in ("identifier", "catalog", "version")}
        path = find_profile_path(entry)
        status = path.stat() if path is not None else None
        size, made = (status.st_size, status.st_mtime) if status is not None else (0, 0.0)
        if as_json:
            build_time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made)) if path else None
            records.append(
                {**record, "kind": entry.lookup_type, "profile": build_time, "size": size, "path": str(path or "")}
            )
            continue
        build_time = time.strftime("%Y-%m-%d %H:%M", time.localtime(made)) if path else "none"
        shown = readable_size(size) if path else ""
        records.append({**record, "kind": entry.lookup_type, "profile": build_time, "size": shown})
    return records
