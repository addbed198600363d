"""Build the card of a catalog entry, and store it next to the catalog."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from brainio.cards.computation import compose_card, compute_card
from brainio.cards.facts import update_facts
from brainio.catalogs import TYPE_ASSEMBLY, TYPE_STIMULUS_SET, CatalogSource, amend_rows, catalog_source
from brainio.catalogs.backends import sidecars_at
from brainio.catalogs.cards import LARGEST_CARD, card_bytes, card_location, forget_cards
from brainio.catalogs.entries import in_words
from brainio.catalogs.registry import source_of
from brainio.errors import CatalogError
from brainio.fetch import get_stimulus_set
from brainio.fetch.cache_access import prevent_pruning, read_if_unchanged, retry_if_pruned
from brainio.fetch.entry_files import prefix_errors
from brainio.fetch.load import fetch_assembly_files
from brainio.worker_process import call_in_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.catalogs import Entry
    from brainio.catalogs.cards import Card
    from brainio.catalogs.writing import AnyCatalog


def build_card(entry: Entry, facts: Mapping[str, Any] | None = None) -> Card:
    """Compute the card of an entry from its files, which are fetched if necessary.

    The licence, citation, authors and species in its catalog, the publications table and its present card are kept
    unless `facts` replace them. A worker process reads the values of an assembly block by block, within 300 MB of
    memory in addition to its libraries. Of the assembly's stimulus set, only the table is fetched.

    Parameters
    ----------
    entry : Entry
        An entry of an active catalog.
    facts : mapping, optional
        Facts that cannot be computed; see `normalize_facts`.

    Returns
    -------
    dict
        The fields that docs/cards.md describes.

    Raises
    ------
    EntryUnavailableError, TransferError, IntegrityError, FormatError
        No location returns the files, or they violate the format; see `get_assembly` and `get_stimulus_set`.
    WorkerError, ResourceLimitError
        The file crashed the HDF5 library, or reading it exceeds the time or memory limit of the worker process.
    PackagingError
        `facts`, the catalog or the card state malformed facts, such as a mistyped DOI, or the licence in `facts`
        differs from that of the catalog. Nothing was fetched.

    Examples
    --------
    >>> from brainio.catalogs import resolve
    >>> build_card(resolve('stimulus_set', 'modelfest.Carney1999'))['images']['modes']
    [{'mode': 'L', 'count': 43}]
    """
    merged = update_facts(entry, facts or {})
    names = {"identifier": entry.identifier, "class_name": entry.class_name, "version": entry.version}
    if entry.lookup_type == TYPE_STIMULUS_SET:
        with prevent_pruning():
            stimuli = get_stimulus_set(entry.identifier, catalog=entry.catalog, version=entry.version)
            return compute_card(stimuli, **names, facts=merged)
    return compose_card(_describe_assembly_entry(entry), TYPE_ASSEMBLY, **names, facts=merged)


def _describe_assembly_entry(entry: Entry) -> dict[str, Any]:
    """Fetch an assembly and compute its statistics in a worker process."""

    def describe() -> dict[str, Any]:
        files = fetch_assembly_files(entry.identifier, catalog=entry.catalog, version=entry.version)
        paths = [path for path in (files.path, files.table) if path is not None]
        stimuli = "" if files.stimuli is None else files.stimuli.identifier
        table = "" if files.table is None else str(files.table)
        arguments = [str(files.path), entry.class_name, table, stimuli, entry.stimulus_set_identifier]
        subject = f"{entry.kind} {entry.identifier!r} of catalog {entry.catalog!r} ({files.path})"
        function = "brainio.cards.computation:describe_assembly_file"
        return read_if_unchanged(
            lambda _: dict(call_in_worker(function, arguments, subject=subject, paths=paths)), files.path
        )

    with prefix_errors(entry):
        return retry_if_pruned(describe)


def write_card(card: Card, catalog_folder: str | os.PathLike[str]) -> str:
    """Write a card to its location next to a catalog, replacing a previous one atomically.

    Parameters
    ----------
    card : dict
        A card with an identifier, from `compute_card`.
    catalog_folder : str or path
        The folder of the catalog, its URL on S3, or the URL of the database that stores the catalog.

    Returns
    -------
    str
        The location relative to the folder, for the column `card` of the entry's rows.

    Raises
    ------
    CatalogError
        The identifier or version cannot be part of a file name, or the card exceeds 1 MiB, which readers refuse.
    TransferError, LocationError
        The folder is not writable.

    Examples
    --------
    >>> write_card({"identifier": "lab.Doe2026", "lookup_type": "assembly", "shape": [3]}, "doe2026")
    'cards/assembly/lab.Doe2026.json'
    """
    location = card_location(card["lookup_type"], card["identifier"], card.get("version", ""))
    body = card_bytes(card)
    if len(body) > LARGEST_CARD:
        raise CatalogError(
            f"the card of {card['identifier']!r} has {len(body):,} bytes; readers accept at most {LARGEST_CARD:,}. "
            f"Shorten its facts."
        )
    sidecars_at(os.fspath(catalog_folder)).write_card(location, body)
    forget_cards()
    return location


def add_card(card: Card, catalog: AnyCatalog) -> str:
    """Write the card of an entry next to its catalog, and name it in the entry's rows.

    Parameters
    ----------
    card : dict
        From `compute_card` or `build_card`. Its identifier, lookup type and version select the rows.
    catalog : CatalogSource, path or str
        The catalog: the path or S3 URL of its CSV file.

    Returns
    -------
    str
        The location of the card relative to the folder of the catalog.

    Raises
    ------
    CatalogError, TransferError
        The card or the catalog is not writable, or the catalog does not list the entry. The catalog is unchanged.
    """
    source = source_of(catalog)
    key = (card["lookup_type"], card["identifier"], card.get("version", ""))
    _check_listed(source, key)
    location = write_card(card, source.backend.base)
    amend_rows(source, lambda row: {"card": location} if _key_of_row(row) == key else {})
    return location


def _key_of_row(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["lookup_type"], row["identifier"], row.get("version", "")


def _check_listed(source: CatalogSource, key: tuple[str, str, str]) -> None:
    """Raise CatalogError if no row of the catalog could name the card."""
    matches: list[bool] = []

    def record_match(row: Mapping[str, str]) -> Mapping[str, str]:
        matches.append(_key_of_row(row) == key)
        return {}

    amend_rows(source, record_match)
    if not any(matches):
        version = f" of version {key[2]!r}" if key[2] else ""
        raise CatalogError(
            f"{source} lists no {in_words(key[0])} {key[1]!r}{version}; its card was not written. "
            f"Add the entry first, then its card."
        )


def get_writable_catalog(identifier: str) -> CatalogSource:
    """Return the source of an active catalog whose rows can name cards.

    Raises
    ------
    CatalogError
        The catalog is not writable.
    """
    source = catalog_source(identifier)
    source.backend.check_writable()
    return source
