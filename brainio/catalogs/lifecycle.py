"""The lifecycle of published entries: their versions and their deprecation."""

from collections.abc import Mapping
from dataclasses import replace

from brainio.catalogs.cards import UNREADABLE, Card, card_bytes, card_location, forget_cards, read_current_card
from brainio.catalogs.csv_format import Row
from brainio.catalogs.entries import STATUS_DEPRECATED, Entry, Listing
from brainio.catalogs.registry import CatalogSource, catalog_source, listing
from brainio.catalogs.resolution import entries_of, resolve
from brainio.catalogs.writing import amend_rows
from brainio.errors import CatalogError, EntryLookupError


def history(identifier: str, *, catalog: str | None = None, kind: str | None = None) -> list[Entry]:
    """Return all versions of the entries that an identifier names, in the order of their catalog (oldest first).

    Parameters
    ----------
    identifier : str
        Identifier or alias.
    catalog : str, optional
        Identifier of the only catalog to look in.
    kind : str, optional
        `'stimulus_set'` or `'assembly'`; by default both.

    Returns
    -------
    list of Entry
        Each with its `version`, `status`, `successor` and files.

    Raises
    ------
    EntryLookupError
        No entry has that identifier, or it is ambiguous (`AmbiguousEntryError`).

    Examples
    --------
    >>> [(entry.kind, entry.version, entry.status) for entry in history('modelfest.Carney1999')]
    [('stimulus set', '', 'current'), ('assembly', '', 'current')]
    """
    found = entries_of(identifier, catalog=catalog, kind=kind)
    return [version for entry in found for version in listing(entry.catalog).all_versions(entry)]


def deprecate(
    identifier: str,
    reason: str,
    *,
    successor: str = "",
    catalog: str | None = None,
    kind: str | None = None,
    version: str | None = None,
    dry_run: bool = False,
) -> list[Entry]:
    """Deprecate an entry: loading it warns with the reason and the successor.

    Its rows get the status `deprecated`, and its card the reason (`status_reason`). The card is written first.

    Parameters
    ----------
    identifier : str
        Identifier or alias; if it names a stimulus set and an assembly, both are deprecated.
    reason : str
        The reason, as a sentence for users.
    successor : str, optional
        Identifier of the entry to use instead. An active catalog must list it, and its successors must not lead back.
    catalog, kind, version : str, optional
        As for `history` and `resolve`; by default the current version.
    dry_run : bool, default False
        Change nothing.

    Returns
    -------
    list of Entry
        The entries after the change.

    Raises
    ------
    EntryLookupError
        No entry has that identifier or that of the successor, or the successors form a circle.
    CatalogError, TransferError
        The reason is empty, or the catalog or its card cannot be written. The catalog is unchanged.
    """
    if not reason.strip():
        raise CatalogError(f"{identifier!r} is not deprecated without a reason; say in a sentence why")
    found = entries_of(identifier, catalog=catalog, kind=kind, version=version)
    for entry in found if successor else []:
        resolve(entry.lookup_type, successor)
        if circle := circle_of_successors(entry.lookup_type, entry.identifier, successor):
            raise EntryLookupError(
                f"{successor!r} cannot be the successor of {entry.kind} {entry.identifier!r}, since successors lead in "
                f"a circle: {circle}. Name another entry, or none"
            )
    sources = [_source_of(entry) for entry in found]
    cards = [_card_of(entry) | {"status_reason": reason.strip()} for entry in found]
    after = [
        replace(entry, status=STATUS_DEPRECATED, successor=successor, card=entry.card or _default_card(entry))
        for entry in found
    ]
    if not dry_run:
        for source, entry, card in zip(sources, after, cards, strict=True):
            source.backend.sidecars.write_card(entry.card, card_bytes(card))
        forget_cards()
        for source in dict.fromkeys(sources):
            _mark(source, [entry for entry, own in zip(after, sources, strict=True) if own == source])
    return after


def circle_of_successors(lookup_type: str, identifier: str, successor: str, listing: Listing | None = None) -> str:
    """Return the circle that the successors of an entry form; empty if they lead to an end.

    Parameters
    ----------
    lookup_type : str
        `'stimulus_set'` or `'assembly'`.
    identifier, successor : str
        Identifiers of the entry and of its successor.
    listing : Listing, optional
        A catalog to look in first; then all active catalogs.

    Examples
    --------
    >>> circle_of_successors("assembly", "lab.Doe2026", "lab.Doe2026")
    'lab.Doe2026 -> lab.Doe2026'
    """
    chain, name = [identifier], successor
    while name:
        entry = named_entry(lookup_type, name, listing)
        chain.append(name if entry is None else entry.identifier)
        if chain[-1] in chain[:-1]:
            return " -> ".join(chain)
        name = "" if entry is None else entry.successor
    return ""


def named_entry(lookup_type: str, name: str, listing: Listing | None = None) -> Entry | None:
    """Return the entry of an identifier or alias in a catalog, else in all active catalogs; None if not listed."""
    if listing is not None:
        entry = listing.entries.get((lookup_type, listing.aliases.get((lookup_type, name), name)))
        if entry is not None:
            return entry
    try:
        return resolve(lookup_type, name)
    except EntryLookupError:
        return None


def _source_of(entry: Entry) -> CatalogSource:
    source = catalog_source(entry.catalog)
    source.backend.check_writable()
    return source


def _mark(source: CatalogSource, entries: list[Entry]) -> None:
    marks = {
        (entry.lookup_type, entry.identifier, entry.version): {
            "status": entry.status,
            "successor": entry.successor,
            "card": entry.card,
        }
        for entry in entries
    }

    def cells_of(row: Row) -> Mapping[str, str]:
        return marks.get((row["lookup_type"], row["identifier"], row.get("version", "")), {})

    amend_rows(source, cells_of)


def _default_card(entry: Entry) -> str:
    return card_location(entry.lookup_type, entry.identifier, entry.version)


def _card_of(entry: Entry) -> Card:
    """Return the current card, whose other facts stay; a new card contains the key of its entry."""
    if not entry.card:
        version = {"version": entry.version} if entry.version else {}
        return {"identifier": entry.identifier, "lookup_type": entry.lookup_type, **version}
    try:
        return read_current_card(entry)
    except UNREADABLE as error:
        raise CatalogError(
            f"the card {entry.card} of {entry.kind} {entry.identifier!r} cannot be read and would be overwritten: "
            f"{error}. Correct it, or the column card of its rows"
        ) from error
