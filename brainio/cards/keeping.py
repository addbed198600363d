"""Cards beside their catalog: building them from the files of an entry, writing them, naming them in its rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from brainio.cards.compute import card_of, card_with
from brainio.cards.facts import facts_with
from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, CatalogSource, amend_rows, catalog_source
from brainio.catalogs.backends.sql.location import is_database
from brainio.catalogs.cards import LARGEST_CARD, card_bytes, card_location, forget_cards
from brainio.catalogs.entries import in_words
from brainio.catalogs.listing import folder_of, shown
from brainio.catalogs.sources import source_from
from brainio.catalogs.writing import require_writable, write_beside
from brainio.errors import CatalogError
from brainio.fetch import get_stimulus_set
from brainio.fetch.entries import named_in_errors
from brainio.fetch.load import fetch_assembly_files
from brainio.fetch.pruned import keep_cached, read_present, retry_if_pruned
from brainio.home import absolute_path
from brainio.processes import temporary_folder
from brainio.stores import parse_location, upload
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card
    from brainio.catalogs.writing import AnyCatalog


def build_card(entry: Entry, facts: Mapping[str, Any] | None = None) -> Card:
    """Compute the card of an entry from its files, which are fetched if need be.

    What its catalog, the publications table beside it and the card that it has say of licence, citation, authors and
    species is kept, unless `facts` say otherwise. Values of an assembly stay in their file and are read block by block
    in a worker process, within 300 MB of memory besides its libraries. Of its stimulus set, only the table is fetched.

    Parameters
    ----------
    entry : Entry
        Of a catalog in force.
    facts : mapping, optional
        What no data can tell; see `checked_facts`.

    Returns
    -------
    dict
        What docs/cards.md describes.

    Raises
    ------
    EntryUnavailableError, TransferError, IntegrityError, FormatError
        The files cannot be had, or break the format; see `get_assembly` and `get_stimulus_set`.
    WorkerError, ResourceLimitError
        Reading the file crashed the HDF5 library, or takes more time or memory than the worker process may use.
    PackagingError
        `facts`, catalog or card state facts of another form, such as a mistyped DOI; or `facts` another licence than
        the catalog. Nothing was fetched.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> build_card(resolve('stimulus_set', 'modelfest.Carney1999'))['images']['modes']
    [{'mode': 'L', 'count': 43}]
    """
    told = facts_with(entry, facts or {})
    named = {"identifier": entry.identifier, "class_name": entry.class_name, "version": entry.version}
    if entry.lookup_type == TYPE_STIMULUS_SET:
        with keep_cached():
            stimuli = get_stimulus_set(entry.identifier, catalog=entry.catalog, version=entry.version)
            return card_of(stimuli, **named, facts=told)
    return card_with(_describe_entry(entry), TYPE_ASSEMBLY, **named, facts=told)


def _describe_entry(entry: Entry) -> dict[str, Any]:
    """Fetch an assembly and describe it, in the worker process."""

    def describe() -> dict[str, Any]:
        files = fetch_assembly_files(entry.identifier, catalog=entry.catalog, version=entry.version)
        paths = [path for path in (files.path, files.table) if path is not None]
        stimuli = "" if files.stimuli is None else files.stimuli.identifier
        table = "" if files.table is None else str(files.table)
        arguments = [str(files.path), entry.class_name, table, stimuli, entry.stimulus_set_identifier]
        subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} ({files.path})"
        return read_present(
            lambda _: dict(
                call_in_worker("brainio.cards.compute:describe_file", arguments, subject=subject, paths=paths)
            ),
            files.path,
        )

    with named_in_errors(entry):
        return retry_if_pruned(describe)


def write_card(card: Card, catalog_folder: str | os.PathLike[str]) -> str:
    """Write a card to its place beside a catalog; whoever reads it meanwhile sees the old one or the new one.

    Parameters
    ----------
    card : dict
        From `card_of`, with its identifier.
    catalog_folder : str or path
        The folder of the catalog, or its URL on S3; or the URL of the database that the catalog lives in.

    Returns
    -------
    str
        Where it lies relative to the folder: what the column `card` of the entry's rows says.

    Raises
    ------
    CatalogError
        Its identifier or version cannot name a file, or it has more than 1 MiB, which readers refuse.
    TransferError, LocationError
        It could not be written there.

    Examples
    --------
    >>> write_card({"identifier": "lab.Doe2026", "lookup_type": "assembly", "shape": [3]}, "doe2026")
    'cards/assembly/lab.Doe2026.json'
    """
    place = card_location(card["lookup_type"], card["identifier"], card.get("version", ""))
    body = card_bytes(card)
    if len(body) > LARGEST_CARD:
        raise CatalogError(
            f"the card of {card['identifier']!r} has {len(body):,} bytes; readers take no more than {LARGEST_CARD:,}. "
            f"Shorten its facts."
        )
    folder = os.fspath(catalog_folder)
    if is_database(folder):
        write_beside(source_from(folder), place, body)
        forget_cards()
        return place
    base = folder.rstrip("/") if "://" in folder else str(absolute_path(folder))
    with temporary_folder() as work:
        written = work / "card.json"
        written.write_bytes(body)
        upload(written, parse_location(f"{base}/{place}"))
    forget_cards()
    return place


def add_card(card: Card, catalog: AnyCatalog) -> str:
    """Write the card of an entry beside its catalog, and name it in the entry's rows.

    Parameters
    ----------
    card : dict
        From `card_of` or `build_card`: its identifier, kind and version say which rows.
    catalog : CatalogSource, path or str
        Where the catalog's CSV file lies: on this machine or on S3.

    Returns
    -------
    str
        Where the card lies, relative to the folder of the catalog.

    Raises
    ------
    CatalogError, TransferError
        The card or the catalog cannot be written, or the catalog does not list the entry. The catalog is as it was.
    """
    source = catalog if isinstance(catalog, CatalogSource) else source_from(os.fspath(catalog))
    key = (card["lookup_type"], card["identifier"], card.get("version", ""))
    _require_listed(source, key)
    place = write_card(card, folder_of(source.location))
    amend_rows(source, lambda row: {"card": place} if _key_of(row) == key else {})
    return place


def _key_of(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["lookup_type"], row["identifier"], row.get("version", "")


def _require_listed(source: CatalogSource, key: tuple[str, str, str]) -> None:
    """Refuse a card that no row would name, before it is written."""
    found: list[bool] = []

    def look(row: Mapping[str, str]) -> Mapping[str, str]:
        found.append(_key_of(row) == key)
        return {}

    amend_rows(source, look)
    if not any(found):
        version = f" of version {key[2]!r}" if key[2] else ""
        raise CatalogError(
            f"{shown(source.location)} lists no {in_words(key[0])} {key[1]!r}{version}, so that nothing would name its "
            f"card; none was written. Add the entry, and then its card."
        )


def writable_catalog(identifier: str) -> CatalogSource:
    """Return the source of a catalog in force whose rows can name cards.

    Raises
    ------
    CatalogError
        It cannot be written.
    """
    source = catalog_source(identifier)
    if not isinstance(source, CatalogSource):
        raise CatalogError(f"catalog {identifier!r} has no file that could name cards: an installed function makes it")
    require_writable(source)
    return source
